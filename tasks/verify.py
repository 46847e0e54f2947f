"""Compare a target with what its own records say of it: what is missing, altered or extra.

Nothing is believed but bytes: every published file is read and hashed against its row, the rows are compared
with the ledger and added up again, and the tables' own files with the tables' logs. Files are read in parts
and rows in streams, and what is kept of each is a hash, so that a target of any size fits. It needs no key
and writes nothing, so it may be done where the target is mounted read-only.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import layout
from tasks.errors import ConfigurationError, ContractError, PipelineError
from tasks.ledger.objects import DIGEST_TYPE, Digests, digest_all, find
from tasks.records import State
from tasks.storage.store import Store
from tasks.tables.buckets import Distinct, Hashes, contains, hash_column
from tasks.target import CONTRACTS, stored

Progress = Callable[[int, int], None]
"""Called with files and bytes verified since the last call."""


class Problem(StrEnum):
    """What can be wrong with a target."""

    FILE_MISSING = "file missing"
    FILE_ALTERED = "file altered"
    FILE_EXTRA = "file extra"
    ROW_UNKNOWN = "row that the ledger does not know"
    ROW_MISSING = "row missing that the ledger has"
    ROW_TWICE = "row twice"
    SUM_WRONG = "series or study whose row does not add up"
    TABLE_FILE_MISSING = "file of a table missing"
    TABLE_FILE_ALTERED = "file of a table altered"
    TABLE_UNREADABLE = "table unreadable"


_NAMED = 1000
"""Problems of each kind that are named; all are counted."""

_OURS = re.compile(r"[A-Z2-7]{24}/2\.25\.\d{1,39}/2\.25\.\d{1,39}/2\.25\.\d{1,39}\.dcm")
"""Paths below `published/dicom` that are made of pseudonyms; any other name may be a person's."""

FOREIGN = "(not one of our names, so not shown)"


@dataclass(slots=True)
class Verified:
    """What was found.

    Attributes
    ----------
    problems
        Number of problems of each kind.
    named
        Up to a thousand of each kind by name: paths and tables of the target, pseudonymous UIDs.
    hashed
        Whether contents were read, or sizes compared only.
    unused_files
        Files in the tables' folders that no table speaks of, as a killed commit leaves them: no harm.
    """

    hashed: bool
    files: int = 0
    size_bytes: int = 0
    rows: int = 0
    unused_files: int = 0
    problems: Counter[Problem] = field(default_factory=Counter)
    named: dict[Problem, list[str]] = field(default_factory=dict)

    def add(self, problem: Problem, name: str, count: int = 1) -> None:
        """Note a problem, or several that cannot be told apart by name."""
        self.problems[problem] += count
        names = self.named.setdefault(problem, [])
        if len(names) < _NAMED:
            names.append(name)


class _File(NamedTuple):
    key: str
    size_bytes: int
    sha256: str


def verify(store: Store, *, hashed: bool, threads: int, progress: Progress) -> Verified:
    """Compare everything that is published with its records.

    Parameters
    ----------
    hashed
        Read and hash every file; else compare sizes only, as a listing tells them.
    threads
        How many files are read at a time.

    Raises
    ------
    ConfigurationError
        If no run has published to this target.
    TransientError
        If storage failed; what cannot be read because it is not there is a problem and no error.
    """
    if not any(store.list(layout.LEDGER)):
        raise ConfigurationError("This target has seen no run. Check the path.")
    found = Verified(hashed)
    unreadable = [key for key in CONTRACTS if not _check_table(store, key, found)]
    if layout.INSTANCES not in unreadable:
        _check_listing(store, found)
        if hashed:
            _check_contents(store, found, threads, progress)
        if not unreadable:
            _check_rows(store, found)
    return found


def _check_table(store: Store, key: str, found: Verified) -> bool:
    """Compare the files of a table with its log; False where not all of its rows can be read."""
    if not any(store.list(key)):
        return True
    there = {name.removeprefix(f"{key}/"): size for name, size in store.list_sizes(key)}
    try:
        known = stored(store, key).files()
    except ContractError:
        found.add(Problem.TABLE_UNREADABLE, key)
        return False
    for name in sorted(known.keys() - there.keys()):
        found.add(Problem.TABLE_FILE_MISSING, f"{key}/{name}")
    altered = [name for name in sorted(known.keys() & there.keys()) if known[name] != there[name]]
    for name in altered:
        found.add(Problem.TABLE_FILE_ALTERED, f"{key}/{name}")
    rows = {name for name in there if name.endswith(".parquet") and not name.startswith("_delta_log/")}
    found.unused_files += len(rows - known.keys())
    if altered or known.keys() - there.keys():
        return False
    return not found.hashed or _is_readable(store, key, found)


def _stream(store: Store, key: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Read some columns of a table; opening one that is not there would make its folder."""
    if any(store.list(key)):
        yield from stored(store, key).stream(columns)


def _is_readable(store: Store, key: str, found: Verified) -> bool:
    """Decode every row: a page of a Parquet file that was overwritten in place keeps its size."""
    try:
        for _ in stored(store, key).stream():
            pass
    except PipelineError:
        found.add(Problem.TABLE_UNREADABLE, key)
        return False
    return True


def _files(store: Store) -> Iterator[list[_File]]:
    """Yield the published files that rows speak of, a record batch at a time."""
    for batch in _stream(store, layout.INSTANCES, ["file_path", "size_bytes", "sha256"]):
        rows = batch.filter(pc.is_valid(batch["file_path"]))
        yield [
            _File(*row) for row in zip(*(rows[name].to_pylist() for name in rows.schema.names), strict=True)
        ]


def _check_listing(store: Store, found: Verified) -> None:
    """Compare names and sizes: what a listing has and no row, what a row has and no listing."""
    digests, sizes = _expected(store)
    seen = np.zeros(len(digests), np.bool_)
    for key, size in store.list_sizes(layout.PUBLISHED_DICOM):
        place = int(find(digest_all([key.encode("utf-8", "surrogateescape")]), digests)[0])
        if place < 0:
            path = key.removeprefix(f"{layout.PUBLISHED_DICOM}/")
            found.add(Problem.FILE_EXTRA, key if _OURS.fullmatch(path) else FOREIGN)
        else:
            seen[place] = True
            if sizes[place] != size:
                found.add(Problem.FILE_ALTERED, key)
    missing = digests[~seen]
    if len(missing):
        for files in _files(store):
            gone = find(digest_all(file.key.encode() for file in files), missing) >= 0
            for file, is_gone in zip(files, gone.tolist(), strict=True):
                if is_gone:
                    found.add(Problem.FILE_MISSING, file.key)


def _expected(store: Store) -> tuple[Digests, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Give the digests of all paths that rows speak of, ascending, and the sizes of their files."""
    digests, sizes = [np.empty(0, DIGEST_TYPE)], [np.empty(0, np.int64)]
    for files in _files(store):
        digests.append(digest_all(file.key.encode() for file in files))
        sizes.append(np.array([file.size_bytes for file in files], np.int64))
    # A row that is there twice speaks of one file.
    distinct, places = np.unique(np.concatenate(digests), return_index=True)
    return distinct, np.concatenate(sizes)[places]


def _check_contents(store: Store, found: Verified, threads: int, progress: Progress) -> None:
    """Hash every file, several at a time; hashing and reading both let go of Python's lock."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[tuple[_File, Future[tuple[int, str] | None]]] = []

        def settle(keep: int) -> None:
            while len(waiting) > keep:
                file, future = waiting.pop(0)
                result = future.result()
                if result is None:
                    continue  # missing, as the listing has told
                found.files += 1
                found.size_bytes += result[0]
                progress(1, result[0])
                if result[1] != file.sha256 and result[0] == file.size_bytes:
                    found.add(Problem.FILE_ALTERED, file.key)

        for files in _files(store):
            for file in files:
                waiting.append((file, pool.submit(_digest, store, file.key)))
                settle(4 * threads)
        settle(0)


def _digest(store: Store, key: str) -> tuple[int, str] | None:
    digest, size = hashlib.sha256(), 0
    try:
        for part in store.read_parts(key):
            digest.update(part)
            size += len(part)
    except (FileNotFoundError, ContractError):
        return None
    return size, digest.hexdigest()


def _check_rows(store: Store, found: Verified) -> None:
    """Compare instances with the ledger, and series and studies with their instances."""
    released, uids = _released(store), []
    members: dict[str, list[Hashes]] = {"SeriesInstanceUID": [], "StudyInstanceUID": []}
    known = Distinct()
    for batch in _stream(store, layout.INSTANCES, ["SOPInstanceUID", *members]):
        rows = pa.Table.from_batches([batch])
        hashes = hash_column(rows["SOPInstanceUID"])
        for uid in rows["SOPInstanceUID"].filter(pa.array(~contains(hashes, released))).to_pylist():
            found.add(Problem.ROW_UNKNOWN, uid)
        uids.append(hashes)
        known.add(hashes)
        for name, parts in members.items():
            parts.append(hash_column(rows[name]))
        found.rows += len(rows)
    published = known.sorted()
    if found.rows != len(published):
        found.add(Problem.ROW_TWICE, layout.INSTANCES, found.rows - len(published))
    lost = int((~contains(released, published)).sum())
    if lost:
        found.add(Problem.ROW_MISSING, layout.INSTANCES, lost)
    for key, name in ((layout.SERIES, "SeriesInstanceUID"), (layout.STUDIES, "StudyInstanceUID")):
        _check_sums(store, key, name, _join(members[name]), found)


def _released(store: Store) -> Hashes:
    """Give the hashes of the instances that the ledger says are published, ascending."""
    released = Distinct()
    for batch in _stream(store, layout.LEDGER, ["state", "SOPInstanceUID"]):
        rows = pa.Table.from_batches([batch])
        is_out = pc.and_(pc.equal(rows["state"], str(State.PUBLISHED)), pc.is_valid(rows["SOPInstanceUID"]))
        released.add(hash_column(rows["SOPInstanceUID"].filter(is_out)))
    return released.sorted()


def _check_sums(store: Store, key: str, name: str, members: Hashes, found: Verified) -> None:
    """Count the instances of each series or study, and compare with what its row says."""
    groups, counts = np.unique(members, return_counts=True)
    told = 0
    for batch in _stream(store, key, [name, "instance_count"]):
        rows = pa.Table.from_batches([batch])
        places = np.searchsorted(groups, hash_column(rows[name]))
        places[places == len(groups)] = 0
        hashes, said = hash_column(rows[name]), rows["instance_count"].to_numpy()
        right = (
            (groups[places] == hashes) & (counts[places] == said)
            if len(groups)
            else np.zeros(len(rows), bool)
        )
        for uid in rows[name].filter(pa.array(~right)).to_pylist():
            found.add(Problem.SUM_WRONG, uid)
        told += len(rows)
    if told < len(groups):
        found.add(Problem.SUM_WRONG, key, len(groups) - told)


def _join(parts: list[Hashes]) -> Hashes:
    return np.concatenate(parts) if parts else np.empty(0, np.uint64)
