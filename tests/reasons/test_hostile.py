"""Every case of the shared hostile corpus, one at a time, through the parser's child as in a run.

Together they would say something else: all of them claim the same study, one of them for another patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.dicom.careful import read_carefully
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import Element
from tasks.dicom.values import BINARY_NUMBER_VRS, numbers_of, texts_of
from tasks.reasons import REASONS
from tasks.recall.cleaner import Cleaner
from tasks.records import Reject
from tasks.sandbox.parser import Parser
from tests.builders import KEY_TEXT
from tests.corpus import SHARED, expected_rows, hostile_cases, hostile_groups
from tests.plain import PlainRun
from tests.reasons.test_every_code import decide_all, nothing

HOSTILE = [pytest.param(path, row, id=row["id"]) for path, row in hostile_cases()]
GROUPS = [pytest.param(path, row, id=row["id"]) for path, row in hostile_groups()]
MALFORMED = [
    pytest.param(SHARED / row["file"], row, id=row["file"])
    for row in expected_rows()
    if row["file"].startswith("malformed/")
]


@pytest.fixture(name="cleaner", scope="module")
def make_cleaner() -> Iterator[Cleaner]:
    parser = Parser()
    yield Cleaner(Deidentifier(load_key(text=KEY_TEXT), load_profile("research")), read=parser)
    parser.close()


@pytest.mark.parametrize(("path", "row"), HOSTILE)
def test_a_hostile_case_ends_just_as_its_manifest_says(
    cleaner: Cleaner, path: Path, row: dict[str, str]
) -> None:
    ended = cleaner.clean(Buffer(path.read_bytes()), pixels=True)
    if row["expected"] == "quarantine":
        assert isinstance(ended, Reject)
        assert ended.code == row["reason"]
    else:
        assert not isinstance(ended, Reject)
        assert row["reason"] in {"", *(finding.code for finding in ended.findings)}


@pytest.mark.parametrize(("folder", "row"), GROUPS)
def test_a_hostile_group_ends_just_as_its_manifest_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path, row: dict[str, str]
) -> None:
    (tmp_path / "source").mkdir()
    for path in folder.iterdir():
        (tmp_path / "source" / path.name).write_bytes(path.read_bytes())
    decided = decide_all(PlainRun(tmp_path, monkeypatch), nothing)
    reasons = set(decided["reason"].to_pylist())
    assert reasons == ({None, row["reason"]} if row["expected"] == "readable" else {row["reason"]})


def shown(element: Element, encodings: tuple[str, ...]) -> str:
    if element.VR in BINARY_NUMBER_VRS:
        return "\\".join(str(number) for number in numbers_of(element))
    return "\\".join(texts_of(element, encodings))


KEYWORDS = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Modality", "PatientID"),
    *("PatientName", "PatientBirthDate", "StudyDate", "Manufacturer", "SeriesDescription", "InstanceNumber"),
    *("Rows", "Columns", "BitsAllocated", "NumberOfFrames"),
)


@pytest.mark.parametrize(("path", "row"), MALFORMED)
def test_a_malformed_file_ends_with_a_reason_or_as_dcmtk_and_gdcm_read_it(
    path: Path, row: dict[str, str]
) -> None:
    header = read_carefully(Buffer(path.read_bytes()), pixels=True)
    if isinstance(header, Reject):
        assert header.code in REASONS
        assert not row["expected_class"].startswith("readable_agreed")
        return
    if not row["expected_class"].startswith("readable_agreed"):
        return
    for keyword in KEYWORDS:
        element = header.dataset.get(tag_of(keyword))
        read = "" if element is None else shown(element, header.encodings)
        # The tools print no value beyond 64 kB, and no NUL.
        if row[keyword] != "(not loaded)":
            assert read.replace("\0", "").strip() == row[keyword].strip(), keyword
