"""Clean what is new in a source, gate it, and publish what passed.

    discover   list the source, leave out what the ledger has settled, cut the rest into batches
    process    read, clean, de-identify and stage the batches, mapped over Dask
    audit      duplicates, conflicts, the quality rules: a verdict for each study
    publish    files, then rows in one commit, the ledger last
    emit       report, docs, lineage, artifact; the staging folder goes

A run that dies anywhere is resumed by the next one under the same settings. Source, target and key are
settings of the process (see `tasks.settings`), never parameters: Prefect stores those in clear.
"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State as PrefectState
from prefect.states import Completed, Failed

from flows.dask_runner import run_batches
from flows.dead_runs import tell_prefect
from flows.gate_ahead import import_gate_ahead
from flows.move_on_workers import move_on_workers
from flows.progress import RunProgress, current
from tasks.audit import audit
from tasks.discover import discover
from tasks.emit import emit, leave_artifact
from tasks.notify import is_worth_telling, make_message, notify, telling_of_failures
from tasks.prepare import open_run
from tasks.publish import publish
from tasks.records import Outcome, RunPlan, RunReport
from tasks.settings import Settings, active_settings
from tasks.survey import report_nothing_new


@flow(name="dicomflow-clean", persist_result=False)
def clean() -> PrefectState[RunReport]:
    """Run once; withheld is a failed state, so that whatever watches Prefect for failures sees it."""
    settings, progress = active_settings(), current()
    with telling_of_failures(settings.notify_block), open_run(settings) as run:
        tell_prefect(run.died)
        for audited in run.to_finish:
            finish(audited, progress)
        return state_of(carry_out(run.plan, settings, progress))


def carry_out(plan: RunPlan, settings: Settings, progress: RunProgress) -> RunReport:
    """Find what the plan has to do, do it, and take it to its end."""
    progress.report = None
    with progress.phase("discover"):
        found = discover(plan, settings)
    if not found.listing.pending:
        report = report_nothing_new(plan, found.listing, progress.seconds)
        leave_artifact(report)
        return report
    import_gate_ahead()
    with progress.phase("process", total=found.listing.pending):
        progress.advance(found.finished, 0)
        run_batches(plan, found.batches, settings, progress.advance)
    return finish(plan, progress)


def finish(plan: RunPlan, progress: RunProgress) -> RunReport:
    """Take a run whose batches are done to its end; safe to call again after a crash."""
    with progress.phase("audit"):
        verdicts = audit(plan)
    with progress.phase("publish"):
        publish(plan, move_on_workers(plan, active_settings()))
    with progress.phase("emit"):
        report = progress.report = emit(plan, verdicts, progress.seconds)
    if (block := active_settings().notify_block) is not None and is_worth_telling(report):
        notify(make_message(report, plan), block)
    return report


def state_of(report: RunReport) -> PrefectState[RunReport]:
    """Say the outcome as a Prefect state; the message holds counts only."""
    message = (
        f"{report.listed} listed: {report.published} published, {report.withheld} withheld, "
        f"{report.quarantined} quarantined, {report.duplicate} duplicate"
    )
    if broken := [*report.withheld_by, *report.flagged_by]:
        message += f"; rules the run broke: {', '.join(broken)}"
    name = str(report.outcome).capitalize()
    if report.outcome == Outcome.WITHHELD:
        return Failed(name=name, message=message, data=report)
    return Completed(name=name, message=message, data=report)
