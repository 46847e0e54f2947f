"""Reports made up for tests."""

from __future__ import annotations

from typing import Any

from tasks.records import Outcome, RunReport


def make_report(**changes: Any) -> RunReport:
    """Make the report of a run that published all it listed."""
    facts: dict[str, Any] = {
        "run_id": "01a200a8-bd1a-7573-a9dd-dc8aa4883833",
        "outcome": Outcome.PUBLISHED,
        "listed": 9,
        "published": 9,
        "withheld": 0,
        "quarantined": 0,
        "duplicate": 0,
        "unchanged": 0,
        "reasons": {},
        "findings": {},
        "seconds": {},
        "bytes_read": 1,
        "bytes_written": 1,
        "docs": "file:///target/docs/index.html",
        "target": "/target",
        "started_at": "2026-11-21T22:00:00.000+00:00",
        "ended_at": "2026-11-21T22:01:00.000+00:00",
    }
    return RunReport(**facts | changes)
