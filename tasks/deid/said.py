"""What an instance says about who it is of, decoded: what its free text must not repeat.

It is the same for all instances of a study, or nearly: UIDs are left to the search of the output's bytes.
So what becomes of a description can be remembered for the study.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from tasks.deid.identifiers import CODE_TAGS, DATE_VRS, LINE_TAGS, NAME_TAGS, date_tags
from tasks.deid.text.study import StudyIdentifiers, identify_study
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import SPECIFIC_CHARACTER_SET, decode, encodings_of

_PADDING = " \0"
TELLING_VRS = DATE_VRS | {"PN", "SQ", "UN"}
"""VRs that tell something by themselves, and those that may hold or turn out to be any of them."""
_DAY = re.compile(r"[0-9]{8}")


class Said(NamedTuple):
    """Names, identifying codes, addresses and names of places, and days."""

    names: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    days: frozenset[str] = frozenset()

    @property
    def study(self) -> StudyIdentifiers:
        """What a text of the study is searched for; the same object for the same values."""
        return identify_study(self.names, self.codes, self.lines, self.days)


NOTHING = Said()


def unite(said: Iterable[Said]) -> Said:
    """Put together what several elements say."""
    telling = [one for one in said if one is not NOTHING]
    if not telling:
        return NOTHING
    return Said(*(frozenset[str]().union(*parts) for parts in zip(*telling, strict=True)))


def said_in(dataset: DataSet, encodings: tuple[str, ...]) -> Said:
    """Collect what a data set says, at every depth."""
    if SPECIFIC_CHARACTER_SET in dataset:
        encodings = encodings_of(dataset, encodings)
    return unite(said_by(element, encodings) for element in dataset.values())


@cache
def telling_tags() -> frozenset[int]:
    """Give the attributes that say something whatever VR a file claims for them."""
    return NAME_TAGS | CODE_TAGS | LINE_TAGS | date_tags()


def said_by(element: Element, encodings: tuple[str, ...]) -> Said:  # noqa: PLR0911 - one answer a kind
    """Give what one element says, its items too; `NOTHING` for one that tells nobody."""
    tag, VR, value, items = element
    if items is not None:
        return unite(said_in(item, encodings) for item in items)
    if not value.strip(b"\0 "):
        return NOTHING
    if VR == "PN" or tag in NAME_TAGS:
        return Said(names=_values(value, encodings))
    if tag in CODE_TAGS:
        return Said(codes=_values(value, encodings))
    if tag in LINE_TAGS:
        return Said(lines=_lines(value, encodings))
    if VR in DATE_VRS or tag in date_tags():
        days = frozenset(text[:8] for text in _values(value, encodings) if _DAY.match(text))
        return Said(days=days) if days else NOTHING
    return NOTHING


@lru_cache(1 << 10)
def _values(value: bytes, encodings: tuple[str, ...]) -> frozenset[str]:
    parts = (part.strip(_PADDING) for part in decode(value, encodings, "replace").split("\\"))
    return frozenset(part for part in parts if part)


def _lines(value: bytes, encodings: tuple[str, ...]) -> frozenset[str]:
    whole = decode(value, encodings, "replace")
    return frozenset(line.strip(_PADDING) for line in re.split(r"[\\\r\n\f]+", whole) if line.strip(_PADDING))
