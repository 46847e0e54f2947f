"""A data set as DICOM JSON (PS3.18 Annex F), so that a table row carries the whole de-identified header.

Tables name some seventy attributes; the next question is always about another one. Bulk values are
left out by size: a header row is for asking, the cleaned file is for the bytes.
"""

from __future__ import annotations

import math
from base64 import b64encode
from typing import Any

import orjson

from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import BINARY_NUMBER_VRS, STRING_VRS, encodings_of, numbers_of, texts_of

INLINE_BYTES = 1024
"""Binary values up to this size are inlined as base64; a longer one keeps its VR and no value."""

_PLAIN_VRS = STRING_VRS - {"AE", "DS", "IS", "PN"}
"""VRs whose values are shown as they are written."""
_MARKS = frozenset(b"\\\x1b")
"""The backslash between values, and the escape before another character set."""

_PERSON_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def header_json(dataset: DataSet, encodings: tuple[str, ...]) -> str:
    """Write a data set as one JSON object, keyed by tag in ascending order.

    Parameters
    ----------
    encodings
        Python codecs of the data set, as `encodings_of` gives them.
    """
    return orjson.dumps(_object(dataset, encodings)).decode()


def attribute_json(element: Element, encodings: tuple[str, ...]) -> bytes:
    """Write one member of the object: the attribute's tag and what it is; members joined by commas make the whole."""
    tag, VR, value, _ = element
    if VR in _PLAIN_VRS and value.isascii() and not _MARKS.intersection(value):
        # Nearly every text of nearly every header: one value, of which decoding changes nothing but its length.
        text = value.decode("ascii").rstrip("\0 ")
        if text:
            return b'"%08X":{"vr":"%b","Value":[%b]}' % (tag, VR.encode(), orjson.dumps(text))
    return b'"%08X":%b' % (element.tag, orjson.dumps(_attribute(element, encodings)))


def _object(dataset: DataSet, encodings: tuple[str, ...]) -> dict[str, Any]:
    return {f"{tag:08X}": _attribute(dataset[tag], encodings) for tag in sorted(dataset)}


def _attribute(element: Element, encodings: tuple[str, ...]) -> dict[str, Any]:
    attribute: dict[str, Any] = {"vr": element.VR}
    if element.items is not None:
        if element.items:
            attribute["Value"] = [_object(item, encodings_of(item, encodings)) for item in element.items]
        return attribute
    if not element.value:
        return attribute
    if element.VR in STRING_VRS or element.VR in BINARY_NUMBER_VRS:
        values = _values(element, encodings)
        if values:
            attribute["Value"] = values
    elif len(element.value) <= INLINE_BYTES:
        attribute["InlineBinary"] = b64encode(element.value).decode()
    return attribute


def _values(element: Element, encodings: tuple[str, ...]) -> list[Any]:
    VR = element.VR
    if VR == "PN":
        return [_person_name(text) for text in texts_of(element, encodings)]
    if VR in ("DS", "IS") or VR in BINARY_NUMBER_VRS:
        try:
            numbers = numbers_of(element)
        except ValueError:
            return _numbers_one_by_one(element)
        if VR == "AT":
            return [f"{number:08X}" for number in numbers]
        return [number if math.isfinite(number) else None for number in numbers]
    return [text or None for text in texts_of(element, encodings)]


def _numbers_one_by_one(element: Element) -> list[Any]:
    """Keep the numbers of a decimal string that has empty values between them."""
    if element.VR not in ("DS", "IS"):
        return []
    values: list[Any] = []
    for text in texts_of(element):
        try:
            number = float(text) if element.VR == "DS" else int(text)
        except ValueError:
            values.append(None)
        else:
            values.append(number if math.isfinite(number) else None)
    return values


def _person_name(text: str) -> dict[str, str] | None:
    groups = {name: group for name, group in zip(_PERSON_NAME_GROUPS, text.split("="), strict=False) if group}
    return groups or None
