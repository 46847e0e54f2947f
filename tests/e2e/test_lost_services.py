"""What a run leans on goes away in its middle: it ends by itself, says so, and the next one goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest

from tests.builders import KEY_TEXT, write_study
from tests.e2e.runs import Place, clean, command, states_of
from tests.peers.ceph import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

INSTANCES = 16
BOUND_SECONDS = 150
"""A run that lost what it leans on ends within this time, on a busy machine too."""
MID_RUN = "staging/*/reports/*"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    write_study(place.source, instances=INSTANCES)
    return place


def start(place: Place, **environment: str) -> subprocess.Popen[str]:
    arguments = ("clean", str(place.source), str(place.target), "--workers", "1", "--batch-objects", "2")
    return subprocess.Popen(
        command(*arguments, "--json"),
        env=place.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def wait_for(place: Place, run: subprocess.Popen[str]) -> None:
    """Wait until the first batch is done; the others are not."""
    deadline = time.monotonic() + 200
    while not any(place.target.glob(MID_RUN)):
        assert time.monotonic() < deadline, "the run did not come so far"
        assert run.poll() is None, "the run ended before its first batch was done"
        time.sleep(0.01)


def end_of(run: subprocess.Popen[str]) -> tuple[dict[str, Any], int]:
    try:
        out, _ = run.communicate(timeout=BOUND_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        raise
    return json.loads(out.splitlines()[-1]), run.returncode


def test_a_run_that_loses_its_api_ends_with_all_of_its_work_done_or_resumable(place: Place) -> None:
    run = start(place, PREFECT_API_URL="")
    wait_for(place, run)
    (server,) = [
        child
        for child in psutil.Process(run.pid).children(recursive=True)
        if "flows.temporary_server" in child.cmdline()
    ]
    server.kill()
    report, code = end_of(run)
    assert code in (0, 1), report
    if code == 0:
        assert report["published"] == INSTANCES
    else:
        assert "Prefect's API was lost" in report["error"]
        assert clean(place, "--workers", "1", "--batch-objects", "2", PREFECT_API_URL="")["exit_code"] == 0
    assert states_of(place.target) == {"published": INSTANCES}


@contextmanager
def running(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DICOMFLOW_KEY": KEY_TEXT, "HOME": str(folder)}
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "dask"), *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_a_run_that_loses_its_scheduler_fails_with_the_next_step_and_is_resumed(
    place: Place, prefect_server: str
) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    quiet = ("--no-dashboard",)
    with (
        running("scheduler", "--host", address, *quiet, folder=place.root) as scheduler,
        running("worker", address, "--nthreads", "1", "--no-nanny", *quiet, folder=place.root),
    ):
        run = start(place, DICOMFLOW_DASK_ADDRESS=address)
        wait_for(place, run)
        scheduler.kill()
        report, code = end_of(run)
    assert code == 1
    assert "The Dask scheduler was lost" in report["error"]
    assert clean(place, "--workers", "1", "--batch-objects", "2")["exit_code"] == 0
    assert states_of(place.target) == {"published": INSTANCES}


def test_a_run_that_died_is_told_to_prefect_by_the_next_one(place: Place, prefect_server: str) -> None:
    running_before = runs_in(prefect_server, "RUNNING")
    crashed_before = runs_in(prefect_server, "CRASHED")
    run = start(place)
    wait_for(place, run)
    family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    for process in family:
        process.kill()
    run.communicate()
    (dead,) = runs_in(prefect_server, "RUNNING") - running_before
    assert clean(place, "--workers", "1", "--batch-objects", "2")["exit_code"] == 0
    assert runs_in(prefect_server, "CRASHED") - crashed_before == {dead}
    shown = subprocess.run(
        command("show", str(place.target), "--json"),
        env=place.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert json.loads(shown.stdout)["unfinished"] == []


def runs_in(api: str, state: str) -> set[str]:
    """Ids of the flow runs that the server has in a state."""
    asked = {"flow_runs": {"state": {"type": {"any_": [state]}}}}
    request = Request(  # noqa: S310 - our own server on loopback
        f"{api}/flow_runs/filter", json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        return {run["id"] for run in json.load(answer)}
