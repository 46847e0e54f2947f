"""Publish what the audit released: files first, then rows, the ledger last; each step safe to run again.

Readers follow the tables, so a file without a row is not published and a row without a file never
happens. The rows of a run appear in one Delta commit. Every step finds its own earlier work: moves skip
what has gone, commits carry the run's id, so a publish that is killed anywhere is simply run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from expectations.contracts import INSTANCES, LEDGER
from tasks import layout
from tasks.errors import value_free
from tasks.layout import Staging
from tasks.records import RunPlan, State
from tasks.staged import parts, read_table
from tasks.storage.store import Store, open_store
from tasks.tables.aggregate import series_table, studies_table
from tasks.tables.delta import StoredTable
from tasks.target import stored

_LISTED = 10_000
_STUDY_COLUMNS = [name for name in INSTANCES.names if name != "header"]


@task(name="publish", cache_policy=NO_CACHE, persist_result=False)
@value_free
def publish(plan: RunPlan) -> None:
    """Carry out the decisions that the audit wrote down."""
    store, staging = open_store(plan.target, dict(plan.s3)), Staging(plan.run_id)
    decided = read_table(store, staging.decisions)
    publish_files(store, staging, decided)
    publish_rows(store, staging, decided, plan.run_id)
    _record_findings(store, staging, plan.run_id)
    _record_quarantine(store, decided, plan.run_id)
    _record_ledger(store, decided, plan)


def publish_files(store: Store, staging: Staging, decided: pa.Table) -> None:
    """Move each study's files where its verdict says; whatever else is staged goes with the staging folder."""
    drop_strays(store, staging, decided)
    for state, destination in (
        (State.PUBLISHED, layout.PUBLISHED_DICOM),
        (State.WITHHELD, layout.WITHHELD_DICOM),
    ):
        for study in _studies(_in_state(decided, state)):
            store.move_tree(f"{staging.dicom}/{study}", f"{destination}/{study}")
    store.barrier()


def drop_strays(store: Store, staging: Staging, decided: pa.Table) -> None:
    """Delete staged files that no released or withheld row stands for, before whole studies move.

    They are of instances in conflict, and of batches that a dead run had begun or finished when an
    object of theirs changed: their rows are gone, and a file without a row must not be published.
    """
    kept = pa.concat_arrays(
        [
            _in_state(decided, state)["source_ref"].combine_chunks()
            for state in (State.PUBLISHED, State.WITHHELD)
        ]
    )
    paths = [
        part.filter(pc.is_in(part["source_ref"], kept))["file_path"].combine_chunks()
        for part in parts(store, staging, "instances", ["source_ref", "file_path"])
    ]
    expected = pa.concat_arrays([pa.array([], pa.string()), *paths])
    staged = store.list(staging.dicom)
    while chunk := list(islice(staged, _LISTED)):
        published = pa.array(
            [f"{layout.PUBLISHED_DICOM}/{key.removeprefix(staging.dicom + '/')}" for key in chunk]
        )
        for key, known in zip(chunk, pc.is_in(published, expected).to_pylist(), strict=True):
            if not known:
                store.delete(key)


def _in_state(decided: pa.Table, state: State) -> pa.Table:
    return decided.filter(
        pc.and_(pc.equal(decided["state"], str(state)), pc.is_valid(decided["SOPInstanceUID"]))
    )


def _studies(rows: pa.Table) -> list[str]:
    pairs = rows.group_by(["PatientID", "StudyInstanceUID"]).aggregate([])
    return sorted(f"{row['PatientID']}/{row['StudyInstanceUID']}" for row in pairs.to_pylist())


def publish_rows(store: Store, staging: Staging, decided: pa.Table, run_id: str) -> None:
    """Commit the released instances' rows, then bring the rows of their series and studies up to date."""
    released = decided.filter(pc.equal(decided["state"], str(State.PUBLISHED)))
    instances = stored(store, layout.INSTANCES)
    replacing = released.filter(released["replaces"])["source_ref"]
    new = released.filter(pc.invert(released["replaces"]))["source_ref"]
    if len(new):
        instances.append(_released_rows(store, staging, new), run_id)
    if len(replacing):
        instances.upsert(pa.concat_tables(_released_rows(store, staging, replacing)), run_id)
    if len(released):
        _publish_summaries(store, instances, pc.unique(released["StudyInstanceUID"]), run_id)


def _released_rows(store: Store, staging: Staging, source_refs: pa.ChunkedArray) -> Iterator[pa.Table]:
    for part in parts(store, staging, "instances"):
        yield part.filter(pc.is_in(part["source_ref"], source_refs))


def _publish_summaries(store: Store, instances: StoredTable, studies: pa.Array, run_id: str) -> None:
    rows = instances.read(_STUDY_COLUMNS, {"StudyInstanceUID": studies})
    stored(store, layout.SERIES).upsert(series_table(rows), run_id)
    stored(store, layout.STUDIES).upsert(studies_table(rows), run_id)


def _record_findings(store: Store, staging: Staging, run_id: str) -> None:
    stored(store, layout.AUDIT).append(parts(store, staging, "findings"), run_id)


def _record_quarantine(store: Store, decided: pa.Table, run_id: str) -> None:
    """Write what was refused as lines of JSON, for people who look after the source."""
    refused = decided.filter(pc.equal(decided["state"], str(State.QUARANTINED)))
    if not len(refused):
        return
    columns = ["source_uri", "source_ref", "size_bytes", "version", "reason", "path", "finding_codes"]
    lines = [orjson.dumps(row) + b"\n" for row in refused.select(columns).sort_by("source_uri").to_pylist()]
    store.write(f"{layout.QUARANTINE}/{run_id}.ndjson", b"".join(lines))


def _record_ledger(store: Store, decided: pa.Table, plan: RunPlan) -> None:
    """Say how each object ended; from this commit on, it is settled."""
    rows: dict[str, Any] = {name: decided[name] for name in LEDGER.names if name in decided.column_names}
    rows["run_id"] = pa.array([plan.run_id] * len(decided), pa.string())
    rows["recorded_at"] = pa.array([plan.started_at] * len(decided)).cast(pa.timestamp("us", "UTC"))
    table = pa.table({name: rows[name] for name in LEDGER.names}).cast(LEDGER.arrow_schema())
    stored(store, layout.LEDGER).append(table.sort_by("source_uri"), plan.run_id)
