"""Sorts a listing of any length in the memory that a part of it takes.

Fewer than `RUN_OBJECTS` objects are sorted where they are. Of more, runs of so many are sorted and written one after
the other to a temporary file without a name, and merged into another one, which is looked at in place: the pages
of a file are memory that the system takes back when it needs it. Such a file holds URIs, which may name patients:
having no name, it is gone with the process, however that ends, and who calls says where it lies until then.
"""

from __future__ import annotations

import mmap
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow as pa

from tasks.errors import TransientError
from tasks.ledger.objects import CHUNK, SCHEMA, SourceObjects, in_chunks
from tasks.records import SourceObject

RUN_OBJECTS = 1 << 18
"""Objects that are sorted in memory: some 100 MB of them, and as much again while they are."""

_ALIGNED = 64
"""Bytes, as Arrow wants its buffers in memory."""
_ORDER = [("uri", "ascending"), ("version", "ascending")]


def sort_objects(
    objects: Iterable[SourceObject], folder: Path | None = None, run_objects: int = RUN_OBJECTS
) -> SourceObjects:
    """Put objects in the order of their URIs, whatever order they were listed in.

    Parameters
    ----------
    objects
        Read once.
    folder
        Where temporary files go, made when one is needed; by default where the system has them.
    run_objects
        Most objects to sort in memory, at least 1. It decides no object's place.

    Raises
    ------
    TransientError
        If the temporary files cannot be written; they take twice the text of the listing.
    """
    runs = _sort_runs(objects, run_objects)
    first = next(runs, SCHEMA.empty_table())
    if len(first) < run_objects:
        return SourceObjects(first)
    waiting = [first]
    del first  # a run that somebody still holds would be in memory beside the one that is sorted next
    spilled = _spill(map(_alone, chain(_take(waiting), runs)), folder)
    if len(spilled) > 1:
        spilled = _spill([_merge(spilled, max(1, run_objects // len(spilled)))], folder)
    return SourceObjects(spilled[0])


def _take(waiting: list[pa.Table]) -> Iterator[pa.Table]:
    while waiting:
        yield waiting.pop()


def _alone(run: pa.Table) -> Iterator[pa.Table]:
    return iter([run])


def _sort_runs(objects: Iterable[SourceObject], run_objects: int) -> Iterator[pa.Table]:
    tables: list[pa.Table] = []
    held = 0
    for chunk in in_chunks(objects, min(CHUNK, run_objects)):
        tables.append(_to_table(chunk))
        held += len(chunk)
        if held >= run_objects:
            yield pa.concat_tables(tables).sort_by(_ORDER)
            tables, held = [], 0
    if tables:
        yield pa.concat_tables(tables).sort_by(_ORDER)


def _to_table(objects: Sequence[SourceObject]) -> pa.Table:
    columns = [[getattr(found, name) for found in objects] for name in SCHEMA.names]
    return pa.Table.from_arrays(
        [pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)], schema=SCHEMA
    )


def _spill(groups: Iterable[Iterable[pa.Table]], folder: Path | None) -> list[pa.Table]:
    """Write groups of tables to one file, and give each as one table that is read where it lies."""
    places = []
    with ExitStack() as stack:
        with _no_room():
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the stack
            stack.callback(_close, file)
        for tables in groups:  # which may come from the source, whose errors are its own
            with _no_room():
                places.append(_append(file, tables))
        with _no_room():
            file.flush()
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return [pa.ipc.open_stream(pa.py_buffer(view[start:stop])).read_all() for start, stop in places]


def _append(file: IO[bytes], tables: Iterable[pa.Table]) -> tuple[int, int]:
    """Write tables as one stream, which knows no positions and so may lie anywhere in a file; gives where it lies."""
    file.write(bytes(-file.tell() % _ALIGNED))
    start = file.tell()
    with pa.ipc.new_stream(file, SCHEMA) as writer:
        for table in tables:
            writer.write_table(table, max_chunksize=CHUNK)
    return start, file.tell()


def _close(file: IO[bytes]) -> None:
    """Close a file of which nothing is needed any more, so neither is what could not be written."""
    with suppress(OSError):
        file.close()


@contextmanager
def _no_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TransientError(
            f"The listing cannot be sorted: its temporary file takes no more ({error.strerror}). Make room in the "
            "target, or for a bucket where TMPDIR says"
        ) from None


def _merge(runs: Sequence[pa.Table], block: int) -> Iterator[pa.Table]:
    """Merge sorted runs, of each of which `block` rows at most are looked at together.

    What is not above the last row of any block in sight comes before all that is out of sight, so it is
    sorted and handed out. Each round uses up one block at least, and most often of a listing that came in order
    no more than that: so the runs are kept by the first and last keys of their blocks.
    """
    blocks = [_Block.of(run, 0, block) for run in runs]
    while blocks:
        bound = min(each.last for each in blocks)
        parts, left = [], []
        for each in blocks:
            if each.first > bound:
                left.append(each)
                continue
            end = each.place_after(bound)
            parts.append(each.run.slice(each.start, end - each.start))
            if end < len(each.run):
                left.append(_Block.of(each.run, end, block))
        yield parts[0] if len(parts) == 1 else pa.concat_tables(parts).sort_by(_ORDER)
        blocks = left


class _Block(NamedTuple):
    """Rows of a run that are in sight."""

    run: pa.Table
    start: int
    stop: int
    first: tuple[str, str]
    last: tuple[str, str]

    @classmethod
    def of(cls, run: pa.Table, start: int, rows: int) -> _Block:
        stop = min(start + rows, len(run))
        return cls(run, start, stop, _key(run, start), _key(run, stop - 1))

    def place_after(self, bound: tuple[str, str]) -> int:
        """Give the first row above a key."""
        return bisect_right(range(self.stop), bound, lo=self.start, key=lambda row: _key(self.run, row))


def _key(run: pa.Table, row: int) -> tuple[str, str]:
    """Give what a row is ordered by; Python compares code points, which is the order of UTF-8's bytes too."""
    return run["uri"][row].as_py(), run["version"][row].as_py()
