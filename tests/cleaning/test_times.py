from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cleaning.repair import repair
from tests.cleaning.elements import dataset, element, findings, repaired


@pytest.mark.parametrize(
    ("foreign", "expected", "rule"),
    [
        (b"14:30:00", b"143000", "time-colons"),
        (b"14:30", b"1430", "time-colons"),
        (b"9:30:00.5", b"093000.5", "time-colons"),
        (b"14:30:00,123", b"143000.123", "time-colons"),
        (b"2:30:00 PM", b"143000", "time-twelve-hours"),
        (b"12:05 am", b"0005", "time-twelve-hours"),
        (b"143000.", b"143000", "time-fraction"),
        (b"143000,5", b"143000.5", "time-fraction"),
        (b"143000.1234567", b"143000.123456 ", "time-fraction"),
        (b"20231012143000", b"143000", "time-after-date"),
        (b"2023-10-12T14:30:00", b"143000", "time-after-date"),
        (b"143000\0\0", b"143000", "time-padding"),
    ],
)
def test_a_time_with_one_reading_is_rewritten(foreign: bytes, expected: bytes, rule: str) -> None:
    assert repaired("StudyTime", foreign).rstrip() == expected.rstrip()
    assert findings("StudyTime", foreign) == [(rule, "BAD_TIME_REPAIRED")]


@pytest.mark.parametrize(
    "value",
    [
        b"256199",
        b"240000",
        b"93000",
        b"14:60",
        b"13:00 PM",
        b"101010-111010",
        b"143000 CET",
        b"2023-10-12T14:30:00Z",
        b"noon",
    ],
)
def test_a_time_with_no_reading_is_emptied(value: bytes) -> None:
    assert repaired("StudyTime", value) == b""
    assert findings("StudyTime", value) == [("time-unreadable", "BAD_TIME")]


@pytest.mark.parametrize(
    "value", [b"14", b"1430", b"143000", b"143000.5", b"143000.123456 ", b"235960", b"143000   ", b"101112.5"]
)
def test_a_valid_time_is_untouched_however_precise(value: bytes) -> None:
    original = dataset(element("StudyTime", value))
    assert repair(original) == (original, ())


@given(moment=st.times())
def test_iso_8601_is_read_as_what_it_says(moment: time) -> None:
    expected = f"{moment:%H%M%S}{f'.{moment:%f}' if moment.microsecond else ''}"
    assert repaired("StudyTime", moment.isoformat().encode()).rstrip(b" ") == expected.encode()
