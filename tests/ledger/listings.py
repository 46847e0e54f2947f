"""Listings made up, and a ledger in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from expectations.contracts import LEDGER
from tasks.ledger.objects import SourceObjects
from tasks.ledger.sorting import sort_objects
from tasks.records import SourceObject

FIRST_RUN = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


def an_object(name: str, version: str = "v1", size_bytes: int = 100) -> SourceObject:
    return SourceObject(f"file:///archive/{name}.dcm", size_bytes, version)


def a_listing(count: int, size_bytes: int = 100, first: int = 0) -> SourceObjects:
    return sort_objects(
        an_object(f"{number:06d}", size_bytes=size_bytes) for number in range(first, first + count)
    )


Row = tuple[SourceObject, str, str | None, int]
"""An object, its state and reason, and the day they were recorded."""

STUDY = "2.25.7"
"""The study of every row's object."""


class MemoryTable:
    """A ledger's rows, handed out in record batches of two."""

    def __init__(self, rows: Sequence[Row]) -> None:
        columns = [
            *("source_uri", "size_bytes", "version", "state", "reason", "recorded_at"),
            *("SOPInstanceUID", "StudyInstanceUID"),
        ]
        self.rows = pa.Table.from_pylist(
            [
                {
                    "source_uri": found.uri,
                    "size_bytes": found.size_bytes,
                    "SOPInstanceUID": f"2.25.{len(found.uri)}",
                    "StudyInstanceUID": STUDY,
                    "version": found.version,
                    "state": state,
                    "reason": reason,
                    "recorded_at": FIRST_RUN + timedelta(days=day),
                }
                for found, state, reason, day in rows
            ],
            schema=pa.schema([(name, LEDGER.column(name).type) for name in columns]),
        )

    def stream(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from self.rows.select(list(columns)).to_batches(2)
