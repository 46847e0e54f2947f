"""What the header promises of the pixel data (PS3.3 C.7.6.3), held against what is there."""

from __future__ import annotations

import struct
from array import array
from dataclasses import replace

from tasks.dicom.codestream import Shape, check_frames
from tasks.dicom.element import DataSet, Header, Payload
from tasks.dicom.values import numbers_of
from tasks.records import Finding

_ROWS, _COLUMNS, _FRAMES, _SAMPLES, _BITS = 0x00280010, 0x00280011, 0x00280008, 0x00280002, 0x00280100
_PHOTOMETRIC_INTERPRETATION = 0x00280004
_SUBSAMPLED = {b"YBR_FULL_422": 2, b"YBR_PARTIAL_422": 2, b"YBR_PARTIAL_420": 1.5}
"""Samples stored per pixel where chrominance is shared between neighbours (PS3.3 C.7.6.3.1.2)."""

OFFSETS, LENGTHS = 0x7FE00001, 0x7FE00002
"""Extended Offset Table and its lengths (PS3.3 C.7.6.3.1.8)."""
_FLOATS = {0x7FE00008: "f", 0x7FE00009: "d"}
_PIECE = 1 << 20
_UNTRUSTED = frozenset({"PIXEL_DECODE", "PIXEL_LENGTH_MISMATCH"})
"""Faults after which nobody can say what the bytes show, so they do not leave."""


def shape_of(dataset: DataSet) -> Shape:
    """Give what the header says of a frame; Number of Frames is 1 where it is not there."""
    frames = _number(dataset, _FRAMES) if _FRAMES in dataset and dataset[_FRAMES].value.strip() else 1
    samples = _number(dataset, _SAMPLES) if _SAMPLES in dataset else 1
    rows, columns, bits = (_number(dataset, tag) for tag in (_ROWS, _COLUMNS, _BITS))
    return Shape(rows, columns, samples, bits, frames)


def expected_pixel_bytes(dataset: DataSet) -> int | None:
    """Give the length of native pixel data in bytes, without the padding byte; None if the header does not say."""
    rows, columns, whole_samples, bits, frames = shape_of(dataset)
    samples: float | None = whole_samples
    if rows is None or columns is None or bits is None:
        return None
    if frames is None or samples is None or min(rows, columns, bits, frames, samples) < 1:
        return None
    if _PHOTOMETRIC_INTERPRETATION in dataset and samples == 3:
        samples = _SUBSAMPLED.get(dataset[_PHOTOMETRIC_INTERPRETATION].value.strip(b" \0"), 3)
    return int(-(-rows * columns * frames * samples * bits // 8))


def check_pixels(header: Header, level: str = "structure") -> Header:
    """Let go of pixel data that is not what the header promises, and record why.

    Parameters
    ----------
    level
        ``none`` leaves compressed frames and single pixels unseen, ``structure`` does not.

    Returns
    -------
    Header
        The same one, or one with a finding, and without payload where the pixels cannot be trusted: then
        the header row can be published, and they are not.
    """
    payload = header.payload
    if payload is None:
        missing = _ROWS in header.dataset and not any(
            finding.path == "(7FE0,0010)" for finding in header.findings
        )
        return with_faults(header, "NO_PIXEL_DATA") if missing else header
    if not payload.encapsulated:
        expected = expected_pixel_bytes(header.dataset)
        if expected is not None and payload.length not in (expected, expected + expected % 2):
            return with_faults(header, "PIXEL_LENGTH_MISMATCH")
    if level == "none":
        return header
    faults = find_faults(payload, header.transfer_syntax, shape_of(header.dataset))
    if payload.encapsulated and not faults and not _is_true_table(header.dataset, payload):
        faults = ("BAD_OFFSET_TABLE",)
    return with_faults(header, *faults)


def find_faults(payload: Payload, transfer_syntax: str, shape: Shape) -> tuple[str, ...]:
    """Look at frames without decoding them; give the reason codes of what is wrong."""
    if payload.encapsulated:
        return check_frames(payload, transfer_syntax, shape)
    return ("PIXEL_NAN",) if _holds_nan(payload) else ()


def lost_pixels(header: Header) -> bool:
    """Tell whether there were pixels, and their description with them, that are not trusted any more."""
    return any(finding.code in _UNTRUSTED for finding in header.findings)


def with_faults(header: Header, *codes: str) -> Header:
    """Record faults of the pixel data, and let go of it where it cannot be trusted any more."""
    if not codes:
        return header
    findings = tuple(Finding("pixels", "(7FE0,0010)", code) for code in codes)
    payload = None if _UNTRUSTED.intersection(codes) else header.payload
    return replace(header, findings=(*header.findings, *findings), payload=payload)


def _is_true_table(dataset: DataSet, payload: Payload) -> bool:
    """Tell whether the Extended Offset Table, if there is one, points at items of just the lengths it says."""
    if OFFSETS not in dataset:
        return True
    offsets = dataset[OFFSETS].value
    lengths = dataset[LENGTHS].value if LENGTHS in dataset else b""
    if len(offsets) % 8 or len(lengths) not in (0, len(offsets)):
        return False
    source, first = payload.source, payload.offset
    first += 8 + int.from_bytes(source.read(first + 4, 4), "little")
    for place in range(0, len(offsets), 8):
        (offset,) = struct.unpack_from("<Q", offsets, place)
        if offset + 8 > payload.length:
            return False
        tag, length = struct.unpack("<LL", source.read(first + offset, 8))
        told = struct.unpack_from("<Q", lengths, place)[0] if lengths else length
        if tag != 0xE000FFFE or told not in (length, length - 1):
            return False
    return True


def _holds_nan(payload: Payload) -> bool:
    code = _FLOATS.get(payload.tag)
    if code is None:
        return False
    for start in range(0, payload.length, _PIECE):
        values = array(code)
        piece = payload.source.read(payload.offset + start, min(_PIECE, payload.length - start))
        values.frombytes(piece[: len(piece) - len(piece) % values.itemsize])
        total = sum(values)
        # The sum of numbers is a number, unless infinities cancel out.
        if total != total and any(value != value for value in values):  # noqa: PLR0124 - only NaN is not itself
            return True
    return False


def _number(dataset: DataSet, tag: int) -> int | None:
    element = dataset.get(tag)
    if element is None or element.items is not None:
        return None
    try:
        numbers = numbers_of(element)
    except (ValueError, KeyError):
        return None
    return int(numbers[0]) if numbers else None
