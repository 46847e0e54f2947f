"""Inputs that show a reason code each, made from a good file by the damage the code names."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable

from tasks.dicom.buffer import Buffer
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import Element
from tasks.dicom.encode import encode_meta
from tasks.dicom.locate import locate_elements, locate_meta
from tasks.dicom.splice import Spliced, splice
from tests.builders import ROOT, ct_instance, part10

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT, IMPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
DEFLATED, RLE, JPEG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.50"
MPEG2 = "1.2.840.10008.1.2.4.100"
ITEM, SEQUENCE_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\0\0\0\0"


def good() -> bytes:
    """Give a file that nothing is wrong with."""
    return part10(ct_instance())


def good_dataset() -> bytes:
    """Give its data set alone."""
    data = good()
    return data[locate_meta(data).end :]


def with_value(keyword: str, value: bytes, VR: str | None = None) -> bytes:
    """Give a file in which one element has another value, and maybe another VR; padded to an even length."""
    tag = tag_of(keyword)
    data = good()
    value += b" " * (len(value) % 2)
    if VR is None:
        (VR,) = [
            raw[4:6].decode()
            for raw in elements_of(data)
            if int.from_bytes(raw[:2], "little") << 16 | int.from_bytes(raw[2:4], "little") == tag
        ] or [""]
    return edited(data, tag, Element(tag, VR, value))


def without(keyword: str) -> bytes:
    """Give a file that lacks an element."""
    return edited(good(), tag_of(keyword), None)


def edited(data: bytes, tag: int, element: Element | None) -> bytes:
    """Replace, insert or remove one element."""
    spliced = splice(Buffer(data), {(tag,): element})
    assert isinstance(spliced, Spliced)
    return b"".join(map(bytes, spliced.pieces()))


def elements_of(data: bytes) -> list[bytes]:
    """Cut the elements before the pixel data."""
    meta = locate_meta(data)
    return locate_elements(data, meta.end, len(data), explicit=True).cut(data)


def with_raw(raw: bytes, *, before: str = "StudyDate") -> bytes:
    """Give a file with bytes inserted before an element, whatever they are."""
    return rebuilt(lambda elements: insert(elements, raw, before))


def insert(elements: list[bytes], raw: bytes, before: str) -> list[bytes]:
    tag = tag_of(before)
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    place = next(place for place, element in enumerate(elements) if element.startswith(head))
    return [*elements[:place], raw, *elements[place:]]


def rebuilt(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """Give a file whose elements before the pixel data were changed as bytes."""
    data = good()
    meta, elements = locate_meta(data), elements_of(data)
    end = meta.end + sum(map(len, elements))
    return data[: meta.end] + b"".join(change(elements)) + data[end:]


def explicit(tag: int, VR: str, value: bytes, length: int | None = None) -> bytes:
    """Encode an element, with a length that may be a lie."""
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF) + VR.encode()
    length = len(value) if length is None else length
    long = VR in ("OB", "OW", "OF", "OD", "SQ", "UN", "UT", "UC", "UR")
    return head + (b"\0\0" + struct.pack("<L", length) if long else struct.pack("<H", length)) + value


def with_meta(transfer_syntax: str, *, sop_class: str = CT_IMAGE, instance: str = f"{ROOT}.1.1.1") -> bytes:
    """Give a file meta information for the good data set, or for another."""
    return encode_meta(sop_class, instance, transfer_syntax)


def with_frames(transfer_syntax: str, *items: bytes, end: bytes = SEQUENCE_END) -> bytes:
    """Give a file with encapsulated pixel data made of these items, the offset table first."""
    dataset = good_dataset()
    header = dataset[: dataset.index(b"\xe0\x7f\x10\x00OW")]
    fragments = b"".join(ITEM + struct.pack("<L", len(item)) + item for item in items)
    return with_meta(transfer_syntax) + header + explicit(0x7FE00010, "OB", fragments, 0xFFFFFFFF) + end


def rle_frame() -> bytes:
    """Give 16 by 16 pixels of 16 bits, all zero."""
    run = b"\x81\0" * 2
    return struct.pack("<16L", 2, 64, 68, *[0] * 13) + run + run


def meta_bytes(*elements: bytes, length: int | None = None) -> bytes:
    """Give preamble and group 0002."""
    body = b"".join(elements)
    return (
        bytes(128)
        + b"DICM"
        + explicit(0x00020000, "UL", struct.pack("<L", len(body) if length is None else length))
        + body
    )


SYNTAX = explicit(0x00020010, "UI", EXPLICIT.encode() + b"\0")


def nested(depth: int) -> bytes:
    content = b""
    for _ in range(depth):
        item = ITEM + struct.pack("<L", len(content)) + content
        content = explicit(0x00081140, "SQ", item)
    return content


def float_pixels() -> bytes:
    dataset = good_dataset()
    header = dataset[: dataset.index(b"\xe0\x7f\x10\x00OW")]
    header = header.replace(explicit(0x00280100, "US", b"\x10\0"), explicit(0x00280100, "US", b"\x20\0"))
    pixels = struct.pack("<256f", *[1.0] * 255, float("nan"))
    return with_meta(EXPLICIT) + header + explicit(0x7FE00008, "OF", pixels)


def deflated(dataset: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return with_meta(DEFLATED) + stream.compress(dataset) + stream.flush()


def private_block(group: int) -> bytes:
    """Give a creator and 255 elements of a private group."""
    return explicit(group << 16 | 0x10, "LO", b"ACME") + b"".join(
        explicit(group << 16 | 0x1000 + number, "LO", b"") for number in range(256)
    )


def too_many() -> bytes:
    """Give a file without pixels and with 1,285 private elements of known creators."""
    data = good()
    early = [raw for raw in elements_of(data) if int.from_bytes(raw[:2], "little") <= 0x0020]
    blocks = [private_block(group) for group in range(0x0021, 0x0021 + 2 * 5, 2)]
    return data[: locate_meta(data).end] + b"".join([*early, *blocks])


DAMAGES: dict[str, tuple[Callable[[], bytes], ...]] = {
    "ARCHIVE": (lambda: gzip.compress(good(), mtime=0), lambda: b"PK\x03\x04" + good()),
    "BAD_AGE": (lambda: with_value("PatientAge", b"62"), lambda: with_value("PatientAge", b"200Y")),
    "BAD_CODE_REPAIRED": (lambda: with_value("PatientSex", b"female"),),
    "BAD_DATE": (lambda: with_value("StudyDate", b"20230230"), lambda: with_value("StudyDate", b"00000000")),
    "BAD_DATE_REPAIRED": (lambda: with_value("StudyDate", b"2023-04-12"),),
    "BAD_DIMENSIONS": (lambda: with_value("Rows", b"\0\0"),),
    "BAD_FRAME_COUNT": (lambda: with_value("NumberOfFrames", b"two", "IS"),),
    "BAD_NUMBER": (
        lambda: with_value("SliceThickness", b"thick"),
        lambda: with_value("SliceThickness", b"NaN"),
    ),
    "BAD_OFFSET_TABLE": (lambda: with_frames(RLE, struct.pack("<L", 12), rle_frame()),),
    "BAD_PIXEL_MODULE": (
        lambda: with_value("HighBit", b"\3\0"),
        lambda: with_value("BitsAllocated", b"\x0d\0"),
    ),
    "BAD_REQUIRED_VALUE": (lambda: with_value("Rows", b"\xfb\xff", "SS"),),
    "BAD_RESCALE": (lambda: with_value("RescaleSlope", b"0"),),
    "BAD_SEQUENCE": (
        lambda: with_raw(explicit(0x00081140, "SQ", b"no items at all."), before="PatientName"),
    ),
    "BAD_TEXT": (
        lambda: with_value("StudyDescription", b"Chest\x1b[31m red"),
        lambda: with_value("StudyDescription", b"Chest\nERROR forged"),
    ),
    "BAD_TIME": (lambda: with_value("StudyTime", b"996199"),),
    "BAD_TIME_REPAIRED": (lambda: with_value("StudyTime", b"10:15:30"),),
    "BAD_UID": (
        lambda: with_value("StudyInstanceUID", b"../../etc/passwd"),
        lambda: with_value("StudyInstanceUID", b"1.02.3"),
    ),
    "BAD_UNDEFINED_LENGTH": (
        lambda: with_raw(
            explicit(0x00081030, "UT", b"", 0xFFFFFFFF) + SEQUENCE_END, before="ManufacturerModelName"
        ),
    ),
    "AGE_CONTRADICTED": (lambda: with_value("PatientAge", b"011Y"),),
    "BIRTH_AFTER_STUDY": (lambda: with_value("PatientBirthDate", b"20240101"),),
    "CHARSET_INVALID": (
        lambda: edited(
            with_value("SpecificCharacterSet", b"ISO_IR 192"),
            tag_of("StudyDescription"),
            Element(tag_of("StudyDescription"), "LO", b"Th\xf6r\xe4x "),
        ),
    ),
    "CHARSET_MISSING": (
        lambda: edited(
            without("SpecificCharacterSet"),
            tag_of("StudyDescription"),
            Element(tag_of("StudyDescription"), "LO", b"Th\xf6rax"),
        ),
    ),
    "CHARSET_SUSPECT": (lambda: with_value("StudyDescription", "胸部".encode()),),
    "CLASS_NOT_CLEANABLE": (lambda: with_value("SOPClassUID", b"1.2.840.10008.5.1.4.1.1.88.11\0"),),
    "DATE_FUTURE": (lambda: with_value("ContentDate", b"20991231"),),
    "DECOMPRESSION_RATIO": (lambda: deflated(good_dataset()[:-512] + bytes(40 << 20)),),
    "DICOMDIR": (lambda: with_meta(EXPLICIT, sop_class="1.2.840.10008.1.3.10") + good_dataset(),),
    "DUPLICATE_PIXEL_DATA": (lambda: good() + explicit(0x7FE00010, "OW", bytes(512)),),
    "DUPLICATE_TAG": (lambda: with_raw(explicit(0x00100020, "LO", b"ANOTHER1"), before="PatientID"),),
    "DUPLICATE_TAG_SAME": (lambda: with_raw(explicit(0x00080060, "CS", b"CT"), before="Modality"),),
    "EMPTY_DATASET": (lambda: with_meta(EXPLICIT),),
    "EMPTY_FILE": (lambda: b"",),
    "IDENTIFIER_LEFT": (lambda: good()[:-512] + b"Doerfler^Janettea".ljust(512, b"\0"),),
    "LENGTH_BEYOND_EOF": (
        lambda: with_raw(explicit(0x00091001, "UN", b"", 0xFFFFFFFE), before="PatientName"),
    ),
    "META_CLASS_MISMATCH": (
        lambda: with_meta(EXPLICIT, sop_class="1.2.840.10008.5.1.4.1.1.4") + good_dataset(),
    ),
    "META_IMPLICIT": (
        lambda: (
            bytes(128)
            + b"DICM\x02\x00\x10\x00"
            + struct.pack("<L", 20)
            + EXPLICIT.encode()
            + b"\0"
            + good_dataset()
        ),
    ),
    "META_LENGTH_WRONG": (lambda: meta_bytes(SYNTAX, length=4) + good_dataset(),),
    "META_UID_MISMATCH": (lambda: with_meta(EXPLICIT, instance="1.2.3") + good_dataset(),),
    "MISSING_PATIENT_ID": (lambda: without("PatientID"),),
    "MISSING_REQUIRED": (lambda: without("Rows"), lambda: with_value("Rows", b"")),
    "MISSING_SOP_CLASS": (
        lambda: rebuilt(lambda elements: [raw for raw in elements if raw[:4] != b"\x08\0\x16\0"]),
    ),
    "MISSING_UID": (lambda: without("StudyInstanceUID"),),
    "NESTING_TOO_DEEP": (lambda: with_raw(nested(70), before="PatientName"),),
    "NOT_DICOM": (
        lambda: b"<html><body>503</body></html>" * 10,
        lambda: b"\xff" * 4096,
        lambda: bytes(128) + b"DCIM",
    ),
    "NO_FILE_META": (lambda: bytes(128) + b"DICM" + good_dataset(),),
    "NO_PIXEL_DATA": (
        lambda: good()[: good().index(b"\xe0\x7f\x10\x00OW")],
        lambda: with_frames(RLE, b""),
    ),
    "NO_PREAMBLE": (lambda: good()[128:], lambda: good()[132:]),
    "NO_PREAMBLE_NO_META": (good_dataset,),
    "NO_SEQ_DELIM": (
        lambda: with_frames(RLE, b"", rle_frame(), end=b""),
        lambda: with_frames(RLE, b"", rle_frame(), end=SEQUENCE_END[:6]),
    ),
    "NO_TRANSFER_SYNTAX": (
        lambda: meta_bytes(explicit(0x00020002, "UI", CT_IMAGE.encode() + b"\0")) + good_dataset(),
    ),
    "ODD_LENGTH": (lambda: with_raw(explicit(0x00081010, "SH", b"odd"), before="StudyDescription"),),
    "OUT_OF_ORDER": (lambda: with_raw(explicit(0x00180015, "CS", b"HEAD"), before="PatientName"),),
    "PIXEL_DECODE": (
        lambda: with_frames(JPEG, b"", b"\xff\xd8garbage garbage\xff\xd9"),
        lambda: with_frames(RLE, b"", struct.pack("<16L", 2, 64, 68, *[0] * 13) + bytes(100_000)),
    ),
    "PIXEL_LENGTH_MISMATCH": (
        lambda: good().replace(b"\x28\0\x10\0US\2\0\x10\0", b"\x28\0\x10\0US\2\0\x11\0"),
    ),
    "PIXEL_NAN": (float_pixels,),
    "PIXEL_REVIEW": (lambda: with_value("BurnedInAnnotation", b"YES", "CS"),),
    "PIXEL_TRUNCATED": (lambda: good()[:-1], lambda: with_frames(RLE, b"", rle_frame(), end=b"")[:-3]),
    "PREAMBLE_ACTIVE": (lambda: b"<script>alert(1)</script>".ljust(128, b"\0") + good()[128:],),
    "PREAMBLE_EXECUTABLE": (lambda: b"MZ".ljust(128, b"\0") + good()[128:],),
    "PREAMBLE_NONZERO": (lambda: b"Doerfler^Janette".ljust(128, b"\0") + good()[128:],),
    "PREAMBLE_TIFF": (lambda: b"II*\0".ljust(128, b"\0") + good()[128:],),
    "PRIVATE_NO_CREATOR": (lambda: with_raw(explicit(0x00091001, "LO", b"ACME"), before="PatientName"),),
    "STRAY_DELIMITER": (lambda: with_raw(SEQUENCE_END, before="PatientName"),),
    "STRUCTURE_LOST": (
        lambda: with_raw(explicit(0x00081040, "LO", b"", 60), before="StudyInstanceUID"),
        lambda: bytes(128) + b"DICM" + b"\xa5\x5a" * 500,
        lambda: with_meta(BIG_ENDIAN) + b"\0\x08\0\x70LO\0\x1aACME\0\x10\0\x10PN\0\x0eDoerfler^Janet",
    ),
    "TOO_MANY_ELEMENTS": (too_many,),
    "TRAILING_DATA": (lambda: good() + bytes(1000), lambda: good() + good()),
    "TRUNCATED": (lambda: good()[:600], lambda: good()[: good().index(b"\x10\0\x10\0PN") + 3]),
    "TRUNCATED_META": (lambda: good()[:150],),
    "TS_MISMATCH": (
        lambda: with_meta(IMPLICIT) + good_dataset(),
        lambda: with_meta(EXPLICIT) + b"\0\x08\0\x60CS\0\x02CT" + b"\0\x08\0\x70LO\0\x04ACME",
    ),
    "UNKNOWN_CHARSET": (lambda: with_value("SpecificCharacterSet", b"ISO_IR 999"),),
    "UNKNOWN_SOP_CLASS": (lambda: with_value("SOPClassUID", b"1.2.3.4.5.6\0"),),
    "UNKNOWN_TRANSFER_SYNTAX": (
        lambda: with_meta("1.2.3.4") + good_dataset(),
        lambda: with_meta("garbage") + good_dataset(),
    ),
    "UNKNOWN_VR": (lambda: with_raw(b"\x08\0\x10\x10ZZ\4\0ABCD", before="StudyDescription"),),
    "UNSUPPORTED_TRANSFER_SYNTAX": (lambda: with_frames(MPEG2, b"", b"\0\0\1\xb3" + bytes(60)),),
    "VALUE_TOO_LONG": (lambda: with_value("SliceThickness", b"2.50000000000000001"),),
    "WRONG_VR": (lambda: with_value("SliceThickness", b"\2\0", "US"),),
}
"""By code, the contents of files that show it."""
