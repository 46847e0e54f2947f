"""Run the batches on Dask as Prefect tasks, whatever happens to the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, cast

from prefect.client.orchestration import get_client
from prefect.states import Crashed

from flows.workers import dask_scheduler
from tasks.errors import TransientError
from tasks.process import PROGRESS_TOPIC, process_batch
from tasks.records import Batch, BatchReport, RunPlan
from tasks.settings import Settings
from tasks.split import give_up, split_batch

OnProgress = Callable[[int, int], None]


def run_batches(
    plan: RunPlan, batches: Sequence[Batch], settings: Settings, on_progress: OnProgress
) -> list[BatchReport]:
    """Map `process_batch` over the batches on Dask.

    A batch whose worker died is run once more as it is, since the worker may have been killed for
    somebody else's fault; then it is halved until the poison object stands alone, and that one is
    quarantined. Batches are pure in their inputs, so running one twice does no harm.
    """
    from prefect_dask.task_runners import DaskTaskRunner

    if not batches:
        return []
    with dask_scheduler(settings) as address, DaskTaskRunner(address=address) as runner:
        runner.client.subscribe_topic(PROGRESS_TOPIC, lambda event: _advance(event, on_progress))
        with _scheduler_needed(runner.client):
            return _run_until_done(plan, list(batches), runner)


@contextmanager
def _scheduler_needed(client: Any) -> Iterator[None]:
    """Say in our words that the scheduler is lost: without it every future is cancelled, and none comes back.

    Raises
    ------
    TransientError
        If the client has lost its scheduler; what failed otherwise passes through.
    """
    try:
        yield
    except Exception:
        if client.status == "running":
            raise
    else:
        return
    raise TransientError("The Dask scheduler was lost. Check that it runs and can be reached")


def _advance(event: tuple[float, dict[str, int]], on_progress: OnProgress) -> None:
    _, counts = event
    on_progress(counts["objects"], counts["bytes"])


def _run_until_done(plan: RunPlan, batches: list[Batch], runner: Any) -> list[BatchReport]:
    reports: list[BatchReport] = []
    losses: dict[str, int] = {}
    while batches:
        futures = [(batch, _submit(runner, batch, plan)) for batch in batches]
        lost = []
        for batch, future in futures:
            report = _report_of(future)
            if report is None:
                if runner.client.status != "running":
                    raise TransientError("the scheduler took all of its tasks along")
                losses[batch.batch_id] = losses.get(batch.batch_id, 0) + 1
                lost.append(batch)
            else:
                reports.append(report)
        batches = []
        for batch in lost:
            if losses[batch.batch_id] < 2:
                batches.append(batch)
            elif batch.object_count > 1:
                batches += split_batch(plan, batch)
            elif losses[batch.batch_id] < 3:
                reports += _run_alone(plan, batch, runner)
    return reports


def _run_alone(plan: RunPlan, batch: Batch, runner: Any) -> list[BatchReport]:
    """Run a single suspect with nothing beside it, so that its guilt is certain."""
    report = _report_of(_submit(runner, batch, plan))
    return [report if report is not None else give_up(plan, batch)]


def _submit(runner: Any, batch: Batch, plan: RunPlan) -> Any:
    return runner.submit(process_batch, parameters={"batch": batch, "plan": plan})


def _report_of(future: Any) -> BatchReport | None:
    """Wait for a batch; None where its worker, or all of them, died under it."""
    from distributed import CancelledError
    from distributed.scheduler import KilledWorker, NoWorkerError

    try:
        return cast("BatchReport", future.result())
    except (KilledWorker, NoWorkerError, CancelledError) as error:
        _mark_crashed(future, type(error).__name__)
        return None


def _mark_crashed(future: Any, kind: str) -> None:
    """Tell Prefect, which would otherwise show the task run as running for ever."""
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    try:
        with get_client(sync_client=True) as client:
            client.set_task_run_state(future.task_run_id, Crashed(message=f"worker lost: {kind}"), force=True)
    except ObjectNotFound:
        pass  # it never started, so Prefect has never heard of it
    except PrefectHTTPStatusError as error:  # how this client says that something is not found, with 3.8
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise
