"""Real files and hostile ones: nothing is lost to a false alarm, and nothing of a patient comes through."""

from __future__ import annotations

import io
from pathlib import Path

import pydicom
import pytest

from tasks.deid.deidentify import Deidentified, Deidentifier
from tasks.deid.residual import find_residual
from tasks.dicom.buffer import Buffer
from tasks.dicom.element import Header
from tasks.dicom.encode import EXPLICIT_LITTLE_ENDIAN, encode_dataset, encode_meta
from tasks.dicom.reader import read_header
from tasks.records import Reject
from tests.corpus import bundled_files, hostile_cases
from tests.deid.builders import DIGEST

CANARY = b"zqxcanary"


def read(path: Path) -> Header | None:
    header = read_header(Buffer(path.read_bytes()))
    return None if isinstance(header, Reject) else header


def deidentified(deidentifier: Deidentifier, header: Header) -> Deidentified | None:
    result = deidentifier.deidentify(header.dataset, header.encodings, DIGEST)
    return None if isinstance(result, Reject) else result


def encode(result: Deidentified) -> bytes:
    meta = encode_meta(result.SOPClassUID, result.SOPInstanceUID, EXPLICIT_LITTLE_ENDIAN)
    return meta + encode_dataset(result.dataset, explicit=True)


def test_no_real_file_is_lost_to_a_false_alarm(research: Deidentifier, basic: Deidentifier) -> None:
    cleaned = 0
    for path in bundled_files():
        header = read(path)
        for deidentifier in (research, basic):
            result = header and deidentified(deidentifier, header)
            if result:
                assert find_residual(encode(result), result.identifiers, result.generated) == 0, path.name
                cleaned += 1
    assert cleaned > 300


def test_no_real_name_comes_through(research: Deidentifier) -> None:
    for path in bundled_files():
        header = read(path)
        result = header and deidentified(research, header)
        if not header or not result:
            continue
        names = {one.value for one in header.dataset.values() if one.VR == "PN" and len(one.value) > 5}
        output = encode(result)
        assert not any(name.strip() in output for name in names), path.name


def test_outputs_are_read_by_pydicom(research: Deidentifier) -> None:
    for path in bundled_files()[::5]:
        header = read(path)
        result = header and deidentified(research, header)
        if result:
            reread = pydicom.dcmread(io.BytesIO(encode(result)))
            assert reread.PatientID == result.PatientID
            assert sum(1 for _ in reread.iterall()) == count(result.dataset)


def count(dataset: object) -> int:
    assert isinstance(dataset, dict)
    return sum(1 + sum(map(count, one.items or ())) for one in dataset.values())


def test_no_canary_of_the_hostile_corpus_comes_through(research: Deidentifier) -> None:
    cases = list(hostile_cases())
    if not cases:
        pytest.skip("the shared corpus is not here")
    for path, row in cases:
        header = read(path)
        result = header and deidentified(research, header)
        if result:
            assert CANARY not in encode(result).lower(), row["id"]
            assert find_residual(encode(result), result.identifiers, result.generated) == 0, row["id"]


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("sop_basic_text_sr", "CLASS_NOT_CLEANABLE"),
        ("sop_private_class", "CLASS_NOT_CLEANABLE"),
        ("sop_raw_data", "CLASS_NOT_CLEANABLE"),
        ("sop_unknown_uid", "UNKNOWN_SOP_CLASS"),
    ],
)
def test_hostile_classes_are_refused_as_the_manifest_says(
    case: str, code: str, research: Deidentifier
) -> None:
    found = [path for path, row in hostile_cases() if row["id"] == case]
    if not found:
        pytest.skip("the shared corpus is not here")
    header = read(found[0])
    assert header is not None
    refused = research.deidentify(header.dataset, header.encodings, DIGEST)
    assert isinstance(refused, Reject)
    assert refused.code == code
