"""Dates with a time (VR DT): ISO 8601 and its neighbours become YYYYMMDDHHMMSS.FFFFFF&ZZXX, others are emptied."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from tasks.cleaning.dates import (
    DATE_THEN_TIME,
    LATEST_DATE,
    MONTH_AND_DAY,
    compose_date,
    read_date,
    year_pattern,
)
from tasks.cleaning.rules import RepairRule, ValueFormat, empty, strip_padding
from tasks.cleaning.times import TIME_PATTERN, read_time

_ZONE = r"(?:[+-](?:0[0-9]|1[0-4])[0-5][0-9])?"
"""Offset from UTC, -1200 to +1400 (PS3.5 section 6.2)."""

_DT = re.compile(
    rf"(?P<year>[0-9]{{4}})(?:(?P<month>[0-9]{{2}})(?:(?P<day>[0-9]{{2}})(?:{TIME_PATTERN})?)?)?{_ZONE} *+"
)


def _is_datetime(text: str) -> bool:
    """Tell whether `text` is a valid DT; the standard allows to leave out parts from the right."""
    match = _DT.fullmatch(text)
    if match is None:
        return False
    return compose_date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1)) is not None


def _read_datetime(text: str) -> str | None:
    """Read ISO 8601, and what `read_date` and `read_time` read on either side of a blank."""
    match = DATE_THEN_TIME.fullmatch(text)
    if match is None:
        return read_date(text)
    day, time = read_date(match["date"]), read_time(match["time"])
    if day is None or time is None:
        return None
    zone = (match["zone"] or "").replace(":", "").replace("Z", "+0000")
    composed = day + time + (zone + "00" if len(zone) == 3 else zone)
    return composed if _is_datetime(composed) else None


@lru_cache(maxsize=8)
def datetime_format(latest: date = LATEST_DATE) -> ValueFormat:
    """Make the format of dates with a time from 1800 to the end of `latest`."""
    last = f"{latest:%Y%m%d}"

    def is_future(text: str) -> bool:
        digits = re.match("[0-9]{1,8}", text)
        return digits is not None and digits[0] > last[: len(digits[0])]

    return ValueFormat(
        f"{year_pattern(latest)}{MONTH_AND_DAY}(?:{TIME_PATTERN})?{_ZONE} *+",
        lambda text: _is_datetime(text) and not is_future(text),
        (
            strip_padding("datetime-padding", "BAD_DATE_REPAIRED"),
            RepairRule(
                "datetime-iso",
                "BAD_DATE_REPAIRED",
                "A date and a time in ISO 8601, or in any notation the rules for dates and for times read, "
                "become YYYYMMDDHHMMSS.F with the time zone they have.",
                lambda text: None if _is_datetime(text) else _read_datetime(text),
            ),
            RepairRule(
                "datetime-future",
                "DATE_FUTURE",
                f"A date with a time later than {latest} is emptied.",
                lambda text: "" if _is_datetime(text) and is_future(text) else None,
            ),
            empty(
                "datetime-unreadable",
                "BAD_DATE",
                "A date with a time that does not exist or has any other notation, and a range, are emptied.",
            ),
        ),
    )
