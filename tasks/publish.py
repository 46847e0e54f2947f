"""Publish what the audit released: files first, then rows, the ledger last; each step safe to run again.

Readers follow the tables, so a file without a row is not published and a row without a file never
happens. The rows of a run appear in one Delta commit. Every step finds its own earlier work: moves skip
what has gone, commits carry the run's id, so a publish that is killed anywhere is simply run again.

Decisions and rows are read a batch at a time, and nothing here keeps more of a run than hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from expectations.contracts import LEDGER
from tasks import layout
from tasks.cohort import PART as COHORT
from tasks.errors import value_free
from tasks.history import read_words
from tasks.hold import check_held
from tasks.layout import Staging
from tasks.ledger.objects import DIGEST_TYPE, Digests, digest_all, find, in_chunks
from tasks.ledger.replay import withheld_instances
from tasks.move import SHARE, Mover, move_here
from tasks.records import RunPlan, State
from tasks.seal_identities import seal_identities
from tasks.staged import (
    DECIDED,
    batch_ids,
    batches_in_order,
    decided_parts,
    parts,
    read_table,
    scratch_folder,
)
from tasks.storage.lease import check_fence
from tasks.storage.store import Move, Store, open_store
from tasks.tables.aggregate import SERIES_INPUT, STUDIES_INPUT, series_table, studies_table
from tasks.tables.buckets import Buckets, Distinct, Hashes, contains, count_buckets, hash_column
from tasks.tables.delta import StoredTable
from tasks.target import CONTRACTS, stored

_LISTED = 10_000
_RELEASE = ["source_ref", "SOPInstanceUID", "StudyInstanceUID", "PatientID", "state", "replaces"]
"""What files and rows are released by."""
_SUMMARIES: tuple[tuple[str, tuple[str, ...], str, Callable[[pa.Table], pa.Table]], ...] = (
    (layout.SERIES, SERIES_INPUT, "SeriesInstanceUID", series_table),
    (layout.STUDIES, STUDIES_INPUT, "StudyInstanceUID", studies_table),
)
"""Tables that are added up: their place, the columns of instances they read, their key, and how."""


@task(name="publish", cache_policy=NO_CACHE, persist_result=False)
@value_free
def publish(plan: RunPlan, mover: Mover = move_here) -> None:
    """Carry out the decisions that the audit wrote down; where files move one by one, `mover` moves them."""
    store, staging = open_store(plan.target, dict(plan.s3)), Staging(plan.run_id)
    order = batches_in_order(store, staging)
    commits: tuple[Callable[[], None], ...] = (
        lambda: _publish_files(store, staging, mover),
        lambda: publish_rows(store, staging, plan),
        lambda: _keep_withheld_rows(store, staging, plan.run_id),
        lambda: _record_quality(store, staging, plan.run_id),
        lambda: _record_findings(store, staging, plan.run_id),
        lambda: seal_identities(store, staging, plan.run_id) if plan.identities else None,
        lambda: _record_quarantine(store, staging, order, plan.run_id),
        lambda: _record_ledger(store, staging, order, plan),
        lambda: drop_settled(store) if plan.replay is not None else None,
        # The staging folder goes next, and with it all that could repeat what the disk has not kept.
        store.barrier,
    )
    for commit in commits:
        check_held(store, plan)
        commit()


def _publish_files(store: Store, staging: Staging, mover: Mover) -> None:
    """Move each study's files where its verdict says; whatever else is staged goes with the staging folder."""
    if next(store.list(staging.dicom), None) is None:
        return
    if store.renames_trees:
        drop_strays(store, staging)
        _move_studies(store, staging)
    else:
        mover(store, in_chunks(_moves(store, staging), SHARE))
    store.barrier()


_DESTINATIONS = ((State.PUBLISHED, layout.PUBLISHED_DICOM), (State.WITHHELD, layout.WITHHELD_DICOM))


def _move_studies(store: Store, staging: Staging) -> None:
    for state, destination in _DESTINATIONS:
        for decided in decided_parts(store, staging, _RELEASE):
            for study in _studies(_in_state(decided, state)):
                store.move_tree(f"{staging.dicom}/{study}", f"{destination}/{study}")


def _moves(store: Store, staging: Staging) -> Iterator[Move]:
    """Go along one listing, file by file: a request for each, instead of three for each study, one by one."""
    expected = [(place, _expected_files(store, staging, state)) for state, place in _DESTINATIONS]
    staged = store.list_sizes(staging.dicom)
    while chunk := list(islice(staged, _LISTED)):
        names = [key.removeprefix(f"{staging.dicom}/") for key, _ in chunk]
        digests = digest_all(f"{layout.PUBLISHED_DICOM}/{name}".encode() for name in names)
        for place, files in expected:
            known = (find(digests, files) >= 0).tolist()
            for (key, size), name, moves in zip(chunk, names, known, strict=True):
                if moves:
                    yield Move(key, size, f"{place}/{name}")


def drop_strays(store: Store, staging: Staging) -> None:
    """Delete staged files that no released or withheld row stands for, before whole studies move.

    They are of instances in conflict, and of batches that a dead run had begun or finished when an
    object of theirs changed: their rows are gone, and a file without a row must not be published.
    """
    states = (State.PUBLISHED, State.WITHHELD)
    expected = np.sort(np.concatenate([_expected_files(store, staging, state) for state in states]))
    staged = store.list(staging.dicom)
    while chunk := list(islice(staged, _LISTED)):
        places = [f"{layout.PUBLISHED_DICOM}/{key.removeprefix(staging.dicom + '/')}" for key in chunk]
        known = find(digest_all(place.encode() for place in places), expected) >= 0
        for key, kept in zip(chunk, known.tolist(), strict=True):
            if not kept:
                store.delete(key)


def _expected_files(store: Store, staging: Staging, state: State) -> Digests:
    """Digest the published paths of the files that a row in this state stands for, in ascending order."""
    digests = [np.empty(0, DIGEST_TYPE)]
    columns = ["source_ref", "file_path"]
    for decided, rows in zip(
        decided_parts(store, staging, _RELEASE), parts(store, staging, "instances", columns), strict=True
    ):
        kept = _in_state(decided, state)["source_ref"]
        paths = rows.filter(pc.is_in(rows["source_ref"], kept))["file_path"].drop_null()
        digests.append(digest_all(path.encode() for path in paths.to_pylist()))
    return np.sort(np.concatenate(digests))


def _in_state(decided: pa.Table, state: State) -> pa.Table:
    return decided.filter(
        pc.and_(pc.equal(decided["state"], str(state)), pc.is_valid(decided["SOPInstanceUID"]))
    )


def _studies(rows: pa.Table) -> list[str]:
    pairs = rows.group_by(["PatientID", "StudyInstanceUID"]).aggregate([])
    return sorted(f"{row['PatientID']}/{row['StudyInstanceUID']}" for row in pairs.to_pylist())


def drop_settled(store: Store) -> None:
    """Remove withheld files that the ledger does not withhold any more; what was released has its own file."""
    withheld = np.sort(digest_all(uid.encode() for uid in withheld_instances(stored(store, layout.LEDGER))))
    keys = store.list(layout.WITHHELD_DICOM)
    while chunk := list(islice(keys, _LISTED)):
        names = (key.rsplit("/", 1)[-1].removesuffix(".dcm") for key in chunk)
        kept = find(digest_all(name.encode() for name in names), withheld) >= 0
        for key, stays in zip(chunk, kept.tolist(), strict=True):
            if not stays:
                store.delete(key)


def publish_rows(store: Store, staging: Staging, plan: RunPlan) -> None:
    """Commit the released instances' rows, then bring the rows of their series and studies up to date."""
    instances = stored(store, layout.INSTANCES)
    new = replacing = 0
    studies = Distinct()
    for decided in decided_parts(store, staging, _RELEASE):
        released = _in_state(decided, State.PUBLISHED)
        replaced = pc.sum(released["replaces"]).as_py() or 0
        new, replacing = new + len(released) - replaced, replacing + replaced
        studies.add(hash_column(released["StudyInstanceUID"]))
    if new:
        instances.append(_rows_in_state(store, staging, State.PUBLISHED, replaces=False), plan.run_id)
    if replacing:
        check_held(store, plan)
        instances.upsert(
            pa.concat_tables(_rows_in_state(store, staging, State.PUBLISHED, replaces=True)), plan.run_id
        )
    if new or replacing:
        with scratch_folder(store, staging) as scratch:
            publish_summaries(store, instances, studies.sorted(), plan.run_id, plan.fence, scratch)


def _keep_withheld_rows(store: Store, staging: Staging, run_id: str) -> None:
    """Keep the rows of what a rule withheld beside its files: a person may release it, a changed rule may."""
    rows = _rows_in_state(store, staging, State.WITHHELD)
    first = next(rows, None)
    if first is not None:
        stored(store, layout.WITHHELD_INSTANCES).append(chain([first], rows), run_id)


def _rows_in_state(
    store: Store, staging: Staging, state: State, *, replaces: bool | None = None
) -> Iterator[pa.Table]:
    """Read the instances that ended so, a batch at a time; those that replace a published row, or those that do not."""
    ids = batch_ids(store, staging)
    for batch_id, decided in zip(ids, decided_parts(store, staging, _RELEASE, ids), strict=True):
        chosen = _in_state(decided, state)
        if replaces is not None:
            chosen = chosen.filter(pc.equal(chosen["replaces"], replaces))
        if len(chosen):
            rows = read_table(store, staging.part(batch_id, "instances"))
            # Most often all are, and a filter would copy their headers.
            yield (
                rows
                if len(chosen) == len(rows)
                else rows.filter(pc.is_in(rows["source_ref"], chosen["source_ref"]))
            )


def _record_quality(store: Store, staging: Staging, run_id: str) -> None:
    """Add what the run measured to its history, and the words it met to those that are known."""
    if not store.exists(staging.quality):
        return  # of a run that was judged by an older version
    stored(store, layout.QUALITY).append(read_table(store, staging.quality), run_id)
    met: dict[str, list[str]] = orjson.loads(store.read(staging.words))
    known = read_words(store) or {}
    words = {column: sorted({*known.get(column, ()), *met.get(column, ())}) for column in {*known, *met}}
    if words != known:
        store.write(layout.KNOWN_WORDS, orjson.dumps(words, option=orjson.OPT_SORT_KEYS))


def publish_summaries(
    store: Store, instances: StoredTable, studies: Hashes, run_id: str, fence: int, scratch: Path
) -> None:
    """Add up the series and studies of the run, from all that is published of them."""
    for key, columns, by, add_up in _SUMMARIES:
        schema = pa.schema([CONTRACTS[layout.INSTANCES].column(name).arrow_field() for name in columns])
        count = count_buckets(_count_rows(instances, studies))
        with Buckets(count, schema.remove_metadata(), scratch, by) as buckets:
            for batch in instances.stream(columns):
                rows = pa.Table.from_batches([batch])
                found = rows.filter(pa.array(contains(hash_column(rows["StudyInstanceUID"]), studies)))
                buckets.add(found, hash_column(found[by]))
            summaries = (add_up(rows) for rows in buckets)
            check_fence(store, layout.LEASE, fence)
            # One bucket is one commit; with more, what is new is added as it comes.
            stored(store, key).upsert(next(summaries) if count == 1 else summaries, run_id)


def _count_rows(instances: StoredTable, studies: Hashes) -> int:
    batches = instances.stream(["StudyInstanceUID"])
    return sum(
        int(contains(hash_column(pa.chunked_array([batch["StudyInstanceUID"]])), studies).sum())
        for batch in batches
    )


def _record_findings(store: Store, staging: Staging, run_id: str) -> None:
    left = (
        read_table(store, key)
        for batch_id in batch_ids(store, staging)
        if store.exists(key := staging.part(batch_id, COHORT))
    )
    stored(store, layout.AUDIT).append(chain(parts(store, staging, "findings"), left), run_id)
    stored(store, layout.CHANGES).append(parts(store, staging, "changes"), run_id)
    stored(store, layout.CHANGED).append(parts(store, staging, "changed"), run_id)


def _record_quarantine(store: Store, staging: Staging, order: Sequence[str], run_id: str) -> None:
    """Write what was refused as lines of JSON, for people who look after the source."""
    lines = _quarantine_lines(store, staging, order)
    first = next(lines, None)
    if first is not None:
        store.write_unsynced(f"{layout.QUARANTINE}/{run_id}.ndjson", _chain(first, lines))
        store.barrier()


def _quarantine_lines(store: Store, staging: Staging, order: Sequence[str]) -> Iterator[bytes]:
    columns = ["source_uri", "source_ref", "size_bytes", "version", "reason", "path", "finding_codes"]
    for decided in decided_parts(store, staging, ["state", *columns], order):
        refused = decided.filter(pc.equal(decided["state"], str(State.QUARANTINED)))
        rows = refused.select(columns).sort_by("source_uri").to_pylist() if len(refused) else []
        if rows:
            yield b"".join(orjson.dumps(row) + b"\n" for row in rows)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _record_ledger(store: Store, staging: Staging, order: Sequence[str], plan: RunPlan) -> None:
    """Say how each object ended; from this commit on, it is settled."""
    columns = [name for name in LEDGER.names if name in DECIDED.names]
    decided = decided_parts(store, staging, columns, order)
    stored(store, layout.LEDGER).append((_ledger_rows(part, plan) for part in decided), plan.run_id)


def _ledger_rows(decided: pa.Table, plan: RunPlan) -> pa.Table:
    rows = {name: decided[name] for name in decided.column_names}
    rows["run_id"] = pa.array([plan.run_id] * len(decided), pa.string())
    rows["run_kind"] = pa.array([str(plan.kind)] * len(decided), pa.string())
    rows["recorded_at"] = pa.array([plan.started_at] * len(decided)).cast(pa.timestamp("us", "UTC"))
    return (
        pa.table({name: rows[name] for name in LEDGER.names})
        .cast(LEDGER.arrow_schema())
        .sort_by("source_uri")
    )
