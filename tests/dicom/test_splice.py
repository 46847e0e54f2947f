"""A splice against pydicom's own editing, and against DCMTK's reading of both."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from tasks.dicom import splice as splicing
from tasks.dicom.buffer import Buffer
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.locate import Unusual, locate_meta
from tasks.dicom.reader import Limits
from tasks.dicom.splice import Edits, Spliced, splice
from tasks.records import Reject
from tests.builders import ct_instance, part10
from tests.dicom.test_scan import FILES, LARGEST
from tests.programs import need

SEQUENCE, CODE, MEANING = tag_of("AnatomicRegionSequence"), tag_of("CodeValue"), tag_of("CodeMeaning")
INNER = tag_of("AnatomicRegionModifierSequence")
PARTS = 3

pytestmark = pytest.mark.filterwarnings("ignore")


def edited(data: bytes, edits: Edits) -> bytes:
    spliced = splice(Buffer(data), edits)
    assert isinstance(spliced, Spliced)
    return b"".join(spliced.pieces())


@pytest.mark.parametrize("part", range(PARTS))
def test_without_an_edit_the_data_set_of_a_plain_file_is_the_same_bytes(part: int) -> None:
    compared = 0
    for path in FILES[part :: 3 * PARTS]:
        if path.stat().st_size > LARGEST:
            continue
        data = path.read_bytes()
        try:
            start = locate_meta(data).end
            spliced = splicing._splice_plain(Buffer(data), {}, Limits())
        except Unusual:
            continue
        written = b"".join(spliced.pieces())
        assert written[locate_meta(written).end :] == data[start:]
        compared += 1
    assert compared > 20


def with_sequence(undefined: bool, **values: Any) -> Dataset:
    ds = ct_instance(**values)
    items = []
    for number in range(3):
        item, inner = Dataset(), Dataset()
        item.CodeValue = f"T-{number}"
        inner.CodeValue, inner.CodeMeaning = "G-A1", "left"
        item.AnatomicRegionModifierSequence = [inner]
        item["AnatomicRegionModifierSequence"].is_undefined_length = undefined
        item.is_undefined_length_sequence_item = inner.is_undefined_length_sequence_item = undefined
        items.append(item)
    ds.AnatomicRegionSequence = items
    ds["AnatomicRegionSequence"].is_undefined_length = undefined
    return ds


TEXT = st.text("ABCab 12", max_size=9).map(str.strip)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=TEXT,
    inserted=TEXT,
    code=TEXT,
    nested=TEXT,
    item=st.integers(0, 2),
    removed=st.sampled_from(["Rows", "StudyTime", "AnatomicRegionSequence", "KVP"]),
    implicit=st.booleans(),
    undefined=st.booleans(),
)
def test_edits_are_those_that_pydicom_makes(
    name: str,
    inserted: str,
    code: str,
    nested: str,
    item: int,
    removed: str,
    implicit: bool,
    undefined: bool,
) -> None:
    ds = with_sequence(undefined)
    edits: dict[tuple[int, ...], Element | None] = {
        (tag_of("PatientName"),): text("PN", tag_of("PatientName"), name),
        (tag_of("ProtocolName"),): text("LO", tag_of("ProtocolName"), inserted),
        (SEQUENCE, item, CODE): text("SH", CODE, code),
        (SEQUENCE, item, MEANING): text("LO", MEANING, inserted),
        (SEQUENCE, item, INNER, 0, CODE): text("SH", CODE, nested),
        (SEQUENCE, item, INNER, 0, MEANING): None,
        (tag_of(removed),): None,
    }
    data = part10(ds, implicit=implicit)
    ds.PatientName, ds.ProtocolName = name, inserted
    around = ds.AnatomicRegionSequence[item]
    around.CodeValue, around.CodeMeaning = code, inserted
    around.AnatomicRegionModifierSequence[0].CodeValue = nested
    del around.AnatomicRegionModifierSequence[0].CodeMeaning
    if removed in ds:
        del ds[removed]
    found = pydicom.dcmread(io.BytesIO(edited(data, edits)))
    expected = pydicom.dcmread(io.BytesIO(part10(ds, implicit=implicit)))
    assert found == expected
    assert found.PixelData == expected.PixelData


def text(VR: str, tag: int, value: str) -> Element:
    raw = value.encode()
    return Element(tag, VR, raw + b" " * (len(raw) % 2))


def test_items_that_are_not_edited_are_copied_byte_for_byte() -> None:
    data = part10(with_sequence(undefined=True))
    written = edited(data, {(SEQUENCE, 1, CODE): text("SH", CODE, "LONGER THAN BEFORE")})
    first = data.index(b"T-0") - 16
    assert data[first : first + 60] in written


def test_dcmtk_reads_the_same_of_a_splice_and_of_pydicoms_edit(tmp_path: Path) -> None:
    dcmdump = need("dcmdump")
    dumps = []
    for undefined in (True, False):
        ds = with_sequence(undefined)
        data = part10(ds)
        (tmp_path / "ours.dcm").write_bytes(
            edited(data, {(SEQUENCE, 2, CODE): text("SH", CODE, "T-99"), (tag_of("PatientID"),): None})
        )
        ds.AnatomicRegionSequence[2].CodeValue = "T-99"
        del ds.PatientID
        (tmp_path / "theirs.dcm").write_bytes(part10(ds))
        for name in ("ours.dcm", "theirs.dcm"):
            command = [dcmdump, "-q", "+L", str(tmp_path / name)]
            said = subprocess.run(command, capture_output=True, text=True, check=True)
            dumps.append([line.split("#")[0] for line in said.stdout.splitlines() if line[:5] > "(0002"])
    assert dumps[0] == dumps[1]
    assert dumps[2] == dumps[3]


def test_file_meta_information_says_what_the_data_set_says() -> None:
    uid = tag_of("SOPInstanceUID")
    written = edited(part10(ct_instance()), {(uid,): Element(uid, "UI", b"1.2.3.4\0")})
    read = pydicom.dcmread(io.BytesIO(written))
    assert read.file_meta.MediaStorageSOPInstanceUID == read.SOPInstanceUID == "1.2.3.4"


@pytest.mark.parametrize("path", [(SEQUENCE, 0, CODE), (SEQUENCE, 7, CODE)])
@pytest.mark.parametrize("preamble", [b"", b"x"])
def test_a_path_through_what_is_not_there_is_an_error(path: tuple[int, ...], preamble: bytes) -> None:
    ds = ct_instance() if path[1] == 0 else with_sequence(undefined=False)
    data = preamble + part10(ds)[len(preamble) :]
    with pytest.raises(KeyError, match="no such"):
        splice(Buffer(data), {path: None})


def test_a_file_that_is_not_plain_is_edited_as_a_whole() -> None:
    data = b"MM" + part10(with_sequence(undefined=True))[2:]
    written = edited(data, {(SEQUENCE, 0, INNER, 0, CODE): text("SH", CODE, "X-1"), (tag_of("KVP"),): None})
    read = pydicom.dcmread(io.BytesIO(written))
    assert read.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0].CodeValue == "X-1"
    assert "KVP" not in read
    assert read.PixelData == ct_instance().PixelData


def test_a_refused_file_gives_its_reason() -> None:
    assert splice(Buffer(b"nothing of the kind" * 50), {}) == Reject("NOT_DICOM")


@pytest.mark.parametrize("broken", [(), ("copy_file_range",), ("copy_file_range", "sendfile")])
def test_every_way_of_copying_gives_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: tuple[str, ...]
) -> None:
    for name in broken:
        monkeypatch.delattr(os, name)
        if name == "sendfile":
            monkeypatch.setattr(os, name, refuse, raising=False)
    ds = ct_instance()
    ds.Rows = ds.Columns = 1024
    ds.PixelData = os.urandom(1024 * 1024 * 2)
    source = tmp_path / "source.dcm"
    source.write_bytes(part10(ds))
    tag = tag_of("PatientName")
    spliced = splice(Buffer(source.read_bytes()), {(tag,): text("PN", tag, "Nobody")})
    assert isinstance(spliced, Spliced)
    with source.open("rb") as reading, (tmp_path / "target.dcm").open("wb") as writing:
        size = spliced.write(writing.fileno(), reading.fileno())
    written = (tmp_path / "target.dcm").read_bytes()
    assert size == len(written)
    assert written == b"".join(spliced.pieces())


def refuse(*_: object) -> int:
    raise OSError(22, "not here")


def test_a_source_that_became_shorter_is_no_copy(tmp_path: Path) -> None:
    source = tmp_path / "source.dcm"
    source.write_bytes(part10(ct_instance()))
    spliced = splice(Buffer(source.read_bytes()), {})
    assert isinstance(spliced, Spliced)
    os.truncate(source, 900)
    with (
        source.open("rb") as reading,
        (tmp_path / "target.dcm").open("wb") as writing,
        pytest.raises(OSError, match="shorter"),
    ):
        spliced.write(writing.fileno(), reading.fileno())


def test_an_inserted_sequence_is_written_whole() -> None:
    item = DataSet({CODE: text("SH", CODE, "T-5")})
    written = edited(part10(ct_instance()), {(SEQUENCE,): Element(SEQUENCE, "SQ", b"", (item,))})
    assert pydicom.dcmread(io.BytesIO(written)).AnatomicRegionSequence[0].CodeValue == "T-5"
