"""What was measured, as records, and how it is shown: one table for people, one JSON object for machines.

A figure keeps all its runs, since on a shared machine the spread says how far a median can be trusted.
"""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

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
        None where the number does not exist.
    """

    work: str
    corpus: str
    measure: str
    unit: str
    ours: Sample | None
    peer: Sample | None = None

    @property
    def times(self) -> float | None:
        """How many times better than the peer we are; below 1 we are worse."""
        if self.ours is None or self.peer is None or min(self.ours.median, self.peer.median) <= 0:
            return None
        ratio = self.peer.median / self.ours.median
        return 1 / ratio if self.unit.endswith("/s") else ratio

    def as_json(self) -> dict[str, Any]:
        """Everything, named."""
        return {
            "work": self.work,
            "corpus": self.corpus,
            "measure": self.measure,
            "unit": self.unit,
            "dicomflow": self.ours and self.ours.as_json(),
            "pydicom": self.peer and self.peer.as_json(),
            "times_better": self.times,
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
        "seed": seed,
        "repeat": repeat,
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def make_table(figures: list[Figure], facts: Mapping[str, Any]) -> Table:
    """Draw the figures, those of one work together."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    table = Table(
        title=f"dicomflow beside plain pydicom: {facts['date']}",
        caption=(
            f"{facts['cores']} cores ({facts['processor']}), {facts['memory_gb']} GB, {facts['system']}, "
            f"Python {facts['python']}; {versions}. Seed {facts['seed']}, medians of {facts['repeat']} interleaved "
            f"runs, lowest and highest in brackets; load average at the start {facts['load_average'][0]:.1f}. "
            "MB are 10^6 bytes."
        ),
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("work", style="bold")
    table.add_column("measure")
    table.add_column("unit")
    for name in ("dicomflow", "pydicom", "times better"):
        table.add_column(name, justify="right", no_wrap=True)
    for (work, corpus), group in groupby(figures, key=lambda figure: (figure.work, figure.corpus)):
        table.add_section()
        labels = iter((work, corpus))
        for figure in group:
            times = "" if figure.times is None else f"{figure.times:.2f}"
            table.add_row(
                next(labels, ""), figure.measure, figure.unit, _show(figure.ours), _show(figure.peer), times
            )
        for label in labels:
            table.add_row(label)
    return table


def _show(sample: Sample | None) -> str:
    if sample is None:
        return ""
    if len(sample.runs) == 1:
        return _round(sample.median)
    return f"{_round(sample.median)} [{_round(min(sample.runs))}..{_round(max(sample.runs))}]"


def _round(value: float) -> str:
    """Three figures that count, and never an exponent."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
