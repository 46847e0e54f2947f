"""Numbers as a reader expects them: grouped digits, a unit, never more precision than was measured.

A figure and its unit are joined by a no-break space, so that no line ends between them.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from expectations.language import ENGLISH, Language

NONE = "–"
"""What a table prints where there is no figure."""
_SPACE = "\u00a0"
_BYTE_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def format_count(count: int) -> str:
    """Write 1051 as `1,051`."""
    return f"{count:,}"


def format_number_of(count: int, noun: str, language: Language = ENGLISH) -> str:
    """Write a count with its noun: `1 study` needs `study`, `2 studies` too."""
    if language is not ENGLISH:
        return f"{format_count(count)}{_SPACE}{language.say(f'one {noun}')}"
    plural = noun if noun.endswith("series") else noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{format_count(count)}{_SPACE}{noun if count == 1 else plural}"


def format_share(part: float, whole: float) -> str:
    """Write a share in percent; neither 0 % nor 100 % unless it is exactly that."""
    if not whole:
        return NONE
    percent = 100 * (part / whole)
    if 0 < percent < 0.1:
        return f"<{_SPACE}0.1{_SPACE}%"
    if 99.9 < percent < 100:
        return f">{_SPACE}99.9{_SPACE}%"
    return f"{percent:.0f}{_SPACE}%" if percent in {0, 100} else f"{percent:.1f}{_SPACE}%"


def format_bytes(size: float, language: Language = ENGLISH) -> str:
    """Write a size in decimal units (1 kB = 1,000 bytes), three digits."""
    unit = 0
    while size >= 999.5 and unit < len(_BYTE_UNITS) - 1:
        size /= 1000
        unit += 1
    digits = 0 if unit == 0 or size >= 99.95 else 1 if size >= 9.995 else 2
    return f"{size:.{digits}f}{_SPACE}{language.say(_BYTE_UNITS[unit])}"


def format_seconds(seconds: float | None, language: Language = ENGLISH) -> str:
    """Write a duration: `0.42 s`, `12.3 s`, `1 min 23 s`, `2 h 05 min`."""
    if seconds is None:
        return NONE
    if seconds < 59.95:
        return f"{seconds:.{2 if seconds < 9.995 else 1}f}{_SPACE}{language.say('s')}"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{_SPACE}{language.say('min')} {rest:02d}{_SPACE}{language.say('s')}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_SPACE}{language.say('h')} {minutes:02d}{_SPACE}{language.say('min')}"


def format_rate(amount: float, seconds: float) -> str:
    """Write an amount a second, to three digits."""
    if not seconds or not amount:
        return NONE
    rate = amount / seconds
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.3g}"


def format_moment(moment: str, language: Language = ENGLISH) -> str:
    """Write an ISO 8601 time as `21 Nov 2026, 22:00 UTC`; what is none stays as it is."""
    parsed = _parse(moment)
    if parsed is None:
        return moment
    return format_date(parsed, "%(day)s %(month)s %(year)s, %(time)s UTC", language)


def format_day(moment: str, language: Language = ENGLISH) -> str:
    """Write an ISO 8601 time as `21 Nov`; what is none stays as it is."""
    parsed = _parse(moment)
    return moment if parsed is None else format_date(parsed, "%(day)s %(month)s", language)


def format_date(moment: datetime, text: str, language: Language) -> str:
    """Write day, month and year as the language orders them."""
    month = f"{moment:%b}" if language is ENGLISH else str(moment.month)
    return language.say(text, day=moment.day, month=month, year=moment.year, time=f"{moment:%H:%M}")


def seconds_between(start: str, end: str) -> float | None:
    """Give the seconds from one ISO 8601 time to another; None where one is none."""
    first, last = _parse(start), _parse(end)
    return None if first is None or last is None else (last - first).total_seconds()


def format_type(kind: pa.DataType) -> str:
    """Write an Arrow type in words a reader of tables knows."""
    if pa.types.is_list(kind):
        return f"list of {format_type(kind.value_type)}"
    return str(kind).replace("[day]", "").replace("[us, tz=UTC]", " (UTC)")


def _parse(moment: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
