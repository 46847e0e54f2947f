"""Moves dates by whole days: intervals stay true, and times of day need not change at all.

A date that cannot be read cannot be moved, and is never kept: a tool that leaves it leaks it.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import lru_cache

_CACHED = 1 << 11
_DATE = re.compile(rb"[0-9]{8}")
_DATETIME = re.compile(
    rb"(?P<date>[0-9]{4}(?:[0-9]{2}(?:[0-9]{2})?)?)"
    rb"(?P<time>(?<=[0-9]{8})(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?)?"
    rb"(?P<zone>[+-](?:0[0-9]|1[0-4])[0-5][0-9])?"
)
_TIME = re.compile(rb"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?")


@lru_cache(_CACHED)
def shift_dates(value: bytes, days: int) -> bytes | None:
    """Move each date of a DA value (PS3.5 section 6.2).

    Returns
    -------
    bytes or None
        The moved dates, padded to even length; None if any of them is no date of the calendar.
    """
    return _join([_shift_date(part.strip(b" \0"), days) for part in value.split(b"\\")])


@lru_cache(_CACHED)
def shift_datetimes(value: bytes, days: int) -> bytes | None:
    """Move each date time of a DT value; its precision, time of day and UTC offset stay.

    Returns
    -------
    bytes or None
        The moved values, padded to even length; None if any of them cannot be read.

    Notes
    -----
    A year or a month without a day is moved from its first day, and cut to its precision again.
    """
    return _join([_shift_datetime(part.strip(b" \0"), days) for part in value.split(b"\\")])


@lru_cache(_CACHED)
def are_times(value: bytes) -> bool:
    """Tell whether each value of a TM is a time of day, whole or cut from the right."""
    return all(
        not part or _TIME.fullmatch(part) for part in (part.strip(b" \0") for part in value.split(b"\\"))
    )


def _shift_date(value: bytes, days: int) -> bytes | None:
    if not value:
        return b""
    if not _DATE.fullmatch(value):
        return None
    return _move(int(value[:4]), int(value[4:6]), int(value[6:]), days)


def _shift_datetime(value: bytes, days: int) -> bytes | None:
    if not value:
        return b""
    parts = _DATETIME.fullmatch(value)
    if parts is None:
        return None
    given = parts["date"]
    moved = _move(int(given[:4]), int(given[4:6] or b"1"), int(given[6:8] or b"1"), days)
    if moved is None:
        return None
    return moved[: len(given)] + (parts["time"] or b"") + (parts["zone"] or b"")


def _move(year: int, month: int, day: int, days: int) -> bytes | None:
    try:
        moved = date(year, month, day) + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return b"%04d%02d%02d" % (moved.year, moved.month, moved.day)


def _join(parts: list[bytes | None]) -> bytes | None:
    moved = [part for part in parts if part is not None]
    if len(moved) != len(parts):
        return None
    value = b"\\".join(moved)
    return value + b" " if len(value) % 2 else value
