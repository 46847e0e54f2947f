"""Times (VR TM): foreign notations with one reading become HHMMSS.FFFFFF, all others are emptied."""

from __future__ import annotations

import re

from tasks.cleaning.rules import RepairRule, ValueFormat, empty, strip_padding

TIME_PATTERN = r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?"
"""HH, HHMM, HHMMSS or HHMMSS.F to .FFFFFF, with leap seconds (PS3.5 section 6.2)."""

_TM_PATTERN = TIME_PATTERN + " *+"
_TIME = re.compile(TIME_PATTERN)
_TM = re.compile(_TM_PATTERN)

_COLONS = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?", re.ASCII)
_TWELVE_HOURS = re.compile(r"(.*\d) ?([AaPp])\.?[Mm]\.?", re.ASCII)
_FRACTION = re.compile(r"(\d{6})[.,](\d*)", re.ASCII)
_AFTER_DATE = re.compile(r"(?:\d{8}[T ]?|\d{4}([-./])\d{1,2}\1\d{1,2}[T ])(\d{6}.*|\d{1,2}:.*)", re.ASCII)


def _checked(hours: str, minutes: str, seconds: str | None, fraction: str | None) -> str | None:
    """Compose a time; digits finer than a microsecond are cut, since rounding could reach the next day."""
    text = f"{int(hours):02d}{minutes}{seconds or ''}"
    if fraction:
        text += f".{fraction[:6]}"
    return text if _TIME.fullmatch(text) else None


def _read_colons(text: str) -> str | None:
    match = _COLONS.fullmatch(text)
    return _checked(*match.groups()) if match else None


def _read_twelve_hours(text: str) -> str | None:
    match = _TWELVE_HOURS.fullmatch(text)
    time = _read_colons(match[1]) if match else None
    if match is None or time is None or not 1 <= int(time[:2]) <= 12:
        return None
    hours = int(time[:2]) % 12 + (12 if match[2] in "Pp" else 0)
    return f"{hours:02d}{time[2:]}"


def _read_fraction(text: str) -> str | None:
    match = _FRACTION.fullmatch(text)
    return _checked(match[1][:2], match[1][2:4], match[1][4:], match[2]) if match else None


def _read_after_date(text: str) -> str | None:
    match = _AFTER_DATE.fullmatch(text)
    return read_time(match[2]) if match else None


def read_time(text: str) -> str | None:
    """Read a time in any notation with one reading, as HHMMSS.FFFFFF or shorter; None for any other."""
    if _TIME.fullmatch(text):
        return text
    return _read_colons(text) or _read_twelve_hours(text) or _read_fraction(text)


TIME = ValueFormat(
    _TM_PATTERN,
    lambda text: _TM.fullmatch(text) is not None,
    (
        strip_padding("time-padding", "BAD_TIME_REPAIRED"),
        RepairRule(
            "time-colons",
            "BAD_TIME_REPAIRED",
            "HH:MM, HH:MM:SS and HH:MM:SS.F (ACR-NEMA, ISO 8601) become HHMM, HHMMSS and HHMMSS.F.",
            _read_colons,
        ),
        RepairRule(
            "time-twelve-hours",
            "BAD_TIME_REPAIRED",
            "Times of the twelve-hour clock, marked AM or PM, become those of the twenty-four-hour clock.",
            _read_twelve_hours,
        ),
        RepairRule(
            "time-fraction",
            "BAD_TIME_REPAIRED",
            "A decimal comma becomes a point, a point without digits is dropped, and digits finer than a "
            "microsecond are cut.",
            _read_fraction,
        ),
        RepairRule(
            "time-after-date",
            "BAD_TIME_REPAIRED",
            "Of a date with a time, the time is kept, unless a time zone follows it.",
            _read_after_date,
        ),
        empty(
            "time-unreadable",
            "BAD_TIME",
            "A time that does not exist, a range of times and a time in any other notation are emptied.",
        ),
    ),
)
