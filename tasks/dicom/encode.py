"""Elements to bytes: a new preamble and file meta, the header encoded from its elements, the pixels copied.

Nothing of the source is passed through except the raw values of elements that a caller kept and the
pixel data, byte for byte. Lengths are always explicit, so equal elements give equal bytes, and no
sequence can run past its end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache

from tasks.dicom.buffer import read_span
from tasks.dicom.dictionary import LONG_VRS
from tasks.dicom.element import DataSet, Element, Payload
from tasks.dicom.values import encode_text

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"

IMPLEMENTATION_CLASS_UID = "2.25.273817465920184736455637281910283746501"
IMPLEMENTATION_VERSION_NAME = "DICOMFLOW_1"

COPY_BYTES = 1 << 20
"""Pixel data is copied in pieces of this size, so memory does not grow with the object."""

_ITEM = struct.Struct("<HHL")
_SHORT = struct.Struct("<HH2sH")
_LONG = struct.Struct("<HH2sHL")
_IMPLICIT = struct.Struct("<HHL")
_UNDEFINED = 0xFFFFFFFF
_DELIMITER = _ITEM.pack(0xFFFE, 0xE0DD, 0)


def encode_dataset(dataset: DataSet, *, explicit: bool) -> bytes:
    """Encode a data set, little-endian, with defined lengths.

    Parameters
    ----------
    explicit
        Write VRs (PS3.5 A.2) or leave them to the dictionary (PS3.5 A.1).
    """
    return b"".join(_encode_elements(dataset, explicit))


def _encode_elements(dataset: DataSet, explicit: bool) -> Iterator[bytes]:
    return (encode_element(dataset[tag], explicit=explicit) for tag in sorted(dataset))


def encode_element(element: Element, *, explicit: bool) -> bytes:
    """Encode one element, its items too."""
    value = element.value if element.items is None else _encode_items(element.items, explicit)
    if len(value) % 2:
        value += b"\0"
    return _element_header(element, len(value), explicit) + value


def _encode_items(items: tuple[DataSet, ...], explicit: bool) -> bytes:
    parts: list[bytes] = []
    for item in items:
        body = encode_dataset(item, explicit=explicit)
        parts += (_ITEM.pack(0xFFFE, 0xE000, len(body)), body)
    return b"".join(parts)


def _element_header(element: Element, length: int, explicit: bool) -> bytes:
    group, number, VR = element.tag >> 16, element.tag & 0xFFFF, element.VR
    if not explicit:
        return _IMPLICIT.pack(group, number, length)
    if VR in LONG_VRS:
        return _LONG.pack(group, number, VR.encode(), 0, length)
    if length > 0xFFFE:
        # PS3.5 section 6.2.2 note 2: a value too long for its VR's 16-bit length is written as UN.
        return _LONG.pack(group, number, b"UN", 0, length)
    return _SHORT.pack(group, number, VR.encode(), length)


def encode_meta(SOPClassUID: str, SOPInstanceUID: str, transfer_syntax: str) -> bytes:
    """Write a zero preamble and a new group 0002 that names nobody but us (PS3.10 section 7.1, PS3.15 E.1.1)."""
    instance = encode_element(Element(0x00020003, "UI", encode_text("UI", SOPInstanceUID)), explicit=True)
    before, after = _meta_around(SOPClassUID, transfer_syntax)
    length = len(before) + len(instance) + len(after)
    return b"".join((_META_START, length.to_bytes(4, "little"), before, instance, after))


_META_START = b"\0" * 128 + b"DICM" + _SHORT.pack(0x0002, 0x0000, b"UL", 4)


@lru_cache(maxsize=256)
def _meta_around(SOPClassUID: str, transfer_syntax: str) -> tuple[bytes, bytes]:
    """Encode what of group 0002 comes before the instance's UID and after it."""
    before = DataSet({0x00020001: Element(0x00020001, "OB", b"\0\1")})
    before[0x00020002] = Element(0x00020002, "UI", encode_text("UI", SOPClassUID))
    after = DataSet()
    for tag, VR, value in (
        (0x00020010, "UI", transfer_syntax),
        (0x00020012, "UI", IMPLEMENTATION_CLASS_UID),
        (0x00020013, "SH", IMPLEMENTATION_VERSION_NAME),
    ):
        after[tag] = Element(tag, VR, encode_text(VR, value))
    return encode_dataset(before, explicit=True), encode_dataset(after, explicit=True)


def encode_payload(payload: Payload, *, explicit: bool) -> Iterator[bytes | memoryview]:
    """Write the pixel data element: its header, then the bytes of the source in pieces of `COPY_BYTES`."""
    length = payload.length
    element = Element(payload.tag, payload.VR)
    yield _element_header(element, _UNDEFINED if payload.encapsulated else length + length % 2, explicit)
    for start in range(0, length, COPY_BYTES):
        yield read_span(payload.source, payload.offset + start, min(COPY_BYTES, length - start))
    if payload.encapsulated:
        yield _DELIMITER
    elif length % 2:
        yield b"\0"


def split_at_payload(dataset: DataSet, payload: Payload | None) -> tuple[DataSet, DataSet]:
    """Part a data set into what is written before the pixel data and what comes after it."""
    if payload is None:
        return dataset, DataSet()
    before = DataSet((tag, element) for tag, element in dataset.items() if tag < payload.tag)
    after = DataSet((tag, element) for tag, element in dataset.items() if tag > payload.tag)
    return before, after
