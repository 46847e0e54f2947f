"""The schedule for real: a Prefect server, a run that fires by itself, and its end as the API tells it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.builders import write_study
from tests.e2e.runs import Place, command, files_of, states_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

ROOT = Path(__file__).resolve().parents[2]


def ask(api: str, path: str, body: dict[str, Any]) -> Any:
    request = Request(  # noqa: S310 - our own server on loopback
        f"{api}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def runs_of(api: str, deployment: str) -> list[dict[str, Any]]:
    """Flow runs of a deployment, newest first."""
    query = {"deployments": {"name": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_DESC"}
    found: list[dict[str, Any]] = ask(api, "/flow_runs/filter", query)
    return found


def wait_until(happened: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return
        time.sleep(1)
    pytest.fail(f"not within {seconds:.0f} s: {what}")


@contextmanager
def running(
    arguments: list[str], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as sink:
        process = subprocess.Popen(arguments, env=environment, stdout=sink, stderr=sink, cwd=log.parent)
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def prepare(tmp_path: Path) -> tuple[Place, dict[str, str]]:
    place = Place(tmp_path)
    write_study(place.source, instances=3)
    config = tmp_path / "nightly.toml"
    config.write_text(f'source = "{place.source}"\ntarget = "{place.target}"\nworkers = 1\n')
    return place, place.environment(DICOMFLOW_CONFIG=str(config))


def test_serve_keeps_a_schedule_in_one_process(prefect_server: str, tmp_path: Path) -> None:
    place, environment = prepare(tmp_path)
    config = environment.pop("DICOMFLOW_CONFIG")
    serve = command("serve", "--cron", "* * * * *", "--config", config)
    with running(serve, environment, tmp_path / "serve.log"):
        wait_until(
            lambda: any(run["state_type"] == "COMPLETED" for run in runs_of(prefect_server, "nightly")),
            240,
            "a scheduled run completes",
        )
    assert states_of(place.target) == {"published": 3}
    assert len(files_of(place.target)) == 3
    completed = [run for run in runs_of(prefect_server, "nightly") if run["state_type"] == "COMPLETED"]
    assert all(run["parameters"] == {} for run in completed)
    assert str(place.root) not in json.dumps(completed)


def test_the_deployment_file_deploys_and_a_worker_runs_it(prefect_server: str, tmp_path: Path) -> None:
    place, environment = prepare(tmp_path)
    prefect = str(Path(sys.executable).parent / "prefect")
    deployed = tmp_path / "project"
    shutil.copytree(ROOT / "infra", deployed / "infra")

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [prefect, "--no-prompt", *arguments],
            env=environment,
            cwd=deployed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("work-pool", "create", "dicomflow", "--type", "process", "--overwrite")
    run("deploy", "--all", "--prefect-file", "infra/prefect.yaml")
    before = {run["id"] for run in runs_of(prefect_server, "nightly")}
    with running([prefect, "worker", "start", "--pool", "dicomflow"], environment, tmp_path / "worker.log"):
        run("deployment", "run", "dicomflow-clean/nightly")
        wait_until(
            lambda: any(
                run["state_type"] == "COMPLETED" and run["id"] not in before
                for run in runs_of(prefect_server, "nightly")
            ),
            240,
            "the deployed flow completes",
        )
    assert states_of(place.target) == {"published": 3}
