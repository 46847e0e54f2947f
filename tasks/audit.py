"""Judge what was staged: who is who, what may stand beside what, and which studies pass the gate.

Everything that only shows when all of a run is seen together is decided here: the same instance twice,
one UID with two contents, one study with two patients, and then the rules. All of a run is never in memory
together, though: rows are sorted into buckets, first by instance, then by study, and a bucket at a time is
looked at. The decisions are written down before anything is moved; from there a run is only rolled forward,
so a crash cannot publish half of one verdict and half of another.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from expectations.contracts import QUALITY
from expectations.outcomes import GateResult, RuleOutcome
from tasks.attempts import begin_attempt
from tasks.deid.pseudonyms import Pseudonyms
from tasks.errors import ContractError, value_free
from tasks.history import read_quality, read_words, usual_listing
from tasks.hold import check_held
from tasks.identities import Findings, Mark, carries
from tasks.layout import Staging
from tasks.project_key import find_key
from tasks.proposals import Found, list_new_words, propose
from tasks.quality import CREATORS, VOCABULARY, quality_table
from tasks.records import AuditReport, Drifted, Listing, Proposal, RuleResult, RunPlan, State
from tasks.session import Session
from tasks.staged import dump_record, load_record, parts, scratch_folder, table_bytes
from tasks.storage.store import Store, open_store
from tasks.trend import find_drifted, trend_table

if TYPE_CHECKING:
    from expectations.runner import Gate

_MOST_DRIFTED = 50


@task(name="audit", cache_policy=NO_CACHE, persist_result=False)
@value_free
def audit(plan: RunPlan) -> AuditReport:
    """Decide how every staged object ends; called again, it returns what it decided before."""
    from expectations.engine import GateError
    from expectations.rules import load_rules
    from expectations.runner import Gate, columns_kept_together

    store, staging = open_store(plan.target, dict(plan.s3)), Staging(plan.run_id)
    begin_attempt(store, plan, flow_run.id)
    check_held(store, plan)
    if store.exists(staging.audit):
        return load_record(AuditReport, store.read(staging.audit))
    rules = load_rules(store.read(staging.rules)).under(plan.options)
    try:
        with scratch_folder(store, staging) as scratch:
            declared = frozenset(repair.id for repair in rules.repairs)
            session = Session.open(store, staging, scratch, columns_kept_together(rules), declared)
            session.settle()
            session.search(lambda: Pseudonyms(find_key(file=plan.key_file, block=plan.key_block)).token)
            gate = Gate(rules)
            session.judge(gate)
        trend = _measure(gate, plan, store, staging, session)
        words = list_new_words(session.tally.words, read_words(store))
        result = _conclude(gate, plan, store, staging, session, trend, words)
        drifted = find_drifted(rules.enabled, trend)
        proposals = propose(
            Found(rules, drifted, session.tally, words),
            lambda columns: parts(store, staging, "instances", columns),
        )
    except GateError as error:
        raise ContractError(f"The gate could not judge: {error}. Nothing is published.") from None
    check_held(store, plan)
    session.write_decisions(result)
    report = _report(result, session, drifted, proposals)
    store.write(staging.audit, dump_record(report))
    return report


def _measure(gate: Gate, plan: RunPlan, store: Store, staging: Staging, session: Session) -> pa.Table:
    """Stage what the run measured, and lay it beside the history of its source."""
    quality = quality_table(
        session.tally,
        gate.totals,
        run_id=plan.run_id,
        recorded_at=datetime.fromisoformat(plan.started_at),
        source_ref=plan.source_ref,
    )
    if plan.replay is not None:
        return trend_table(quality, QUALITY.arrow_schema().empty_table())  # no night like the others
    store.write(staging.quality, table_bytes(quality))
    words = {column: sorted(met) for column, met in session.tally.words.items()}
    store.write(staging.words, dump_record(words))
    return trend_table(quality, read_quality(store, plan.source_ref, but=plan.run_id))


def _conclude(
    gate: Gate,
    plan: RunPlan,
    store: Store,
    staging: Staging,
    session: Session,
    trend: pa.Table,
    words: Mapping[str, frozenset[str]],
) -> GateResult:
    metrics = _metrics(plan, store, staging, session.findings)
    if words:
        metrics["new_vocabulary"] = float(sum(len(words.get(column, ())) for column in VOCABULARY))
        metrics["new_creators"] = float(sum(len(words.get(column, ())) for column in CREATORS))
    with tempfile.TemporaryDirectory(prefix="dicomflow-") as folder:
        result = gate.conclude(metrics, Path(folder), plan.run_id, trend=trend)
        store.upload_tree(Path(folder), staging.docs)
    return result


def _metrics(plan: RunPlan, store: Store, staging: Staging, findings: Findings) -> dict[str, float]:
    listing = load_record(Listing, store.read(staging.listing))
    states = findings.count()
    refused = int(carries(findings.marks, Mark.REFUSED).sum())
    metrics = {
        "listed": float(listing.listed),
        "unchanged": float(sum(listing.settled.values())),
        "staged": float(states[State.PUBLISHED]),
        "duplicate": float(states[State.DUPLICATE]),
        "rejected": float(states[State.QUARANTINED] + refused),
    }
    if plan.replay is not None:
        return metrics  # how many objects were set aside says nothing of the size of the source
    usual = usual_listing(store, plan.source_ref)
    return metrics if usual is None else {**metrics, "listed_usual": usual}


def _report(
    gate: GateResult, session: Session, drifted: tuple[Drifted, ...], proposals: tuple[Proposal, ...]
) -> AuditReport:
    return AuditReport(
        run_withheld=gate.run_withheld,
        run_failed_rules=gate.run_withheld_by,
        rules=tuple(_rule_result(outcome) for outcome in gate.outcomes),
        rules_digest=gate.rules_digest,
        run_flagged_by=gate.run_flagged_by,
        studies_withheld=len(session.withheld.sorted()),
        studies_flagged=len(session.flagged.sorted()),
        drifted=drifted[:_MOST_DRIFTED],
        proposals=proposals,
    )


def _rule_result(outcome: RuleOutcome) -> RuleResult:
    return RuleResult(
        rule_id=outcome.rule_id,
        description=outcome.title or outcome.description,
        severity=str(outcome.severity),
        scope=str(outcome.scope),
        expectation=outcome.expectation,
        column=outcome.column,
        success=outcome.success,
        evaluated=outcome.evaluated,
        unexpected=outcome.unexpected,
        unexpected_percent=outcome.unexpected_percent,
        studies_failed=outcome.studies_failed,
        table=outcome.table,
    )
