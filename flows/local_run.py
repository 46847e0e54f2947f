"""One run in this process, as the command does it: look first, start what is needed, run the flow, stop it.

What a run pays once is mostly imports: Prefect's server 4 s of a core, Great Expectations 3 s, Prefect and
Dask 2 s in the flow's process and again in the workers'. So whatever can be imported beside something else
is: the server's process and the workers' common ancestor are started before this process imports Prefect.
Nothing of it is started for a source with nothing new, unless a Prefect API is configured, whose history
then shows that run too (infra/decisions/0007).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flows.prefect_api import api_is_configured, prefect_api, server_ahead
from flows.progress import RunProgress, watch
from flows.replay_parameters import ReplayParameters
from tasks.errors import ContractError, TransientError
from tasks.prepare import OpenRun, open_run
from tasks.records import Listing, RunReport, Selection
from tasks.settings import Settings, activate
from tasks.survey import list_ahead, report_nothing_new

if TYPE_CHECKING:
    from prefect.client.schemas.objects import State


def run_once(settings: Settings, progress: RunProgress, selection: Selection | None = None) -> RunReport:
    """Run once, with everything that is started for it gone afterwards; with a selection, a replay.

    Raises
    ------
    PipelineError
        Whatever ended the run.
    """
    activate(settings)
    watch(progress)
    with progress.shown(), open_run(settings, selection) as run:
        listing = _look(run, progress)
        idle = listing is not None and not listing.pending
        if listing is not None and idle and not api_is_configured():
            return report_nothing_new(run.plan, listing, progress.whole())
        with ExitStack() as services:
            with progress.phase("start"):
                flow = _start(services, settings, run.plan.replay, idle=idle)
            report = _run_flow(flow, progress)
            with progress.phase("stop"):
                services.close()
        return replace(report, seconds=progress.whole())


def _look(run: OpenRun, progress: RunProgress) -> Listing | None:
    """List the source ahead of the flow; None where there is work to do whatever the source holds."""
    if run.to_finish:
        return None
    with progress.phase("discover"):
        return list_ahead(run.plan)


def _start(
    services: ExitStack, settings: Settings, selection: Selection | None, *, idle: bool
) -> Callable[[], State[Any]]:
    """Start API and workers, side by side with our own imports, and wait for the API only."""
    server = services.enter_context(server_ahead())
    if not idle:
        from flows.workers import local_scheduler_ahead

        services.enter_context(local_scheduler_ahead(settings))
    from flows.clean import clean
    from flows.gate_ahead import import_gate_ahead
    from flows.replay import replay

    if not idle:
        import_gate_ahead()
    services.enter_context(prefect_api(server))
    if selection is None:
        return lambda: clean(return_state=True)
    return lambda: replay(ReplayParameters.of(selection), return_state=True)


def _run_flow(flow: Callable[[], State[Any]], progress: RunProgress) -> RunReport:
    import httpx

    try:
        report = flow().result(raise_on_failure=False)
    except httpx.HTTPError:  # Prefect gave up; what it raises quotes requests
        report = progress.report
    if isinstance(report, httpx.HTTPError):
        report = progress.report
    if report is None:
        raise TransientError(
            "Prefect's API was lost and did not come back. Check the server that PREFECT_API_URL names"
        )
    if isinstance(report, RunReport):
        return report
    if isinstance(report, BaseException):
        raise report
    raise ContractError("The flow ended without a report. Please report this.")
