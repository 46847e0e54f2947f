"""One line of the history: what is left of a run once its report is an old page.

The history of a target grows for years, so the index is made of these few numbers and not of whole reports.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.records import Outcome, RunReport, State


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in the history of its target; `RunReport` says what the fields mean."""

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

    def count(self, state: State) -> int:
        """Give the number of objects in `state`."""
        return int(getattr(self, state.value))


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
    )
