"""Rows of a clean CT study, as the writers make them; a test changes what it is about."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from expectations.contracts import INSTANCES
from tasks.tables.aggregate import series_table, studies_table

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
CLEAN_RUN = {"listed": 8.0, "staged": 6.0, "rejected": 0.0, "duplicate": 0.0, "unchanged": 2.0}

Row = dict[str, Any]


def make_uid(name: str) -> str:
    """Make a pseudonymous UID, as de-identification does."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16])
    number = number & ~(0xF << 76) | 8 << 76
    return f"2.25.{number & ~(0x3 << 62) | 2 << 62}"


def make_row(study: str = "a", number: int = 1, **changes: Any) -> Row:
    """Make the row of one slice of a CT volume."""
    day = dt.date(2011, 5, 4)
    row: Row = dict.fromkeys(INSTANCES.names)
    row |= {
        "source_ref": f"{study}{number:031d}",
        "batch_id": "batch",
        "TransferSyntaxUID": "1.2.840.10008.1.2.1",
        "header": "{}",
        "SOPClassUID": CT_IMAGE,
        "SOPInstanceUID": make_uid(f"{study}/{number}"),
        "StudyInstanceUID": make_uid(study),
        "SeriesInstanceUID": make_uid(f"{study}/series"),
        "FrameOfReferenceUID": make_uid(f"{study}/frame"),
        "PatientID": "ABCDEFGHIJKLMNOPQRSTUVW2",
        "StudyDate": day,
        "SeriesDate": day,
        "AcquisitionDate": day,
        "ContentDate": day,
        "StudyTime": "101500",
        "Modality": "CT",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "InstanceNumber": number,
        "BodyPartExamined": "CHEST",
        "PatientPosition": "HFS",
        "PatientSex": "F",
        "PatientAge": "061Y",
        "PatientWeight": 61.5,
        "Rows": 4,
        "Columns": 4,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 1,
        "PixelSpacing": [0.7, 0.7],
        "RescaleSlope": 1.0,
        "RescaleIntercept": -1024.0,
        "has_pixel_data": True,
        "pixel_bytes": 32,
        "expected_pixel_bytes": 32,
        "ImagePositionPatient": [-100.0, -100.0, 2.5 * number],
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        "SliceThickness": 2.5,
        "KVP": 120.0,
        "PatientIdentityRemoved": "YES",
        "LongitudinalTemporalInformationModified": "MODIFIED",
        "deidentification_codes": ["113100", "113107"],
        "finding_count": 0,
        "finding_codes": [],
    }
    return row | changes


def make_study(study: str = "a", slices: int = 3, **changes: Any) -> list[Row]:
    """Make the rows of a CT volume."""
    return [make_row(study, number, **changes) for number in range(1, slices + 1)]


def to_tables(rows: Iterable[Mapping[str, Any]]) -> dict[str, pa.Table]:
    """Make the three tables that the gate judges."""
    instances = pa.Table.from_pylist(list(rows), schema=INSTANCES.arrow_schema())
    return {
        "instances": instances,
        "series": series_table(instances),
        "studies": studies_table(instances),
    }
