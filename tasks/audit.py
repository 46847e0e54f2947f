"""Judge what was staged: who is who, what may stand beside what, and which studies pass the gate.

Everything that only shows when all of a run is seen together is decided here: the same instance twice,
one UID with two contents, one study with two patients, and then the rules. The decisions are written
down before anything is moved; from there a run is only rolled forward, so a crash cannot publish
half of one verdict and half of another.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from prefect import task
from prefect.cache_policies import NO_CACHE

from expectations.contracts import INSTANCES
from expectations.outcomes import GateResult, RuleOutcome
from tasks import layout
from tasks.errors import ContractError, value_free
from tasks.history import usual_listing
from tasks.layout import Staging
from tasks.reasons import REASONS, ReasonKind
from tasks.records import AuditReport, Listing, RuleResult, RunPlan, State, StudyVerdict
from tasks.staged import (
    DECIDED,
    STAGED,
    content_of_header,
    dump_record,
    load_record,
    parts,
    table_bytes,
)
from tasks.storage.store import Store, open_store
from tasks.tables.aggregate import series_table, studies_table
from tasks.target import stored

if TYPE_CHECKING:
    import pandas as pd

_JUDGED = [name for name in INSTANCES.names if name != "header"]


class Neighbours(NamedTuple):
    """What is published already of the studies and instances that were staged.

    Attributes
    ----------
    rows
        Judged columns of the published instances of those studies.
    content
        By SOPInstanceUID: `content` as in `STAGED`, and the `source_ref` it came from.
    """

    rows: pa.Table
    content: pd.DataFrame


@task(name="audit", cache_policy=NO_CACHE, persist_result=False)
@value_free
def audit(plan: RunPlan) -> AuditReport:
    """Decide how every staged object ends; called again, it returns what it decided before."""
    store, staging = open_store(plan.target, dict(plan.s3)), Staging(plan.run_id)
    if store.exists(staging.audit):
        return load_record(AuditReport, store.read(staging.audit))
    staged = pa.concat_tables([STAGED.empty_table(), *parts(store, staging, "staged")])
    neighbours = read_neighbours(store, staged)
    decided = settle_identities(staged, neighbours)
    gate = _run_gate(plan, store, staging, decided, neighbours)
    report = _conclude(gate, decided)
    store.write(staging.decisions, table_bytes(_apply_verdicts(decided, report)))
    store.write(staging.audit, dump_record(report))
    return report


def read_neighbours(store: Store, staged: pa.Table) -> Neighbours:
    """Read what is published of the staged studies."""
    table = stored(store, layout.INSTANCES)
    studies = pc.unique(staged["StudyInstanceUID"].drop_null())
    rows = table.read(_JUDGED, {"StudyInstanceUID": studies})
    known = pc.unique(staged["SOPInstanceUID"].drop_null())
    content = table.read(["SOPInstanceUID", "source_ref", "sha256"], {"SOPInstanceUID": known}).to_pandas()
    content = content.rename(columns={"sha256": "content"})
    without_file = content["content"].isna()
    if without_file.any():
        uids = pa.array(content.loc[without_file, "SOPInstanceUID"])
        headers = table.read(["SOPInstanceUID", "header"], {"SOPInstanceUID": uids}).to_pylist()
        digests = {row["SOPInstanceUID"]: content_of_header(row["header"]) for row in headers}
        content.loc[without_file, "content"] = content.loc[without_file, "SOPInstanceUID"].map(digests)
    return Neighbours(rows, content)


def settle_identities(staged: pa.Table, neighbours: Neighbours) -> pa.Table:
    """Find duplicates, conflicts and mixed-up patients among staged and published instances.

    Returns
    -------
    pa.Table
        `DECIDED` rows; the state of those that are up to the gate is `published`, for now.
    """
    rows = staged.to_pandas().sort_values("source_uri", kind="stable")
    refused = rows["reason"].notna()
    known = neighbours.content.set_index("SOPInstanceUID")
    has_known = rows["SOPInstanceUID"].isin(known.index)
    replaces = has_known & (rows["source_ref"] == rows["SOPInstanceUID"].map(known["source_ref"]))
    foreign = has_known & ~replaces
    same = rows["content"] == rows["SOPInstanceUID"].map(known["content"])
    accepted = rows[~refused]
    versions = accepted.groupby("SOPInstanceUID")["content"].nunique()
    conflict = rows["SOPInstanceUID"].map(versions).fillna(0).gt(1) | (foreign & ~same)
    two_patients = rows["StudyInstanceUID"].isin(_studies_of_two_patients(accepted, neighbours.rows))
    repeated = accepted.duplicated("SOPInstanceUID").reindex(rows.index, fill_value=False)
    duplicate = repeated | (foreign & same)

    rows["state"] = str(State.PUBLISHED)
    rows["replaces"] = replaces
    for mask, state, reason in (
        (duplicate, State.DUPLICATE, "DUPLICATE_EXACT"),
        (conflict, State.QUARANTINED, "DUPLICATE_UID_CONFLICT"),
        (two_patients, State.QUARANTINED, "STUDY_TWO_PATIENTS"),
    ):
        rows.loc[mask & ~refused, ["state", "reason"]] = (str(state), reason)
    rows.loc[refused, "state"] = [str(state_of_reject(code)) for code in rows.loc[refused, "reason"]]
    return pa.Table.from_pandas(rows, DECIDED, preserve_index=False)


def state_of_reject(code: str) -> State:
    """Give the state of an object refused with `code`."""
    return State.WITHHELD if ReasonKind.WITHHELD in REASONS[code].kinds else State.QUARANTINED


def _studies_of_two_patients(accepted: pd.DataFrame, published: pa.Table) -> set[str]:
    import pandas as pd

    columns = ["StudyInstanceUID", "PatientID"]
    pairs = pd.concat([accepted[columns], published.select(columns).to_pandas()]).drop_duplicates()
    counts = pairs["StudyInstanceUID"].value_counts()
    return set(counts.index[counts > 1])


def _run_gate(
    plan: RunPlan, store: Store, staging: Staging, decided: pa.Table, neighbours: Neighbours
) -> GateResult:
    from expectations.rules import load_rules
    from expectations.runner import GateError, run_gate

    instances = _judged_instances(store, staging, decided, neighbours)
    tables = {"instances": instances, "series": series_table(instances), "studies": studies_table(instances)}
    with tempfile.TemporaryDirectory(prefix="dicomflow-") as folder:
        try:
            result = run_gate(
                tables,
                _metrics(store, staging, decided),
                load_rules(store.read(staging.rules)),
                Path(folder),
                plan.run_id,
            )
        except GateError as error:
            raise ContractError(f"The gate could not judge: {error}. Nothing is published.") from None
        store.upload_tree(Path(folder), staging.docs)
    return result


def _judged_instances(store: Store, staging: Staging, decided: pa.Table, neighbours: Neighbours) -> pa.Table:
    """Put the staged instances that are left beside the published ones of their studies."""
    left = decided.filter(pc.equal(decided["state"], str(State.PUBLISHED)))
    judged = [
        part.filter(pc.is_in(part["source_ref"], left["source_ref"]))
        for part in parts(store, staging, "instances", _JUDGED)
    ]
    schema = pa.schema([INSTANCES.arrow_schema().field(name) for name in _JUDGED])
    kept = neighbours.rows.filter(
        pc.and_(
            pc.is_in(neighbours.rows["StudyInstanceUID"], left["StudyInstanceUID"]),
            pc.invert(pc.is_in(neighbours.rows["SOPInstanceUID"], left["SOPInstanceUID"])),
        )
    )
    return pa.concat_tables([schema.empty_table(), *judged, kept.cast(schema)])


def _metrics(store: Store, staging: Staging, decided: pa.Table) -> dict[str, float]:
    listing = load_record(Listing, store.read(staging.listing))
    states = dict(zip(*(column.to_pylist() for column in _count(decided["state"])), strict=True))
    metrics = {
        "listed": float(listing.listed),
        "unchanged": float(sum(listing.settled.values())),
        "staged": float(states.get(State.PUBLISHED, 0)),
        "duplicate": float(states.get(State.DUPLICATE, 0)),
        "rejected": float(states.get(State.QUARANTINED, 0) + states.get(State.WITHHELD, 0)),
    }
    usual = usual_listing(store)
    return metrics if usual is None else {**metrics, "listed_usual": usual}


def _count(column: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    counts = pc.value_counts(column)
    return counts.field("values"), counts.field("counts")


def _conclude(gate: GateResult, decided: pa.Table) -> AuditReport:
    failures = {study.StudyInstanceUID: study for study in gate.studies}
    left = decided.filter(pc.equal(decided["state"], str(State.PUBLISHED)))
    verdicts = []
    for study in sorted(pc.unique(left["StudyInstanceUID"]).to_pylist()):
        failed = failures.get(study)
        withheld_by = failed.withheld_by if failed else ()
        flagged_by = failed.flagged_by if failed else ()
        verdicts.append(StudyVerdict(study, not withheld_by, withheld_by, flagged_by))
    return AuditReport(
        run_withheld=gate.run_withheld,
        run_failed_rules=gate.run_withheld_by,
        verdicts=tuple(verdicts),
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
    )


def _apply_verdicts(decided: pa.Table, report: AuditReport) -> pa.Table:
    """Withhold what the gate refused; the first rule that did is the reason."""
    rows = decided.to_pandas()
    up_for_release = rows["state"] == str(State.PUBLISHED)
    if report.run_withheld:
        rows.loc[up_for_release, ["state", "reason"]] = (str(State.WITHHELD), report.run_failed_rules[0])
    else:
        reasons = {
            verdict.StudyInstanceUID: verdict.failed_rules[0]
            for verdict in report.verdicts
            if not verdict.passed
        }
        refused = up_for_release & rows["StudyInstanceUID"].isin(reasons.keys())
        rows.loc[refused, "state"] = str(State.WITHHELD)
        rows.loc[refused, "reason"] = rows.loc[refused, "StudyInstanceUID"].map(reasons)
    return pa.Table.from_pandas(rows, DECIDED, preserve_index=False)
