"""Write the docs of a target: a run's pages when it ends, all of them again when somebody asks.

A run's pages are made of its report and of what is kept beside it in `review.json`, so they can be made again
by a later release, in its design, without the run and without the data.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from tasks import layout
from tasks.attempts import Ended, read_attempts
from tasks.describe import site_sections
from tasks.errors import ConfigurationError
from tasks.history import REPORT_NAME, read_reports, report_key
from tasks.layout import Staging
from tasks.lineage.names import name_events_file
from tasks.reasons import REASONS
from tasks.records import ElementSensitivity, RunPlan, RunReport
from tasks.site.history import RunSummary, Unfinished, summarize_run
from tasks.site.pages import Evidence, RunStory, frame_files, run_files, site_files
from tasks.site.review import NO_REVIEW, Review
from tasks.staged import dump_record, load_record
from tasks.storage.store import Store

REVIEW_NAME = "review.json"
VALIDATION = "validation"
LAST_ATTEMPTS = 30
"""Attempts at runs that are looked at for those that did not finish."""


def write_docs(
    plan: RunPlan,
    store: Store,
    staging: Staging,
    report: RunReport,
    sensitivity: tuple[ElementSensitivity, ...],
) -> None:
    """Write what a run that ends says, and the history that now has it."""
    folder = f"{layout.RUNS}/{plan.run_id}"
    store.move_tree(staging.docs, f"{folder}/{VALIDATION}")
    described = site_sections(plan.profile, store.read(staging.rules))
    review = Review(described=described, sensitivity=sensitivity)
    store.write(f"{folder}/{REVIEW_NAME}", dump_record(review))
    store.write(report_key(plan.run_id), dump_record(report))
    history = [summarize_run(past) for past in read_reports(store)]
    _upload(store, site_files(_tell(store, report, review, history), history, _list_unfinished(store)))


def rewrite_docs(store: Store) -> int:
    """Write every page of a target again; give the number of runs.

    Raises
    ------
    ConfigurationError
        If the target has seen no run.
    """
    reports = read_reports(store)
    if not reports:
        raise ConfigurationError(
            "This target has no report of a run. Check the path, or run `dicomflow clean SOURCE TARGET`."
        )
    history = [summarize_run(report) for report in reports]
    _upload(store, frame_files(history, _list_unfinished(store), target=reports[-1].target))
    for report in reports:
        _upload(store, run_files(_tell(store, report, _read_review(store, report.run_id), history)))
    return len(reports)


def _tell(store: Store, report: RunReport, review: Review, history: list[RunSummary]) -> RunStory:
    folder, events = f"{layout.RUNS}/{report.run_id}", name_events_file(report.run_id)
    before = [run for run in history if run.started_at < report.started_at]
    return RunStory(
        report=report,
        messages={
            "en": {code: reason.message for code, reason in REASONS.items()},
            "zh-Hans": {code: reason.message_zh for code, reason in REASONS.items()},
        },
        review=review,
        evidence=Evidence(
            VALIDATION if store.exists(f"{folder}/{VALIDATION}/index.html") else None,
            f"../../../{events}" if store.exists(events) else None,
            REPORT_NAME,
        ),
        previous=max(before, key=lambda run: (run.started_at, run.run_id), default=None),
    )


def _list_unfinished(store: Store) -> list[Unfinished]:
    """List the last attempts that left no report, the newest first."""
    return [
        Unfinished(begun.started_at, str(end.state), end.error)
        for begun, end in reversed(read_attempts(store, LAST_ATTEMPTS))
        if end is not None and end.state is not Ended.FINISHED
    ]


def _read_review(store: Store, run_id: str) -> Review:
    key = f"{layout.RUNS}/{run_id}/{REVIEW_NAME}"
    return load_record(Review, store.read(key)) if store.exists(key) else NO_REVIEW


def _upload(store: Store, files: Mapping[str, bytes]) -> None:
    with tempfile.TemporaryDirectory(prefix="dicomflow-") as folder:
        for path, data in files.items():
            local = Path(folder) / path
            local.parent.mkdir(parents=True, exist_ok=True)
            local.write_bytes(data)
        store.upload_tree(Path(folder), layout.DOCS)
