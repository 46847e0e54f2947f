from __future__ import annotations

import struct

import pytest

from tasks.dicom.buffer import Buffer
from tasks.dicom.careful import read_carefully
from tasks.dicom.element import Header
from tasks.dicom.encode import encode_meta
from tasks.dicom.reader import Limits
from tests.corpus import bundled_files
from tests.reasons.damage import (
    CT_IMAGE,
    JPEG,
    RLE,
    explicit,
    float_pixels,
    good_dataset,
    rle_frame,
    with_frames,
)

JPEG_2000 = "1.2.840.10008.1.2.4.90"
FAULTS = {"PIXEL_DECODE", "BAD_OFFSET_TABLE", "UNSUPPORTED_TRANSFER_SYNTAX", "PIXEL_NAN"}


def faults(data: bytes, level: str = "structure") -> set[str]:
    header = read_carefully(Buffer(data), Limits(check_pixels=level), pixels=True)
    assert isinstance(header, Header)
    assert (header.payload is None) == any(finding.code == "PIXEL_DECODE" for finding in header.findings)
    return FAULTS & {finding.code for finding in header.findings}


def jpeg(rows: int, columns: int) -> bytes:
    frame = struct.pack(">BBHBHHB", 0xFF, 0xC0, 11, 8, rows, columns, 1) + b"\1\x11\0"
    return b"\xff\xd8" + b"\xff\xdb\0\x43" + bytes(65) + frame + b"\xff\xda\0\2\xff\xd9"


def jpeg_2000(rows: int, columns: int) -> bytes:
    return b"\xff\x4f\xff\x51" + struct.pack(">HHLLLL", 41, 0, columns, rows, 0, 0) + bytes(60)


def test_real_compressed_files_raise_no_alarm() -> None:
    alarms, compressed = {}, 0
    for path in bundled_files():
        header = read_carefully(Buffer(path.read_bytes()), pixels=True)
        if isinstance(header, Header) and header.payload is not None and header.payload.encapsulated:
            compressed += 1
            alarms[path.name] = FAULTS & {finding.code for finding in header.findings}
    assert compressed > 30
    assert {codes for found in alarms.values() for codes in found} <= {"UNSUPPORTED_TRANSFER_SYNTAX"}


@pytest.mark.parametrize(
    ("syntax", "frame", "expected"),
    [
        (RLE, rle_frame(), set()),
        (RLE, rle_frame()[:63], {"PIXEL_DECODE"}),
        (RLE, struct.pack("<16L", 3, 64, 66, 68, *[0] * 12) + bytes(8), {"PIXEL_DECODE"}),
        (RLE, struct.pack("<16L", 2, 64, 60, *[0] * 13) + bytes(8), {"PIXEL_DECODE"}),
        (JPEG, jpeg(16, 16), set()),
        (JPEG, jpeg(0, 16), set()),
        (JPEG, jpeg(32, 16), {"PIXEL_DECODE"}),
        (JPEG, jpeg_2000(16, 16), {"PIXEL_DECODE"}),
        (JPEG_2000, jpeg_2000(16, 16), set()),
        (JPEG_2000, jpeg_2000(60_000, 60_000), {"PIXEL_DECODE"}),
        (JPEG_2000, b"\xff\x4f\xff\x51" + b"A" * 60, {"PIXEL_DECODE"}),
    ],
)
def test_a_frame_is_told_from_noise_by_its_beginning(syntax: str, frame: bytes, expected: set[str]) -> None:
    assert faults(with_frames(syntax, b"", frame)) == expected


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (struct.pack("<2L", 0, 8 + len(rle_frame())), set()),
        (struct.pack("<2L", 0, 12), {"BAD_OFFSET_TABLE"}),
        (struct.pack("<2L", 8 + len(rle_frame()), 0), {"BAD_OFFSET_TABLE"}),
        (struct.pack("<L", 0), {"BAD_OFFSET_TABLE"}),
        (b"\0\0\0\0\0\0", {"BAD_OFFSET_TABLE"}),
    ],
)
def test_a_table_of_offsets_points_at_frames_or_is_named(table: bytes, expected: set[str]) -> None:
    data = with_frames(RLE, table, rle_frame(), rle_frame())
    rows = explicit(0x00280010, "US", b"\x10\0")
    assert faults(data.replace(rows, explicit(0x00280008, "IS", b"2 ") + rows)) == expected


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 72, set()), (4, 72, {"BAD_OFFSET_TABLE"}), (0, 90, {"BAD_OFFSET_TABLE"})],
)
def test_an_extended_table_is_held_to_the_same(offset: int, length: int, expected: set[str]) -> None:
    dataset = good_dataset()
    frame = rle_frame()
    assert len(frame) == 72
    tables = b"\xe0\x7f\1\0OV\0\0\x08\0\0\0" + struct.pack("<Q", offset)
    tables += b"\xe0\x7f\2\0OV\0\0\x08\0\0\0" + struct.pack("<Q", length)
    plain = dataset[: dataset.index(b"\xe0\x7f\x10\x00OW")]
    items = b"\xfe\xff\0\xe0\0\0\0\0" + b"\xfe\xff\0\xe0" + struct.pack("<L", len(frame)) + frame
    pixels = explicit(0x7FE00010, "OB", items, 0xFFFFFFFF) + b"\xfe\xff\xdd\xe0\0\0\0\0"
    assert faults(encode_meta(CT_IMAGE, "1.2.3", RLE) + plain + tables + pixels) == expected


def test_pixels_are_looked_at_as_closely_as_the_run_asks() -> None:
    broken = with_frames(RLE, b"", struct.pack("<16L", 2, 64, 68, *[0] * 13) + b"\x05\0\x05\0" * 2)
    assert faults(broken, "none") == faults(broken, "structure") == set()
    assert faults(broken, "decode") == {"PIXEL_DECODE"}
    assert faults(with_frames(RLE, b"", rle_frame()), "decode") == set()
    assert faults(float_pixels(), "none") == set()
    assert faults(float_pixels(), "structure") == {"PIXEL_NAN"}
