"""The temporary server for real: when it starts, what it writes, and that nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flows.prefect_api import TemporaryServer, server_ahead

PARENT = """
import os
from flows.prefect_api import TemporaryServer
server = TemporaryServer()
if {told}:
    server.serve()
    server.wait()
print(server._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


def is_gone(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


def test_a_configured_api_needs_no_server_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with server_ahead() as server:
        assert server is None


@pytest.mark.e2e
def test_a_server_that_is_not_told_to_serve_writes_nothing_and_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with server_ahead() as server:
        assert server is not None
        pid = server._process.pid
    assert not psutil.pid_exists(pid)
    assert not (tmp_path / "home" / "prefect.db").exists()


@pytest.mark.e2e
def test_a_server_that_cannot_start_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tasks.errors import TransientError

    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", f"sqlite+aiosqlite:///{tmp_path}/no/such.db")
    server = TemporaryServer()
    try:
        server.serve()
        with pytest.raises(TransientError, match="PREFECT_HOME"):
            server.wait()
    finally:
        server.stop()


@pytest.mark.e2e
@pytest.mark.parametrize("told", [True, False])
def test_a_server_does_not_outlive_a_parent_that_is_killed(tmp_path: Path, told: bool) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", PARENT.format(told=told)],
        env={**os.environ, "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -9, killed.stderr
    assert is_gone(int(killed.stdout), 60)  # the import that comes before takes a busy machine long
