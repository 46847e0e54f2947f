"""What lies in a run's staging folder between its steps: records as JSON, rows as Parquet.

The steps of a run may be separated by a crash, so they speak through these files and nothing else: a
run that is started again reads what the dead one had finished.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from tasks.layout import Staging
from tasks.records import BatchReport
from tasks.storage.store import Store

R = TypeVar("R")

STAGED = pa.schema(
    [
        pa.field("source_ref", pa.string(), nullable=False),
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("version", pa.string(), nullable=False),
        pa.field("batch_id", pa.string(), nullable=False),
        pa.field("sha256", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("path", pa.string()),
        pa.field("SOPInstanceUID", pa.string()),
        pa.field("StudyInstanceUID", pa.string()),
        pa.field("PatientID", pa.string()),
        pa.field("content", pa.string()),
        pa.field("finding_codes", pa.list_(pa.string())),
    ]
)
"""One row for each object of a batch: `reason` where it was rejected, else its pseudonyms and `content`,
the SHA-256 by which two objects with one SOP Instance UID are the same or a conflict."""

TOKENS = pa.schema(
    [
        pa.field("token", pa.uint64(), nullable=False),
        pa.field("of_patient", pa.bool_(), nullable=False),
    ]
)
"""Keyed fingerprints of a batch: of what its patients are known by, and of what the texts it would publish say."""

DECIDED = STAGED.append(pa.field("state", pa.string(), nullable=False)).append(
    pa.field("replaces", pa.bool_(), nullable=False)
)
"""A row of `STAGED` with how its object ends; `replaces` where the row published of it before gives way."""


def content_of_header(header_json: str) -> str:
    """Give the `content` of an instance of which no file is written."""
    return hashlib.sha256(header_json.encode()).hexdigest()


def dump_record(record: Any) -> bytes:
    """Write a record as JSON, the same bytes for the same record."""
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)


def load_record(kind: type[R], data: bytes) -> R:
    """Read a record back, nested records and all."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    record: R = _ADAPTERS[kind].validate_json(data)
    return record


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
"""By kind of record: making one takes longer than reading a record with it."""


def table_bytes(table: pa.Table) -> bytes:
    """Write a table as Parquet, the same bytes for the same rows.

    Without dictionaries: it is read once or twice and whole, which they slow down by a third, and zstd finds
    what repeats as well.
    """
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_statistics=False, use_dictionary=False)
    return sink.getvalue()


def read_table(store: Store, key: str, columns: list[str] | None = None) -> pa.Table:
    """Read a staged table, or some of its columns."""
    # One part is too small for threads to help: they would only keep more of the memory for themselves.
    with pq.ParquetFile(pa.BufferReader(store.read(key)), pre_buffer=False) as file:
        return file.read(columns, use_threads=False)


def batch_ids(store: Store, staging: Staging) -> list[str]:
    """Give the ids of the batches that are done, that is of those with a report, ascending."""
    return sorted(key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.list(staging.reports))


PARTS = (
    *("staged", "instances", "findings", "decided"),
    *("changes", "changed", "tokens", "identities", "cohort"),
)
"""All tables that there may be of a batch."""


def drop_batch(store: Store, staging: Staging, batch_id: str) -> None:
    """Forget a finished batch, its report first, so that a crash in between leaves nothing to believe."""
    store.delete(staging.report(batch_id))
    for table in PARTS:
        store.delete(staging.part(batch_id, table))
    store.delete(staging.look(batch_id))


def commit_batch(store: Store, staging: Staging, report: BatchReport) -> BatchReport:
    """Write a batch's commit record, the last thing that is written of it; give the record that stands.

    A batch may be run twice, by a worker that was taken for dead and by the one that took over. Both stage
    the same bytes, and the record that was there first stands: the name is created and never written again.
    """
    key = staging.report(report.batch_id)
    if store.write_create(key, dump_record(report)):
        return report
    return load_record(BatchReport, store.read(key))


def finished_report(store: Store, staging: Staging, batch_id: str) -> BatchReport | None:
    """Read the commit record of a batch; None while it is not done."""
    key = staging.report(batch_id)
    return load_record(BatchReport, store.read(key)) if store.exists(key) else None


def finished_reports(store: Store, staging: Staging) -> list[BatchReport]:
    """Read the commit records of the batches that are done, in the order of their ids."""
    return [
        load_record(BatchReport, store.read(staging.report(batch_id)))
        for batch_id in batch_ids(store, staging)
    ]


def parts(store: Store, staging: Staging, table: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Read one table of every finished batch, a batch at a time."""
    for batch_id in batch_ids(store, staging):
        yield read_table(store, staging.part(batch_id, table), columns)


def decided_parts(
    store: Store,
    staging: Staging,
    columns: list[str] | None = None,
    batches: Iterable[str] | None = None,
) -> Iterator[pa.Table]:
    """Read how the objects of each batch ended, in the order of the ids or in another."""
    for batch_id in batch_ids(store, staging) if batches is None else batches:
        yield read_table(store, staging.part(batch_id, "decided"), columns)


def with_nulls(decided: pa.Table, nulls: Mapping[str, int]) -> pa.Table:
    """Note beside a batch's decisions how many of its instances have no value, by column."""
    return decided.replace_schema_metadata({_NULLS: orjson.dumps(nulls)})


def nulls_of(decided: pa.Table) -> dict[str, int]:
    """Read what `with_nulls` noted."""
    nulls: dict[str, int] = orjson.loads(decided.schema.metadata[_NULLS])
    return nulls


_NULLS = b"nulls"


def batches_in_order(store: Store, staging: Staging) -> list[str]:
    """Give the ids of the batches in the order of their first objects' URIs.

    Batches are cut from a sorted listing, so this is the order of the listing, unless the source moved
    between a run that died and the one that resumed it.
    """
    ids = batch_ids(store, staging)
    firsts = (read_table(store, staging.part(batch_id, "staged"), ["source_uri"]) for batch_id in ids)
    uris = (first["source_uri"][0].as_py() if len(first) else "" for first in firsts)
    return [batch_id for _, batch_id in sorted(zip(uris, ids, strict=True))]


@contextmanager
def scratch_folder(store: Store, staging: Staging) -> Iterator[Path]:
    """Give a folder for what need not outlast a step.

    It lies in the target where that is a folder, since rows that are not released yet belong nowhere else,
    and since there is room: the folder for temporary files may be memory.
    """
    place = store.local_path(staging.scratch)
    if place is None:
        with tempfile.TemporaryDirectory(prefix="dicomflow-") as folder:
            yield Path(folder)
        return
    shutil.rmtree(place, ignore_errors=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
