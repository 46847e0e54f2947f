"""Sealed records in files: sorted, each once, so that equal records make equal files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.vault.seal import DIGEST_BYTES, Sealed

_DIGEST = pa.binary(DIGEST_BYTES)
SEALED = pa.schema(
    [
        pa.field("record", _DIGEST, nullable=False),
        pa.field("patient", _DIGEST, nullable=False),
        pa.field("keys", pa.list_(pa.binary()), nullable=False),
        pa.field("sealed", pa.binary(), nullable=False),
    ]
)
"""Rows of `Sealed`."""


def records_table(records: Iterable[Sealed]) -> pa.Table:
    """Put records into a table, each once, those of a patient together."""
    distinct = sorted(
        {one.record: one for one in records}.values(), key=lambda one: (one.patient, one.record)
    )
    columns = list(zip(*distinct, strict=True)) or [()] * len(SEALED)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, SEALED, strict=True)], schema=SEALED
    )


def write_segment(table: pa.Table) -> bytes:
    """Write rows as Parquet, sorted and each once; the same bytes for the same rows."""
    sink = io.BytesIO()
    # What is encrypted cannot be compressed, and statistics would be a list of keys.
    pq.write_table(
        sort_records(table), sink, compression="none", use_dictionary=False, write_statistics=False
    )
    return sink.getvalue()


def read_segment(data: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Read rows, or some of their columns."""
    with pq.ParquetFile(pa.BufferReader(data), pre_buffer=False) as file:
        return file.read(columns, use_threads=False)


def sort_records(table: pa.Table) -> pa.Table:
    """Sort rows by patient and record, and drop those that are there already."""
    if not len(table):
        return table
    order = sorted(
        zip(table["patient"].to_pylist(), table["record"].to_pylist(), range(len(table)), strict=True)
    )
    first = [row for place, row in enumerate(order) if place == 0 or row[1] != order[place - 1][1]]
    return table.take(pa.array([number for _, _, number in first]))


def shorten(digests: pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """Give the first eight bytes of each digest as a number."""
    joined = b"".join(digests.to_pylist())
    numbers = np.frombuffer(joined, ">u8").reshape(-1, DIGEST_BYTES // 8)[:, 0]
    return numbers.astype(np.uint64)


def of_patient(table: pa.Table, patient: bytes) -> pa.BooleanArray:
    """Mark the rows of a patient."""
    return pc.equal(table["patient"], pa.scalar(patient, _DIGEST))


def with_value(table: pa.Table, value: bytes) -> pa.Table:
    """Choose the rows that are found by a value."""
    keys = table["keys"].combine_chunks()
    rows = pc.list_parent_indices(keys).filter(pc.equal(pc.list_flatten(keys), pa.scalar(value, pa.binary())))
    return table.take(pc.unique(rows))
