"""Judge what was staged: who is who, what may stand beside what, and which studies pass the gate.

Everything that only shows when all of a run is seen together is decided here: the same instance twice,
one UID with two contents, one study with two patients, and then the rules. All of a run is never in memory
together, though: rows are sorted into buckets, first by instance, then by study, and a bucket at a time is
looked at. The decisions are written down before anything is moved; from there a run is only rolled forward,
so a crash cannot publish half of one verdict and half of another.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from expectations.outcomes import GateResult, RuleOutcome
from tasks.attempts import begin_attempt
from tasks.deid.pseudonyms import Pseudonyms
from tasks.errors import ContractError, value_free
from tasks.history import usual_listing
from tasks.hold import check_held
from tasks.identities import Findings, Mark, carries
from tasks.layout import Staging
from tasks.project_key import find_key
from tasks.records import AuditReport, Listing, RuleResult, RunPlan, State
from tasks.session import Session
from tasks.staged import dump_record, load_record, scratch_folder
from tasks.storage.store import Store, open_store

if TYPE_CHECKING:
    from expectations.runner import Gate


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
    rules = load_rules(store.read(staging.rules))
    try:
        with scratch_folder(store, staging) as scratch:
            session = Session.open(store, staging, scratch, columns_kept_together(rules))
            session.settle()
            session.search(lambda: Pseudonyms(find_key(file=plan.key_file, block=plan.key_block)).token)
            gate = Gate(rules)
            session.judge(gate)
        result = _conclude(gate, plan, store, staging, session)
    except GateError as error:
        raise ContractError(f"The gate could not judge: {error}. Nothing is published.") from None
    check_held(store, plan)
    session.write_decisions(result)
    report = _report(result)
    store.write(staging.audit, dump_record(report))
    return report


def _conclude(gate: Gate, plan: RunPlan, store: Store, staging: Staging, session: Session) -> GateResult:
    with tempfile.TemporaryDirectory(prefix="dicomflow-") as folder:
        result = gate.conclude(_metrics(plan, store, staging, session.findings), Path(folder), plan.run_id)
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
    usual = usual_listing(store)
    return metrics if usual is None else {**metrics, "listed_usual": usual}


def _report(gate: GateResult) -> AuditReport:
    return AuditReport(
        run_withheld=gate.run_withheld,
        run_failed_rules=gate.run_withheld_by,
        rules=tuple(_rule_result(outcome) for outcome in gate.outcomes),
        rules_digest=gate.rules_digest,
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
