"""Whether compressed frames are what their transfer syntax says, told from their first bytes (PS3.5 8.2, A.4).

A decoder is the largest target a hostile file has, and most damage shows without one: a table of offsets that points
nowhere, a stream that does not begin as it must, or one of another size than the header says. So frames are looked
at, not decoded, and no more is read than a few bytes of each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from tasks.dicom.element import Payload

_RLE = "1.2.840.10008.1.2.5"
_JPEG = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 53, 55, 57, 70))
_JPEG_LS = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (80, 81))
_JPEG_2000 = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 92, 93))
KNOWN = _JPEG | _JPEG_LS | _JPEG_2000 | {_RLE}
"""Compressed syntaxes whose frames can be told from noise; of the others, video above all, nothing is said."""

_ITEM_HEAD = struct.Struct("<LL")
_SIZ = struct.Struct(">HHLLLL")
_FRAME_HEADER = struct.Struct(">BHH")
_RLE_HEADER_BYTES = 64
_HEAD_BYTES = 4096
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Markers that begin a frame header (ITU-T T.81 table B.1; F7 in JPEG-LS)."""
_NO_LENGTH = frozenset(range(0xD0, 0xD9)) | {0x01}
_SCAN, _END = 0xDA, 0xD9


class Shape(NamedTuple):
    """What the header says of a frame; None where it does not."""

    rows: int | None
    columns: int | None
    samples: int | None
    bits: int | None
    frames: int | None


def check_frames(payload: Payload, transfer_syntax: str, shape: Shape) -> tuple[str, ...]:
    """Look at encapsulated pixel data; give the reason codes of what is wrong with it.

    Parameters
    ----------
    payload
        Of which `tasks.dicom.payload` has found that its fragments fit.
    """
    if transfer_syntax not in KNOWN:
        return ("UNSUPPORTED_TRANSFER_SYNTAX",)
    table, *fragments = _fragments(payload)
    starts = _starts_by_table(payload, table, fragments, shape.frames)
    if starts is not None and not starts:
        return ("BAD_OFFSET_TABLE", *_check_starts(payload, fragments, None, transfer_syntax, shape))
    return _check_starts(payload, fragments, starts, transfer_syntax, shape)


class _Fragment(NamedTuple):
    """One item: offset of its tag in the source, and the length of its value, both in bytes."""

    offset: int
    length: int


def _fragments(payload: Payload) -> Iterator[_Fragment]:
    source, position, end = payload.source, payload.offset, payload.offset + payload.length
    while position + 8 <= end:
        _, length = _ITEM_HEAD.unpack(source.read(position, 8))
        yield _Fragment(position, length)
        position += 8 + length


def _starts_by_table(
    payload: Payload, table: _Fragment, fragments: list[_Fragment], frames: int | None
) -> list[int] | None:
    """Give the places among the fragments where frames start: None without a table, none where it lies."""
    if not table.length:
        return None
    if table.length % 4 or table.length // 4 != (frames or 1) or table.length > 4 * len(fragments):
        return []
    raw = payload.source.read(table.offset + 8, table.length)
    offsets = struct.unpack(f"<{table.length // 4}L", raw)
    places = {fragment.offset - fragments[0].offset: place for place, fragment in enumerate(fragments)}
    starts = [places.get(offset, -1) for offset in offsets]
    ascending = all(first < second for first, second in pairwise(starts))
    return starts if starts[0] == 0 and ascending else []


def _check_starts(
    payload: Payload, fragments: list[_Fragment], starts: list[int] | None, transfer_syntax: str, shape: Shape
) -> tuple[str, ...]:
    if starts is None:
        every = len(fragments) == (shape.frames or 1)
        starts = list(range(len(fragments))) if every else [0]
    ends = [*starts[1:], len(fragments)]
    for start, end in zip(starts, ends, strict=True):
        length = sum(fragment.length for fragment in fragments[start:end])
        head = payload.source.read(fragments[start].offset + 8, min(fragments[start].length, _HEAD_BYTES))
        if not _is_frame(head, length, transfer_syntax, shape):
            return ("PIXEL_DECODE",)
    return ()


def _is_frame(head: bytes, length: int, transfer_syntax: str, shape: Shape) -> bool:
    if transfer_syntax == _RLE:
        return _is_rle(head, length, shape)
    if transfer_syntax in _JPEG_2000:
        return _is_jpeg_2000(head, length, shape)
    return _is_jpeg(head, shape)


def _is_rle(head: bytes, length: int, shape: Shape) -> bool:
    """Hold the RLE header to PS3.5 annex G.5, and segments to what encoding can make of a frame."""
    if len(head) < _RLE_HEADER_BYTES:
        return False
    count, *offsets = struct.unpack_from("<16L", head)
    if not 1 <= count <= 15 or offsets[0] != _RLE_HEADER_BYTES:
        return False
    expected = None if shape.samples is None or not shape.bits else shape.samples * (shape.bits // 8)
    if expected and count != expected:
        return False
    limits = [*offsets[:count], length]
    if any(first >= second for first, second in pairwise(limits)):
        return False
    if not shape.rows or not shape.columns:
        return True
    # Two bytes stand for one at worst, and each row may end in a byte that stands for none.
    most = 2 * shape.rows * shape.columns + shape.rows + _RLE_HEADER_BYTES
    return all(second - first <= most for first, second in pairwise(limits))


def _is_jpeg_2000(head: bytes, length: int, shape: Shape) -> bool:
    """Hold SOC and SIZ (ITU-T T.800 A.5.1) to the size the header says; a JP2 wrapping is accepted unseen."""
    if head[4:8] == b"jP  ":
        return True
    if head[:4] != b"\xff\x4f\xff\x51" or len(head) < 4 + _SIZ.size:
        return False
    size, _, right, bottom, left, top = _SIZ.unpack_from(head, 4)
    if 4 + size > length or right <= left or bottom <= top:
        return False
    return _fits(bottom - top, right - left, shape)


def _is_jpeg(head: bytes, shape: Shape) -> bool:
    """Hold a stream to its frame header (ITU-T T.81 B.2.2); one that lies beyond the window is believed."""
    if head[:2] != b"\xff\xd8":
        return False
    position = _find_frame_header(head)
    if position is None:
        return len(head) == _HEAD_BYTES
    if not 0 < position <= len(head) - _FRAME_HEADER.size:
        return False
    _, rows, columns = _FRAME_HEADER.unpack_from(head, position)
    # Zero rows: they are told after the first scan (B.2.5).
    return columns > 0 and _fits(rows or shape.rows or 0, columns, shape)


def _find_frame_header(head: bytes) -> int | None:
    """Step from marker to marker; gives the offset of the frame header, 0 where something else is, None at the end."""
    position = 2
    while position + 4 <= len(head):
        marker = head[position + 1]
        if head[position] != 0xFF or marker in (_SCAN, _END):
            return 0
        if marker == 0xFF or marker in _NO_LENGTH:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in _SOF:
            return position + 4
        size = int.from_bytes(head[position + 2 : position + 4], "big")
        if size < 2:
            return 0
        position += 2 + size
    return None


def _fits(rows: int, columns: int, shape: Shape) -> bool:
    return (shape.rows in (None, 0, rows)) and (shape.columns in (None, 0, columns))
