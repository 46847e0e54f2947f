from __future__ import annotations

import pytest

from tasks.deid.deidentify import Deidentifier
from tasks.deid.profile import load_profile
from tests.deid.builders import KEY, OTHER_KEY


@pytest.fixture(scope="session")
def research() -> Deidentifier:
    return Deidentifier(KEY, load_profile("research"))


@pytest.fixture(scope="session")
def basic() -> Deidentifier:
    return Deidentifier(KEY, load_profile("basic"))


@pytest.fixture(scope="session")
def under_other_key() -> Deidentifier:
    return Deidentifier(OTHER_KEY, load_profile("research"))
