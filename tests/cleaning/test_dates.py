from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cleaning.dates import LATEST_DATE, date_format, read_date
from tasks.cleaning.formats import formats_until
from tasks.cleaning.repair import repair
from tests.cleaning.elements import dataset, element, findings, repaired

PLAUSIBLE = st.dates(date(1800, 1, 1), LATEST_DATE)


@pytest.mark.parametrize(
    ("foreign", "rule"),
    [
        (b"2023-10-12", "date-iso"),
        (b"2023-1-5", "date-iso"),
        (b"2023.10.12", "date-acr-nema"),
        (b"2023/10/12", "date-slashes"),
        (b"13.10.2023", "date-year-last"),
        (b"10/13/2023", "date-year-last"),
        (b"12.12.2023", "date-year-last"),
        (b"12-OCT-2023", "date-month-name"),
        (b"Oct 12, 2023", "date-month-name"),
        (b"12 October 2023", "date-month-name"),
        (b"20231012143000", "date-before-time"),
        (b"20231012 143000.12", "date-before-time"),
        (b"2023-10-12T14:30:00+08:00", "date-before-time"),
        (b"20231012\0\0", "date-padding"),
        (b" 20231012", "date-padding"),
    ],
)
def test_a_date_with_one_reading_is_rewritten(foreign: bytes, rule: str) -> None:
    year_first = repaired("StudyDate", foreign)
    assert len(year_first) == 8
    assert year_first.startswith(b"2023")
    assert findings("StudyDate", foreign) == [(rule, "BAD_DATE_REPAIRED")]


@pytest.mark.parametrize(
    "value",
    [
        b"00000000",
        b"99991231",
        b"20230230",
        b"20231301",
        b"00010101",
        b"12.10.2023",
        b"231012",
        b"12.10.23",
        b"202310",
        b"2023",
        b"1990/01/",
        b"20230101-20231231",
        b"20230101-",
        b"today",
        b"\xff\xfe\xff\xfe",
        b"+2023101",
    ],
)
def test_a_date_with_no_reading_or_two_is_emptied(value: bytes) -> None:
    assert repaired("StudyDate", value) == b""
    assert findings("StudyDate", value) == [("date-unreadable", "BAD_DATE")]


@pytest.mark.parametrize("value", [b"20231012", b"20240229", b"20231012\\20231013 ", b"        ", b""])
def test_a_valid_date_is_untouched(value: bytes) -> None:
    original = dataset(element("StudyDate", value))
    assert repair(original) == (original, ())


def test_the_future_begins_at_a_bound_and_not_today() -> None:
    assert repaired("StudyDate", b"20491231") == b"20491231"
    assert findings("StudyDate", b"20500101") == [("date-future", "DATE_FUTURE")]
    assert findings("StudyDate", b"25661012") == [("date-future", "DATE_FUTURE")]


def test_an_operator_may_set_an_earlier_bound() -> None:
    original = dataset(element("StudyDate", b"20240101"), element("SeriesDate", b"20231231"))
    clean, found = repair(original, formats=formats_until(date(2023, 12, 31)))
    assert [each.value for each in clean.values()] == [b"", b"20231231"]
    assert [finding.rule for finding in found] == ["date-future"]


def test_a_foreign_date_of_the_future_is_emptied_like_any_other() -> None:
    assert findings("StudyDate", b"2099-12-31") == [("date-future", "DATE_FUTURE")]


def test_one_bad_date_of_several_loses_its_own_value_only() -> None:
    assert repaired("DateOfLastCalibration", b"20230101\\20230230") == b"20230101\\ "


@given(day=PLAUSIBLE, separator=st.sampled_from("-./"))
def test_year_first_is_read_as_what_it_says(day: date, separator: str) -> None:
    assert read_date(f"{day:%Y{separator}%m{separator}%d}") == f"{day:%Y%m%d}"


@given(day=PLAUSIBLE, separator=st.sampled_from("-./"))
def test_year_last_is_never_read_as_another_day(day: date, separator: str) -> None:
    read = {read_date(f"{day:{order}}".replace(" ", separator)) for order in ("%d %m %Y", "%m %d %Y")}
    assert read <= {f"{day:%Y%m%d}", None}


@given(day=PLAUSIBLE, latest=PLAUSIBLE)
def test_every_day_to_the_bound_is_valid_and_no_later_one(day: date, latest: date) -> None:
    assert date_format(latest).is_valid(f"{day:%Y%m%d}") == (day <= latest)
    assert date_format(latest).is_valid(f"{latest:%Y%m%d}")
    assert latest == LATEST_DATE or not date_format(latest).is_valid(f"{latest + timedelta(1):%Y%m%d}")
