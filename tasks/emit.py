"""Say what a run did: report, docs, lineage, a Prefect artifact; then clear the staging folder.

Everything here is counts, codes and pseudonyms. It is written after the data is published and can be
written again, so a run that dies on the last metre tells the same story when it is resumed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

import httpx
from prefect import task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from expectations.contracts import INSTANCES
from tasks import layout
from tasks.deid.profile import load_profile
from tasks.describe import masked_tags
from tasks.docs import write_docs
from tasks.errors import value_free
from tasks.hold import check_held
from tasks.layout import Staging
from tasks.lineage.events import LineageRun, batch_completed, batch_started, run_ended, run_started
from tasks.lineage.facets import AuditedTable, PublishedFiles, PublishedTable
from tasks.prepare import remove_staging
from tasks.records import AuditReport, BatchReport, Listing, Outcome, RunPlan, RunReport, State, utc_now
from tasks.sensitivity import rate_elements
from tasks.site.modalities import fold_modalities
from tasks.staged import finished_reports, load_record
from tasks.storage.requests import count_requests_of_process
from tasks.storage.store import Store, open_store
from tasks.survey import check_balance
from tasks.target import CONTRACTS, PUBLISHED_TABLES, stored
from tasks.tell_lineage import tell_lineage
from tasks.totals import Totals

_SETTLED_WELL = frozenset({State.PUBLISHED, State.DUPLICATE})


@task(name="emit", cache_policy=NO_CACHE, persist_result=False)
@value_free
def emit(plan: RunPlan, audit: AuditReport, seconds: Mapping[str, float]) -> RunReport:
    """Write report, docs and lineage, and remove the run's staging folder."""
    store, staging = open_store(plan.target, dict(plan.s3)), Staging(plan.run_id)
    batches = finished_reports(store, staging)
    totals = Totals.of(store, staging)
    sensitivity = rate_elements(store, staging, plan.profile)
    report = replace(
        make_report(plan, store, staging, audit, batches, totals, seconds),
        suspicious=tuple(one for one in sensitivity if one.suspicious),
    )
    check_balance(report)
    check_held(store, plan)
    _write_lineage(plan, store, report, batches, totals)
    write_docs(plan, store, staging, report, sensitivity)
    check_held(store, plan)
    remove_staging(store, plan.run_id)
    leave_artifact(report)
    return report


def make_report(
    plan: RunPlan,
    store: Store,
    staging: Staging,
    audit: AuditReport,
    batches: list[BatchReport],
    totals: Totals,
    seconds: Mapping[str, float],
) -> RunReport:
    """Add up what the run listed and how each object ended."""
    listing = load_record(Listing, store.read(staging.listing))
    states = totals.states + Counter(listing.settled)
    reasons = totals.reasons + Counter(listing.settled_reasons)
    ours = count_requests_of_process()
    return RunReport(
        run_id=plan.run_id,
        outcome=outcome_of(totals.states, run_withheld=audit.run_withheld),
        listed=listing.listed,
        young=listing.young,
        published=states[State.PUBLISHED],
        withheld=states[State.WITHHELD],
        quarantined=states[State.QUARANTINED],
        duplicate=states[State.DUPLICATE],
        unchanged=sum(listing.settled.values()),
        reasons=dict(sorted(reasons.items())),
        findings=dict(sorted(sum((Counter(batch.findings) for batch in batches), Counter[str]()).items())),
        seconds=dict(seconds),
        bytes_read=sum(batch.bytes_read for batch in batches),
        bytes_written=sum(batch.bytes_written for batch in batches),
        docs=store.url(f"{layout.DOCS}/index.html"),
        target=plan.target,
        started_at=plan.started_at,
        ended_at=utc_now(),
        rules=audit.rules,
        studies=len(totals.studies.sorted()),
        series=len(totals.series.sorted()),
        modalities=fold_modalities(totals.modalities),
        vendors=totals.count_vendors(),
        elements=dict(sorted(totals.elements.items())),
        instances=totals.rows,
        nulls=totals.nulls_of_elements(),
        bytes_in_source=sum(batch.bytes_in_source for batch in batches),
        requests=ours.requests + sum(batch.requests for batch in batches),
        retries=ours.retries + sum(batch.retries for batch in batches),
        kind=plan.kind,
        rules_digest=audit.rules_digest,
        withheld_by=audit.run_failed_rules,
        flagged_by=audit.run_flagged_by,
        studies_withheld=audit.studies_withheld,
        studies_flagged=audit.studies_flagged,
        drifted=audit.drifted,
        proposals=audit.proposals,
        source_ref=plan.source_ref,
    )


def outcome_of(states: Iterable[str], *, run_withheld: bool) -> Outcome:
    """Say in one word how a run ended, by how its objects did."""
    ended = set(states)
    if run_withheld:
        return Outcome.WITHHELD
    if not ended:
        return Outcome.NOTHING_NEW
    return Outcome.PUBLISHED if ended <= _SETTLED_WELL else Outcome.PARTLY_WITHHELD


def _write_lineage(
    plan: RunPlan, store: Store, report: RunReport, batches: list[BatchReport], totals: Totals
) -> None:
    profile = load_profile(plan.profile)
    run = LineageRun(
        run_id=plan.run_id,
        target=plan.target,
        source_ref=plan.source_ref,
        masked_tags=masked_tags(plan.profile),
        kind=plan.kind,
        profile=profile.name,
        edition=profile.edition,
    )
    ended = run_ended(
        run,
        report,
        audited=(AuditedTable(INSTANCES, totals.rows, dict(totals.nulls)),),
        published=_published(store, plan.run_id),
        files=PublishedFiles(totals.files, totals.file_bytes) if "dicom" in plan.outputs else None,
    )
    # The end comes second: sending stops after a while, and of a long run the end is what counts.
    events = [run_started(run, plan.started_at), ended]
    for batch in batches:
        events += [batch_started(run, batch.batch_id, batch.started_at), batch_completed(run, batch)]
    tell_lineage(store, plan.run_id, events, plan.lineage_url)


def _published(store: Store, run_id: str) -> tuple[PublishedTable, ...]:
    tables = []
    for key in PUBLISHED_TABLES:
        commit = stored(store, key).find_commit(run_id)
        if commit is not None:
            tables.append(PublishedTable(CONTRACTS[key], **commit._asdict()))
    return tuple(tables)


def leave_artifact(report: RunReport) -> None:
    """Leave the counts in Prefect, where whoever watches the schedule looks."""
    counts = {"listed": report.listed} | {str(state): getattr(report, state) for state in State}
    rows = [{"state": state, "objects": count} for state, count in counts.items()]
    rows += [{"state": f"reason {code}", "objects": count} for code, count in report.reasons.items()]
    rows += [
        {"state": f"rule {rule.rule_id} {rule.column or rule.table}", "objects": rule.unexpected}
        for rule in report.rules
        if not rule.success and rule.severity != "info"
    ]
    with suppress(httpx.HTTPError):  # all is published and recorded: a server that is lost takes nothing back
        create_table_artifact(key="dicomflow-run", table=rows, description=f"Outcome: {report.outcome}")
