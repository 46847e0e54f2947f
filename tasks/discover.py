"""List the source, leave out what the ledger has settled, and cut the rest into batches.

The order of the listing and the number of workers decide nothing: pending objects are sorted before
they are cut, so the same pending objects are the same batches, and a batch that a dead run finished is
known by its id.
"""

from __future__ import annotations

from functools import partial

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from tasks.attempts import begin_attempt
from tasks.errors import value_free
from tasks.layout import Staging
from tasks.ledger.batching import make_batches, read_manifest, write_manifest
from tasks.ledger.objects import SourceObjects
from tasks.ledger.resume import Remaining, find_remaining
from tasks.prepare import pin_run
from tasks.records import Found, RunPlan
from tasks.settings import Settings
from tasks.staged import batch_ids, drop_batch, dump_record
from tasks.storage.store import Store, open_store
from tasks.survey import kept_listing, list_source, sorting_folder


@task(name="discover", cache_policy=NO_CACHE, persist_result=False)
@value_free
def discover(plan: RunPlan, settings: Settings) -> Found:
    """Find what this run has to do; with nothing to do, nothing is written."""
    store, staging = open_store(plan.target, dict(plan.s3)), Staging(plan.run_id)
    kept = kept_listing(plan, store)
    pending, listing = list_source(plan, store, kept=kept, scratch=sorting_folder(store))
    if not listing.pending:
        return Found(listing, (), 0)
    remaining = _compare(plan, store, staging, pending)
    pin_run(plan, settings)
    begin_attempt(store, plan, flow_run.id)
    for stale in remaining.stale:
        drop_batch(store, staging, stale)
    for cut in remaining.cuts:
        store.write_unsynced(cut.batch.manifest, [write_manifest(cut.objects)])
    store.barrier()
    store.write(staging.listing, dump_record(listing))
    if kept is not None:
        kept.drop()
    return Found(listing, tuple(cut.batch for cut in remaining.cuts), remaining.finished_objects)


def _compare(plan: RunPlan, store: Store, staging: Staging, pending: SourceObjects) -> Remaining:
    cut = partial(
        make_batches,
        max_objects=plan.batch_objects,
        max_bytes=plan.batch_bytes,
        fingerprint=plan.fingerprint,
        manifests=staging.manifests,
    )
    return find_remaining(
        pending,
        batch_ids(store, staging),
        lambda batch_id: read_manifest(store.read(staging.manifest(batch_id))),
        cut,
    )
