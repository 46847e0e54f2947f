"""Inputs made to hurt: what an attacker would send who has read the standard and this reader.

None of them shows a reason code of its own; whatever becomes of one, it is a code of the list or a clean output.
Each is of the patient `NAME`, so that whatever leaves can be searched for it.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import Element
from tests.reasons.damage import (
    DEFLATED,
    EXPLICIT,
    ITEM,
    JPEG,
    MPEG2,
    RLE,
    SEQUENCE_END,
    SYNTAX,
    deflated,
    edited,
    explicit,
    good,
    good_dataset,
    meta_bytes,
    nested,
    private_block,
    rle_frame,
    with_frames,
    with_meta,
    with_raw,
    with_value,
)

NAME = b"Zqxkanar"
UNDEFINED = 0xFFFFFFFF
_PIXELS = b"\xe0\x7f\x10\0OW"
_ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"

Attack = tuple[str, bytes]


def as_patient(data: bytes) -> bytes:
    """Let a file be of the patient who is searched for."""
    return data.replace(b"Doerfler", NAME).replace(b"MRN-4711001", NAME + b"-01")


def items(*contents: bytes) -> bytes:
    return b"".join(ITEM + struct.pack("<L", len(content)) + content for content in contents)


def _inflated() -> Iterator[Attack]:
    def pack(data: bytes) -> bytes:
        stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return stream.compress(data) + stream.flush()

    dataset = as_patient(good_dataset())
    for name, stream in {
        "deflated twice": pack(pack(dataset)),
        "deflated five times": pack(pack(pack(pack(pack(dataset))))),
        "with a header of zlib": zlib.compress(dataset),
        "a gzip file inside": pack(gzip.compress(dataset, mtime=0)),
        "a whole file inside": pack(as_patient(good())),
        "text behind": pack(dataset) + NAME * 20,
        "cut": pack(dataset)[:-3],
        "nothing inside": pack(b""),
        "seven bytes inside": pack(dataset[:7]),
        "a hundred thousand empty blocks": b"\0\0\0\xff\xff" * 100_000 + pack(dataset),
    }.items():
        yield name, with_meta(DEFLATED) + stream
    spoilt = deflated(dataset)
    yield "spoilt in the middle", spoilt[:700] + b"\xff\xff\xff" + spoilt[703:]


def _lengths() -> Iterator[Attack]:
    odd = (1, 3, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, UNDEFINED)
    for VR in ("LO", "PN", "US", "FD", "AT", "UT", "UN", "OB", "SQ", "UR"):
        for length in odd if VR in ("UT", "UN", "OB", "SQ", "UR") else odd[:4]:
            for tag in (0x00081041, 0x00091001):
                yield f"{VR} {length:X} {tag:08X}", with_raw(explicit(tag, VR, NAME, length))
    for length in odd[4:]:
        yield (
            f"item {length:X}",
            with_raw(explicit(0x00081140, "SQ", ITEM + struct.pack("<L", length) + NAME)),
        )
        place = good().index(_PIXELS) + 8
        yield f"pixels {length:X}", good()[:place] + struct.pack("<L", length) + good()[place + 4 :]


def _depths() -> Iterator[Attack]:
    opened = explicit(0x00081140, "SQ", b"", UNDEFINED) + ITEM + b"\xff\xff\xff\xff"
    unknown = explicit(0x00081140, "UN", b"", UNDEFINED) + ITEM + b"\xff\xff\xff\xff"
    inner = b"\x08\0\x40\x11\xff\xff\xff\xff" + ITEM + b"\xff\xff\xff\xff"
    closed = _ITEM_END + SEQUENCE_END
    for depth in (62, 63, 64, 65, 129, 1000, 20_000):
        if depth <= 129:
            yield f"{depth}", with_raw(nested(depth), before="PatientName")
        yield f"{depth} undefined", with_raw(opened * depth + closed * depth, before="PatientName")
        yield f"{depth} never closed", with_raw(opened * depth, before="PatientName")
        yield (
            f"{depth} below UN",
            with_raw(unknown + inner * depth + closed * (depth + 1), before="PatientName"),
        )


def _frames() -> Iterator[Attack]:
    dataset = as_patient(good_dataset())
    head = dataset[: dataset.index(_PIXELS)]
    frame = rle_frame()
    encapsulated = explicit(0x7FE00010, "OB", items(b"", frame), UNDEFINED) + SEQUENCE_END

    def words(*numbers: int) -> bytes:
        return struct.pack(f"<{len(numbers)}Q", *numbers)

    for name, offsets, lengths in (
        ("beyond the end", words(1 << 40), words(len(frame))),
        ("negative", words((1 << 64) - 1), words((1 << 64) - 1)),
        ("of three frames", words(0, 8, 16), words(1, 2, 3)),
        ("of odd length", b"abc", b"abc"),
        ("without lengths", words(0), b""),
        ("of 8,000 frames", words(*range(8000)), words(*range(8000))),
    ):
        tables = explicit(0x7FE00001, "OV", offsets) + explicit(0x7FE00002, "OV", lengths)
        yield f"extended table {name}", with_meta(RLE) + head + tables + encapsulated
    for name, table in (
        ("ones", b"\xff" * 4000),
        ("odd", b"\0\0\0"),
        ("same", bytes(12)),
        ("long", bytes(1 << 18)),
    ):
        yield f"table {name}", with_frames(RLE, table, frame)
    yield "an item in an item", with_frames(RLE, b"", items(NAME))
    yield (
        "a delimiter with a value",
        with_frames(RLE, b"", frame, end=SEQUENCE_END[:4] + b"\x10\0\0\0" + bytes(16)),
    )
    yield "an item's delimiter", with_frames(RLE, b"", frame, end=_ITEM_END + SEQUENCE_END)
    yield "an item of 4 GB", with_frames(RLE, b"", end=ITEM + b"\xf0\xff\xff\xff" + NAME)
    yield "segments that lie", with_frames(RLE, b"", struct.pack("<16L", 15, *[UNDEFINED] * 15) + bytes(100))
    yield "a hundred thousand empty items", with_frames(RLE, b"", *[b""] * 100_000)
    for syntax in (JPEG, MPEG2, *(f"1.2.840.10008.1.2.4.{number}" for number in (57, 80, 90, 110, 201))):
        for stream in (
            b"\xff" * 64,
            b"\xff\xd8\xff\xc0\0\0" + bytes(20),
            b"\xff\x4f\xff\x51" + b"\xff" * 60,
            b"\xff\xd8",
        ):
            yield f"{syntax[-3:]} {stream[:6].hex()}", with_frames(syntax, b"", stream)
        yield f"{syntax[-3:]} markers", with_frames(syntax, b"", b"\xff\xd8" + b"\xff\xe1\0\2" * 5000)


def _charsets() -> Iterator[Attack]:
    escapes = (
        b"\x1b$B",
        b"\x1b(J",
        b"\x1b$)C",
        b"\x1b-F",
        b"\x1b[31m",
        b"\x1b",
        b"\x1b$",
        b"\x1b%G",
        b"\x0e",
        b"\x9b31m",
    )
    declared = (
        b"\\ISO 2022 IR 87",
        b"\\ISO 2022 IR 149",
        b"ISO_IR 192",
        b"GB18030",
        b"ISO_IR 13",
        b"\\\\\\",
        b"hex",
        b"UTF-7",
    )
    name, description = tag_of("PatientName"), tag_of("StudyDescription")
    for charset in declared:
        for escape in escapes:
            made = with_value("SpecificCharacterSet", charset)
            made = edited(
                made,
                name,
                Element(name, "PN", _even(escape + NAME[:3] + escape + NAME[3:] + b"\xe3\xd6\xff")),
            )
            text = _even(b"of " + escape + NAME + b" " + escape)
            yield f"{charset!r} {escape!r}", edited(made, description, Element(description, "LO", text))


def _even(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


_INJECTED = (
    *(
        b"<script>alert(1)</script>",
        b"=cmd|' /C calc'!A0",
        b"'; DROP TABLE instances;--",
        b"{{7*7}}",
        b"%s%n",
    ),
    *(
        b"../../etc/passwd",
        b"\r\nSet-Cookie: x",
        b"\x1b[2J\x1b[H",
        b"[red]x[/red]",
        b"$(id)",
        b"\xe2\x80\xaeabc",
    ),
    *(b"NaN", b"null", b"-1", b"1e999", b"1_000", b"\\" * 300, b" ", b"a\0b", b"9" * 40),
)
_FIELDS = (
    *(
        "PatientName",
        "PatientID",
        "StudyDescription",
        "StudyInstanceUID",
        "SOPInstanceUID",
        "Modality",
        "StudyDate",
    ),
    *(
        "StudyTime",
        "PatientAge",
        "SliceThickness",
        "InstanceNumber",
        "ImageType",
        "PixelSpacing",
        "RescaleSlope",
    ),
)


def _injections() -> Iterator[Attack]:
    for field in _FIELDS:
        for value in _INJECTED:
            yield f"{field} {value[:12]!r}", with_value(field, value)


def _shapes() -> Iterator[Attack]:
    for field in ("Rows", "BitsAllocated", "SamplesPerPixel", "PixelRepresentation"):
        for VR in ("US", "SS", "UL", "DS", "UN", "SQ", "FD", "AT"):
            for value in (b"\xff\xff", b"\0\x80", b"\1\0\2\0", b"ab" * 300):
                yield f"{field} {VR} {value[:4].hex()}", with_value(field, value, VR)
    for value in (b"9" * 20, b"1\\2", b"+1", b"1e3", b"2147483647", b"-0", b"0x1"):
        yield f"frames {value[:10]!r}", with_value("NumberOfFrames", value, "IS")


def _places() -> Iterator[Attack]:
    tags = (
        0x00000000,
        0x00010010,
        0x00020010,
        0x0007FFFF,
        0xFFFCFFFC,
        0xFFFEE000,
        0xFFFEE00D,
        0xFFFFFFFF,
        0x7FE00010,
    )
    for tag in (*tags, 0x60003000, 0x50003000, 0x00041500):
        for VR, value in (("LO", NAME), ("OB", NAME), ("SQ", items(explicit(0x00100010, "PN", NAME)))):
            raw = explicit(tag, VR, value)
            for before in ("SOPClassUID", "SamplesPerPixel"):
                yield f"{tag:08X} {VR} before {before}", with_raw(raw, before=before)
            yield f"{tag:08X} {VR} behind", good() + raw
            yield (
                f"{tag:08X} {VR} in an item",
                with_raw(explicit(0x00081140, "SQ", items(raw)), before="PatientName"),
            )
    yield (
        "every private block",
        with_raw(b"".join(map(private_block, range(0x0009, 0x0010, 2))), before="PatientName"),
    )


def _wrappings() -> Iterator[Attack]:
    data = as_patient(good())
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("../../a.dcm", data)
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        member = tarfile.TarInfo("../a.dcm")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    yield "zip", zipped.getvalue()
    yield "tar", tarred.getvalue()
    yield "tar that is DICOM", tarred.getvalue()[:128] + b"DICM" + tarred.getvalue()[132:]
    yield from {
        "bz2": bz2.compress(data),
        "xz": lzma.compress(data),
        "zlib": zlib.compress(data),
    }.items()
    yield "zip before DICM", b"PK\3\4".ljust(128, b"Z") + data[128:]
    yield "zip behind", data + zipped.getvalue()
    yield "three files", data * 3
    yield "data set twice", with_meta(EXPLICIT) + good_dataset() * 2
    yield "file in a private element", with_raw(explicit(0x00091001, "OB", data), before="PatientName")
    yield "file in an unknown one", with_raw(explicit(0x00081041, "UN", data[:-512]))
    yield "meta of 5 MB", meta_bytes(SYNTAX, explicit(0x00020102, "OB", bytes(5_000_000))) + good_dataset()
    yield (
        "meta of 10,000 elements",
        meta_bytes(SYNTAX, *[explicit(0x00020200 + n, "UI", b"") for n in range(10_000)]),
    )
    for syntax in (b"", b"\0\0", b"1.2.840.10008.1.2.1\\1.2", b"1." * 30_000, b"1.2.826.Zqxkanar"):
        meta = meta_bytes(explicit(0x00020010, "UI", _even(syntax)))
        yield f"transfer syntax {syntax[:20]!r}", meta + good_dataset()


ATTACKS: dict[str, Callable[[], Iterator[Attack]]] = {
    "inflated": _inflated,
    "lengths": _lengths,
    "depths": _depths,
    "frames": _frames,
    "charsets": _charsets,
    "injections": _injections,
    "shapes": _shapes,
    "places": _places,
    "wrappings": _wrappings,
}
"""By kind: what gives the attacks of it, each with its name."""
