"""What a run starts, and what is left of it: nothing for a source without news, nothing after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest

from tests.builders import write_study
from tests.e2e import runs
from tests.e2e.runs import Place, clean, command

pytestmark = pytest.mark.e2e


@pytest.fixture
def place(prefect_server: str, tmp_path: Path) -> Place:
    """A target that has seen one run."""
    place = Place(tmp_path)
    write_study(place.source, instances=3)
    assert clean(place, "--workers", "1")["published"] == 3
    return place


def states_told(api: str) -> list[str]:
    body = json.dumps({"flows": {"name": {"any_": ["dicomflow-clean"]}}}).encode()
    request = Request(f"{api}/flow_runs/filter", body, {"Content-Type": "application/json"})  # noqa: S310
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server on loopback
        found: list[dict[str, Any]] = json.load(answer)
    return [run["state_name"] for run in found]


def test_a_run_with_nothing_new_starts_no_server_where_none_is_configured(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(runs.SERVER, "PREFECT_API_URL")
    report = clean(place, "--workers", "1")
    assert (report["outcome"], report["exit_code"]) == ("nothing new", 0)
    assert "start" not in report["seconds"]
    assert not (place.root / "home" / ".prefect" / "prefect.db").exists()


def test_a_configured_server_is_told_of_a_run_with_nothing_new(place: Place, prefect_server: str) -> None:
    before = states_told(prefect_server).count("Nothing new")
    assert clean(place, "--workers", "1")["outcome"] == "nothing new"
    assert states_told(prefect_server).count("Nothing new") == before + 1


def test_what_is_new_since_the_last_run_is_processed_though_it_was_listed_ahead(place: Place) -> None:
    write_study(place.source / "late", study=2, instances=2)
    report = clean(place, "--workers", "1")
    assert (report["listed"], report["unchanged"], report["published"]) == (5, 3, 5)


@pytest.mark.parametrize("moment", ["scratch/dicomflow-*", "target/staging/*/reports/*"])
def test_a_run_that_is_killed_leaves_no_process_behind(tmp_path: Path, moment: str) -> None:
    place = Place(tmp_path)
    write_study(place.source, instances=40)
    run = subprocess.Popen(
        command("clean", str(place.source), str(place.target), "--workers", "2", "--batch-objects", "4"),
        env={**place.environment(), "PREFECT_API_URL": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 150
    while not any(tmp_path.glob(moment)):
        assert time.monotonic() < deadline, "the run did not come so far"
        assert run.poll() is None
        time.sleep(0.01)
    family = psutil.Process(run.pid).children(recursive=True)
    assert len(family) >= 2
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [process.cmdline() for process in alive] == []
