"""Repairs that the table of rules declares, as rules of the formats: read like ours, before ours give up."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from expectations.repairs import Repair, compile_reading
from tasks.cleaning.dates import compose_date
from tasks.cleaning.rules import PADDING, RepairRule, ValueFormat, spellings
from tasks.dicom.dictionary import tag_of

_CODES = {
    "AS": "BAD_AGE",
    "CS": "BAD_CODE_REPAIRED",
    "DA": "BAD_DATE_REPAIRED",
    "DS": "BAD_NUMBER",
    "IS": "BAD_NUMBER",
    "TM": "BAD_TIME_REPAIRED",
}
_CENTURY = 100


def _declared_rule(repair: Repair, is_valid: Callable[[str], bool]) -> RepairRule:
    read = _reader(repair)

    def read_validly(text: str) -> str | None:
        found = read(text)
        return found if found is not None and is_valid(found) else None

    return RepairRule(repair.id, _CODES[repair.VR], repair.sentence, read_validly)


def _reader(repair: Repair) -> Callable[[str], str | None]:
    if repair.values:
        words = _words(repair)
        return lambda text: words.get(text.strip(PADDING))
    pattern, compose = compile_reading(repair.VR, repair.reads), _COMPOSERS[repair.VR]

    def read(text: str) -> str | None:
        match = pattern.fullmatch(text)
        return None if match is None else compose(match.groupdict(), repair)

    return read


def _words(repair: Repair) -> dict[str, str]:
    return {
        spelling: meaning for word, meaning in repair.values for spelling in spellings({meaning: (word,)})
    }


def _compose_date(fields: Mapping[str, str], repair: Repair) -> str | None:
    if "year" in fields:
        year = int(fields["year"])
    else:
        first = repair.first_year or 0
        year = first + (int(fields["short_year"]) - first) % _CENTURY
    return compose_date(year, int(fields["month"]), int(fields["day"]))


def _compose_time(fields: Mapping[str, str], _: Repair) -> str:
    fraction = fields.get("fraction", "")[:6]
    time = f"{int(fields['hour']):02d}{fields['minute']}{fields.get('second', '')}"
    return f"{time}.{fraction}" if fraction else time


def _compose_age(fields: Mapping[str, str], repair: Repair) -> str:
    return f"{int(fields['number']):03d}{repair.unit}"


_COMPOSERS: Mapping[str, Callable[[Mapping[str, str], Repair], str | None]] = {
    "AS": _compose_age,
    "DA": _compose_date,
    "DS": lambda fields, _: fields["number"],
    "IS": lambda fields, _: fields["number"],
    "TM": _compose_time,
}


def declare_formats(
    repairs: Iterable[Repair], format_of: Callable[[int, str], ValueFormat | None]
) -> dict[int, tuple[str, ValueFormat]]:
    """Give the formats of the attributes that repairs speak of, by tag, each with its VR.

    Parameters
    ----------
    format_of
        Gives the format an attribute has without them.
    """
    of_tags: dict[int, list[Repair]] = defaultdict(list)
    for repair in repairs:
        for keyword in repair.attributes:
            of_tags[tag_of(keyword)].append(repair)
    formats: dict[int, tuple[str, ValueFormat]] = {}
    for tag, found in of_tags.items():
        known = format_of(tag, found[0].VR)
        if known is not None:
            formats[tag] = found[0].VR, _extend(known, found)
    return formats


def _extend(known: ValueFormat, repairs: list[Repair]) -> ValueFormat:
    """Try the declared rules first; a word that stands for another is no longer valid."""
    words = {spelling for repair in repairs for spelling in _words(repair)}

    def is_valid(text: str) -> bool:
        return text.strip(PADDING) not in words and known.is_valid(text)

    spelt = "|".join(map(re.escape, sorted(word for word in words if word.isascii())))
    return replace(
        known,
        pattern=rf"(?! *+(?:{spelt}) *+(?:\\|\Z)){known.pattern}" if spelt else known.pattern,
        is_valid=is_valid,
        rules=(*(_declared_rule(repair, is_valid) for repair in repairs), *known.rules),
    )
