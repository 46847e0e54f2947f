"""Treatments that keep a value as it is, after proving that it is what its VR says.

A code string that is prose, or a number that is none, is a value somebody smuggled past the table by
calling it harmless; it is removed. Each treatment takes the work at hand, an element and the path of
its data set, and gives what is written in its place, or None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from tasks.deid.code_words import holds_unknown_word
from tasks.deid.dates import are_times, shift_dates, shift_datetimes
from tasks.deid.terms import closed_terms
from tasks.deid.text.device_text import find_person
from tasks.deid.work import Work
from tasks.dicom.dictionary import format_tag, vr_of
from tasks.dicom.element import Element
from tasks.dicom.values import STRING_VRS, decode, numbers_of

Treatment = Callable[[Work, Element, str], Element | None]

_SIZES = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "UV": 8, "SV": 8, "FL": 4, "FD": 8, "AT": 4}
_SIZES |= {"OB": 1, "OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
_CODE_STRING = re.compile(rb"[A-Z0-9_ ]{0,16}(?:\\[A-Z0-9_ ]{0,16})*[ \0]?")
_ONE_DECIMAL = rb" *+(?:[+-]?+(?:[0-9]++\.?+[0-9]*+|\.[0-9]++)(?:[eE][+-]?+[0-9]++)?+)?+ *+"
_ONE_INTEGER = rb" *+(?:[+-]?+[0-9]{1,11}+)?+ *+"
_DECIMALS = re.compile(rb"%b(?:\\%b)*+\0?" % (_ONE_DECIMAL, _ONE_DECIMAL))
_INTEGERS = re.compile(rb"%b(?:\\%b)*+\0?" % (_ONE_INTEGER, _ONE_INTEGER))
_CONTROL = re.compile(rb"[\x00-\x1a\x1c-\x1f\x7f]")
_CONTROL_IN_LINES = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
"""Control characters that text of one line, and of many, must not hold (PS3.5 section 6.1.3)."""
_PROSE = re.compile(rb"[\t\n\r -~]{24,}\0*")
"""So many bytes that are all printable are a sentence: six floats or three doubles are once in 10^8."""
_SHORTEST_SPELLED = 6
"""Bytes of a number in which an identifier could be spelled out."""
_SHORTEST_NUMBER = 4
"""Bytes of a number that can have six digits."""
_AGE = re.compile(rb"([0-9]{3})([DWMY])[ \0]*")
_OLDEST_TOLD, _OLDER = 89, b"090Y"
"""HIPAA 45 CFR 164.514(b)(2)(i)(C): ages over 89 are told as one category."""


def keep_numbers(vrs: frozenset[str], most: int | None) -> Treatment:
    """Keep binary numbers of any of these VRs: whole ones, and no more than the attribute has (None: any number)."""

    def keep(work: Work, element: Element, path: str) -> Element | None:
        if element.VR not in vrs:
            return _reread(work, element, path, vrs, keep)
        count, rest = divmod(len(element.value), _SIZES[element.VR])
        if rest or (most is not None and count > most):
            return _refuse(work, element, path, "BAD_NUMBER")
        if len(element.value) < _SHORTEST_NUMBER:
            return element
        kept = element if len(element.value) < _SHORTEST_SPELLED else _keep_bytes(work, element, path)
        if kept is not None and count <= _FEW and (said := _said_in_digits(element)):
            return work.keep_number(element, path, said)
        return kept

    return keep


def _said_in_digits(element: Element) -> bytes:
    """Write whole numbers of six digits and more as one would read them: a patient's number may be one of them."""
    if element.VR == "AT":
        return b""
    numbers = [
        int(number) for number in numbers_of(element) if math.isfinite(number) and number == int(number)
    ]
    return b"\\".join(b"%d" % number for number in numbers if number >= _SIX_DIGITS)


_FEW, _SIX_DIGITS = 16, 100_000


def keep_bytes(vrs: frozenset[str]) -> Treatment:
    """Keep a table of numbers in which no long identifier is spelled out."""

    def keep(work: Work, element: Element, path: str) -> Element | None:
        if element.VR not in vrs:
            return _reread(work, element, path, vrs, keep)
        if len(element.value) % _SIZES[element.VR]:
            return _refuse(work, element, path, "BAD_NUMBER")
        return _keep_bytes(work, element, path)

    return keep


def _keep_bytes(work: Work, element: Element, path: str) -> Element | None:
    if _PROSE.fullmatch(element.value):
        return _refuse(work, element, path, "WRONG_VR")
    return work.keep_bytes(element, path)


def keep_code_string(work: Work, element: Element, path: str) -> Element | None:
    """Keep a CS of capitals, digits, space and underscore, at most 16 a value (PS3.5 section 6.2), of known words."""
    if element.VR != "CS":
        return _reread(work, element, path, _CS, keep_code_string)
    if not _CODE_STRING.fullmatch(element.value):
        return _refuse(work, element, path, "WRONG_VR")
    if element.tag not in closed_terms() and holds_unknown_word(element.tag, element.value):
        work.find("unknown-code", path, element.tag, "BAD_TEXT")
        return Element(element.tag, "CS")
    return work.keep_text(element, path)


def keep_decimals(work: Work, element: Element, path: str) -> Element | None:
    """Keep a DS in which every value is a decimal number."""
    if element.VR != "DS":
        return _reread(work, element, path, _DS, keep_decimals)
    if not _DECIMALS.fullmatch(element.value):
        return _refuse(work, element, path, "BAD_NUMBER")
    return work.keep_number(element, path)


def keep_integers(work: Work, element: Element, path: str) -> Element | None:
    """Keep an IS in which every value is an integer."""
    if element.VR != "IS":
        return _reread(work, element, path, _IS, keep_integers)
    if not _INTEGERS.fullmatch(element.value):
        return _refuse(work, element, path, "BAD_NUMBER")
    return work.keep_number(element, path)


_CS, _DS, _IS = frozenset({"CS"}), frozenset({"DS"}), frozenset({"IS"})


def keep_text(VR: str, *, of_device: bool = False) -> Treatment:
    """Keep text, if it is text; one that a device wrote, if nobody is found in it."""
    vrs = frozenset({VR})
    control = _CONTROL_IN_LINES if VR in ("LT", "ST", "UT") else _CONTROL

    def keep(work: Work, element: Element, path: str) -> Element | None:
        if element.VR != VR:
            return _reread(work, element, path, vrs, keep)
        if control.search(element.value.rstrip(b"\0")):
            return _refuse(work, element, path, "BAD_TEXT")
        if of_device and (
            person := find_person(decode(element.value, work.encodings, "replace").rstrip(" \0"))
        ):
            return work.emptied(element, path, person)
        return work.keep_text(element, path)

    return keep


def keep_dates(VR: str) -> Treatment:
    """Keep dates and times that can be read, for who retains them; what cannot be read may be anything."""

    def keep(work: Work, element: Element, path: str) -> Element | None:
        if element.VR != VR:
            return _reread(work, element, path, frozenset({VR}), keep)
        if not element.value.strip(b" \0"):
            return Element(element.tag, VR)
        if not _CAN_BE_READ[VR](element.value):
            return _refuse(work, element, path, "BAD_TIME" if VR == "TM" else "BAD_DATE")
        return work.keep_number(element, path)

    return keep


_CAN_BE_READ: dict[str, Callable[[bytes], bool]] = {
    "DA": lambda value: shift_dates(value, 0) is not None,
    "DT": lambda value: shift_datetimes(value, 0) is not None,
    "TM": are_times,
}


def keep_age(work: Work, element: Element, path: str) -> Element | None:
    """Keep an age, the oldest as `090Y`."""
    if element.VR != "AS":
        return _reread(work, element, path, frozenset({"AS"}), keep_age)
    if not element.value.strip(b" \0"):
        return Element(element.tag, "AS")
    age = _AGE.fullmatch(element.value)
    if age is None:
        return _refuse(work, element, path, "BAD_AGE")
    if age[2] == b"Y" and int(age[1]) > _OLDEST_TOLD:
        return Element(element.tag, "AS", _OLDER)
    return element


def walk_sequence(work: Work, element: Element, path: str) -> Element | None:
    """Keep a sequence and de-identify each of its items; keep nothing that is no sequence."""
    if element.items is None:
        return (
            _refuse(work, element, path, "WRONG_VR") if element.value else Element(element.tag, "SQ", b"", ())
        )
    here = path + format_tag(element.tag)
    items = tuple(work.walk(item, f"{here}[{index}].") for index, item in enumerate(element.items))
    return Element(element.tag, "SQ", b"", items)


def _reread(work: Work, element: Element, path: str, vrs: frozenset[str], keep: Treatment) -> Element | None:
    """Read a value under the dictionary's VR where its bytes mean the same under both, else refuse it.

    Bytes of VR UN are the little-endian bytes of the real VR (PS3.5 section 6.2.2), and one string VR
    is as good as another until `keep` has looked at the value. Anything else is a lie about the value.
    """
    as_string = element.VR in STRING_VRS and vrs <= STRING_VRS
    if not (as_string or element.VR == "UN"):
        return _refuse(work, element, path, "WRONG_VR")
    if as_string:
        work.find("vr-of-dictionary", path, element.tag, "WRONG_VR")
    VR = vr_of(element.tag)
    return keep(work, element._replace(VR=VR if VR in vrs else min(vrs)), path)


def _refuse(work: Work, element: Element, path: str, code: str) -> Element | None:
    """Record why a value is not kept, and keep nothing."""
    work.find("not-what-vr-says", path, element.tag, code)
    return None
