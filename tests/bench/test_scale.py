"""Memory by the entry is flat: what a million objects need more than a hundred thousand, each pays alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FEW, MANY = 400_000, 1_000_000
"""Objects: both more than are sorted in memory at once."""
BYTES_AN_ENTRY = {"discover": 40, "settle": 80, "publish": 100, "emit": 80, "second night": 100}


def simulate(count: int, folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.scale", str(count), str(folder)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.e2e
def test_a_made_up_night_is_published_and_the_next_finds_nothing_new(tmp_path: Path) -> None:
    found = simulate(2_500, tmp_path / "night")
    assert found["steps"].keys() >= BYTES_AN_ENTRY.keys()
    assert all(size > 0 for size in found["bytes"].values())
    assert list((tmp_path / "night-target" / "docs" / "runs").iterdir())


@pytest.mark.long
@pytest.mark.timeout(2400)
def test_an_entry_costs_a_million_no_more_than_four_hundred_thousand(tmp_path: Path) -> None:
    few, many = (simulate(count, tmp_path / str(count))["steps"] for count in (FEW, MANY))
    for step, most in BYTES_AN_ENTRY.items():
        assert many[step]["bytes"] - few[step]["bytes"] <= most * (MANY - FEW), step
