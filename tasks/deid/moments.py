"""Tells numbers that may be moments: seconds since 1970 and dates written as one number.

Vendors keep clocks where a table says only `UL`. A number that large measures hardly anything, so what
may be a moment is taken for one: it cannot be moved with the dates, since nothing says what it is.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

_FIRST, _LAST = date(1980, 1, 1), date(2060, 12, 31)
"""Between these a clock of a scanner can have stood."""
_OLDEST_YEAR = 1880
"""Year before which nobody was born whom anything was digital about."""


def _seconds(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


_UNITS = (1, 10**3, 10**6, 10**9)
"""A second, in what clocks count: seconds, milliseconds, microseconds, nanoseconds."""
_EPOCHS = tuple((_seconds(_FIRST) * unit, _seconds(_LAST) * unit) for unit in _UNITS)
_LEAST = _OLDEST_YEAR * 10_000
_NO_NUMBER = 2**31 - 1
"""What programs write for no number."""
_FLAGS = 3
"""Bits of a field of flags; of a thousand million seconds, two thousand have so few."""
_DATE_DIGITS, _TIME_DIGITS = 8, (8, 10, 12, 14)


def tells_moment(number: float) -> bool:
    """Tell whether a number may be a moment: of a clock that counts since 1970, or the digits of a date.

    A date is YYYYMMDD, alone or with two to six digits of the time of day behind it.
    """
    if not _LEAST <= number < math.inf or number == _NO_NUMBER:
        return False
    return _counts_seconds(number) or _is_date(int(number))


def _counts_seconds(number: float) -> bool:
    in_range = any(first <= number <= last for first, last in _EPOCHS)
    return in_range and int(number).bit_count() > _FLAGS


def _is_date(number: int) -> bool:
    digits = str(number)
    if len(digits) not in _TIME_DIGITS:
        return False
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:_DATE_DIGITS])
    try:
        return _OLDEST_YEAR <= date(year, month, day).year <= _LAST.year
    except ValueError:
        return False
