"""The standard's dictionary (PS3.6), asked by tag as an integer.

pydicom carries the tables; it answers through tag objects and raises for what it does not know,
which on a path taken a hundred times per file is most of the cost. Here every answer is one
look-up in a dict that fills itself.
"""

from __future__ import annotations

from functools import cache, lru_cache

from pydicom import datadict
from pydicom._uid_dict import UID_dictionary

SHORT_VRS = frozenset(
    {
        "AE",
        "AS",
        "AT",
        "CS",
        "DA",
        "DS",
        "DT",
        "FD",
        "FL",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "SL",
        "SS",
        "ST",
        "TM",
    }
    | {"UI", "UL", "US"}
)
LONG_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
"""VRs with two reserved bytes and a 32-bit length in explicit syntaxes (PS3.5 Table 7.1-1)."""
ALL_VRS = SHORT_VRS | LONG_VRS


@cache
def vrs_of(tag: int) -> frozenset[str]:
    """Give every VR the dictionary allows for `tag`, such as `US` and `SS`; empty for an unknown tag."""
    if tag >> 16 & 1:
        return frozenset({"LO"} if is_private_creator(tag) else ())
    if not tag & 0xFFFF:
        return frozenset({"UL"})
    try:
        vr = datadict.dictionary_VR(tag)
    except KeyError:
        return frozenset()
    return frozenset(part for part in vr.replace(" or ", " ").split() if part in ALL_VRS)


_PREFERRED = ("OW", "US")


@cache
def vr_of(tag: int) -> str | None:
    """Give the VR to read `tag` with where the encoding does not say; None for an unknown tag.

    Of several, `OW` stands for pixel-like data (PS3.5 A.1: implicit pixel data is OW) and `US` until
    Pixel Representation says `SS`.
    """
    vrs = vrs_of(tag)
    if len(vrs) < 2:
        return next(iter(vrs), None)
    return next((vr for vr in _PREFERRED if vr in vrs), min(vrs))


@cache
def keyword_of(tag: int) -> str:
    """Give the keyword of PS3.6 Table 6-1, or an empty string."""
    return datadict.keyword_for_tag(tag)


@cache
def tag_of(keyword: str) -> int:
    """Give the tag of a keyword.

    Raises
    ------
    KeyError
        If the dictionary has no such keyword.
    """
    tag = datadict.tag_for_keyword(keyword)
    if tag is None:
        raise KeyError(keyword)
    return int(tag)


def is_private(tag: int) -> bool:
    """Tell whether the group is odd (PS3.5 section 7.8)."""
    return bool(tag >> 16 & 1)


def is_private_creator(tag: int) -> bool:
    """Tell whether `tag` reserves a block: (gggg,0010) to (gggg,00FF) of an odd group (PS3.5 section 7.8.1)."""
    return bool(tag >> 16 & 1) and 0x10 <= tag & 0xFFFF <= 0xFF


@lru_cache(1 << 13)
def format_tag(tag: int) -> str:
    """Write a tag as the standard does: `(0010,0020)`."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def is_registered_uid(uid: str) -> bool:
    """Tell whether PS3.6 Annex A registers `uid`: it names a concept, not an instance, and is never mapped."""
    return uid in UID_dictionary
