from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.deid.dates import are_times, shift_dates, shift_datetimes

DATES = st.dates(min_value=date(20, 1, 1))
DAYS = st.integers(-3650, -30)


def da(day: date) -> bytes:
    return f"{day.year:04}{day:%m%d}".encode()


def parse(value: bytes) -> date:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8]))


@given(DATES, DATES, DAYS)
def test_intervals_are_kept(first: date, second: date, days: int) -> None:
    moved = [shift_dates(da(day), days) for day in (first, second)]
    assert moved[0] is not None
    assert moved[1] is not None
    assert parse(moved[1]) - parse(moved[0]) == second - first


@given(DATES, DAYS, st.sampled_from(["101112.5", "235960", "10", "", "0000+0000"]))
def test_a_date_time_moves_as_its_date_does(day: date, days: int, time: str) -> None:
    moved = shift_datetimes(da(day) + time.encode(), days)
    assert moved is not None
    assert moved.rstrip(b" ") == da(day + timedelta(days=days)) + time.encode()


@given(DATES, DAYS)
def test_no_moved_date_is_the_original(day: date, days: int) -> None:
    assert shift_dates(da(day), days) != da(day)


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        (b"20240301", b"20240131"),
        (b"20240301 ", b"20240131"),
        (b"20240301\\20240302 ", b"20240131\\20240201 "),
        (b"", b""),
        (b"  ", b""),
        (b"00010101", None),
        (b"20230229", None),
        (b"20231301", None),
        (b"2024-03-01", None),
        (b"2024.03.01", None),
        (b"20240301-20240302", None),
        (b"20240301\\yesterday", None),
        (b"2024", None),
    ],
)
def test_a_date_moves_or_is_not_kept(value: bytes, moved: bytes | None) -> None:
    assert shift_dates(value, -30) == moved


@pytest.mark.parametrize(
    ("value", "moved"),
    [
        (b"2024", b"2023"),
        (b"202403", b"202401"),
        (b"20240301", b"20240131"),
        (b"2024030110", b"2024013110"),
        (b"20240301101112.123456+0530", b"20240131101112.123456+0530"),
        (b"202403011011-0500 ", b"202401311011-0500 "),
        (b"2024+0100", b"2023+0100 "),
        (b"20240301T101112", None),
        (b"20240301251112", None),
        (b"2024030110111", None),
        (b"20241301", None),
        (b"19570313 Doe", None),
    ],
)
def test_a_date_time_keeps_its_precision_or_is_not_kept(value: bytes, moved: bytes | None) -> None:
    assert shift_datetimes(value, -30) == moved


@pytest.mark.parametrize("value", [b"", b"10", b"1011", b"101112", b"101112.5 ", b"235960", b"10\\11 "])
def test_a_time_of_day_is_one(value: bytes) -> None:
    assert are_times(value)


@pytest.mark.parametrize("value", [b"24", b"1", b"10:11", b"101161", b"Doe", b"101112.1234567", b"10\\Doe"])
def test_anything_else_is_no_time_of_day(value: bytes) -> None:
    assert not are_times(value)
