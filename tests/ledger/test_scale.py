"""Memory by the entry is flat: what a million objects need more than a hundred thousand, each pays alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

BYTES_AN_ENTRY = 700
"""Of a pending object, twice while it is sorted; about 530 were seen."""


def simulate(count: int, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.ledger.simulate", str(count), str(folder)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_an_entry_costs_a_million_no_more_than_a_hundred_thousand(tmp_path: Path) -> None:
    few, many = simulate(100_000, tmp_path / "few"), simulate(1_000_000, tmp_path / "many")
    for step in ("discover", "batches", "second night"):
        more = many[f"{step} bytes"] - few[f"{step} bytes"]
        assert more <= BYTES_AN_ENTRY * 900_000, step
