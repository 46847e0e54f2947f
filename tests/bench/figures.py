"""What was measured, as records, and on what machine; `report` shows them.

A figure keeps all its runs, since on a shared machine the spread says how far a median can be trusted. Ours and
the peer's run in turns, so each round has a ratio of its own, and the median of those is what counts: a machine
that is slow for a minute is slow for both.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

VERSIONS_OF = (
    "dicomflow",
    "prefect",
    "prefect-dask",
    "dask",
    "great-expectations",
    "pydicom",
    "pyarrow",
    "deltalake",
)

PEERS = ("python-gdcm", "fastdicom", "dicognito", "dicom-anonymizer")
"""Packages that are measured beside us where they are installed; all of them are optional."""


class Sample(NamedTuple):
    """The runs of one figure."""

    runs: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Sample:
        """Collect runs."""
        return cls(tuple(values))

    @property
    def median(self) -> float:
        """Middle of the runs."""
        return statistics.median(self.runs)

    def as_json(self) -> dict[str, Any]:
        """Median, extremes, and all runs."""
        return {"median": self.median, "low": min(self.runs), "high": max(self.runs), "runs": self.runs}


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be: so many times better than the peer, or no larger than a limit in its own unit."""

    times: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        """Say it as a table shows it."""
        return f"≥ {self.times:.3g} x" if self.times is not None else f"≤ {self.most:g}"


PYDICOM = "pydicom"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of ours and, where there is one, the same number of the peer's.

    Attributes
    ----------
    work, corpus
        What was done, to what files; figures of one work and corpus stand together.
    measure
        What the number says, such as "whole run" or "cost per file".
    unit
        Unit of both; one that ends in "/s" is better the higher it is, every other the lower.
    ours, peer
        None where the number does not exist; the runs of both in the order of the rounds.
    against
        Who the peer is.
    goal
        What the number should be; None where it is only told.
    absent
        How to get the peer where it is not installed; empty where it is.
    """

    work: str
    corpus: str
    measure: str
    unit: str
    ours: Sample | None
    peer: Sample | None = None
    against: str = PYDICOM
    goal: Goal | None = None
    absent: str = ""

    @property
    def ratios(self) -> Sample | None:
        """How many times better than the peer we are in each round; below 1 we are worse. Percentages have none."""
        if self.ours is None or self.peer is None or self.unit == "%":
            return None
        if min(*self.ours.runs, *self.peer.runs) <= 0:
            return None
        both = zip(self.ours.runs, self.peer.runs, strict=True)
        more_is_better = self.unit.endswith("/s")
        return Sample.of(ours / peer if more_is_better else peer / ours for ours, peer in both)

    @property
    def times(self) -> float | None:
        """Median of the ratios."""
        return None if self.ratios is None else self.ratios.median

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none, or nothing to tell it by."""
        if self.goal is None:
            return None
        if self.goal.times is not None:
            return None if self.times is None else self.times >= self.goal.times
        return None if self.ours is None or self.goal.most is None else self.ours.median <= self.goal.most

    def as_json(self) -> dict[str, Any]:
        """Everything, named."""
        return {
            "work": self.work,
            "corpus": self.corpus,
            "measure": self.measure,
            "unit": self.unit,
            "dicomflow": self.ours and self.ours.as_json(),
            "against": self.against if self.peer or self.absent else None,
            "peer": self.peer and self.peer.as_json(),
            "times_better": self.ratios and self.ratios.as_json(),
            "goal": None if self.goal is None else str(self.goal),
            "reached": self.reached,
            "absent": self.absent or None,
        }


class Fit(NamedTuple):
    """A line through measured sizes: what is paid once, and what every further file costs."""

    fixed: float
    per_file: float

    @classmethod
    def of(cls, seconds_by_files: Mapping[int, float]) -> Fit | None:
        """Fit a line; None for fewer than two sizes."""
        if len(seconds_by_files) < 2:
            return None
        line = statistics.linear_regression(list(seconds_by_files), list(seconds_by_files.values()))
        return cls(line.intercept, line.slope)


def machine(seed: int, repeat: int) -> dict[str, Any]:
    """Say where, when and with what was measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load_average": os.getloadavg(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in VERSIONS_OF},
        "peers": {name: _version_if_any(name) for name in PEERS},
        "seed": seed,
        "repeat": repeat,
    }


def _version_if_any(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
