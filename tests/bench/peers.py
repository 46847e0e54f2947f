"""What a good engineer writes in an afternoon with pydicom and a process pool: the measure of our whole flow.

It reads the same files, into the same columns, and edits some sixty elements, nested ones too. It is spared
what costs us time and makes the difference: no allow-list, no check of structure, values or result, no
gate, no ledger, no lineage, and nothing is durable when it ends. Elements it need not touch it leaves
unconverted, as somebody would who knows pydicom.
"""

from __future__ import annotations

import argparse
import hmac
import multiprocessing
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from expectations.contracts import INSTANCES

KEY = b"a key for the benchmark only, 32"
SHIFT_DAYS = -321
CHUNK_FILES = 100


def main() -> None:
    """Run one peer over a folder, as a program of its own, so that its start and its memory count too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", choices=sorted(PEERS))
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    options.target.mkdir(parents=True)
    PEERS[options.work](options.source, options.target, options.workers)


def tabulate_folder(source: Path, target: Path, workers: int) -> None:
    """Read every header and write one Parquet file."""
    with multiprocessing.Pool(workers) as pool:
        rows = pool.map(read_row, _files_of(source), CHUNK_FILES)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), target / "instances.parquet", compression="zstd")


def edit_folder(source: Path, target: Path, workers: int) -> None:
    """Read, edit and save every file."""
    with multiprocessing.Pool(workers) as pool:
        for _ in pool.imap_unordered(partial(edit_file, target=target), _files_of(source), CHUNK_FILES):
            pass


PEERS: dict[str, Callable[[Path, Path, int], None]] = {"metadata": tabulate_folder, "dicom": edit_folder}


def _files_of(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file())


# -- headers to rows --------------------------------------------------------------------------------------

_COLUMNS = tuple(
    column
    for column in INSTANCES.columns
    if column.tag is not None and column.name not in ("TransferSyntaxUID", "deidentification_codes")
)
COLUMNS = tuple(column.name for column in _COLUMNS)
"""Keywords of the attributes that our own table of instances has."""
SCHEMA = pa.schema([(column.name, column.type) for column in _COLUMNS])


def read_row(path: Path) -> dict[str, object]:
    """Read a header into the columns of our table."""
    return row_of(dcmread(path, stop_before_pixels=True))


def row_of(ds: Dataset) -> dict[str, object]:
    """Take the columns out of a data set."""
    return {
        name: convert(value)
        for name, convert in _CONVERTERS
        if (value := ds.get(name)) is not None and value != ""
    }


def _many(convert: Callable[[Any], object], value: Any) -> list[object]:
    single = isinstance(value, (str, int, float))
    return [convert(value)] if single else [convert(one) for one in cast("Iterable[Any]", value)]


def _day(value: str) -> date:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8]))


_CONVERTER_OF: dict[pa.DataType, Callable[[Any], object]] = {
    pa.string(): str,
    pa.date32(): _day,
    pa.int32(): int,
    pa.float64(): float,
    pa.list_(pa.string()): partial(_many, str),
    pa.list_(pa.float64()): partial(_many, float),
}
_CONVERTERS = tuple((column.name, _CONVERTER_OF[column.type]) for column in _COLUMNS)


# -- files to files ---------------------------------------------------------------------------------------


def edit_file(path: Path, target: Path) -> None:
    """Read a file, edit it and save it under its new instance UID."""
    ds = dcmread(path)
    edit(ds)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(target / f"{ds.SOPInstanceUID}.dcm", enforce_file_format=True)


def edit(ds: Dataset) -> None:
    """Remove, empty, replace, map and shift what the tables below name, at every depth."""
    for tag in list(ds.keys()):
        action = ACTIONS.get(tag)
        if action is not None:
            action(ds, tag)
        elif tag.is_private:
            del ds[tag]
        elif ds.get_item(tag).VR == "SQ":
            for item in ds[tag].value:
                edit(item)


def _remove(ds: Dataset, tag: BaseTag) -> None:
    del ds[tag]


def _empty(ds: Dataset, tag: BaseTag) -> None:
    ds[tag].value = ""


def _replace(ds: Dataset, tag: BaseTag) -> None:
    ds[tag].value = f"P{_keyed(str(ds[tag].value)) % 10**12:012d}"


def _map_uid(ds: Dataset, tag: BaseTag) -> None:
    ds[tag].value = f"2.25.{_keyed(str(ds[tag].value))}"


def _shift(ds: Dataset, tag: BaseTag) -> None:
    value = str(ds[tag].value)
    if value:
        ds[tag].value = (_day(value) + timedelta(days=SHIFT_DAYS)).strftime("%Y%m%d")


def _keyed(text: str) -> int:
    return int.from_bytes(hmac.digest(KEY, text.encode(), "sha256")[:16], "big")


REMOVED = (
    "StationName InstitutionName InstitutionAddress InstitutionalDepartmentName PhysiciansOfRecord "
    "PerformingPhysicianName NameOfPhysiciansReadingStudy OperatorsName IssuerOfPatientID OtherPatientIDs "
    "EthnicGroup AdditionalPatientHistory PregnancyStatus DeviceSerialNumber ProtocolName ImageComments "
    "RequestingPhysician RequestingService AdmissionID CurrentPatientLocation PerformedStationAETitle "
    "PerformedProcedureStepID PerformedProcedureStepDescription CommentsOnThePerformedProcedureStep "
    "RequestAttributesSequence StudyDescription SeriesDescription RequestedProcedureDescription "
    "DateOfLastCalibration TimeOfLastCalibration InstanceCreationTime PerformedProcedureStepStartTime"
)
EMPTIED = "AccessionNumber ReferringPhysicianName PatientBirthDate StudyID PositionReferenceIndicator"
REPLACED = "PatientName PatientID"
MAPPED = (
    "SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID ReferencedSOPInstanceUID "
    "ReferencedFrameOfReferenceUID IrradiationEventUID ConcatenationUID SynchronizationFrameOfReferenceUID "
    "DimensionOrganizationUID InstanceCreatorUID StorageMediaFileSetUID UID"
)
SHIFTED = (
    "InstanceCreationDate StudyDate SeriesDate AcquisitionDate ContentDate PerformedProcedureStepStartDate "
    "PerformedProcedureStepEndDate ScheduledProcedureStepStartDate ScheduledProcedureStepEndDate"
)
ACTIONS: dict[int, Callable[[Dataset, BaseTag], None]] = {
    cast("int", tag_for_keyword(keyword)): action
    for action, keywords in (
        (_remove, REMOVED),
        (_empty, EMPTIED),
        (_replace, REPLACED),
        (_map_uid, MAPPED),
        (_shift, SHIFTED),
    )
    for keyword in keywords.split()
}

if __name__ == "__main__":
    main()
