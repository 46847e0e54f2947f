from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _import_great_expectations() -> None:
    """Import it once and before any test, so that no test's time is spent on it."""
    import great_expectations

    assert great_expectations.__version__
