"""Private elements that are known to be safe (PS3.15 E.3.10): numbers and code strings of known creators.

A private element means what its block's creator says, and nothing where nobody reserved the block. Known
is what `data/safe_private.csv` lists by creator and element; its value has to be what the listed VR says,
like that of any other element that is kept, and no number in it may be a moment: no table of VRs tells a
count from a clock. Everything else that is private is removed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from tasks.deid import keep
from tasks.deid.allowed import NUMBER_VRS
from tasks.deid.data import read_rows
from tasks.deid.keep import Treatment
from tasks.deid.moments import tells_moment
from tasks.deid.work import Work
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import encode_text, numbers_of

ODD_GROUP = 0x00010000
_PADDING = b"\0 "


_TREATMENTS: dict[str, Treatment] = {
    "CS": keep.keep_code_string,
    "DS": keep.keep_decimals,
    "IS": keep.keep_integers,
    **{VR: keep.keep_numbers(frozenset({VR}), None) for VR in NUMBER_VRS},
}
_STRING_VRS = ("IS", "DS", "CS")
_WHOLE_VRS = frozenset({"SS", "US", "SL", "UL", "SV", "UV"})
_LETTERS = rb"[A-Za-z^=,.' -]"
_TEXT_IN_NUMBERS = re.compile(rb"[\x1b -\xfe]{4,}\0*|(?s:.*)%b{6}(?s:.*)" % _LETTERS)
"""Whole numbers none of whose bytes is small, or among which letters are: numbers that large measure nothing."""
_TEXT_IN_FRACTIONS = re.compile(rb"(?s:.*)%b{8}(?s:.*)" % _LETTERS)
_LONGEST_SEARCHED = 256
"""Bytes beyond which a private element is a table, and letters in it are chance."""
_MEASURED = {
    (0x0043, b"GEMS_PARM_01", 0x39): (1_000_000_000.0, 1_000_020_000.0),  # a b-value, and a flag beside it
    (0x0019, b"GEMS_ACQU_01", 0x93): (1_270_000_000.0, 1_285_000_000.0),  # 0.1 Hz, protons at 3 T
}
"""Largest numbers that these elements are known to hold, least and most: inside, they are no seconds."""
_DECIMAL = re.compile(rb"[-+0-9.eE \\]+\0?")


SafeElements = Mapping[tuple[int, bytes], Mapping[int, frozenset[str]]]
"""VRs of elements by group and creator, then by the last byte of the element number."""

KEPT_VRS = frozenset(_TREATMENTS)
"""VRs that a private element may have to be kept."""


@cache
def safe_elements() -> SafeElements:
    """Give the elements that are known to be safe under every profile that keeps any."""
    known: dict[tuple[int, bytes], dict[int, frozenset[str]]] = {}
    for row in read_rows("safe_private.csv"):
        block = int(row["group"], 16), row["creator"].encode("ascii")
        known.setdefault(block, {})[int(row["element"], 16)] = frozenset(row["VRs"].split())
    return known


def creator_tag(tag: int) -> int | None:
    """Give the tag of the creator of a private element's block (PS3.5 section 7.8.1); None for what is in no block."""
    block = tag >> 8 & 0xFF
    return tag & 0xFFFF0000 | block if tag & ODD_GROUP and block >= 0x10 else None


def add_safe(reviewed: SafeElements) -> SafeElements:
    """Give what is known to be safe when somebody has reviewed more; all of a creator may have been found unsafe."""
    known = safe_elements()
    return (
        {block: {**known.get(block, {}), **reviewed.get(block, {})} for block in {*known, *reviewed}}
        if reviewed
        else known
    )


def is_known(group: int, creator: bytes, safe: SafeElements) -> bool:
    """Tell whether anything is known of a creator's elements in a group."""
    return (group, creator.strip(_PADDING)) in safe


@cache
def _public_creators() -> frozenset[str]:
    """Give the creators that public dictionaries list: these names can be told, for they are of nobody."""
    from pydicom._private_dict import private_dictionaries

    return frozenset(private_dictionaries)


class Candidate(NamedTuple):
    """A private element that a public dictionary knows, and that could be kept if it were found safe."""

    element: str
    VR: str
    meaning: str


def list_candidates(creator: str) -> dict[str, tuple[Candidate, ...]]:
    """List the elements of a creator that have a VR which may be kept, by group; nothing for an unknown creator."""
    from pydicom._private_dict import private_dictionaries

    groups: dict[str, list[Candidate]] = defaultdict(list)
    for tag, (VR, _, meaning, *_) in sorted(private_dictionaries.get(creator, {}).items()):
        if _PLAIN_GROUP.fullmatch(group := tag[:4].upper()):
            keepable = VR in KEPT_VRS and meaning not in _SAYS_NOTHING
            groups[group] += [Candidate(tag[-2:].upper(), VR, meaning)] if keepable else []
    return {group: tuple(found) for group, found in groups.items()}


_SAYS_NOTHING = frozenset({"", "?", "Unknown"})
_PLAIN_GROUP = re.compile("[0-9A-F]{3}[13579BDF]")
_CREATORS = 0xFF
UNLISTED = "OTHER"
"""Stands for a creator that no public dictionary lists: what is written there may be anything."""


def name_unknown_creator(element: Element, safe: SafeElements) -> str:
    """Name the Private Creator of which nothing can be kept; empty for any other element."""
    if not element.tag & ODD_GROUP or not 0x10 <= element.tag & 0xFFFF <= _CREATORS:
        return ""
    if is_known(element.tag >> 16, element.value, safe):
        return ""
    name = element.value.strip(_PADDING).decode("latin-1")
    return name if name in _public_creators() else UNLISTED


def keep_element(work: Work, element: Element, creator: bytes, path: str) -> Element | None:
    """Keep a private element, if it is a known one of its creator and is what it should be."""
    vrs = work.safe.get((element.tag >> 16, creator.strip(_PADDING)), {}).get(element.tag & 0xFF)
    if vrs is None or element.items is not None:
        return None
    VR = _meant_vr(element.value, vrs) if element.VR == "UN" else element.VR
    if VR not in vrs or (VR in NUMBER_VRS and _spells_text(element.value, VR)):
        return None
    kept = _TREATMENTS[VR](work, element._replace(VR=VR), path)
    if kept is None or VR == "CS" or not _tells_moment(kept, creator.strip(_PADDING)):
        return kept
    work.find("private-moment", path, element.tag, "BAD_DATE")
    return None


def _tells_moment(element: Element, creator: bytes) -> bool:
    """Tell whether a number may be a moment, and is not what its element is known to measure."""
    least, most = _MEASURED.get((element.tag >> 16, creator, element.tag & 0xFF), (0.0, 0.0))
    return any(tells_moment(number) for number in _numbers_in(element) if not least <= number <= most)


def _numbers_in(element: Element) -> Iterable[float]:
    if element.VR in NUMBER_VRS:
        return numbers_of(element)
    return [float(part) for given in element.value.split(b"\\") if (part := given.strip(_PADDING))]


def _spells_text(value: bytes, VR: str) -> bool:
    """Tell whether numbers are letters: implicit VR does not say what a private element is."""
    pattern = _TEXT_IN_NUMBERS if VR in _WHOLE_VRS else _TEXT_IN_FRACTIONS
    return len(value) <= _LONGEST_SEARCHED and pattern.fullmatch(value) is not None


def _meant_vr(value: bytes, vrs: frozenset[str]) -> str:
    """Tell which of the known VRs a value under UN is of; none where it could be more than one."""
    strings = [VR for VR in _STRING_VRS if VR in vrs]
    if strings and _DECIMAL.fullmatch(value):
        return strings[0]
    others = vrs.difference(("IS", "DS") if len(vrs) > 1 else ())
    return min(others) if len(others) == 1 else ""


def write_creator(tag: int, creator: bytes) -> Element:
    """Write the creator of a block of which something is kept."""
    return Element(tag, "LO", encode_text("LO", creator.strip(_PADDING).decode("ascii")))


def keep_private(work: Work, dataset: DataSet, tags: Iterable[int], path: str) -> dict[int, Element]:
    """Keep what is known to be safe among the private elements of a data set, and the creators of that."""
    kept: dict[int, Element] = {}
    for tag in tags:
        owner = creator_tag(tag)
        creator = None if owner is None else dataset.get(owner)
        if owner is None or creator is None:
            continue
        element = keep_element(work, dataset[tag], creator.value, path)
        if element is not None:
            kept[tag] = element
            if owner not in kept:
                kept[owner] = work.write(*write_creator(owner, creator.value)[:3])
    return kept
