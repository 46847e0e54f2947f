"""Coded entries (PS3.3 section 8): a public code is a fact of medicine, a private one can be anybody's name.

Code Meaning is free text next to a code, and scanners let people type it. So the meaning is never
copied: where PS3.16 knows the code, its own words are written, else a dummy, since the attribute is
of type 1. A code of a scheme that is not public is replaced by a keyed one, so that equal codes stay
equal and nothing can be read from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import cast

from tasks.deid.data import read_rows
from tasks.deid.work import Work
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import encode_text

CODE_VALUE, DESIGNATOR, SCHEME_VERSION, CODE_MEANING = 0x00080100, 0x00080102, 0x00080103, 0x00080104
LONG_CODE_VALUE, URN_CODE_VALUE = 0x00080119, 0x00080120
CODE_TAGS = frozenset({CODE_VALUE, DESIGNATOR, SCHEME_VERSION, CODE_MEANING, LONG_CODE_VALUE, URN_CODE_VALUE})
_VR_OF_CODE = {CODE_VALUE: "SH", LONG_CODE_VALUE: "UC"}
_KEYED_LENGTH = {CODE_VALUE: 16, LONG_CODE_VALUE: 24}
"""Characters of a keyed code: what an SH holds, and more than that, for which Long Code Value is there."""
UNKNOWN_MEANING = "DEIDENTIFIED"
UNKNOWN_SCHEME = "99DEIDENTIFIED"
"""`99` marks a private scheme (PS3.16 section 8.2); 14 of the 16 characters an SH has."""
_SNOMED_RT = frozenset({"SRT", "SNM3", "99SDM"})
"""Designators of SNOMED RT style identifiers, which PS3.16 now knows by their SNOMED CT codes."""
_Schemes = dict[str, dict[str, dict[str, tuple[str, list[int]]]]]
"""Meanings and context groups by scheme, keyword and code, as pydicom has them."""
_VERSION = re.compile(r"[0-9][0-9A-Za-z.]{0,15}")


def clean_code(work: Work, item: DataSet, path: str) -> Iterator[Element]:
    """Give the elements that take the place of an item's coded entry, those of `CODE_TAGS`.

    Parameters
    ----------
    item
        The original item.
    path
        Path of the item, for findings.
    """
    scheme = _text(item, DESIGNATOR)
    tag = next((tag for tag in (CODE_VALUE, LONG_CODE_VALUE) if _text(item, tag)), CODE_VALUE)
    code = _text(item, tag)
    if is_public_code(scheme, code) if code else scheme in public_schemes():
        yield from _keep_code(work, item, path, tag, meaning_of(scheme, code))
    else:
        yield from _replace_code(work, item, tag, scheme, code)


def _keep_code(work: Work, item: DataSet, path: str, tag: int, meaning: str) -> Iterator[Element]:
    if tag in item:
        yield work.keep_text(Element(tag, _VR_OF_CODE[tag], item[tag].value), path)
    yield work.write(DESIGNATOR, "SH", encode_text("SH", _text(item, DESIGNATOR)))
    version = _text(item, SCHEME_VERSION)
    if _VERSION.fullmatch(version):
        yield work.keep_text(Element(SCHEME_VERSION, "SH", encode_text("SH", version)), path)
    if CODE_MEANING in item:
        yield work.write(CODE_MEANING, "LO", encode_text("LO", meaning))


def _replace_code(work: Work, item: DataSet, tag: int, scheme: str, code: str) -> Iterator[Element]:
    urn = _text(item, URN_CODE_VALUE)
    if code:
        keyed = work.pseudonyms.text("code", f"{scheme}\x1f{code}", _KEYED_LENGTH[tag])
        yield work.write(tag, _VR_OF_CODE[tag], encode_text("SH", keyed))
    if scheme or code:
        yield work.write(DESIGNATOR, "SH", encode_text("SH", UNKNOWN_SCHEME))
    if CODE_MEANING in item:
        yield work.write(CODE_MEANING, "LO", encode_text("LO", UNKNOWN_MEANING))
    if urn and not code:
        yield work.write(URN_CODE_VALUE, "UR", encode_text("UR", f"urn:oid:{work.pseudonyms.uid(urn)}"))


def _text(item: DataSet, tag: int) -> str:
    element = item.get(tag)
    return "" if element is None else element.value.decode("latin-1").strip(" \0")


@lru_cache(1 << 12)
def is_public_code(scheme: str, code: str) -> bool:
    """Tell whether a code is one of a public scheme, by PS3.16's own list or by the scheme's form of codes."""
    pattern = public_schemes().get(scheme)
    return pattern is not None and (bool(pattern.fullmatch(code)) or (scheme, code) in _meanings())


@lru_cache(1 << 12)
def meaning_of(scheme: str, code: str) -> str:
    """Give PS3.16's words for a code, as far as LO and ASCII can hold them; else a dummy."""
    if scheme in _SNOMED_RT:
        scheme, code = "SCT", _from_srt().get(code, "")
    meaning = _meanings().get((scheme, code), "")
    return (
        meaning if meaning.isascii() and 0 < len(meaning) <= 64 and "\\" not in meaning else UNKNOWN_MEANING
    )


@cache
def public_schemes() -> dict[str, re.Pattern[str]]:
    """Give the form of codes by designator of each public scheme; a scheme without a form has one nothing matches."""
    return {
        row["designator"]: re.compile(row["pattern"] or r"(?!)") for row in read_rows("coding_schemes.csv")
    }


@cache
def _meanings() -> dict[tuple[str, str], str]:
    # Imported when the first code is met: it costs 80 ms and 15 MB, and most instances have none.
    from pydicom.sr._concepts_dict import concepts as schemes

    return {
        (scheme, code): meaning
        for scheme, concepts in cast("_Schemes", schemes).items()
        for codes in concepts.values()
        for code, (meaning, _) in codes.items()
    }


@cache
def _from_srt() -> dict[str, str]:
    from pydicom.sr._snomed_dict import mapping

    return mapping["SRT"]
