"""CT series made from a seed: no patient's file is needed to measure, and anybody measures on the same bytes.

A header here is as long as those of real scanners, some 170 elements with sequences and private blocks,
because time goes by the element and not by the byte. pydicom encodes one template a series; the instances
are the template with a few values overwritten by others of the same length, so ten thousand files take
seconds.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

DEFAULT_SEED = 20_260_501

ROOT = "1.2.826.0.1.3680043.10.999"
INSTANCES_A_SERIES = 25
SERIES_A_STUDY = 2
STUDIES_A_PATIENT = 2
MARK = "corpus.json"
"""Written last, beside the files: a corpus that was not finished is made again."""


class Kind(StrEnum):
    """What the files are like: the same headers, and pixels of 8 kB or of 524 kB."""

    SMALL = "small CT"
    SLICE = "CT slice"


_SIDE = {Kind.SMALL: 64, Kind.SLICE: 512}
"""Rows and columns, of two bytes a pixel."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides the bytes of a corpus."""

    kind: Kind
    count: int
    seed: int


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files that exist."""

    recipe: Recipe
    folder: Path
    size_bytes: int

    def paths(self, limit: int | None = None) -> list[Path]:
        """Give the first files, in order."""
        return sorted(self.folder.rglob("*.dcm"))[:limit]


def make_corpus(recipe: Recipe, scratch: Path) -> Corpus:
    """Give a corpus below `scratch`, made now unless one of this recipe is there."""
    name = f"{recipe.kind.replace(' ', '-')}-{recipe.count}-{recipe.seed}"
    folder = scratch / "corpora" / name
    mark = scratch / "corpora" / f"{name}.json"
    made_by = {**asdict(recipe), "generator": hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}
    if mark.is_file():
        found = json.loads(mark.read_text())
        if {name: value for name, value in found.items() if name != "size_bytes"} == made_by:
            return Corpus(recipe, folder, found["size_bytes"])
    shutil.rmtree(folder, ignore_errors=True)
    size_bytes = sum(_write(folder / path, content) for path, content in make_files(recipe))
    mark.write_text(json.dumps({**made_by, "size_bytes": size_bytes}))
    return Corpus(recipe, folder, size_bytes)


def _write(path: Path, content: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.write_bytes(content)


def make_files(recipe: Recipe) -> Iterator[tuple[str, bytes]]:
    """Make the files of a corpus: path and content."""
    pixels = _make_pixels(recipe)
    for start in range(0, recipe.count, INSTANCES_A_SERIES):
        place = _place_of(start // INSTANCES_A_SERIES)
        template = _Template(_make_series(place, recipe, pixels))
        for number in range(1, min(INSTANCES_A_SERIES, recipe.count - start) + 1):
            yield f"{place.folder}/IM{number:04d}.dcm", template.make_instance(number)


class _Place(NamedTuple):
    """Which series of which study of which patient, each counted from 1."""

    patient: int
    study: int
    series: int

    @property
    def folder(self) -> str:
        return f"P{self.patient:05d}/ST{self.study}/SE{self.series}"

    def uid(self, *parts: int) -> str:
        return ".".join(map(str, (ROOT, self.patient, self.study, *parts)))


def _place_of(number: int) -> _Place:
    study, series = divmod(number, SERIES_A_STUDY)
    patient, study_of_patient = divmod(study, STUDIES_A_PATIENT)
    return _Place(patient + 1, study_of_patient + 1, series + 1)


def _make_pixels(recipe: Recipe) -> bytes:
    noise = Random(recipe.seed).randbytes(_SIDE[recipe.kind] ** 2 * 2)  # noqa: S311
    mask = int.from_bytes(b"\xff\x0f" * (len(noise) // 2), "little")
    return (int.from_bytes(noise, "little") & mask).to_bytes(len(noise), "little")


# -- one instance from its series' template ---------------------------------------------------------------

_LAST = 999_999
"""Number of the instance that stands in the template."""


def _uid_tail(number: int) -> bytes:
    return b".%06d" % (_LAST if number == _LAST else 100_000 + number)


def _position(number: int) -> bytes:
    return b"%.2f" % (-999.99 if number == _LAST else -500 + 1.25 * number)


def _time(number: int) -> bytes:
    return b"1015%05.2f0" % (number % 60 + 0.25)


def _instance_number(number: int) -> bytes:
    return b"%04d" % (number % 10_000)


def _tube_current(number: int) -> bytes:
    return b"%d" % (100 + number % 100)


def _first_pixels(number: int) -> bytes:
    return struct.pack("<HH", number // 1000, number % 1000)


_SHORT = struct.Struct("<HH2sH")


class _Template:
    """An encoded file, and where in it the values lie that differ from instance to instance."""

    def __init__(self, ds: Dataset) -> None:
        out = io.BytesIO()
        ds.save_as(out, enforce_file_format=True)
        self._content = out.getvalue()
        uid, tail = str(ds.SOPInstanceUID).encode(), len(_uid_tail(_LAST))
        position = b"-120.5\\-118.25\\" + _position(_LAST)
        self._patches: tuple[tuple[Callable[[int], bytes], tuple[int, ...]], ...] = (
            (_uid_tail, tuple(self._end(tag, b"UI", uid) - tail for tag in (0x00020003, 0x00080018))),
            (
                _position,
                (self._end(0x00200032, b"DS", position) - 7, self._start(0x00201041, b"DS", _position)),
            ),
            (_time, (self._start(0x00080032, b"TM", _time), self._start(0x00080033, b"TM", _time))),
            (_instance_number, (self._start(0x00200013, b"IS", _instance_number),)),
            (_tube_current, (self._start(0x00181151, b"IS", _tube_current),)),
            (_first_pixels, (len(self._content) - len(ds.PixelData),)),
        )

    def _start(self, tag: int, VR: bytes, write: Callable[[int], bytes]) -> int:
        value = write(_LAST)
        return self._end(tag, VR, value) - len(value)

    def _end(self, tag: int, VR: bytes, value: bytes) -> int:
        """Find where the value of an element ends, which must be in the template once, as it is."""
        padded = value + (b"\0" if VR == b"UI" else b" ") * (len(value) % 2)
        element = _SHORT.pack(tag >> 16, tag & 0xFFFF, VR, len(padded)) + padded
        assert self._content.count(element) == 1, f"{tag:08X}"
        return self._content.index(element) + _SHORT.size + len(value)

    def make_instance(self, number: int) -> bytes:
        content = bytearray(self._content)
        for write, offsets in self._patches:
            value = write(number)
            for offset in offsets:
                content[offset : offset + len(value)] = value
        assert len(content) == len(self._content)
        return bytes(content)


# -- what a header of a scanner holds ---------------------------------------------------------------------


def _make_series(place: _Place, recipe: Recipe, pixels: bytes) -> Dataset:
    ds = Dataset()
    random = Random(f"{recipe.seed} {place}")  # noqa: S311
    person = f"{place.patient:05d}"
    name = "".join(random.choices("bcdfghklmnprstvw", k=4)).capitalize()
    values = {
        **_EQUIPMENT,
        **_GEOMETRY,
        "PatientName": f"{name}erman^Odile{person.translate(_LETTERS)}",
        "PatientID": f"MRN-{4_700_000 + place.patient}",
        "OtherPatientIDs": f"OLD-{880_000 + place.patient}",
        "PatientSex": random.choice("MF"),
        "PatientAge": f"{random.randint(20, 90):03d}Y",
        "PatientBirthDate": f"19{random.randint(30, 99)}0{random.randint(1, 9)}1{random.randint(0, 9)}",
        "StudyInstanceUID": place.uid(),
        "SeriesInstanceUID": place.uid(place.series),
        "FrameOfReferenceUID": place.uid(place.series, 7),
        "SOPInstanceUID": place.uid(place.series, _LAST),
        "AccessionNumber": f"ACC{place.patient:05d}{place.study}",
        "StudyID": f"S{place.patient:05d}",
        "SeriesNumber": str(place.series),
        "Rows": _SIDE[recipe.kind],
        "Columns": _SIDE[recipe.kind],
        "PixelData": pixels,
    }
    values |= dict.fromkeys(_DATES, f"2023{random.randint(1, 12):02d}{random.randint(1, 28):02d}")
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    for keyword, items in _sequences(place).items():
        setattr(ds, keyword, Sequence([_item(item) for item in items]))
    _add_private(ds, random)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds


def _item(values: dict[str, str]) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _sequences(place: _Place) -> dict[str, list[dict[str, str]]]:
    def reference(*parts: int) -> dict[str, str]:
        return {"ReferencedSOPClassUID": CTImageStorage, "ReferencedSOPInstanceUID": place.uid(*parts)}

    def code(value: str, scheme: str, meaning: str) -> dict[str, str]:
        return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}

    request = {
        "ScheduledProcedureStepDescription": "CT of the chest",
        "ScheduledProcedureStepID": f"SPS{place.patient:05d}",
        "RequestedProcedureID": f"RP{place.patient:05d}",
    }
    return {
        "ProcedureCodeSequence": [code("CTCHEST", "99HOSP", "CT of the chest")],
        "ReferencedStudySequence": [reference(8)],
        "ReferencedPerformedProcedureStepSequence": [reference(9)],
        "ReferencedImageSequence": [reference(place.series, 11), reference(place.series, 12)],
        "AnatomicRegionSequence": [code("51185008", "SCT", "Chest")],
        "CTDIPhantomTypeCodeSequence": [code("113691", "DCM", "IEC Body Dosimetry Phantom")],
        "RequestAttributesSequence": [request],
    }


def _add_private(ds: Dataset, random: Random) -> None:
    for group, creator, strings, numbers in (
        (0x0009, "ACME_IDEN_01", 5, 1),
        (0x0019, "ACME_ACQU_01", 4, 8),
        (0x0043, "ACME_PARM_01", 2, 2),
    ):
        block = ds.private_block(group, creator, create=True)
        for number in range(strings):
            block.add_new(1 + number, "LO", f"VENDOR VALUE {random.randint(1000, 9999)}")
        for number in range(numbers):
            block.add_new(0x40 + number, "FL", random.random())
    block = ds.private_block(0x0029, "ACME CSA HEADER", create=True)
    block.add_new(0x10, "OB", random.randbytes(1200))
    block.add_new(0x20, "OB", random.randbytes(400))


_LETTERS: dict[int, Any] = str.maketrans("0123456789", "abcdefghij")
_DATES = (
    "StudyDate",
    "SeriesDate",
    "AcquisitionDate",
    "ContentDate",
    "InstanceCreationDate",
    "PerformedProcedureStepStartDate",
    "ScheduledProcedureStepStartDate",
)
_EQUIPMENT: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 100",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"],
    "SOPClassUID": CTImageStorage,
    "InstanceCreationTime": "101630.120000",
    "StudyTime": "101500.000000",
    "SeriesTime": "101512.500000",
    "AcquisitionTime": _time(_LAST).decode(),
    "ContentTime": _time(_LAST).decode(),
    "Modality": "CT",
    "Manufacturer": "ACME Medical",
    "InstitutionName": "General Hospital Springfield",
    "InstitutionAddress": "742 Evergreen Terrace, Springfield",
    "ReferringPhysicianName": "Quincy^Amelia^^Dr",
    "StationName": "CTAWP00012",
    "StudyDescription": "CT chest with contrast",
    "SeriesDescription": "Thorax 1.25 B70f",
    "InstitutionalDepartmentName": "Radiology",
    "PhysiciansOfRecord": "Marlowe^Ruben",
    "PerformingPhysicianName": "Ostrander^Wilma",
    "NameOfPhysiciansReadingStudy": "Ilves^Katrin",
    "OperatorsName": "Vandenberg^Pieter",
    "ManufacturerModelName": "Scanner 9",
    "IssuerOfPatientID": "SPRINGFIELD",
    "PatientSize": "1.72",
    "PatientWeight": "71.5",
    "EthnicGroup": "unknown",
    "AdditionalPatientHistory": "cough for three weeks",
    "PregnancyStatus": 4,
    "BodyPartExamined": "CHEST",
    "ScanOptions": "HELICAL MODE",
    "SliceThickness": "1.25",
    "KVP": "120",
    "DataCollectionDiameter": "500",
    "DeviceSerialNumber": "SN-77120045",
    "SoftwareVersions": ["syn CT 2011A", "07MW18.4"],
    "ProtocolName": "Thorax routine",
    "ReconstructionDiameter": "350",
    "DistanceSourceToDetector": "1040",
    "DistanceSourceToPatient": "570",
    "GantryDetectorTilt": "0",
    "TableHeight": "143.5",
    "RotationDirection": "CW",
    "ExposureTime": "500",
    "XRayTubeCurrent": "199",
    "Exposure": "99",
    "FilterType": "BODY FILTER",
    "GeneratorPower": "24",
    "FocalSpots": "1.2",
    "DateOfLastCalibration": "20230102",
    "TimeOfLastCalibration": "064500.000000",
    "ConvolutionKernel": "B70f",
    "PatientPosition": "HFS",
    "RevolutionTime": 0.5,
    "SingleCollimationWidth": 0.6,
    "TotalCollimationWidth": 38.4,
    "TableSpeed": 53.8,
    "TableFeedPerRotation": 26.9,
    "SpiralPitchFactor": 0.7,
    "ExposureModulationType": "XYZ_EC",
    "EstimatedDoseSaving": 12.5,
    "CTDIvol": 6.43,
    "AcquisitionNumber": "2",
    "PositionReferenceIndicator": "SN",
    "ImageComments": "reconstructed at the console",
    "RequestingPhysician": "Quincy^Amelia",
    "RequestingService": "Pneumology",
    "RequestedProcedureDescription": "CT of the chest",
    "AdmissionID": "ADM-90210077",
    "CurrentPatientLocation": "Ward 7",
    "PerformedStationAETitle": "CTAWP12",
    "PerformedProcedureStepStartTime": "101500.000000",
    "PerformedProcedureStepID": "PPS00017",
    "PerformedProcedureStepDescription": "CT chest with contrast",
    "CommentsOnThePerformedProcedureStep": "patient moved once",
}
_GEOMETRY: dict[str, Any] = {
    "InstanceNumber": "9999",
    "ImagePositionPatient": ["-120.5", "-118.25", "-999.99"],
    "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    "SliceLocation": "-999.99",
    "SpacingBetweenSlices": "1.25",
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "PixelSpacing": ["0.683594", "0.683594"],
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
    "SmallestImagePixelValue": 0,
    "LargestImagePixelValue": 4095,
    "BurnedInAnnotation": "NO",
    "WindowCenter": ["-600", "40"],
    "WindowWidth": ["1200", "400"],
    "WindowCenterWidthExplanation": ["LUNG", "MEDIASTINUM"],
    "RescaleIntercept": "-1024",
    "RescaleSlope": "1",
    "RescaleType": "HU",
    "LossyImageCompression": "00",
}
