"""What lies in a run's staging folder between its steps: records as JSON, rows as Parquet.

The steps of a run may be separated by a crash, so they speak through these files and nothing else: a
run that is started again reads what the dead one had finished.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
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
    return TypeAdapter(kind).validate_json(data)


def table_bytes(table: pa.Table) -> bytes:
    """Write a table as Parquet, the same bytes for the same rows."""
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    return sink.getvalue()


def read_table(store: Store, key: str, columns: list[str] | None = None) -> pa.Table:
    """Read a staged table, or some of its columns."""
    return pq.read_table(io.BytesIO(store.read(key)), columns=columns)


def batch_ids(store: Store, staging: Staging) -> list[str]:
    """Give the ids of the batches that are done, that is of those with a report, ascending."""
    return sorted(key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.list(staging.reports))


def drop_batch(store: Store, staging: Staging, batch_id: str) -> None:
    """Forget a finished batch, its report first, so that a crash in between leaves nothing to believe."""
    store.delete(staging.report(batch_id))
    for table in ("staged", "instances", "findings"):
        store.delete(staging.part(batch_id, table))


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
