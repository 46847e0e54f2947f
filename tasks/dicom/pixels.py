"""What the header promises of the pixel data (PS3.3 C.7.6.3), held against what is there."""

from __future__ import annotations

from dataclasses import replace

from tasks.dicom.element import DataSet, Header
from tasks.dicom.values import numbers_of
from tasks.records import Finding

_ROWS, _COLUMNS, _FRAMES, _SAMPLES, _BITS = 0x00280010, 0x00280011, 0x00280008, 0x00280002, 0x00280100
_PHOTOMETRIC_INTERPRETATION = 0x00280004
_SUBSAMPLED = {b"YBR_FULL_422": 2, b"YBR_PARTIAL_422": 2, b"YBR_PARTIAL_420": 1.5}
"""Samples stored per pixel where chrominance is shared between neighbours (PS3.3 C.7.6.3.1.2)."""


def expected_pixel_bytes(dataset: DataSet) -> int | None:
    """Give the length of native pixel data in bytes, without the padding byte; None if the header does not say."""
    rows, columns, bits = (_number(dataset, tag) for tag in (_ROWS, _COLUMNS, _BITS))
    if rows is None or columns is None or bits is None:
        return None
    frames = _number(dataset, _FRAMES) if _FRAMES in dataset and dataset[_FRAMES].value.strip() else 1
    samples: float | None = _number(dataset, _SAMPLES) if _SAMPLES in dataset else 1
    if frames is None or samples is None or min(rows, columns, bits, frames, samples) < 1:
        return None
    if _PHOTOMETRIC_INTERPRETATION in dataset and samples == 3:
        samples = _SUBSAMPLED.get(dataset[_PHOTOMETRIC_INTERPRETATION].value.strip(b" \0"), 3)
    return int(-(-rows * columns * frames * samples * bits // 8))


def check_pixels(header: Header) -> Header:
    """Let go of pixel data that is not what the header promises, and record why.

    Returns
    -------
    Header
        The same one, or one without payload and with a finding: the header row can be published,
        pixels that cannot be trusted are not.
    """
    payload = header.payload
    if payload is None:
        missing = _ROWS in header.dataset and not any(
            finding.path == "(7FE0,0010)" for finding in header.findings
        )
        return _with(header, "NO_PIXEL_DATA") if missing else header
    if payload.encapsulated:
        return header
    expected = expected_pixel_bytes(header.dataset)
    if expected is None or payload.length in (expected, expected + expected % 2):
        return header
    return replace(_with(header, "PIXEL_LENGTH_MISMATCH"), payload=None)


def _with(header: Header, code: str) -> Header:
    return replace(header, findings=(*header.findings, Finding("pixels", "(7FE0,0010)", code)))


def _number(dataset: DataSet, tag: int) -> int | None:
    element = dataset.get(tag)
    if element is None or element.items is not None:
        return None
    try:
        numbers = numbers_of(element)
    except (ValueError, KeyError):
        return None
    return int(numbers[0]) if numbers else None
