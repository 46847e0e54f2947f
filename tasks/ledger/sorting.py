"""Sorts a listing of any length in the memory that a part of it takes.

Up to `RUN_OBJECTS` objects are sorted where they are. Of more, each run of so many is sorted and written to a
temporary file without a name, and the runs are merged into another one, which is then looked at in place: the
pages of a file are memory that the system takes back when it needs it. Such a file holds URIs, which may name
patients; having no name, it is gone with the process, however that ends.
"""

from __future__ import annotations

import mmap
import tempfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from tasks.errors import TransientError
from tasks.ledger.objects import CHUNK, SCHEMA, SourceObjects, in_chunks
from tasks.records import SourceObject

RUN_OBJECTS = 1 << 18
"""Objects that are sorted in memory: some 100 MB of them, and as much again while they are."""

_ORDER = [("uri", "ascending"), ("version", "ascending")]


def sort_objects(objects: Iterable[SourceObject], run_objects: int = RUN_OBJECTS) -> SourceObjects:
    """Put objects in the order of their URIs, whatever order they were listed in.

    Parameters
    ----------
    objects
        Read once.
    run_objects
        Most objects to sort in memory, at least 1. It changes nothing in the result.

    Raises
    ------
    TransientError
        If the folder for temporary files has no room; it takes twice the text of the listing.
    """
    runs = _sort_runs(objects, run_objects)
    first = next(runs, SCHEMA.empty_table())
    second = next(runs, None)
    if second is None:
        return SourceObjects(first)
    spilled = [_spill([run]) for run in (first, second)]
    del first, second
    spilled += [_spill([run]) for run in runs]
    return SourceObjects(_spill(_merge(spilled, max(1, run_objects // len(spilled)))))


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


def _spill(tables: Iterable[pa.Table]) -> pa.Table:
    """Write tables one after the other to a file, and give it as one table that is read where it lies."""
    try:
        with (
            tempfile.TemporaryFile() as file,
            pa.PythonFile(file, "w") as sink,
            pa.ipc.new_file(sink, SCHEMA) as writer,
        ):
            for table in tables:
                writer.write_table(table, max_chunksize=CHUNK)
            writer.close()
            file.flush()
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise TransientError(
            f"The listing cannot be sorted: the folder for temporary files takes no more ({error.strerror}). "
            "Make room there, or name another one with TMPDIR"
        ) from None
    return pa.ipc.open_file(pa.py_buffer(view)).read_all()


def _merge(runs: Sequence[pa.Table], block: int) -> Iterator[pa.Table]:
    """Merge sorted runs, of each of which `block` rows at most are looked at together.

    What is not above the last row of any block in sight comes before all that is out of sight, so it is
    sorted and handed out. Each round uses up one block at least.
    """
    starts = [0] * len(runs)
    while any(start < len(run) for run, start in zip(runs, starts, strict=True)):
        stops = [min(start + block, len(run)) for run, start in zip(runs, starts, strict=True)]
        bound = min(
            _key(run, stop - 1) for run, start, stop in zip(runs, starts, stops, strict=True) if start < stop
        )
        ends = [
            _place_after(bound, run, start, stop)
            for run, start, stop in zip(runs, starts, stops, strict=True)
        ]
        parts = [
            run.slice(start, end - start)
            for run, start, end in zip(runs, starts, ends, strict=True)
            if end > start
        ]
        yield parts[0] if len(parts) == 1 else pa.concat_tables(parts).sort_by(_ORDER)
        starts = ends


def _place_after(bound: tuple[str, str], run: pa.Table, start: int, stop: int) -> int:
    return bisect_right(range(stop), bound, lo=start, key=lambda row: _key(run, row))


def _key(run: pa.Table, row: int) -> tuple[str, str]:
    """Give what a row is ordered by; Python compares code points, which is the order of UTF-8's bytes too."""
    return run["uri"][row].as_py(), run["version"][row].as_py()
