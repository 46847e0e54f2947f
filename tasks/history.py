"""The runs a target has seen, as their reports tell: counts and codes, no value of anybody."""

from __future__ import annotations

from statistics import median

from tasks.layout import RUNS
from tasks.records import RunKind, RunReport
from tasks.staged import load_record
from tasks.storage.store import Store

REPORT_NAME = "report.json"
_USUAL_RUNS = 10


def report_key(run_id: str) -> str:
    """Key of a run's report."""
    return f"{RUNS}/{run_id}/{REPORT_NAME}"


def read_reports(store: Store) -> list[RunReport]:
    """Read every run's report, the oldest first."""
    keys = [key for key in store.list(RUNS) if key.endswith(f"/{REPORT_NAME}")]
    reports = [load_record(RunReport, store.read(key)) for key in keys]
    return sorted(reports, key=lambda report: (report.started_at, report.run_id))


def newest_report(store: Store) -> RunReport | None:
    """Read the report of the run that began last: ids of runs sort by their time."""
    keys = [key for key in store.list(RUNS) if key.endswith(f"/{REPORT_NAME}")]
    return load_record(RunReport, store.read(max(keys))) if keys else None


def usual_listing(store: Store) -> float | None:
    """Give the number of objects that runs have lately listed; None while there is no history.

    The median of the last ten: one night with half the source unmounted must not move it. Replays list no source.
    """
    listed = [report.listed for report in read_reports(store) if report.kind == RunKind.CLEAN][-_USUAL_RUNS:]
    return median(listed) if listed else None
