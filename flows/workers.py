"""Settings → where Dask runs: workers of our own on this machine, or a scheduler that exists.

Dask's defaults lose runs: a worker that dies twice within 15 s is never replaced, and a client without
workers waits for ever. What is set here was seen to survive both. Local workers are forked from one
ancestor that has imported what a batch needs (`flows.worker_imports`): it is imported once and not once a
worker, beside the start of the API, and a worker that died is back at once.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from multiprocessing.forkserver import ensure_running
from typing import Any, cast

from tasks.errors import ConfigurationError, TransientError
from tasks.settings import Settings

DASK_CONFIG: dict[str, Any] = {
    "distributed.deploy.lost-worker-timeout": "10m",
    "distributed.scheduler.no-workers-timeout": "2m",
    # A batch that took its worker along is run again and then split by us; Dask shall not feed it three more.
    "distributed.scheduler.allowed-failures": 0,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.multiprocessing-method": "forkserver",
    # For the dashboard alone, which is not served; every ten milliseconds it takes the interpreter from a batch.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.logging.distributed": "critical",
    # Dashboards show task keys and exceptions to whoever reaches the port: only health checks are served.
    "distributed.scheduler.http.routes": ["distributed.http.health"],
    "distributed.worker.http.routes": ["distributed.http.health"],
}
"""Shipped settings; Dask's own environment variables and files are read before and lose to these."""


IMPORTS = "flows.worker_imports"


_LONGEST_TEMPORARY = 107 - len("/pymp-12345678/listener-12345678")
"""Bytes that the path of the temporary folder may have: a socket's whole path may have 107 (unix(7))."""


def start_ancestor() -> None:
    """Start the process that workers are forked from; it imports while we go on.

    Raises
    ------
    ConfigurationError
        If the temporary folder's path is too long for a socket in it.
    """
    import dask

    _check_temporary_folder()
    seeds = {
        "PYTHONHASHSEED": "6640"
    }  # as Dask has it: equal keys are equal in all workers, also of a new ancestor
    environment = {**dask.config.get("distributed.nanny.pre-spawn-environ", {}), **seeds}
    before = dict(os.environ)
    os.environ.update({name: str(value) for name, value in environment.items()})
    try:
        get_context("forkserver").set_forkserver_preload([IMPORTS])
        ensure_running()
    finally:
        for name in environment:
            if name in before:
                os.environ[name] = before[name]
            else:
                del os.environ[name]


def _check_temporary_folder() -> None:
    length = len(os.fsencode(tempfile.gettempdir()))
    if length > _LONGEST_TEMPORARY:
        raise ConfigurationError(
            f"The path of the temporary folder has {length} bytes, and no socket can be made in it. "
            f"Set TMPDIR to a folder whose path has at most {_LONGEST_TEMPORARY}"
        )


class LocalScheduler:
    """A local cluster that starts in the background, while a server is started or a source is listed.

    Workers are processes with one thread each: reading headers holds the interpreter's lock.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = ExitStack()
        start_ancestor()
        self._executor = ThreadPoolExecutor(1)
        self._address: Future[str] = self._executor.submit(self._start)

    def _start(self) -> str:
        import dask

        dask.config.set(DASK_CONFIG)  # before the import: distributed sets its loggers up when it is imported
        from distributed import LocalCluster, utils

        # In a process that Prefect started it was imported before, as one of Prefect's integrations.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        # Else Dask would have the ancestor import its own choice, pandas among it, and import it here too.
        utils._forkserver_preload_set = True  # noqa: SLF001

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
        """Wait until the cluster is there, and give its scheduler's address.

        Raises
        ------
        TransientError
            If it does not come up.
        """
        try:
            return self._address.result()
        except TimeoutError:
            pass  # raised anew below, without Dask's own as its context
        raise TransientError("Dask's workers did not start in time. Check that the machine is not overloaded")

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


def scheduler_at_hand(settings: Settings) -> str | None:
    """Give the address of a scheduler that runs, for what is not worth starting one."""
    return settings.dask_address or (None if _started is None else _started.address)


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


def worker_losses() -> tuple[type[Exception], ...]:
    """Give the exceptions of a future whose worker, or all of them, died under it."""
    from distributed import CancelledError
    from distributed.scheduler import KilledWorker, NoWorkerError

    return (KilledWorker, NoWorkerError, CancelledError)
