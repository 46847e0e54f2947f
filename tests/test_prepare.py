from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from tasks.prepare import new_run_id, open_run
from tasks.settings import Settings
from tests.builders import KEY_TEXT, write_study

HOLD = """
import sys
from tasks.errors import ConfigurationError
from tasks.prepare import open_run
from tasks.settings import Settings
try:
    with open_run(Settings(source=sys.argv[1], target=sys.argv[2])):
        print("opened")
except ConfigurationError as error:
    print(error)
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    write_study(tmp_path / "source", instances=1)
    return Settings(source=str(tmp_path / "source"), target=str(tmp_path / "target"))


def test_run_ids_are_version_7_and_sort_by_time() -> None:
    ids = [UUID(new_run_id()) for _ in range(50)]
    assert {(run.version, run.variant) for run in ids} == {(7, UUID(int=1 << 63).variant)}
    times = [run.int >> 80 for run in ids]
    assert times == sorted(times)
    assert len(set(ids)) == 50


def test_a_run_that_is_open_is_given_again_to_the_same_process(settings: Settings) -> None:
    with open_run(settings) as outer, open_run(settings) as inner:
        assert inner is outer
    with open_run(settings) as later:
        assert later.plan.run_id != outer.plan.run_id


def test_a_run_that_is_open_is_refused_to_another_process(settings: Settings) -> None:
    def attempt() -> str:
        done = subprocess.run(
            [sys.executable, "-c", HOLD, settings.source, settings.target],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    with open_run(settings), open_run(settings):
        assert "Another run holds this target" in attempt()
    assert attempt() == "opened\n"


def test_what_killed_writers_left_is_swept_when_a_run_begins(settings: Settings) -> None:
    target = Path(settings.target)
    left = [
        target / "staging" / "01a200a8" / "dicom" / "a.dcm",
        target / "restricted" / "staging" / "01a200a8" / "manifests" / "b.parquet",
        target / "docs" / ".dicomflow-0123",
        target / "restricted" / ".dicomflow-4567",
        target / "staging" / "probes" / "89ab",
        target / "staging" / "probes" / ".dicomflow-cdef",
    ]
    kept = target / "docs" / "index.html"
    for path in (*left, kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"1")
    with open_run(settings):
        assert [path for path in left if path.exists()] == []
        assert kept.exists()
