from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cleaning.repair import repair
from tests.cleaning.elements import dataset, element, findings, repaired

KEYWORD = "AcquisitionDateTime"


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        (b"2023-10-12T14:30:00", b"20231012143000"),
        (b"2023-10-12T14:30:00.25Z", b"20231012143000.25+0000 "),
        (b"2023-10-12 14:30:00+08:00", b"20231012143000+0800 "),
        (b"2023-10-12T14:30-05", b"202310121430-0500 "),
        (b"2023.10.12 143000", b"20231012143000"),
        (b"20231012 143000", b"20231012143000"),
        (b"2023-10-12", b"20231012"),
        (b"20231012143000\0\0", b"20231012143000"),
    ],
)
def test_a_date_with_time_and_one_reading_is_rewritten(foreign: bytes, expected: bytes) -> None:
    assert repaired(KEYWORD, foreign) == expected.rstrip() + b" " * (len(expected.rstrip()) % 2)
    assert [code for _, code in findings(KEYWORD, foreign)] == ["BAD_DATE_REPAIRED"]


@pytest.mark.parametrize(
    "value", [b"20231312", b"20231012250000", b"20230101-20231231", b"2023-10-12T25:00:00", b"yesterday"]
)
def test_a_date_with_time_and_no_reading_is_emptied(value: bytes) -> None:
    assert repaired(KEYWORD, value) == b""
    assert findings(KEYWORD, value) == [("datetime-unreadable", "BAD_DATE")]


@pytest.mark.parametrize(
    "value",
    [
        b"2023",
        b"202310",
        b"20231012",
        b"2023101214",
        b"20231012143000.123456+0800",
        b"20240229143000",
        b"20231012143000  ",
    ],
)
def test_a_valid_date_with_time_is_untouched_however_precise(value: bytes) -> None:
    original = dataset(element(KEYWORD, value))
    assert repair(original) == (original, ())


@pytest.mark.parametrize("value", [b"2050", b"205001", b"20500101", b"2099-12-31T10:00:00"])
def test_the_future_begins_where_that_of_dates_does(value: bytes) -> None:
    assert findings(KEYWORD, value) == [("datetime-future", "DATE_FUTURE")]


@given(moment=st.datetimes(datetime(1800, 1, 1), datetime(2049, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
def test_iso_8601_is_read_as_what_it_says(moment: datetime) -> None:
    expected = f"{moment:%Y%m%d%H%M%S}{f'.{moment:%f}' if moment.microsecond else ''}+0000"
    assert repaired(KEYWORD, moment.isoformat().encode()).rstrip(b" ") == expected.encode()
