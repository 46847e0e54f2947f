from __future__ import annotations

import io
import json
import struct
from typing import Any

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.dicom.buffer import Buffer
from tasks.dicom.element import DataSet, Element, Header
from tasks.dicom.encode import (
    IMPLICIT_LITTLE_ENDIAN,
    encode_dataset,
    encode_meta,
    encode_payload,
    split_at_payload,
)
from tasks.dicom.json_model import header_json
from tasks.dicom.pixels import check_pixels, expected_pixel_bytes
from tasks.dicom.reader import read_header
from tests.builders import buffer, ct_instance
from tests.corpus import BUNDLED, bundled_files


def rewritten(header: Header) -> bytes:
    explicit = header.transfer_syntax != IMPLICIT_LITTLE_ENDIAN
    before, after = split_at_payload(header.dataset, header.payload)
    pixels = b"" if header.payload is None else b"".join(encode_payload(header.payload, explicit=explicit))
    meta = encode_meta("1.2.840.10008.5.1.4.1.1.2", "1.2.3", header.transfer_syntax)
    return (
        meta + encode_dataset(before, explicit=explicit) + pixels + encode_dataset(after, explicit=explicit)
    )


def even(value: bytes) -> bytes:
    return value + b"\0" * (len(value) % 2)


def test_every_bundled_file_is_the_same_data_set_after_writing() -> None:
    written = 0
    for path in bundled_files():
        header = read_header(Buffer(path.read_bytes()))
        if not isinstance(header, Header):
            continue
        again = read_header(Buffer(rewritten(header)))
        assert isinstance(again, Header), path.name
        private_sequences = {
            tag for tag, element in header.dataset.items() if element.items is not None and tag >> 16 & 1
        }
        for tag in header.dataset.keys() - private_sequences:
            assert again.dataset[tag].items == header.dataset[tag].items, path.name
            assert again.dataset[tag].value == even(header.dataset[tag].value), path.name
        if header.payload is not None:
            assert again.payload is not None
            original = header.payload.source.read(header.payload.offset, header.payload.length)
            copied = again.payload.source.read(again.payload.offset, again.payload.length)
            assert copied == (original if header.payload.encapsulated else even(original)), path.name
        written += 1
    assert written > 150


@pytest.mark.filterwarnings("ignore")
def test_pydicom_reads_what_we_write() -> None:
    for name in ("CT_small.dcm", "MR_small_RLE.dcm", "rtplan.dcm", "JPEG2000.dcm", "image_dfl.dcm"):
        header = read_header(Buffer((BUNDLED / "test_files" / name).read_bytes()))
        assert isinstance(header, Header)
        ours = pydicom.dcmread(io.BytesIO(rewritten(header)))
        theirs = pydicom.dcmread(BUNDLED / "test_files" / name)
        assert ours == theirs


def test_the_preamble_is_zero_and_the_meta_names_only_us() -> None:
    meta = encode_meta("1.2.840.10008.5.1.4.1.1.2", "2.25.1", "1.2.840.10008.1.2.1")
    assert meta[:132] == b"\0" * 128 + b"DICM"
    group_length = struct.unpack("<L", meta[140:144])[0]
    assert len(meta) == 144 + group_length
    read = pydicom.filereader.read_partial(io.BytesIO(meta + b"\x08\0\x60\0CS\2\0CT"))
    assert sorted(element.keyword for element in read.file_meta) == [
        "FileMetaInformationGroupLength",
        "FileMetaInformationVersion",
        "ImplementationClassUID",
        "ImplementationVersionName",
        "MediaStorageSOPClassUID",
        "MediaStorageSOPInstanceUID",
        "TransferSyntaxUID",
    ]


def test_a_value_too_long_for_its_vr_is_written_as_un() -> None:
    written = encode_dataset(DataSet({0x00081030: Element(0x00081030, "LO", b"x" * 70_000)}), explicit=True)
    assert written[4:6] == b"UN"
    assert len(pydicom.dcmread(io.BytesIO(written), force=True)[0x00081030].value) == 70_000


values = st.binary(max_size=9).filter(lambda value: len(value) % 2 == 0)
elements = st.builds(
    lambda n, value: Element(0x00280000 | n, "OW", value), st.integers(0x1201, 0x1203), values
)


def in_dataset(found: list[Element]) -> DataSet:
    return DataSet(sorted((element.tag, element) for element in found))


nested = st.recursive(
    st.builds(in_dataset, st.lists(elements, max_size=3)),
    lambda inner: st.builds(
        lambda items, flat: DataSet(
            sorted({**flat, 0x00081115: Element(0x00081115, "SQ", b"", tuple(items))}.items())
        ),
        st.lists(inner, max_size=3),
        st.builds(in_dataset, st.lists(elements, max_size=2)),
    ),
    max_leaves=8,
)


@given(dataset=nested, explicit=st.booleans())
def test_nested_sequences_come_back_as_they_were_written(dataset: DataSet, explicit: bool) -> None:
    start = DataSet({0x00080060: Element(0x00080060, "CS", b"CT"), **dataset})
    syntax = "1.2.840.10008.1.2.1" if explicit else IMPLICIT_LITTLE_ENDIAN
    data = encode_meta("1.2", "1.2.3", syntax) + encode_dataset(start, explicit=explicit)
    header = read_header(Buffer(data))
    assert isinstance(header, Header)
    assert header.dataset == start


def unpadded(attribute: dict[str, Any]) -> dict[str, Any]:
    """Take the padding off a value that is not the last; pydicom leaves it in JSON."""
    values = attribute.get("Value")
    if values is None:
        return attribute
    return {**attribute, "Value": [text.rstrip() if isinstance(text, str) else text for text in values]}


@pytest.mark.filterwarnings("ignore")
def test_the_header_as_json_says_what_pydicoms_json_says() -> None:
    for name in ("CT_small.dcm", "MR_small.dcm", "liver_1frame.dcm", "693_J2KI.dcm"):
        header = read_header(Buffer((BUNDLED / "test_files" / name).read_bytes()))
        assert isinstance(header, Header)
        ours = json.loads(header_json(header.dataset, header.encodings))
        theirs = pydicom.dcmread(BUNDLED / "test_files" / name).to_json_dict()
        public = [tag for tag in ours if not int(tag[:4], 16) & 1]
        assert public
        for tag in public:
            assert ours[tag] == unpadded(theirs[tag]), (name, tag)


def test_non_finite_numbers_are_null_in_json() -> None:
    element = Element(0x00181271, "FD", struct.pack("<dd", float("nan"), 1.5))
    assert json.loads(header_json(DataSet({element.tag: element}), ("iso8859",)))["00181271"]["Value"] == [
        None,
        1.5,
    ]


def test_pixel_data_must_have_the_length_its_header_asks_for() -> None:
    header = read_header(buffer(ct_instance()))
    assert isinstance(header, Header)
    assert expected_pixel_bytes(header.dataset) == 512
    assert check_pixels(header) is header
    longer = read_header(buffer(ct_instance(PixelData=bytes(600))))
    assert isinstance(longer, Header)
    checked = check_pixels(longer)
    assert checked.payload is None
    assert [finding.code for finding in checked.findings] == ["PIXEL_LENGTH_MISMATCH"]
