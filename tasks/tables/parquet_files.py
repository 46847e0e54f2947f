"""The Parquet files of one append, written as the rows come: memory is that of a row group, whatever their number.

deltalake's own writer collects what it is given: ten thousand headers, 60 MB, took 260 MB more than a thousand.
So the files are written here, under names no reader looks at until they are committed, and deltalake is left what
it is good at: the commit. A run that dies in between leaves files that belong to nothing, as deltalake's would.
Where a table is elsewhere, a file is finished in a folder of ours and then put there, one at a time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.transaction import AddAction, RemoveAction

from expectations.contracts import Contract
from tasks.read_ahead import read_ahead
from tasks.tables.file_format import FILE_BYTES, ROW_GROUP_ROWS, skippable, uncompressible

_COMPRESSION = 8
"""How many times smaller rows are in a file, about: headers of a series repeat each other."""


Put = Callable[[str, Path], object]
"""Copies a finished file into a table, under a name."""


def put_files(put: Put, rows: Iterable[pa.Table], contract: Contract) -> list[AddAction | RemoveAction]:
    """Do what `write_files` does for a table that is no folder."""
    with tempfile.TemporaryDirectory(prefix="dicomflow-") as folder:
        return write_files(Path(folder), rows, contract, put)


def write_files(
    folder: Path, rows: Iterable[pa.Table], contract: Contract, put: Put | None = None
) -> list[AddAction | RemoveAction]:
    """Write rows, taken one table after the other, into files of about `FILE_BYTES` in the table's folder.

    Parameters
    ----------
    put
        Takes each file away as soon as it is finished.

    Returns
    -------
    list
        What a commit needs to make them part of the table; none without rows.
    """
    groups = read_ahead(_groups(rows))
    actions: list[AddAction | RemoveAction] = []
    group = next(groups, None)
    while group is not None:
        name = f"part-{len(actions):05d}-{uuid4()}.zstd.parquet"
        bounds = _Bounds(contract)
        with _open_writer(folder / name, group.schema, contract) as writer:
            while group is not None and bounds.size_bytes < FILE_BYTES * _COMPRESSION:
                writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
                bounds.add(group)
                group = next(groups, None)
        size = (folder / name).stat().st_size
        if put is not None:
            put(name, folder / name)
            (folder / name).unlink()
        actions.append(AddAction(name, size, {}, int(time.time() * 1000), True, bounds.as_json()))
    return actions


def _open_writer(path: Path, schema: pa.Schema, contract: Contract) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=3,
        write_statistics=skippable(contract),
        use_dictionary=[name for name in contract.names if name not in uncompressible(contract)],
    )


def _groups(rows: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Put tables together to row groups, and cut those that are larger."""
    waiting: list[pa.Table] = []
    count = 0
    for table in rows:
        waiting.append(table)
        count += len(table)
        if count >= ROW_GROUP_ROWS:
            yield pa.concat_tables(waiting)
            waiting, count = [], 0
    if count:
        yield pa.concat_tables(waiting)


class _Bounds:
    """What a file's entry in the log says of its rows: their number, and the ends of the columns to skip by."""

    def __init__(self, contract: Contract) -> None:
        self.rows = self.size_bytes = 0
        self._names = skippable(contract)
        self._low: dict[str, Any] = {}
        self._high: dict[str, Any] = {}

    def add(self, table: pa.Table) -> None:
        """Widen the bounds by more rows."""
        self.rows += len(table)
        self.size_bytes += table.nbytes
        for name in self._names:
            ends = pc.min_max(table[name]).as_py()
            if ends["min"] is not None:
                self._low[name] = min(self._low.get(name, ends["min"]), ends["min"])
                self._high[name] = max(self._high.get(name, ends["max"]), ends["max"])

    def as_json(self) -> str:
        """Write them as the Delta protocol wants per-file statistics."""
        low, high = ({name: _say(end) for name, end in ends.items()} for ends in (self._low, self._high))
        return orjson.dumps(
            {"numRecords": self.rows, "minValues": low, "maxValues": high, "nullCount": {}}
        ).decode()


def _say(value: str | date | datetime) -> str:
    """Write a value as the log does: dates by ISO 8601, times in UTC to the millisecond."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
