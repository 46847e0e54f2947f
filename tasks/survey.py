"""Look what a run would find, before anything is started for it.

Most runs of a schedule find nothing new. Telling so takes the ledger and a listing, not a server, not a
worker and not Prefect, so this module imports none of them. What it listed is not listed again by the run
that follows it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tasks import layout
from tasks.errors import ConfigurationError, ContractError
from tasks.ledger.ledger import Ledger, Settled
from tasks.ledger.objects import DIGEST_TYPE, SourceObjects
from tasks.ledger.replay import choose_replayed
from tasks.ledger.sorting import sort_objects
from tasks.prepare import make_plan
from tasks.reasons import REASONS
from tasks.records import (
    Listing,
    Outcome,
    RunPlan,
    RunReport,
    Selection,
    SourceObject,
    State,
    utc_now,
)
from tasks.settings import Settings
from tasks.storage.listing import KeptPlace, list_objects
from tasks.storage.look_again import MISSING, look_again
from tasks.storage.readiness import follow_links, has_rested
from tasks.storage.store import Store, open_store
from tasks.target import stored

RETRIED = frozenset(code for code, reason in REASONS.items() if reason.retried)
"""Reasons that a later run may find gone: such objects are taken again."""

NOTHING_SETTLED = Settled(np.empty(0, DIGEST_TYPE), np.empty(0, np.uint16), ())


class Listed(NamedTuple):
    """A source against the ledger: what is pending, sorted, and the counts."""

    pending: SourceObjects
    listing: Listing


_ahead: dict[str, Listed] = {}
"""What was listed ahead, by the id of the run that will ask for it; that run holds its target all along."""


def survey(settings: Settings, selection: Selection | None = None) -> Listing:
    """Say what a run would do, without doing it or taking hold of the target."""
    plan = make_plan(settings, selection)
    return list_source(plan, open_store(plan.target, dict(plan.s3)), kept=None).listing


def kept_listing(plan: RunPlan, store: Store) -> KeptPlace | None:
    """Give the place where a run that holds its target keeps how far a listing came; a folder is just listed."""
    return KeptPlace(store, layout.KEPT_LISTING) if plan.source.startswith("s3://") else None


def sorting_folder(store: Store) -> Path | None:
    """Give the folder where a run that holds its target sorts: in the restricted part, for URIs may name patients.

    None for a bucket, beside which there is only the machine's own folder for temporary files.
    """
    return store.local_path(layout.NAMING_STAGING)


def list_source(
    plan: RunPlan, store: Store, *, kept: KeptPlace | None, scratch: Path | None = None
) -> Listed:
    """List the source against the ledger, unless it was listed ahead for this run.

    Parameters
    ----------
    kept
        Where a listing is kept that may be killed; None for one that begins anew.
    scratch
        Folder for temporary files, which hold URIs; None for the system's own.
    """
    ahead = _ahead.pop(plan.run_id, None)
    if ahead is not None:
        return ahead
    if plan.replay is not None:
        return _list_replayed(plan, plan.replay, store, scratch)
    objects = list_objects(plan.source, dict(plan.s3), plan.listing, kept)
    split = _read_ledger(store).split(follow_links(objects) if plan.follow_links else objects)
    young = _Young(plan.stable_seconds)
    pending = sort_objects(young.left_out(split), scratch)
    if kept is not None and not len(pending):
        kept.drop()
    listing = Listing(
        listed=split.listed - young.count,
        pending=len(pending),
        pending_bytes=pending.total_bytes,
        settled=split.states,
        settled_reasons=split.reasons,
        young=young.count,
    )
    return Listed(pending, listing)


class _Young:
    """Leaves files that changed a moment ago to the next run: they may still be written."""

    def __init__(self, stable_seconds: float) -> None:
        self.count = 0
        self._stable_seconds = stable_seconds
        self._since = time.time_ns() - int(stable_seconds * 1e9)

    def left_out(self, objects: Iterable[SourceObject]) -> Iterator[SourceObject]:
        if not self._stable_seconds:
            yield from objects
            return
        for found in objects:
            if has_rested(found.uri, found.version, self._since):
                yield found
            else:
                self.count += 1


def _list_replayed(plan: RunPlan, selection: Selection, store: Store, scratch: Path | None) -> Listed:
    """List what a replay takes again; each object as it is now, in the version it has now.

    Raises
    ------
    ConfigurationError
        If not one of the objects is there: that is a source that is not mounted, and to note of all of
        them that they cannot be read would bury why they were set aside.
    """
    known = sort_objects(choose_replayed(stored(store, layout.LEDGER), selection), scratch)
    objects = look_again(known, dict(plan.s3))
    pending = sort_objects(follow_links(objects) if plan.follow_links else objects, scratch)
    if len(pending) and all(found.kind == MISSING for found in pending):
        raise ConfigurationError(
            f"None of the {len(pending):,} objects to replay is where the ledger says. Mount their source (or give "
            "its S3 options), then run again."
        )
    counts = Listing(len(pending), len(pending), pending.total_bytes, settled={}, settled_reasons={})
    return Listed(pending, counts)


def list_ahead(plan: RunPlan) -> Listing | None:
    """List the source for a run that is open; None where nothing is settled yet, so that all of it is new."""
    store = open_store(plan.target, dict(plan.s3))
    if not any(store.list(layout.LEDGER)):
        return None
    listed = list_source(plan, store, kept=kept_listing(plan, store), scratch=sorting_folder(store))
    _ahead[plan.run_id] = listed
    return listed.listing


def report_nothing_new(plan: RunPlan, listing: Listing, seconds: Mapping[str, float]) -> RunReport:
    """Report a run that found all its objects settled; nothing is written, so the target stays as it is.

    Raises
    ------
    ContractError
        If the states of the settled objects do not add up to what was listed.
    """
    report = RunReport(
        run_id=plan.run_id,
        outcome=Outcome.NOTHING_NEW,
        listed=listing.listed,
        published=listing.settled.get(State.PUBLISHED, 0),
        withheld=listing.settled.get(State.WITHHELD, 0),
        quarantined=listing.settled.get(State.QUARANTINED, 0),
        duplicate=listing.settled.get(State.DUPLICATE, 0),
        unchanged=listing.listed,
        young=listing.young,
        reasons=listing.settled_reasons,
        findings={},
        seconds=dict(seconds),
        bytes_read=0,
        bytes_written=0,
        docs=open_store(plan.target, dict(plan.s3)).url(f"{layout.DOCS}/index.html"),
        target=plan.target,
        started_at=plan.started_at,
        ended_at=utc_now(),
        kind=plan.kind,
        source_ref=plan.source_ref,
    )
    check_balance(report)
    return report


def check_balance(report: RunReport) -> None:
    """Hold the run to its promise that nothing is lost.

    Raises
    ------
    ContractError
        If what was listed is not the sum of what was published, withheld, quarantined and duplicate.
    """
    accounted = report.published + report.withheld + report.quarantined + report.duplicate
    if report.listed != accounted:
        raise ContractError(
            f"{report.listed} objects were listed and {accounted} are accounted for. This is a defect: report it, "
            "and keep the target as it is."
        )


def _read_ledger(store: Store) -> Settled:
    """Read what earlier runs have settled; a target without a ledger is not touched, not even by a dry run."""
    if not any(store.list(layout.LEDGER)):
        return NOTHING_SETTLED
    return Ledger(stored(store, layout.LEDGER)).settled(RETRIED)
