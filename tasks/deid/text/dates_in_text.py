"""Dates in text, however written: moved with the patient's other dates, or cut.

A date that can be read in two ways (03/04/1974) is read as one the study has, or not at all, because a
date moved the wrong way is as wrong as one left in place. What is moved is written so that it is read
in one way only: numbers between slashes come out as 1974-03-12.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial

from tasks.deid.text.found import Found
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.text.view import View
from tasks.deid.text.vocabulary import given_names

DATE, TIME = "date", "time-of-day"
_MONTHS = tuple(
    tuple(row.split())
    for row in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "januar februar marz april mai juni juli august september oktober november dezember",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro",
        "januari februari maart april mei juni juli augustus september oktober november december",
        "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
        "январь февраль март апрель май июнь июль август сентябрь октябрь ноябрь декабрь",
        "jan feb mrz apr mai jun jul aug sep okt nov dez",
        "ene feb mar abr may jun jul ago sept oct nov dic",
        "janv fevr mars avr mai juin juil aout sept oct nov dec",
    )
)
_OTHERS = {"maerz": 3, "jaenner": 1, "januarij": 1}
_MONTH_NUMBER = {name: number for row in reversed(_MONTHS) for number, name in enumerate(row, 1)} | _OTHERS
_NEEDS_YEAR = frozenset(
    {"may", "mar", "oct", "mai", "dec", "mars", "sep", "ago", "dic", "nov", "out", "мая", "jan", "mei"}
)
"""Short names that are words of the clinic too: OCT 12 is a modality."""
_MONTH = (
    "(?P<name>" + "|".join(sorted(map(re.escape, _MONTH_NUMBER), key=len, reverse=True)) + r")(?![^\W\d_])\.?"
)
_YEAR = "(?P<y>1[89][0-9]{2}|20[0-9]{2})"
_D, _M = "(?P<d>[0-9]{1,2})", "(?P<m>[0-9]{1,2})"
_ORDINAL = r"(?:st|nd|rd|th|er|º|ª|o)?"
_CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,6})?)?"
_NO_DIGIT_BEFORE, _NO_DIGIT_AFTER = r"(?<![0-9])(?<![0-9][.,/-])", r"(?![0-9])(?![.,/-][0-9])"


def _compile(body: str) -> re.Pattern[str]:
    return re.compile(_NO_DIGIT_BEFORE + body + _NO_DIGIT_AFTER)


_BIG_FIRST = _compile(rf"{_YEAR}(?P<s>[-/. _]|\. ){_M}(?P=s){_D}(?:\.(?![0-9]))?")
_BIG_LAST = _compile(rf"(?P<a>[0-9]{{1,2}})(?P<s>[-/. _]|\. )(?P<b>[0-9]{{1,2}})(?P=s){_YEAR}")
_SHORT_YEAR = _compile(r"(?P<a>[0-9]{1,2})(?P<s>[-/.])(?P<b>[0-9]{1,2})(?P=s)(?P<c>[0-9]{1,2})")
_DAY_DOT_MONTH = re.compile(r"(?<![0-9.])(?P<d>[0-3]?[0-9])\. ?(?P<m>[01]?[0-9])\.(?![0-9])")
_DAY_AND_MONTH = re.compile(
    r"(?<![0-9a-z])(?<![0-9][.,/-])(?P<a>[0-9]{1,2})(?P<s>[/-])(?P<b>[0-9]{1,2})(?![0-9a-z])(?![.,/-][0-9])"
)
"""Read as a date only where the words beside it speak of one: 3/4 and L4/5 are grades and levels."""
_DATE_BEFORE = re.compile(
    r"(?:(?<![^\W_])(?:on|dated?|since|until|till|dob|born|geb|vom|am|seit|le|du|el|del|visit|visits|appointment"
    r"|admitted|discharged|surgery|biopsy|comparison|prior|previous|compared to)"
    r"[ :.(]{1,2}|[于在][ ]?)$"
)
_GRADE_BEFORE = re.compile(
    r"(?<![^\W_])(?:grade|gr|stage|power|strength|motor|score|scale|pain|murmur|reflexes|pulses|rads|series|image|images"
    r"|level|levels|phase|class|gleason|deauville|apgar|level|disc|in|about|upper|lower|proximal|distal)[ :.,(]{0,2}"
    r"(?:[a-z]{1,12}[ :.(]{1,2})?$"
)
_DATE_AFTER = re.compile(
    r"[ )]{1,2}(?:visit|appointment|appt|admission|discharge|surgery|biopsy|scan|study|mri|ct|film|films"
    r"|x-ray|xray|mammogram|ultrasound|report|follow|fu|f/u)(?![^\W_])"
    r"|[ ]?(?:复查|行|入院|出院|手术|检查|就诊|术后|来院)"
)
_GRADE_AFTER = re.compile(
    r"[ -]{1,2}(?:murmur|systolic|diastolic|strength|power|reflex|dose|of|mm|cm|ml|inch|thickness|width|height|length"
    r"|lower|upper|proximal|distal|views?|images?|slices?|segments?|level|disc|tear|full)(?![^\W_])"
)
_REACH_OF_CONTEXT = 24
_DAY_NAMED = re.compile(
    rf"(?<![0-9a-z.,]){_D}{_ORDINAL}\.?[\s_-]{{0,2}}(?:de |of )?{_MONTH}(?:[\s,_/-]{{0,3}}(?:de |del"
    rf" )?(?:{_YEAR}|'?(?P<yy>[0-9]{{2}}))(?![0-9]))?"
)
_NAMED_DAY = re.compile(
    rf"(?<![^\W_]){_MONTH}[\s_-]{{0,2}}(?P<d>[0-9]{{1,2}})(?![0-9]){_ORDINAL}(?:[\s,_-]{{1,3}}(?:{_YEAR}|'"
    rf"(?P<yy>[0-9]{{2}}))(?![0-9]))?"
)
_NAMED_YEAR = re.compile(rf"(?<![^\W_]){_MONTH}[\s,._/-]{{0,3}}(?:de |del |of )?{_YEAR}(?![0-9])")
_YEAR_NAMED = re.compile(rf"(?<![0-9]){_YEAR}[\s._/-]{{1,2}}{_MONTH}(?:[\s._/-]{{1,2}}{_D}(?![0-9]))?")
_MONTH_YEAR = _compile(rf"(?P<m>0?[1-9]|1[0-2])(?P<s>[/-]){_YEAR}")
_EASTERN = re.compile(rf"(?<![0-9]){_YEAR}\s?[年년]度?(?:\s?{_M}\s?[月월](?:份|(?:\s?{_D}\s?[日号號일])?))?")
_EASTERN_CUT = re.compile(
    r"(?:明治|大正|昭和|平成|令和|民国|民國)\s?(?:[0-9]{1,3}|元)\s?年(?:\s?[0-9]{1,2}\s?月(?:\s?[0-9]{1,2}\s?日)?)?"
    r"|[〇○零一二三四五六七八九]{4}年(?:[一二三四五六七八九十]{1,2}月(?:[一二三四五六七八九十]{1,3}[日号])?)?"
    r"|[一二三四五六七八九十]{1,2}月[一二三四五六七八九十]{1,3}[日号號]"
    r"|(?<![0-9])[0-9]{2}\s?[年년]\s?[0-9]{1,2}\s?[月월]\s?[0-9]{1,2}\s?[日号號일]"
    r"|(?<![0-9])[0-9]{1,2}\s?[月월]\s?[0-9]{1,2}\s?[日号號일]"
    r"|(?<![^\W_])[hsrtm][0-9]{1,2}[./][0-9]{1,2}[./][0-9]{1,2}(?![0-9])"
)
_COMPACT = re.compile(r"(?<![0-9.])(?P<day>[0-9]{8})(?P<time>[0-9]{4}|[0-9]{6}(?:\.[0-9]{1,6})?)?(?![0-9])")
_SHORT_COMPACT = re.compile(r"(?<![0-9.])[0-9]{6}(?![0-9])")
_TIME = re.compile(
    rf"(?<![0-9:.,])(?:t ?)?{_CLOCK}(?:z|[+-][0-9]{{2}}:?[0-9]{{2}})?(?: ?(?:[ap]\.?m\.?|uhr|h)(?![^\W_])"
    rf")?(?![0-9:])"
)
_LONE_YEAR = re.compile(r"(?<![0-9a-z.,x*=/+-])(?:19[2-9][0-9]|20[0-4][0-9])(?![0-9x*%])(?![.,/-][0-9])")
_NO_YEAR_AFTER = re.compile(
    r"\s?(?:x|ms|msec|mm|cm|ml|hu|hz|khz|mhz|kv|ma|mas|mgy|dpi|px|pixels?|images?|mg|g|kg|iu|u|cc"
    r"|irreversible|reversible|lossy|lossless)(?![^\W_])"
)
_NO_YEAR_BEFORE = re.compile(
    r"(?:^|[^a-z])(?:tr|te|ti|b|bval|ww|wl|wc|w|l|c|td|venc|bw|matrix|jpeg|fov|hu|model|tesla|etl"
    r"|nex|pld|ld|voi|iso|range|to)\s?[=:]?\s?$"
)
_VERSION_BEFORE = re.compile(
    r"(?<![^\W_])(?:version|ver|v|vers|rel|release|rev|revision|software|sw|build)[ .:=_]{0,2}$"
)
_ERAS = (1900, 2100)


def find_dates(view: View, study: StudyIdentifiers) -> Iterator[Found]:
    """Find dates; each knows how it reads when it is moved by so many days."""
    text = view.folded
    if not view.has_digits and not _EASTERN_CUT.search(text):
        return
    for pattern, rule in _RULES:
        for match in pattern.finditer(text):
            rewrite = rule(match, study)
            if rewrite is not _NO_DATE:
                yield Found(DATE, match.start(), match.end(), rewrite)


def find_times(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find times of day; they stay where dates are moved, as the times of the header do."""
    if ":" in view.folded:
        for match in _TIME.finditer(view.folded):
            start, end = view.locate(match.start(), match.end())
            yield Found(TIME, match.start(), match.end(), partial(_stay, view.text[start:end]))


def _stay(written: str, _days: int) -> str:
    return written


Rewrite = Callable[[int], str | None]


def _no_date(_days: int) -> None:
    return None


_NO_DATE: Rewrite = _no_date
"""Says that what looks like a date is none."""


def _cut(_match: re.Match[str], _study: StudyIdentifiers) -> Rewrite | None:
    return None


def _calendar(year: str | int, month: str | int, day: str | int) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _moved(day: date, days: int) -> date | None:
    try:
        moved = day + timedelta(days=days)
    except OverflowError:
        return None
    return moved if _ERAS[0] - 100 <= moved.year < _ERAS[1] else None


def _rewrite_parts(match: re.Match[str], day: date, days: int) -> str | None:
    """Write the moved date into the places of the old one, each part as wide as it was.

    A month that is somebody's name is written as a number: no May comes out that did not go in.
    """
    moved = _moved(day, days)
    if moved is None:
        return None
    text = match[0]
    found = match.groupdict()
    if days and found.get("name") and _name_like(found["name"], moved.month).lower() in given_names():
        return moved.isoformat() if found.get("d") else f"{moved:%Y-%m}"
    values = {"y": str(moved.year), "m": str(moved.month), "d": str(moved.day), "name": ""}
    places = [
        (match.start(key), key) for key in values if key in match.re.groupindex and match[key] is not None
    ]
    for start, key in sorted(places, reverse=True):
        old = match[key]
        width = len(old) if old[0] == "0" or "s" in match.re.groupindex else 1
        new = _name_like(old, moved.month) if key == "name" else values[key].zfill(width)
        at = start - match.start()
        text = text[:at] + new + text[at + len(old) :]
    return text


def _name_like(old: str, month: int) -> str:
    number = _MONTH_NUMBER[old]
    row = next((row for row in _MONTHS if row[number - 1] == old), _MONTHS[0])
    return row[month - 1].capitalize()


def _by_parts(match: re.Match[str], _study: StudyIdentifiers) -> Rewrite | None:
    """Read a date whose parts name themselves; a missing day is the first, as for a DT cut short."""
    found = match.groupdict()
    name = found.get("name")
    if name and found.get("y") is None and name in _NEEDS_YEAR:
        return _NO_DATE if found.get("yy") is None else None
    if found.get("y") is None:
        return None
    day = _calendar(found["y"], _MONTH_NUMBER[name] if name else found.get("m") or 1, found.get("d") or 1)
    return None if day is None else partial(_rewrite_parts, match, day)


def _by_order(match: re.Match[str], study: StudyIdentifiers) -> Rewrite | None:
    """Read a date that begins with its day, or in America with its month."""
    first, second, year = match["a"], match["b"], match["y"]
    readings = [
        day for day in (_calendar(year, second, first), _calendar(year, first, second)) if day is not None
    ]
    if match["s"].startswith("."):
        readings = readings[:1] if _calendar(year, second, first) else []
        return partial(_write_dotted, readings[0]) if readings else None
    known = [day for day in readings if day in study.dates]
    if len(set(readings)) == 1:
        known = readings
    return partial(_write_iso, known[0]) if known else None


def _by_short_year(match: re.Match[str], study: StudyIdentifiers) -> Rewrite | None:
    eastern = match["a"].zfill(2) + match["b"].zfill(2) + match["c"].zfill(2)
    if int(match["a"]) > 31 and eastern in study.written_dates:
        return partial(_write_iso, study.written_dates[eastern])
    if int(match["a"]) > 31 and 0 < int(match["b"]) <= 12 and 0 < int(match["c"]) <= 31:
        before = match.string[max(0, match.start() - _REACH_OF_CONTEXT) : match.start()]
        return _NO_DATE if match["s"] == "." and _VERSION_BEFORE.search(before) else None
    if not (
        0 < int(match["a"]) <= 31
        and 0 < int(match["b"]) <= 31
        and min(int(match["a"]), int(match["b"])) <= 12
        and len(match["c"]) > 1
    ):
        return _NO_DATE
    parts = match["a"].zfill(2) + match["b"].zfill(2) + match["c"]
    day = study.written_dates.get(parts)
    return None if day is None else partial(_write_iso, day)


def _by_context(match: re.Match[str], _study: StudyIdentifiers) -> Rewrite | None:
    """Cut a day and a month without a year where the words beside them speak of a date."""
    first, second = sorted((int(match["a"]), int(match["b"])))
    dashed = match["s"] == "-" and "0" not in (match["a"][0], match["b"][0])
    if dashed or not (0 < first <= 12 and second <= 31):
        return _NO_DATE
    before = match.string[max(0, match.start() - _REACH_OF_CONTEXT) : match.start()]
    if _GRADE_BEFORE.search(before) or _GRADE_AFTER.match(match.string, match.end()):
        return _NO_DATE
    if _DATE_BEFORE.search(before):
        return None
    return None if match["s"] == "/" and _DATE_AFTER.match(match.string, match.end()) else _NO_DATE


def _by_day_and_month(match: re.Match[str], _study: StudyIdentifiers) -> Rewrite | None:
    return None if 0 < int(match["d"]) <= 31 and 0 < int(match["m"]) <= 12 else _NO_DATE


def _by_digits(match: re.Match[str], study: StudyIdentifiers) -> Rewrite | None:
    digits = match["day"]
    day = _calendar(digits[:4], digits[4:6], digits[6:]) if _ERAS[0] <= int(digits[:4]) < _ERAS[1] else None
    day = study.written_dates.get(digits) or day
    return _NO_DATE if day is None else partial(_write_digits, day, match["time"] or "")


def _by_six_digits(match: re.Match[str], study: StudyIdentifiers) -> Rewrite | None:
    day = study.written_dates.get(match[0])
    return _NO_DATE if day is None else partial(_write_digits, day, "")


def _by_year(match: re.Match[str], _study: StudyIdentifiers) -> Rewrite | None:
    text = match.string
    if _NO_YEAR_AFTER.match(text, match.end()) or _NO_YEAR_BEFORE.search(
        text[max(0, match.start() - 12) : match.start()]
    ):
        return _NO_DATE
    return partial(_write_year, date(int(match[0]), 1, 1))


def _write_iso(day: date, days: int) -> str | None:
    moved = _moved(day, days)
    return None if moved is None else moved.isoformat()


def _write_dotted(day: date, days: int) -> str | None:
    moved = _moved(day, days)
    return None if moved is None else f"{moved.day:02d}.{moved.month:02d}.{moved.year:04d}"


def _write_digits(day: date, time: str, days: int) -> str | None:
    moved = _moved(day, days)
    return None if moved is None else f"{moved.year:04d}{moved.month:02d}{moved.day:02d}{time}"


def _write_year(day: date, days: int) -> str | None:
    moved = _moved(day, days)
    return None if moved is None else str(moved.year)


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], StudyIdentifiers], Rewrite | None]], ...] = (
    (_EASTERN, _by_parts),
    (_EASTERN_CUT, _cut),
    (_BIG_FIRST, _by_parts),
    (_BIG_LAST, _by_order),
    (_SHORT_YEAR, _by_short_year),
    (_DAY_NAMED, _by_parts),
    (_NAMED_DAY, _by_parts),
    (_YEAR_NAMED, _by_parts),
    (_NAMED_YEAR, _by_parts),
    (_MONTH_YEAR, _by_parts),
    (_DAY_DOT_MONTH, _by_day_and_month),
    (_DAY_AND_MONTH, _by_context),
    (_COMPACT, _by_digits),
    (_SHORT_COMPACT, _by_six_digits),
    (_LONE_YEAR, _by_year),
)
"""A longer way to write a date comes before a shorter one that is a part of it."""
