"""Programs that pip cannot bring: a reason to skip on a plain machine, a failure in CI."""

from __future__ import annotations

import os
import shutil

import pytest


def need(program: str, path: str | None = None) -> str:
    """Find a program on `path`, or skip the test; in CI a missing one is a missing install step."""
    found = shutil.which(program, path=path)
    if found is None:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"{program} is not installed")
    return str(found)
