"""Runs of the real command, as an operator starts it: a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.storage.store import open_store
from tasks.target import stored
from tests.builders import KEY_TEXT

SERVER: dict[str, str] = {}
"""Address of the Prefect server that the runs of a test session share; a run without it starts its own."""


@dataclass(frozen=True)
class Place:
    """Where one test's runs live: source, target, and everything that Prefect and Dask leave behind."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def target(self) -> Path:
        return self.root / "target"

    def environment(self, **extra: str) -> dict[str, str]:
        """The environment of an operator who has nothing configured but a key."""
        home, scratch = self.root / "home", self.root / "scratch"
        home.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(exist_ok=True)
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DICOMFLOW_", "PREFECT_"))
        }
        return {
            **kept,
            "HOME": str(home),
            "TMPDIR": str(scratch),
            "DICOMFLOW_KEY": KEY_TEXT,
            **SERVER,
            **extra,
        }


def command(*arguments: str) -> list[str]:
    """The `dicomflow` command of this environment."""
    return [str(Path(sys.executable).parent / "dicomflow"), *arguments]


def clean(
    place: Place, *options: str, source: str = "", target: Path | str | None = None, **environment: str
) -> dict[str, Any]:
    """Run `dicomflow clean` to its end and return its JSON, with the exit code in it."""
    arguments = ["clean", source or str(place.source), str(target or place.target), "--json", *options]
    done = subprocess.run(
        command(*arguments),
        env=place.environment(**environment),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.stdout, done.stderr
    return {**json.loads(done.stdout.splitlines()[-1]), "exit_code": done.returncode, "stderr": done.stderr}


def files_of(target: Path) -> dict[str, bytes]:
    """Published files by their path."""
    folder = target / "published" / "dicom"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.dcm"))}


def rows_of(target: Path, table: str) -> list[dict[str, Any]]:
    """Rows of one of the target's tables, in a fixed order."""
    rows = stored(open_store(str(target), {}), table).read().to_pylist()
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def states_of(target: Path) -> dict[str, int]:
    """How many objects of the ledger ended in each state."""
    counts: dict[str, int] = {}
    for row in rows_of(target, "restricted/ledger"):
        counts[row["state"]] = counts.get(row["state"], 0) + 1
    return counts
