from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is quick first: a broken domain function must not wait for ten runs of the flow."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)


def in_ci() -> bool:
    """Tell whether a missing program is a failure instead of a reason to skip."""
    return os.environ.get("CI") == "true"


def need(program: str, *places: str) -> str:
    """Find a program that pip cannot bring; skip without it, except in CI, where it must be there."""
    from shutil import which

    found = which(program) or next((place for place in places if Path(place).exists()), None)
    if found is None:
        (pytest.fail if in_ci() else pytest.skip)(f"{program} is not installed")
    return found
