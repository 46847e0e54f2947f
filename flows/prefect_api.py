"""One Prefect API for a run: the configured one, or a temporary server that is ours.

Left to itself, Prefect starts a temporary server in the flow's process and another in every Dask
worker, all on the same SQLite file. So one is started here, its address goes to the workers with
Prefect's settings, and it stops with the run. It sends nothing anywhere.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.errors import TransientError

STARTUP_SECONDS = 90
"""Prefect's default of 20 s is too short for a first start, which makes its database, on a busy machine."""

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
}
"""Neither call-home switch of Prefect covers both channels, so both are set. Logs are not sent to the
API: a line of a foreign library may quote a value, and Prefect would store it."""


def quiet_environment() -> None:
    """Set what Prefect reads from the environment when it is imported; the user's own choice stands."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if "PREFECT_HOME" not in os.environ and not os.access(Path.home(), os.W_OK):
        # Service accounts and containers often have no home; Prefect's history is then this run's only.
        scratch = tempfile.mkdtemp(prefix="dicomflow-prefect-")
        atexit.register(shutil.rmtree, scratch, ignore_errors=True)
        os.environ["PREFECT_HOME"] = scratch


@contextmanager
def prefect_api() -> Iterator[None]:
    """Enter with an API at hand: at once where one is configured, else when a temporary server answers."""
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if PREFECT_API_URL.value():
        yield
        return
    server = SubprocessASGIServer()
    try:
        server.start(STARTUP_SECONDS)
    except RuntimeError:
        # Its text quotes the server's output, which is no user's business.
        failed = True
    else:
        failed = False
    if failed:
        server.stop()
        raise TransientError(
            f"Prefect's temporary API did not start within {STARTUP_SECONDS} s. Check that PREFECT_HOME "
            "(or your home) is writable and the machine is not overloaded, or name a server in PREFECT_API_URL."
        )
    try:
        with temporary_settings({PREFECT_API_URL: server.api_url}):
            yield
    finally:
        server.stop()
