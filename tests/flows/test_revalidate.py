from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import revalidate as module
from flows.revalidate import revalidate, state_of
from flows.upkeep_parameters import RevalidateParameters
from tasks.settings import Settings
from tasks.verify import Problem, Verified
from tests.builders import write_study
from tests.plain import PlainRun
from tests.test_replay import end


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A target with three instances, which is that of this process's settings."""
    monkeypatch.setattr("tasks.emit.leave_artifact", lambda report: None)  # noqa: ARG005
    write_study(tmp_path / "source", instances=3)
    with PlainRun(tmp_path, monkeypatch) as run:
        end(run)
    settings = Settings(target=str(tmp_path / "target"))
    monkeypatch.setattr(module, "active_settings", lambda: settings)
    return tmp_path / "target"


@pytest.fixture
def artifact(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is left in Prefect; its server is another test's business."""
    left: dict[str, Any] = {}
    monkeypatch.setattr(module, "create_table_artifact", lambda **given: left.update(given))
    return left


def counts(artifact: dict[str, Any]) -> dict[str, int]:
    return {row["what"]: row["count"] for row in artifact["table"]}


@pytest.mark.usefixtures("target")
def test_a_target_as_it_was_published_completes(artifact: dict[str, Any]) -> None:
    state = revalidate.fn()
    assert (state.name, state.is_completed()) == ("Intact", True)
    assert counts(artifact)["files read"] == 3
    assert counts(artifact)["rows"] == 3


def test_damage_fails_the_run_and_is_counted_without_a_name(target: Path, artifact: dict[str, Any]) -> None:
    missing, altered, _ = sorted((target / "published" / "dicom").rglob("*.dcm"))
    missing.unlink()
    altered.write_bytes(altered.read_bytes()[:-1] + b"!")
    state = revalidate.fn()
    assert (state.name, state.is_failed()) == ("Damaged", True)
    assert state.message is not None
    assert "1 file altered, 1 file missing" in state.message
    assert (counts(artifact)["file missing"], counts(artifact)["file altered"]) == (1, 1)
    for told in (state.message, str(artifact)):
        assert missing.stem not in told
        assert altered.stem not in told
        assert str(target) not in told


def test_sizes_are_compared_where_contents_are_not_to_be_read(target: Path, artifact: dict[str, Any]) -> None:
    (first, *_) = sorted((target / "published" / "dicom").rglob("*.dcm"))
    first.write_bytes(first.read_bytes() + b"!")
    assert revalidate.fn(RevalidateParameters(read_contents=False)).is_failed()
    assert (counts(artifact)["files read"], counts(artifact)["file altered"]) == (0, 1)


def test_every_problem_is_told_in_the_state() -> None:
    found = Verified(hashed=True)
    for problem in Problem:
        found.add(problem, "2.25.4711")
    message = state_of(found).message
    assert message is not None
    assert all(f"1 {problem}" in message for problem in Problem)
    assert "2.25.4711" not in message


def test_its_parameter_is_a_form_without_a_place() -> None:
    schema = RevalidateParameters.model_json_schema()
    assert {name: each["type"] for name, each in schema["properties"].items()} == {"read_contents": "boolean"}
    assert all("title" in each for each in schema["properties"].values())
