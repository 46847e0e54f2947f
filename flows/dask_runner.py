"""Run the batches on Dask as Prefect tasks, whatever happens to the workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, cast

from prefect.client.orchestration import get_client
from prefect.states import Crashed

from flows.workers import dask_scheduler, worker_losses
from tasks.errors import TransientError
from tasks.process import PROGRESS_TOPIC, process_batches, report_of
from tasks.records import Batch, BatchReport, RunPlan
from tasks.settings import Settings
from tasks.split import give_up, split_batch

OnProgress = Callable[[int, int], None]

_LARGEST_SHARE = 16
"""Batches of one task run, at most."""
_SHARE_OBJECTS, _SHARE_BYTES = 16_000, 4 << 30
"""Of one task run, unless a batch alone has more: half a minute or so, so that none waits long for another."""
_GROWS_TO = 32
"""Threads that a cluster of somebody else's is taken to have at least: it may grow with its work."""


def run_batches(
    plan: RunPlan, batches: Sequence[Batch], settings: Settings, on_progress: OnProgress
) -> list[BatchReport]:
    """Map `process_batches` over shares of the batches on Dask.

    A share whose worker died is run once more, each batch by itself, since the worker may have been killed for
    somebody else's fault; a batch that then takes its worker along is halved until the poison object stands
    alone, and that one is quarantined. Batches are pure in their inputs, so running one twice does no harm.
    """
    from prefect_dask.task_runners import DaskTaskRunner

    if not batches:
        return []
    with dask_scheduler(settings) as address, DaskTaskRunner(address=address) as runner:
        runner.client.subscribe_topic(PROGRESS_TOPIC, lambda event: _advance(event, on_progress))
        threads = settings.workers if settings.dask_address is None else max(_GROWS_TO, _threads(runner))
        with _scheduler_needed(runner.client):
            return _run_until_done(plan, list(batches), threads, runner)


def cut_shares(batches: Sequence[Batch], threads: int) -> list[list[Batch]]:
    """Cut batches into shares of one task run each: large ones first, single batches at the end.

    A task run costs a quarter of a second of orchestration, whatever is in it. Half of what is left is dealt out
    evenly each time, so that all threads come to their end together, whatever their batches take.
    """
    shares: list[list[Batch]] = []
    left = list(batches)
    while left:
        most = min(_LARGEST_SHARE, -(-len(left) // (2 * threads)))
        share = [left[0]]
        objects, size_bytes = left[0].object_count, left[0].size_bytes
        for batch in left[1:most]:
            objects, size_bytes = objects + batch.object_count, size_bytes + batch.size_bytes
            if objects > _SHARE_OBJECTS or size_bytes > _SHARE_BYTES:
                break
            share.append(batch)
        shares.append(share)
        del left[: len(share)]
    return shares


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


def _threads(runner: Any) -> int:
    return sum(runner.client.nthreads().values())


def _run_until_done(plan: RunPlan, batches: list[Batch], threads: int, runner: Any) -> list[BatchReport]:
    reports: list[BatchReport] = []
    losses: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    shares = cut_shares(batches, threads)
    while shares:
        futures = [(share, _submit(runner, share, plan, failed)) for share in shares]
        left: list[Batch] = []
        shares = []
        for share, future in futures:
            done = _reports_of(future)
            if done is not None:
                reports += done
                left += share[len(done) :]
                failed.update([batch.batch_id for batch in share[len(done) :][:1]])
                continue
            if runner.client.status != "running":
                raise TransientError("the scheduler took all of its tasks along")
            for batch in share:
                report = report_of(plan, batch)  # it may have been done before its worker was lost
                losses[batch.batch_id] += report is None
                if report is not None:
                    reports.append(report)
                elif len(share) > 1 or losses[batch.batch_id] < 2:
                    shares.append([batch])
                elif batch.object_count > 1:
                    shares += [[half] for half in split_batch(plan, batch)]
                elif losses[batch.batch_id] < 3:
                    reports += _run_alone(plan, batch, runner, failed)
        shares = [*cut_shares(left, threads), *shares]
    return reports


def _run_alone(plan: RunPlan, batch: Batch, runner: Any, failed: Counter[str]) -> list[BatchReport]:
    """Run a single suspect with nothing beside it, so that its guilt is certain."""
    reports = _reports_of(_submit(runner, [batch], plan, failed))
    if reports is None:
        report = report_of(plan, batch)
        reports = [give_up(plan, batch) if report is None else report]
    return reports


def _submit(runner: Any, share: list[Batch], plan: RunPlan, failed: Counter[str]) -> Any:
    ids = [batch.batch_id for batch in share]
    counted = {one: failed[one] for one in ids if one in failed}
    return runner.submit(process_batches, parameters={"batches": share, "plan": plan, "failed": counted})


def _reports_of(future: Any) -> list[BatchReport] | None:
    """Wait for a share; None where its worker, or all of them, died under it."""
    try:
        return cast("list[BatchReport]", future.result())
    except worker_losses() as error:
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
