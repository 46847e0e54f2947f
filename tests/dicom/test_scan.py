"""The scanner against pydicom, value by value; where they differ, the standard decides, and the case is listed."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.valuerep import PersonName

from tasks.dicom.buffer import Buffer
from tasks.dicom.dictionary import tag_of
from tasks.dicom.scan import Scanner
from tasks.records import Reject
from tests.builders import ct_instance, part10
from tests.corpus import SHARED, bundled_files

FILES = [
    *bundled_files(),
    *(sorted(path for path in SHARED.rglob("*") if path.is_file()) if SHARED.is_dir() else []),
]
LARGEST = 4_000_000
PARTS, SAMPLED = 4, 3

pytestmark = pytest.mark.filterwarnings("ignore")


def plain(value: Any, VR: str) -> Any:
    """Give pydicom's value as the scanner gives it; what pads a value is none of it."""
    if VR == "SQ":
        return len(value)
    if isinstance(value, (MultiValue, list)):
        values = tuple(plain(one, VR) for one in value)
        return values[0] if len(values) == 1 else values or None
    if value in (None, "", b""):
        return None
    if isinstance(value, (PersonName, str)) and VR not in ("DS", "IS"):
        return str(value).strip(" ") if VR == "CS" else str(value)
    return {"DS": float, "IS": int, "AT": int}.get(VR, lambda same: same)(value)


def ours(value: Any, VR: str) -> Any:
    if VR == "SQ":
        return len(value or ())
    if isinstance(value, tuple):
        return tuple(one or None if isinstance(one, str) else one for one in value)
    return value


def is_known(path: Path, element: pydicom.DataElement, value: Any) -> bool:
    """Tell whether pydicom is known to read this otherwise, and not as the standard says."""
    if element.tag.is_private and isinstance(value, bytes):
        return True  # pydicom reads UN by its own dictionary of private elements; the file does not say what they are
    if element.VR == "UN":
        return True  # a group length, or a value too long for its VR: the dictionary knows it (PS3.5 6.2.2 note 2)
    if element.VR == "IS" and isinstance(value, str):
        return True  # 12.5 is no integer: pydicom cuts it to 12
    # pydicom swaps no OW, so what it gives of a big-endian file are other numbers (PS3.5 section 7.3).
    return element.VR == "OW" and path.name == "OBXXXX1A_expb.dcm"


def is_same(first: Any, second: Any) -> bool:
    if isinstance(first, tuple) and isinstance(second, tuple):
        return len(first) == len(second) and all(map(is_same, first, second))
    both_nan = (
        isinstance(first, float) and isinstance(second, float) and math.isnan(first) and math.isnan(second)
    )
    return both_nan or first == second


@pytest.mark.parametrize("part", range(PARTS))
def test_every_value_of_every_real_file_is_pydicoms(part: int) -> None:
    compared = 0
    for path in FILES[part :: PARTS * SAMPLED]:
        if path.stat().st_size > LARGEST:
            continue
        data = path.read_bytes()
        try:
            ds = pydicom.dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
            tags = [int(tag) for tag in ds.keys()]  # noqa: SIM118 - iterating would decode
        except Exception:  # noqa: BLE001, S112 - whatever pydicom does not read is compared elsewhere
            continue
        values = Scanner(tags).scan(Buffer(data)) if tags else Reject("EMPTY_DATASET")
        if isinstance(values, Reject):
            continue  # damage that pydicom overlooks; `test_reader` says which
        for tag in tags:
            try:
                element = ds[tag]
                expected = plain(element.value, element.VR)
            except Exception:  # noqa: BLE001, S112 - a value pydicom cannot convert
                continue
            compared += 1
            value = values.get(tag)
            same = is_same(ours(value, element.VR), ours(expected, ""))
            assert same or is_known(path, element, value), (path.name, element.tag, element.VR)
    assert compared > 1000


NAMED = (
    "SOPInstanceUID",
    "PatientID",
    "PatientName",
    "StudyDate",
    "Rows",
    "PixelSpacing",
    "KVP",
    "ImageType",
)
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "PatientName": st.sampled_from(["Müller^Änne", "Doe^J", "", "a=b=c"]),
            "StudyDescription": st.text("AZ äö*", max_size=20).map(str.strip),
            "PixelSpacing": st.lists(st.floats(0.125, 9, width=16), min_size=2, max_size=2),
            "ImageType": st.lists(st.sampled_from(["ORIGINAL", "PRIMARY", "X Y"]), min_size=1, max_size=4),
        },
    ),
    implicit=st.booleans(),
    nested=st.integers(0, 3),
    undefined=st.booleans(),
)
def test_made_headers_read_as_pydicom_reads_them(
    values: dict[str, Any], implicit: bool, nested: int, undefined: bool
) -> None:
    ds = ct_instance(**values)
    item = Dataset()
    item.CodeValue = "T-1"
    ds.AnatomicRegionSequence = [item] * nested
    ds["AnatomicRegionSequence"].is_undefined_length = undefined
    item.is_undefined_length_sequence_item = undefined
    data = part10(ds, implicit=implicit)
    read = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
    found = Scanner(int(tag) for tag in read.keys()).scan(Buffer(data))  # noqa: SIM118
    assert isinstance(found, dict)
    for element in read:
        assert is_same(ours(found.get(int(element.tag)), element.VR), plain(element.value, element.VR))


def test_only_the_start_of_an_object_is_read() -> None:
    reads: list[tuple[int, int]] = []

    class Watched(Buffer):
        def read(self, offset: int, length: int) -> bytes:
            reads.append((offset, length))
            return super().read(offset, length)

    ds = ct_instance()
    ds.PixelData = bytes(1 << 20)
    ds.Rows = ds.Columns = 724
    scanner = Scanner(map(tag_of, NAMED))
    for _ in range(6):
        assert isinstance(scanner.scan(Watched(part10(ds))), dict)
    assert sum(length for _, length in reads[-1:]) < 8192
    assert len(reads) == 6


def test_a_header_beyond_the_first_window_is_read_to_its_end() -> None:
    ds = ct_instance(ImageComments="x" * 9000, AdditionalPatientHistory="y" * 60_000)
    found = Scanner([tag_of("ImageComments"), tag_of("Rows")]).scan(Buffer(part10(ds)))
    assert isinstance(found, dict)
    assert len(str(found[tag_of("ImageComments")])) == 9000


def test_a_refused_object_gives_its_reason() -> None:
    assert Scanner([0x00100010]).scan(Buffer(b"not dicom at all" * 100)) == Reject("NOT_DICOM")


def test_values_are_those_of_each_file_and_not_of_the_one_before() -> None:
    scanner = Scanner(map(tag_of, NAMED))
    for charset, name in (("ISO_IR 100", "Müller"), ("ISO_IR 192", "Müller"), ("GB18030", "张^伟")):
        found = scanner.scan(Buffer(part10(ct_instance(SpecificCharacterSet=charset, PatientName=name))))
        assert isinstance(found, dict)
        assert found[tag_of("PatientName")] == name
