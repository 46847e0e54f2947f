"""One Prefect API for a run: the configured one, or a temporary server that is ours.

Left to itself, Prefect starts a temporary server in the flow's process and another in every Dask
worker, all on the same SQLite file. So one is started here, its address goes to the workers with
Prefect's settings, and it stops with the run. It sends nothing anywhere. It is started by us and not by
Prefect's own class, whose import alone costs the flow's process as much as the server's start.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tasks.errors import TransientError

STARTUP_SECONDS = 90
"""A first start, which makes Prefect's database, takes 10 s on an idle machine and several times that on a busy one."""

STOP_SECONDS = 10
"""In a stop the server writes what it has been told of task runs; then it is killed."""

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_INTERNAL_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # A server that is lost is waited for, a quarter of a minute for each thing that is to be said to it.
    "PREFECT_CLIENT_MAX_RETRIES": "3",
}
"""Neither call-home switch of Prefect covers both channels, so both are set. Logs are not sent to the
API: a line of a foreign library may quote a value, and Prefect would store it."""

LEAN = {
    "PREFECT_UI_ENABLED": "false",
    # Block types are registered by whoever saves a block; for a run they would only be written anew.
    "PREFECT_SERVER_API_BLOCKS_REGISTER_ON_START": "false",
    "PREFECT_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
"""What a server that lives as long as one run can do without."""

ONE_RUN_ONLY = {"PREFECT__SERVER_EPHEMERAL": "1"}
"""Prefect's own mark of a temporary server: it records what happens, but schedules nothing."""


def quiet_environment() -> None:
    """Set what Prefect reads from the environment when it is imported; the user's own choice stands."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if "PREFECT_HOME" not in os.environ and not os.access(Path.home(), os.W_OK):
        # Service accounts and containers often have no home; Prefect's history is then this run's only.
        scratch = tempfile.mkdtemp(prefix="dicomflow-prefect-")
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        os.environ["PREFECT_HOME"] = scratch


def api_is_configured() -> bool:
    """Tell whether the operator named a Prefect API, in the environment or in a profile."""
    from prefect.settings import PREFECT_API_URL

    return bool(PREFECT_API_URL.value())


class TemporaryServer:
    """A Prefect server of our own on loopback: its process imports at once and serves when told to.

    Parameters
    ----------
    schedules
        Whether it also runs Prefect's scheduler, for a process that waits for scheduled runs.
    """

    def __init__(self, *, schedules: bool = False) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._process = subprocess.Popen(  # noqa: S603 - this very interpreter and module
            [sys.executable, "-m", "flows.temporary_server", str(self._socket.fileno())],
            env={**os.environ, **LEAN, **({} if schedules else ONE_RUN_ONLY)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._socket.fileno()],
            start_new_session=True,  # Ctrl-C is for us; the server is stopped last, when all is told
        )

    @property
    def url(self) -> str:
        """Address of its API; requests wait until it serves."""
        return f"http://127.0.0.1:{self.port}/api"

    def serve(self) -> None:
        """Tell it to serve; returns at once."""
        self._socket.close()
        line = self._process.stdin
        if line is not None and self._process.poll() is None:
            line.write(b"go\n")
            line.flush()

    def wait(self) -> None:
        """Wait until it answers.

        Raises
        ------
        TransientError
            If it has ended, or does not answer in time.
        """
        deadline = time.monotonic() + STARTUP_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._answers(deadline - time.monotonic()):
                return
            time.sleep(0.05)
        raise TransientError(
            f"Prefect's temporary API did not start within {STARTUP_SECONDS} s. Check that PREFECT_HOME "
            "(or your home) is writable and the machine is not overloaded, or name a server in PREFECT_API_URL."
        )

    def _answers(self, seconds: float) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=max(seconds, 0.1))
        try:
            connection.request("GET", "/api/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop it; one that was never told to serve just goes."""
        self._socket.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def server_ahead(*, schedules: bool = False) -> Iterator[TemporaryServer | None]:
    """Start what may become the temporary server; None where an API is named in the environment."""
    if os.environ.get("PREFECT_API_URL"):
        yield None
        return
    server = TemporaryServer(schedules=schedules)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def prefect_api(server: TemporaryServer | None) -> Iterator[None]:
    """Enter with an API at hand: the configured one as it is, else the temporary server, when it answers."""
    from prefect.events.worker import EventsWorker
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
        temporary_settings,
    )

    if server is None or api_is_configured():
        yield
        return
    server.serve()
    # The server is of the very installation that its clients are.
    with temporary_settings(
        {PREFECT_API_URL: server.url, PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False}
    ):
        server.wait()
        try:
            yield
        finally:
            # What this process has to say of its tasks is said in the background; the server is to hear all of it.
            EventsWorker.drain_all(timeout=STOP_SECONDS)
