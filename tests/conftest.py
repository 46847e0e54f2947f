from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is quick first: a broken domain function must not wait for twenty runs of the flow."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is not None)
