"""prefect-setup.sh against a real server: schedules fire, and two deployments of a target never run at once."""

from __future__ import annotations

import base64
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from redis import Redis

from tests.builders import write_study
from tests.e2e.runs import Place, states_of
from tests.infra.files import INFRA, read, services
from tests.peers.postgresql import postgresql
from tests.peers.redis import PASSWORD, redis_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

PREFECT = str(Path(sys.executable).parent / "prefect")
AUTH = "admin:not-a-secret"
AS_EARLY_AS_PREFECT_LETS = timedelta(seconds=0.5)
"""A worker fetches a run before it is due, and the server tells it how long to wait in whole seconds, to the nearest:
one that asks with less than half a second to go is let in (`WaitForScheduledTime`, Prefect 3.8)."""


@dataclass(frozen=True)
class Server:
    api: str

    def ask(self, path: str, body: Any = None, auth: str = AUTH) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        if auth:
            headers["Authorization"] = "Basic " + base64.b64encode(auth.encode()).decode()
        with urlopen(Request(self.api + path, data, headers), timeout=20) as answer:  # noqa: S310 - on loopback
            text = answer.read().decode()
        return json.loads(text) if text.startswith(("[", "{")) else text

    @property
    def environment(self) -> dict[str, str]:
        """What a client of this server has in compose.yaml, but for the place and the password."""
        return {
            **dict(services()["prefect-setup"]["environment"].items()),
            "PREFECT_API_URL": self.api,
            "PREFECT_API_AUTH_STRING": AUTH,
        }


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as sink:
        process = subprocess.Popen(command, env=environment, stdout=sink, stderr=sink, cwd=log.parent)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(what: str, seconds: float, happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if happened():
                return
        except (URLError, OSError):
            pass
        time.sleep(1)
    pytest.fail(f"not within {seconds:.0f} s: {what}")


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    # Not below pytest's own folder, into which the user postgres may not look.
    with TemporaryDirectory(prefix="postgresql-") as folder, postgresql(Path(folder)) as place:
        yield place


@pytest.fixture(scope="module")
def messages() -> Iterator[Redis]:
    with TemporaryDirectory(prefix="redis-") as folder, redis_server(Path(folder)) as client:
        yield client


@pytest.fixture(scope="module")
def server(database: str, messages: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the settings of compose.yaml, PostgreSQL and Redis."""
    home = tmp_path_factory.mktemp("server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    elsewhere = ("DATABASE", "UI_API_URL")
    settings = {
        name: value
        for name, value in services()["prefect-server"]["environment"].items()
        if not any(part in name for part in elsewhere)
    }
    redis_port = str(messages.get_connection_kwargs()["port"])
    settings |= {
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": redis_port,
        "PREFECT_REDIS_MESSAGING_PASSWORD": PASSWORD,
        "PREFECT_SERVER_DOCKET_URL": f"redis://:{PASSWORD}@127.0.0.1:{redis_port}/1",
    }
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DICOMFLOW_"))
    }
    environment = {
        **kept,
        **settings,
        "PREFECT_API_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://prefect@{database}/prefect",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": AUTH,
    }
    found = Server(f"http://127.0.0.1:{port}/api")
    with _running([PREFECT, "server", "start", "--no-ui"], environment, home / "server.log"):
        _wait("the server answers", 120, lambda: found.ask("/health") is not None)
        yield found


@pytest.fixture(scope="module")
def ready(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """The server after the setup has run, twice: the second time must change nothing."""
    place = Place(tmp_path_factory.mktemp("setup"))
    environment = place.environment(**server.environment)
    environment["PATH"] = f"{Path(PREFECT).parent}:{environment['PATH']}"
    for _ in range(2):
        done = subprocess.run(
            [str(INFRA / "prefect-setup.sh"), "process"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    return server


def test_the_setup_makes_one_of_everything_however_often_it_runs(ready: Server) -> None:
    deployments = {each["name"]: each for each in ready.ask("/deployments/filter", {})}
    assert set(deployments) == {"nightly", "landing", "on-demand", "replay", "maintain", "revalidate"}
    assert {each["work_queue_name"] for each in deployments.values()} == {"research"}
    (queue,) = (each for each in ready.ask("/work_queues/filter", {}) if each["name"] == "research")
    assert queue["concurrency_limit"] == 1
    automations = sorted(each["name"] for each in ready.ask("/automations/filter", {}))
    ours = [name for name in automations if name.startswith("dicomflow ")]
    assert len(ours) == len(set(ours)) == 5
    assert len(automations) == 6, "ours and the trigger of the landing folder"
    (schedule,) = deployments["landing"]["schedules"]
    assert schedule["active"] is False


def test_nobody_without_the_password_learns_anything(server: Server) -> None:
    assert server.ask("/health", auth="") is not None
    for path in ("/metrics", "/admin/version"):
        with pytest.raises(HTTPError) as refused:
            server.ask(path, auth="")
        assert refused.value.code == 401


def test_metrics_are_where_prometheus_asks_for_them(server: Server) -> None:
    served = server.ask("/metrics")
    assert "process_resident_memory_bytes" in served
    assert "process_cpu_seconds_total" in served


def _time(run: dict[str, Any], name: str) -> datetime:
    """A time that the API tells; as text, a whole second would come after all of its own fractions."""
    return datetime.fromisoformat(run[name])


@dataclass(frozen=True)
class Ended:
    """What the API tells of the runs of all deployments, and what they published."""

    runs: list[dict[str, Any]]
    states: dict[str, int]

    def of(self, deployments: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
        """Runs of a deployment, by its name."""
        (deployment,) = (each for each in deployments if each["name"] == name)
        return [run for run in self.runs if run["deployment_id"] == deployment["id"]]


@pytest.fixture(scope="module")
def ended(ready: Server, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Three runs of one target, each begun in its own way: by the clock, by an event, by a person."""
    place = Place(tmp_path_factory.mktemp("runs"))
    write_study(place.source, instances=3)
    config, deployed = place.root / "nightly.toml", place.root / "prefect.yaml"
    config.write_text(f'source = "{place.source}"\ntarget = "{place.target}"\nworkers = 1\n')
    environment = place.environment(**ready.environment, DICOMFLOW_CONFIG=str(config))
    # The same file, but its night comes every minute.
    deployed.write_text(read("prefect.yaml").replace('cron: "0 2 * * *"', 'cron: "* * * * *"'))

    def prefect(*arguments: str) -> None:
        done = subprocess.run(
            [PREFECT, "--no-prompt", *arguments],
            env=environment,
            cwd=place.root,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def runs() -> list[dict[str, Any]]:
        query = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}}
        found: list[dict[str, Any]] = ready.ask("/flow_runs/filter", query)
        return found

    prefect("deploy", "--all", "--prefect-file", str(deployed))
    # This run fails: its configuration file is not on this machine.
    prefect("event", "emit", "dicomflow.landing.complete", "--resource-id", "dicomflow.landing.research")
    prefect("deployment", "run", "dicomflow-clean/on-demand")
    worker = ["worker", "start", "--pool", "dicomflow", "--type", "process"]
    with _running([PREFECT, *worker], environment, place.root / "worker.log"):
        _wait(
            "a run of each of three deployments ends",
            300,
            lambda: len({run["deployment_id"] for run in runs()}) == 3,
        )
        found = runs()
    return Ended(found, states_of(place.target))


def test_a_schedule_fires_by_itself_and_its_run_finishes(ready: Server, ended: Ended) -> None:
    nightly = ended.of(ready.ask("/deployments/filter", {}), "nightly")
    assert nightly
    for run in nightly:
        assert (run["auto_scheduled"], run["created_by"]["type"]) == (True, "SCHEDULE")
        assert run["state_type"] == "COMPLETED"
        due = _time(run, "expected_start_time")
        assert (due.second, due.microsecond) == (0, 0)
        assert _time(run, "start_time") >= due - AS_EARLY_AS_PREFECT_LETS
        assert run["parameters"] == {}
    assert ended.states == {"published": 3}


@pytest.mark.usefixtures("ended")
def test_messages_went_through_redis(messages: Redis) -> None:
    streams = [name for name in messages.scan_iter() if messages.type(name) == b"stream"]
    assert sum(messages.xinfo_stream(name)["entries-added"] for name in streams) > 50, streams


def test_runs_of_one_target_wait_for_each_other(ready: Server, ended: Ended) -> None:
    (landing,) = ended.of(ready.ask("/deployments/filter", {}), "landing")
    assert landing["state_type"] == "FAILED"
    others = [run for run in ended.runs if run["id"] != landing["id"]]
    assert {run["state_type"] for run in others} == {"COMPLETED"}
    in_turn = sorted(ended.runs, key=lambda run: _time(run, "start_time"))
    for before, after in itertools.pairwise(in_turn):
        assert _time(before, "end_time") <= _time(after, "start_time")
