from __future__ import annotations

import pytest

from tasks.cleaning.repair import repair
from tests.cleaning.elements import dataset, element, findings, repaired


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        (b"45Y", b"045Y"),
        (b"45 y", b"045Y"),
        (b" 045y", b"045Y"),
        (b"0045Y", b"045Y"),
        (b"45 years", b"045Y"),
        (b"6 mo", b"006M"),
        (b"3wk", b"003W"),
        (b"12 Days", b"012D"),
        ("45岁".encode(), b"045Y"),
        ("6个月".encode("gb18030"), b"006M"),
    ],
)
def test_a_number_with_its_unit_gets_the_standards_form(foreign: bytes, expected: bytes) -> None:
    assert repaired("PatientAge", foreign) == expected
    assert {code for _, code in findings("PatientAge", foreign)} == {"BAD_AGE"}


@pytest.mark.parametrize(
    "value", [b"45", b"200Y", b"151 years", b"-001Y ", b"3.5Y", b"old", b"Y045", b"1000D"]
)
def test_an_age_without_unit_or_beyond_any_life_is_emptied(value: bytes) -> None:
    assert repaired("PatientAge", value) == b""
    assert findings("PatientAge", value) == [("age-unreadable", "BAD_AGE")]


@pytest.mark.parametrize("value", [b"045Y", b"000Y", b"150Y", b"999D", b"018M", b"002W"])
def test_a_valid_age_is_untouched(value: bytes) -> None:
    original = dataset(element("PatientAge", value))
    assert repair(original) == (original, ())
