"""The runs a target has seen, as their reports tell: counts and codes, no value of anybody."""

from __future__ import annotations

from statistics import median
from typing import Any

import orjson
import pyarrow as pa

from tasks import layout
from tasks.layout import RUNS
from tasks.records import RunKind, RunReport
from tasks.staged import load_record
from tasks.storage.store import Store
from tasks.target import stored
from tasks.trend import LAST_RUNS

REPORT_NAME = "report.json"
_USUAL_RUNS = 10


def report_key(run_id: str) -> str:
    """Key of a run's report."""
    return f"{RUNS}/{run_id}/{REPORT_NAME}"


def rules_key(run_id: str) -> str:
    """Key of the table of rules that a run was judged by."""
    return f"{RUNS}/{run_id}/rules.yaml"


def read_reports(store: Store) -> list[RunReport]:
    """Read every run's report, the oldest first."""
    keys = [key for key in store.list(RUNS) if key.endswith(f"/{REPORT_NAME}")]
    reports = [load_record(RunReport, store.read(key)) for key in keys]
    return sorted(reports, key=lambda report: (report.started_at, report.run_id))


def newest_report(store: Store) -> RunReport | None:
    """Read the report of the run that began last: ids of runs sort by their time."""
    keys = [key for key in store.list(RUNS) if key.endswith(f"/{REPORT_NAME}")]
    return load_record(RunReport, store.read(max(keys))) if keys else None


def usual_listing(store: Store, source_ref: str) -> float | None:
    """Give the number of objects that runs over a source have lately listed; None while there is no history.

    The median of the last ten: one night with half the source unmounted must not move it. Replays list no source.
    """
    reports = (report for report in read_reports(store) if report.source_ref in ("", source_ref))
    listed = [report.listed for report in reports if report.kind == RunKind.CLEAN][-_USUAL_RUNS:]
    return median(listed) if listed else None


def read_quality(store: Store, source_ref: str, but: str = "") -> pa.Table:
    """Read what the last runs over a source measured, without the run `but`: rows of the table `quality`."""
    table, source = stored(store, layout.QUALITY), pa.array([source_ref])
    began: dict[str, Any] = {}
    for batch in table.stream(["run_id", "recorded_at"], {"source_ref": source}):
        runs = zip(batch["run_id"].to_pylist(), batch["recorded_at"].to_pylist(), strict=True)
        began.update(runs)
    began.pop(but, None)
    last = sorted(began, key=lambda run: (began[run], run))[-LAST_RUNS:]
    return table.read(where={"run_id": pa.array(last, pa.string()), "source_ref": source})


def read_words(store: Store) -> dict[str, list[str]] | None:
    """Read the words of the data that runs have met, by column; None while there is no history."""
    if not store.exists(layout.KNOWN_WORDS):
        return None
    words: dict[str, list[str]] = orjson.loads(store.read(layout.KNOWN_WORDS))
    return words
