"""Finds where pixel data ends, and whether it is all there, without reading it.

Native pixel data says its length. Compressed pixel data is a run of fragments that must be stepped
over one by one; a missing last delimiter is the commonest damage of all (a copy that stopped), and
pydicom answers it with an empty data set.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from tasks.dicom.element import ByteSource, Payload
from tasks.dicom.walk import UNDEFINED, PayloadSpan
from tasks.records import Finding

_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"


class Located(NamedTuple):
    """A payload, or None where the pixels cannot be trusted; and the offset after it, where known."""

    payload: Payload | None
    end: int | None
    findings: tuple[Finding, ...] = ()


def locate_payload(
    source: ByteSource, span: PayloadSpan, compressed: bool, *, walk: bool, most: float = math.inf
) -> Located:
    """Settle the extent of a pixel data element.

    Parameters
    ----------
    compressed
        The transfer syntax is an encapsulated one.
    walk
        Step over the fragments. Without, compressed data is taken to reach to the end.
    most
        Fragments after which to give up, without a payload and without a word: each may be of no byte at all.
    """
    encapsulated = span.length == UNDEFINED
    if encapsulated != compressed:
        # Under a native syntax, fragments read as pixels are wrong pixels; the reverse decodes to noise.
        end = None if encapsulated else span.offset + span.length
        return Located(None, end, _note("TS_MISMATCH"))
    if encapsulated:
        return _locate_fragments(source, span, walk, most)
    if not span.length:
        return Located(None, span.offset, _note("NO_PIXEL_DATA"))
    end = span.offset + span.length
    if end > source.size:
        return Located(None, None, _note("PIXEL_TRUNCATED"))
    return Located(Payload(span.tag, span.VR, source, span.offset, span.length, False), end)


def _locate_fragments(source: ByteSource, span: PayloadSpan, walk: bool, most: float) -> Located:
    if not walk:
        length = source.size - span.offset
        return Located(Payload(span.tag, span.VR, source, span.offset, length, True), None)
    position, fragments = span.offset, 0
    findings: tuple[Finding, ...] = ()
    while True:
        head = source.read(position, 8)
        if len(head) == 8 and head[:4] == _SEQUENCE_END:
            end: int | None = position + 8
            break
        if not head or head[:4] == _SEQUENCE_END:
            # All fragments are there; of the delimiter, nothing or a part.
            end, findings = None, _note("NO_SEQ_DELIM")
            break
        length = int.from_bytes(head[4:], "little")
        if len(head) < 8 or head[:4] != _ITEM or position + 8 + length > source.size:
            return Located(None, None, _note("PIXEL_TRUNCATED"))
        position += 8 + length
        fragments += 1
        if fragments > most:
            return Located(None, None)
    if fragments < 2:
        # The first item is the Basic Offset Table (PS3.5 A.4), so one item holds no pixels.
        return Located(None, end, _note("NO_PIXEL_DATA"))
    payload = Payload(span.tag, span.VR, source, span.offset, position - span.offset, True)
    return Located(payload, end, findings)


def _note(code: str) -> tuple[Finding, ...]:
    return (Finding("structure", "(7FE0,0010)", code),)
