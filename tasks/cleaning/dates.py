"""Dates (VR DA): foreign notations with one reading become YYYYMMDD, all others are emptied.

Which dates lie in the future must not depend on the day a run happens, or the same input would give
another output tomorrow. So there is a fixed bound: by default the middle of the century, beyond which
no study can exist while this release is in use (it catches Buddhist years and typing slips, too);
an operator who knows when the data was collected sets a tighter one.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from tasks.cleaning.rules import RepairRule, ValueFormat, empty, strip_padding

EARLIEST_YEAR = 1800
"""Dates before are not of patients but the zeros of some software's calendar: 0001-01-01, 1601-01-01."""

LATEST_DATE = date(2049, 12, 31)
"""Dates after are in the future whenever this release runs."""

_PLACEHOLDER_YEAR = 9999
"""How databases write "no date"; not a claim about the future."""

MONTH_AND_DAY = (
    r"(?:(?:0[13578]|1[02])(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)(?:0[1-9]|[12][0-9]|30)"
    r"|02(?:0[1-9]|1[0-9]|2[0-8]))"
)
"""MMDD of every year; a leap day takes the exact, slower way."""

_COMPACT = re.compile(r"\d{8}", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})([-./])(\d{1,2})\2(\d{1,2})", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})([-./])(\d{1,2})\2(\d{4})", re.ASCII)
_DAY_NAME_YEAR = re.compile(r"(\d{1,2})[-. ]+([A-Za-z]{3,9})[-., ]+(\d{4})", re.ASCII)
_NAME_DAY_YEAR = re.compile(r"([A-Za-z]{3,9})[. ]+(\d{1,2})[, ]+(\d{4})", re.ASCII)
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)

DATE_THEN_TIME = re.compile(
    r"(?P<date>\d{8}(?=\d{4}|\d{6}|[T ])|[\w./-]{8,11}(?=[T ]))[T ]*"
    r"(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?|\d{4}|\d{6}(?:[.,]\d+)?) *(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)


def year_pattern(latest: date) -> str:
    """Give a quick expression for the years from 1800 to the last whole decade before `latest`."""
    century, decade = divmod(latest.year // 10, 10)
    centuries = "|".join(str(number) for number in range(EARLIEST_YEAR // 100, century))
    decades = f"|{century}[0-{decade - 1}][0-9]" if decade else ""
    return f"(?:(?:{centuries})[0-9][0-9]{decades})"


def compose_date(year: int, month: int, day: int) -> str | None:
    """Write YYYYMMDD; None for a day that does not exist, or not for patients."""
    if year < EARLIEST_YEAR or year == _PLACEHOLDER_YEAR:
        return None
    try:
        date(year, month, day)
    except ValueError:
        return None
    return f"{year:04d}{month:02d}{day:02d}"


def _read_year_first(text: str, separator: str) -> str | None:
    match = _YEAR_FIRST.fullmatch(text)
    if match is None or match[2] != separator:
        return None
    return compose_date(int(match[1]), int(match[3]), int(match[4]))


def _read_year_last(text: str) -> str | None:
    """Read a date whose order of day and month its numbers alone decide: 12.10.2023 could be either."""
    match = _YEAR_LAST.fullmatch(text)
    if match is None:
        return None
    first, second, year = int(match[1]), int(match[3]), int(match[4])
    readings = {compose_date(year, first, second), compose_date(year, second, first)} - {None}
    return readings.pop() if len(readings) == 1 else None


def _read_month_name(text: str) -> str | None:
    if match := _DAY_NAME_YEAR.fullmatch(text):
        day, name, year = match.groups()
    elif match := _NAME_DAY_YEAR.fullmatch(text):
        name, day, year = match.groups()
    else:
        return None
    months = [number for number, month in enumerate(_MONTHS, 1) if month.startswith(name.lower())]
    return compose_date(int(year), months[0], int(day)) if len(months) == 1 else None


def _read_before_time(text: str) -> str | None:
    match = DATE_THEN_TIME.fullmatch(text)
    return read_date(match["date"]) if match else None


def _read_compact(text: str) -> str | None:
    if not _COMPACT.fullmatch(text):
        return None
    return compose_date(int(text[:4]), int(text[4:6]), int(text[6:]))


def read_date(text: str) -> str | None:
    """Read a date in any notation with one reading, as YYYYMMDD; None for any other."""
    if compact := _read_compact(text):
        return compact
    for separator in "-./":
        if year_first := _read_year_first(text, separator):
            return year_first
    return _read_year_last(text) or _read_month_name(text)


_FOREIGN_DATES = (
    strip_padding("date-padding", "BAD_DATE_REPAIRED"),
    RepairRule(
        "date-iso",
        "BAD_DATE_REPAIRED",
        "YYYY-MM-DD (ISO 8601) becomes YYYYMMDD.",
        lambda text: _read_year_first(text, "-"),
    ),
    RepairRule(
        "date-acr-nema",
        "BAD_DATE_REPAIRED",
        "YYYY.MM.DD (ACR-NEMA) becomes YYYYMMDD.",
        lambda text: _read_year_first(text, "."),
    ),
    RepairRule(
        "date-slashes",
        "BAD_DATE_REPAIRED",
        "YYYY/MM/DD becomes YYYYMMDD.",
        lambda text: _read_year_first(text, "/"),
    ),
    RepairRule(
        "date-year-last",
        "BAD_DATE_REPAIRED",
        "A date with the year last becomes YYYYMMDD if its numbers leave one order of day and month.",
        _read_year_last,
    ),
    RepairRule(
        "date-month-name",
        "BAD_DATE_REPAIRED",
        "A date with an English month name and a year of four digits becomes YYYYMMDD.",
        _read_month_name,
    ),
    RepairRule(
        "date-before-time",
        "BAD_DATE_REPAIRED",
        "Of a date with a time, the date is kept.",
        _read_before_time,
    ),
)


@lru_cache(maxsize=8)
def date_format(latest: date = LATEST_DATE) -> ValueFormat:
    """Make the format of dates from 1800 to `latest`."""
    last = f"{latest:%Y%m%d}"

    def is_valid(text: str) -> bool:
        return _read_compact(text) is not None and text <= last

    def empty_future(text: str) -> str | None:
        return "" if _read_compact(text) and text > last else None

    return ValueFormat(
        year_pattern(latest) + MONTH_AND_DAY,
        is_valid,
        (
            *_FOREIGN_DATES,
            RepairRule("date-future", "DATE_FUTURE", f"A date later than {latest} is emptied.", empty_future),
            empty(
                "date-unreadable",
                "BAD_DATE",
                "A date that does not exist (also before 1800 and in 9999), a date with two readings or a year "
                "of two digits, a part of a date and a range of dates are emptied.",
            ),
        ),
    )
