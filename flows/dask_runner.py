"""Settings → where tasks run, and running the batches there whatever happens to the workers.

The only module that imports prefect_dask. Dask's defaults lose runs (STACK.md section 3): a worker
that dies twice within 15 s is never replaced, and a client without workers waits for ever. What is
set here was seen to survive both.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from prefect.client.orchestration import get_client
from prefect.states import Crashed

from tasks.process import PROGRESS_TOPIC, process_batch
from tasks.records import Batch, BatchReport, RunPlan
from tasks.settings import Settings
from tasks.split import give_up, split_batch

OnProgress = Callable[[int, int], None]

DASK_CONFIG: dict[str, Any] = {
    "distributed.deploy.lost-worker-timeout": "10m",
    "distributed.scheduler.no-workers-timeout": "2m",
    # A batch that took its worker along is run again and then split by us; Dask shall not feed it three more.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    "distributed.logging.distributed": "critical",
    # Dashboards show task keys and exceptions to whoever reaches the port: only health checks are served.
    "distributed.scheduler.http.routes": ["distributed.http.health"],
    "distributed.worker.http.routes": ["distributed.http.health"],
}
"""Shipped settings; Dask's own environment variables and files are read before and lose to these."""


class LocalScheduler:
    """A local cluster that starts in the background, while a server is started or a source is listed.

    Workers are processes with one thread each: reading headers holds the interpreter's lock.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        self._executor = ThreadPoolExecutor(1)
        self._address: Future[str] = self._executor.submit(self._start)

    def _start(self) -> str:
        import dask

        dask.config.set(DASK_CONFIG)  # before the import: distributed sets its loggers up when it is imported
        from distributed import LocalCluster

        scratch = tempfile.mkdtemp(prefix="dicomflow-")
        self._stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=self._settings.workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=self._settings.worker_memory,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            local_directory=scratch,
        )
        self._stack.callback(cluster.close, timeout=10)
        return str(cluster.scheduler_address)

    @property
    def address(self) -> str:
        """Wait until the cluster is there, and give its scheduler's address."""
        return self._address.result()

    def close(self) -> None:
        """Stop the cluster."""
        self._executor.shutdown(wait=True)
        self._stack.close()


_started: LocalScheduler | None = None


@contextmanager
def local_scheduler_ahead(settings: Settings) -> Iterator[None]:
    """Start a local cluster in the background, for the flow that is about to run; nothing if one exists."""
    global _started
    if settings.dask_address:
        yield
        return
    _started = LocalScheduler(settings)
    try:
        yield
    finally:
        _started.close()
        _started = None


@contextmanager
def dask_scheduler(settings: Settings) -> Iterator[str]:
    """Give the address of the scheduler to use: an existing one, the one started ahead, or a new one."""
    if settings.dask_address:
        yield settings.dask_address
    elif _started is not None:
        yield _started.address
    else:
        with local_scheduler_ahead(settings):
            yield cast("LocalScheduler", _started).address


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
        return _run_until_done(plan, list(batches), runner)


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
    from prefect.exceptions import ObjectNotFound

    try:
        with get_client(sync_client=True) as client:
            client.set_task_run_state(future.task_run_id, Crashed(message=f"worker lost: {kind}"), force=True)
    except ObjectNotFound:
        pass  # it never started, so Prefect has never heard of it
