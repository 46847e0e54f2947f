"""One line of the history: what is left of a run once its report is an old page.

The history of a target grows for years, so the index is made of these few numbers and not of whole reports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.records import Outcome, RunKind, RunReport, State
from tasks.site.formats import seconds_between

Unit = Literal["percent", "objects", "rate", "number"]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in the history of its target; `RunReport` says what the fields mean.

    Attributes
    ----------
    repairs
        Findings of the run.
    gaps, values
        Elements without a value, and all elements of its instances.
    broken
        Rules that something broke.
    kind
        A replay takes again what was held back, and says nothing about what the source holds.
    """

    run_id: str
    outcome: Outcome
    started_at: str
    ended_at: str
    listed: int
    published: int
    withheld: int
    quarantined: int
    duplicate: int
    unchanged: int
    bytes_read: int
    repairs: int = 0
    gaps: int = 0
    values: int = 0
    broken: int = 0
    kind: RunKind = RunKind.CLEAN

    def count(self, state: State) -> int:
        """Give the number of objects in `state`."""
        return int(getattr(self, state.value))

    @property
    def read(self) -> int:
        """Objects the run read."""
        return self.listed - self.unchanged


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An attempt at a run that left no report.

    Attributes
    ----------
    ended
        How it ended: failed, interrupted or died.
    error
        Kind of the exception, never its text; empty where none is known.
    """

    started_at: str
    ended: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class ReleasedStudies:
    """What a person released; why, in words, is kept where the withheld data is, for it may say anything.

    Attributes
    ----------
    who
        Account, or what it was told.
    rules
        Ids of the rules that had withheld the studies.
    """

    at: str
    who: str
    studies: tuple[str, ...]
    instances: int
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trend:
    """A figure over the runs of a target, oldest first, and the band it is expected in.

    Attributes
    ----------
    rule_id
        Rule the figure belongs to; empty for figures of the run itself.
    title
        What is measured, in English.
    points
        When a run began, and its figure.
    low, high
        What is usual, judged before the last run; None without a history to judge by.
    """

    rule_id: str
    title: str
    unit: Unit
    points: tuple[tuple[str, float], ...]
    low: float | None = None
    high: float | None = None

    @property
    def latest(self) -> float:
        """Figure of the last run."""
        return self.points[-1][1]

    @property
    def breached(self) -> bool:
        """Whether the last figure lies outside of the band."""
        return (self.low is not None and self.latest < self.low) or (
            self.high is not None and self.latest > self.high
        )


def summarize_run(report: RunReport) -> RunSummary:
    """Take from a report what the history keeps."""
    return RunSummary(
        run_id=report.run_id,
        outcome=report.outcome,
        started_at=report.started_at,
        ended_at=report.ended_at,
        listed=report.listed,
        published=report.published,
        withheld=report.withheld,
        quarantined=report.quarantined,
        duplicate=report.duplicate,
        unchanged=report.unchanged,
        bytes_read=report.bytes_read,
        repairs=sum(report.findings.values()),
        gaps=sum(report.nulls.values()),
        values=report.instances * len(report.nulls),
        broken=len({rule.rule_id for rule in report.rules if not rule.success}),
        kind=report.kind,
    )


def trace_runs(runs: Sequence[RunSummary]) -> tuple[Trend, ...]:
    """Follow the figures of the runs themselves, of those over the source that read anything.

    Parameters
    ----------
    runs
        Oldest first.
    """
    traced: dict[tuple[str, Unit], list[tuple[str, float]]] = {}
    for run in runs:
        if run.read <= 0 or run.kind == RunKind.REPLAY:
            continue
        seconds = seconds_between(run.started_at, run.ended_at)
        figures: tuple[tuple[str, Unit, float, float | None], ...] = (
            ("Objects listed", "objects", run.listed, 1),
            ("Published, of all listed", "percent", 100 * run.published, run.listed),
            ("Repairs, per object read", "number", run.repairs, run.read),
            ("Elements without a value", "percent", 100 * run.gaps, run.values),
            ("Rules that something broke", "objects", run.broken, 1),
            ("Objects read per second", "rate", run.read, seconds),
        )
        for title, unit, part, whole in figures:
            if whole:
                traced.setdefault((title, unit), []).append((run.started_at, part / whole))
    return tuple(
        Trend("", title, unit, tuple(points)) for (title, unit), points in traced.items() if len(points) > 1
    )
