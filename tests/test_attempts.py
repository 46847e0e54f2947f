"""What is known of a run that did not end: what it says itself, and what the next one says of the dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from flows.show import find_unfinished
from tasks.attempts import Ended, begin_attempt, read_attempts
from tasks.errors import TransientError
from tasks.storage.store import Store, open_store
from tests.builders import KEY_TEXT, write_study
from tests.lineage.test_write import receiver
from tests.plain import PlainRun

CHILD = """
import sys
from tasks import process
from tasks.discover import discover
from tasks.prepare import open_run
from tasks.settings import Settings
settings = Settings(source=sys.argv[1], target=sys.argv[2])
with open_run(settings) as run:
    discover.fn(run.plan, settings)
    print("begun", flush=True)
    sys.stdin.read()
"""


def states(store: Store) -> list[str | None]:
    return [attempt.end and attempt.end.state.value for attempt in read_attempts(store, 100)]


def test_a_killed_run_is_shown_as_running_then_dead_and_is_marked_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=2)
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    places = [str(tmp_path / "source"), str(tmp_path / "target")]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *places], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    store = open_store(places[1], {})
    assert [run.state for run in find_unfinished(store)] == ["running"]
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert [run.state for run in find_unfinished(store)] == ["died"]
    assert states(store) == [None]
    with PlainRun(tmp_path, monkeypatch) as run:
        assert run.plan.resumed
        assert states(store) == [Ended.DIED]
        run.discover()
        assert [left.state for left in find_unfinished(store)] == ["running"]
    assert states(store) == [Ended.DIED, Ended.FINISHED]
    assert len({attempt.begun.run_id for attempt in read_attempts(store, 100)}) == 1


def test_a_run_that_failed_says_so_by_the_kind_of_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=1)

    def fail() -> None:
        with PlainRun(tmp_path, monkeypatch, options={"lineage_url": url}) as run:
            run.discover()
            raise TransientError("the disk of Doerfler^Janette is full")

    with receiver() as (url, said), pytest.raises(TransientError):
        fail()
    store = open_store(str(tmp_path / "target"), {})
    (left,) = find_unfinished(store)
    assert (left.state, left.error) == ("failed", "TransientError")
    (attempt,) = read_attempts(store, 1)
    event = orjson.loads(said[0])
    assert (event["eventType"], event["run"]["runId"]) == ("FAIL", attempt.begun.attempt_id)
    assert event["run"]["facets"]["errorMessage"]["message"] == "TRANSIENT_ERROR"
    assert b"Doerfler" not in said[0]
    assert not (tmp_path / "target/lineage").exists()


def test_a_run_with_nothing_to_do_leaves_no_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").mkdir()
    with PlainRun(tmp_path, monkeypatch) as run:
        assert not run.discover().listing.pending
    assert read_attempts(run.store, 100) == []


def test_beginning_twice_is_beginning_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "source", instances=1)
    with PlainRun(tmp_path, monkeypatch) as run:
        begin_attempt(run.store, run.plan, "one")
        begin_attempt(run.store, run.plan, "two")
    (attempt,) = read_attempts(run.store, 100)
    assert attempt.begun.flow_run_id == "one"
