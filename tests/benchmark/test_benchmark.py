"""Our cleaning reaches its targets on corpora it has never seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tasks.deid_benchmark import TARGETS, run_benchmark


def test_the_targets_are_reached(tmp_path: Path) -> None:
    ours, *_ = run_benchmark(tmp_path, seed=2026, files=24, profile="research", peers=False)
    assert ours.missed == (), ours.score.failed[:3]
    assert ours.score.missing == 0
    assert set(TARGETS) == set(ours.score.measures)


def test_the_basic_profile_removes_the_dates_too(tmp_path: Path) -> None:
    ours, *_ = run_benchmark(tmp_path, seed=2027, files=12, profile="basic", peers=False)
    assert ours.missed == (), ours.score.failed[:3]
    assert "date_shifted" not in ours.score.measures


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3000, 3020))
def test_the_targets_are_reached_on_many_corpora(seed: int, tmp_path: Path) -> None:
    ours, *_ = run_benchmark(tmp_path, seed=seed, files=80, profile="research", peers=False)
    assert ours.missed == (), ours.score.failed[:3]


def test_the_command_prints_one_json_object_and_keeps_the_key(tmp_path: Path) -> None:
    out = tmp_path / "kept"
    result = CliRunner().invoke(
        app, ["deid-benchmark", "--json", "--seed", "5", "--files", "4", "--out", str(out)]
    )
    document = json.loads(result.stdout)
    (ours,) = document["results"]
    assert result.exit_code == int(bool(ours["missed"]))
    assert ours["files"] == 4
    assert len(list((out / "corpus").rglob("*.dcm"))) == 4
    assert (out / "key.ndjson").stat().st_size > 1000
    again = CliRunner().invoke(app, ["deid-benchmark", "--files", "1", "--out", str(out)])
    assert again.exit_code == 2
