"""What becomes of a batch that takes its worker along: halves, and in the end one object, quarantined."""

from __future__ import annotations

from tasks.layout import Staging
from tasks.ledger.batching import halve, read_manifest, write_manifest
from tasks.process import reject_objects
from tasks.records import Batch, BatchReport, RunPlan, utc_now
from tasks.staged import commit_batch
from tasks.storage.store import open_store


def split_batch(plan: RunPlan, batch: Batch) -> list[Batch]:
    """Cut a batch in two and write the halves' manifests."""
    store = open_store(plan.target, dict(plan.s3))
    objects = read_manifest(store.read(batch.manifest))
    halves = halve(objects, plan.fingerprint, Staging(plan.run_id).manifests)
    for half in halves:
        store.write(half.batch.manifest, write_manifest(half.objects))
    return [half.batch for half in halves]


def give_up(plan: RunPlan, batch: Batch) -> BatchReport:
    """Quarantine the object that no worker survives; it is not opened again before somebody asks."""
    store = open_store(plan.target, dict(plan.s3))
    objects = read_manifest(store.read(batch.manifest))
    started_at = utc_now()
    reject_objects(objects, "PARSER_CRASH", batch, plan, store)
    report = BatchReport(
        batch_id=batch.batch_id,
        object_count=len(objects),
        staged=0,
        rejects={"PARSER_CRASH": len(objects)},
        findings={},
        bytes_read=0,
        bytes_written=0,
        seconds=0.0,
        started_at=started_at,
        ended_at=utc_now(),
    )
    return commit_batch(store, Staging(plan.run_id), report)
