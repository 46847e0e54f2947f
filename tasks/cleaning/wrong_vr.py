"""Elements under another VR than the dictionary's are read as the dictionary's, if that loses nothing.

Everything after cleaning goes by tag: de-identification, the tables, the rules of the gate. So a
study date under VR LO must be a date like any other, and a patient's name under US is no name at all.
"""

from __future__ import annotations

import struct

from tasks.cleaning.rules import Rule
from tasks.dicom.dictionary import is_private, vr_of, vrs_of
from tasks.dicom.element import Element
from tasks.dicom.values import BINARY_NUMBER_VRS, NUMBER_FORMATS, STRING_VRS, encode_numbers, numbers_of

WRONG_VR = Rule(
    "wrong-vr",
    "WRONG_VR",
    "An element under another VR than the standard's gets the standard's: a string stays the same string, a number "
    "the same number, any other value is emptied.",
)

BYTE_VRS = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
"""VRs whose values nobody interprets here: they stand for each other."""


def has_wrong_vr(tag: int, VR: str) -> bool:
    """Tell whether the dictionary knows `tag`, and not with this VR; private elements are their vendor's."""
    if is_private(tag):
        return False
    known = vrs_of(tag)
    return bool(known) and VR not in known and not (VR in BYTE_VRS and known & BYTE_VRS)


def give_standard_vr(element: Element) -> Element:
    """Give the element the dictionary's VR, and the same value where there is one."""
    standard = vr_of(element.tag) or element.VR
    if standard == "SQ":
        return Element(element.tag, standard, b"", ())
    if element.items is not None:
        return Element(element.tag, standard)
    if _is_same_bytes(element.VR, standard):
        return element._replace(VR=standard)
    return _convert_numbers(element) or Element(element.tag, standard)


def _is_same_bytes(VR: str, standard: str) -> bool:
    if VR == "UN" or (VR in STRING_VRS and standard in STRING_VRS):
        return True
    return standard in BYTE_VRS and VR in BYTE_VRS | BINARY_NUMBER_VRS


def _convert_numbers(element: Element) -> Element | None:
    """Write numbers under a VR the dictionary allows and that holds exactly the same ones."""
    if element.VR not in NUMBER_FORMATS:
        return None
    for VR in sorted(vrs_of(element.tag) & NUMBER_FORMATS.keys(), reverse=True):
        try:
            numbers = numbers_of(element)
            converted = Element(element.tag, VR, encode_numbers(VR, *numbers))
            if numbers_of(converted) == numbers:
                return converted
        except (ValueError, struct.error, OverflowError):
            continue
    return None
