"""Rows by the million, sorted into buckets that fit into memory one after the other.

Whatever belongs together (the instances of a study, the objects of one SOP Instance UID) has one hash, so it
is in one bucket, and what is found out about a bucket does not depend on how many there are. One bucket stays
in memory; several lie in files of a scratch folder until their turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

BUCKET_ROWS = 32_768
"""Rows a bucket is meant to have: of instances, with what is counted from them, 100 MB (measured)."""

MOST_BUCKETS = 256
"""Files open at once; beyond 12.8 million rows, buckets grow."""

_BUFFERED_ROWS = 16_384
"""Rows between two writes: in smaller pieces, Arrow's frame around each would outgrow the rows."""

Hashes = npt.NDArray[np.uint64]


def hash_values(values: Iterable[str]) -> Hashes:
    """Hash texts, always to the same; different ones may meet, two of a million with a probability of 3e-8."""
    digests = (blake2b(value.encode(), digest_size=8).digest() for value in values)
    return np.frombuffer(b"".join(digests), np.uint64)


def hash_column(column: pa.ChunkedArray) -> Hashes:
    """Hash a column without nulls, equal values once."""
    encoded = column.combine_chunks().dictionary_encode()
    hashes: Hashes = hash_values(encoded.dictionary.to_pylist())[encoded.indices.to_numpy()]
    return hashes


def count_buckets(rows: int) -> int:
    """Say how many buckets so many rows are to have."""
    return min(max(1, -(-rows // BUCKET_ROWS)), MOST_BUCKETS)


class Buckets:
    """Rows of one schema on their way into buckets, and out again, each bucket once.

    Parameters
    ----------
    count
        Number of buckets, from 1.
    folder
        Where the files go; made if there is more than one bucket. Nothing of it is durable.
    """

    def __init__(self, count: int, schema: pa.Schema, folder: Path, name: str) -> None:
        self.count = count
        self._schema = schema
        self._buffer: list[tuple[pa.Table, Hashes]] = []
        self._paths = [folder / f"{name}-{number:03d}.arrow" for number in range(count)]
        self._files: list[pa.RecordBatchStreamWriter] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self.count > 1:
            self._paths[0].parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            for path in self._paths:
                sink = self._stack.enter_context(pa.OSFile(str(path), "wb"))
                self._files.append(
                    self._stack.enter_context(pa.ipc.new_stream(sink, self._schema, options=options))
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def add(self, rows: pa.Table, hashes: Hashes) -> None:
        """Add rows, each to the bucket of its hash."""
        self._buffer.append((rows.select(self._schema.names).cast(self._schema), hashes))
        if self.count > 1 and sum(len(rows) for rows, _ in self._buffer) >= _BUFFERED_ROWS:
            self._write()

    def _write(self) -> None:
        """Empty the buffer into the files; within a bucket, rows stay in the order they were added in."""
        if not self._buffer:
            return
        rows = pa.concat_tables([rows for rows, _ in self._buffer])
        numbers = np.concatenate([hashes for _, hashes in self._buffer]) % np.uint64(self.count)
        self._buffer.clear()
        order = np.argsort(numbers, kind="stable")
        rows = rows.take(pa.array(order)).combine_chunks()
        ends = np.searchsorted(numbers[order], np.arange(self.count), side="right")
        start = 0
        for file, end in zip(self._files, ends.tolist(), strict=True):
            if end > start:
                file.write_table(rows.slice(start, end - start))
            start = end

    def __iter__(self) -> Iterator[pa.Table]:
        """Give the buckets; nothing may be added any more."""
        if self.count == 1:
            tables = [rows for rows, _ in self._buffer]
            self._buffer.clear()
            yield pa.concat_tables([self._schema.empty_table(), *tables])
            return
        self._write()
        self._stack.close()
        for path in self._paths:
            with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as reader:
                yield reader.read_all()
            path.unlink()


class Links:
    """Which studies must share a bucket, because they share a value that is judged across studies.

    Kept are hashes only: where two values meet by chance, two studies share a bucket for nothing.
    """

    def __init__(self) -> None:
        self._pairs = np.empty((0, 2), np.uint64)
        self._new: list[Hashes] = []
        self._leaders: tuple[Hashes, Hashes] | None = None

    def add(self, column: str, values: pa.ChunkedArray, studies: Hashes) -> None:
        """Note which values of a column the rows of which studies have."""
        known = values.is_valid().to_numpy()
        hashes = hash_column(values.drop_null().cast(pa.string())) ^ hash_values([column])
        self._new.append(_distinct(np.stack([hashes, studies[known]], axis=1)))
        self._leaders = None
        if sum(map(len, self._new)) > len(self._pairs):
            self._merge()

    def follow(self, studies: Hashes) -> Hashes:
        """Give for each study the one that decides its bucket, which is most often itself."""
        if self._leaders is None:
            self._leaders = self._find_leaders()
        linked, leaders = self._leaders
        if not len(linked):
            return studies
        places = np.minimum(np.searchsorted(linked, studies), len(linked) - 1)
        return np.where(linked[places] == studies, leaders[places], studies)

    def _merge(self) -> None:
        """Drop pairs seen before; done whenever their number has doubled, which keeps the sum linear."""
        self._pairs = _distinct(np.concatenate([self._pairs, *self._new]))
        self._new.clear()

    def _find_leaders(self) -> tuple[Hashes, Hashes]:
        """Join studies that share a value, directly or by others; the smallest of them leads."""
        self._merge()
        values = self._pairs[:, 0]
        repeated = np.zeros(len(values), np.bool_)
        repeated[1:] = values[1:] == values[:-1]
        repeated[:-1] |= repeated[1:]
        leaders: dict[int, int] = {}

        def find(study: int) -> int:
            while (leader := leaders.setdefault(study, study)) != study:
                leaders[study] = study = leaders[leader]
            return study

        first_of: dict[int, int] = {}
        for value, study in self._pairs[repeated].tolist():
            one, other = find(first_of.setdefault(value, study)), find(study)
            leaders[max(one, other)] = min(one, other)
        linked = sorted(leaders)
        return np.array(linked, np.uint64), np.array([find(study) for study in linked], np.uint64)


def _distinct(pairs: Hashes) -> Hashes:
    """Give each pair once, in ascending order."""
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    new = np.ones(len(pairs), np.bool_)
    new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return pairs[new]


def contains(hashes: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Mark the hashes that are among those known, which are ascending."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found: npt.NDArray[np.bool_] = known[places] == hashes
    return found


class Distinct:
    """The different hashes of many lists."""

    def __init__(self) -> None:
        self._known = np.empty(0, np.uint64)
        self._new: list[Hashes] = []

    def add(self, hashes: Hashes) -> None:
        """Add a list; sorted in whenever the number has doubled, which keeps the sum of the work linear."""
        self._new.append(np.unique(hashes))
        if sum(map(len, self._new)) > len(self._known):
            self._merge()

    def sorted(self) -> Hashes:
        """Give each hash once, ascending."""
        self._merge()
        return self._known

    def _merge(self) -> None:
        self._known = np.unique(np.concatenate([self._known, *self._new]))
        self._new.clear()
