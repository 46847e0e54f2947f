"""Write the docs of a target: a run's pages when it ends, all of them again when somebody asks.

A run's pages are made of its report and of what is kept beside it in `review.json`, so they can be made again
by a later release, in its design, without the run and without the data.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from tasks import layout
from tasks.attempts import Ended, read_attempts
from tasks.describe import site_sections
from tasks.errors import ConfigurationError
from tasks.history import REPORT_NAME, read_quality, read_reports, report_key, rules_key
from tasks.layout import Staging
from tasks.lineage.names import name_events_file
from tasks.quality import VOLUME
from tasks.reasons import REASONS
from tasks.records import Drifted, ElementSensitivity, Release, RunPlan, RunReport
from tasks.site.history import ReleasedStudies, RunSummary, Trend, Unfinished, Unit, summarize_run
from tasks.site.pages import Evidence, RunStory, frame_files, run_files, site_files
from tasks.site.review import NO_REVIEW, Review
from tasks.staged import dump_record, load_record
from tasks.storage.store import Store

_BAND = 3.0
"""Spreads around the usual figure that a page shows as its band."""

REVIEW_NAME = "review.json"
VALIDATION = "validation"
LAST_RELEASES = 100
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
    review = Review(
        described=site_sections(plan.profile, store.read(staging.rules)),
        trends=_trace(store, plan, report),
        sensitivity=sensitivity,
        proposals=report.proposals,
    )
    store.write(f"{folder}/{REVIEW_NAME}", dump_record(review))
    store.write(rules_key(plan.run_id), store.read(staging.rules))
    store.write(report_key(plan.run_id), dump_record(report))
    history = [summarize_run(past) for past in read_reports(store)]
    story = _tell(store, report, review, history)
    _upload(store, site_files(story, history, _list_unfinished(store), _list_released(store)))


def _trace(store: Store, plan: RunPlan, report: RunReport) -> tuple[Trend, ...]:
    """Give the history of each metric that is not as usual, and of the number of instances by modality."""
    if plan.replay is not None:
        return ()
    wanted = {(one.rule, one.scope, one.column, one.modality): one for one in report.drifted}
    points: dict[tuple[str, str, str, str], list[tuple[str, float]]] = defaultdict(list)
    rows = read_quality(store, plan.source_ref).sort_by("recorded_at").to_pylist()
    for row in rows:
        key = row["rule"], row["scope"], row["column"], row["modality"]
        metric = wanted[key].metric if key in wanted else ("records" if key[0] == VOLUME else None)
        if metric is not None and row[metric] is not None:
            scale = 1.0 if metric == "records" else 100.0
            points[key].append((row["recorded_at"].isoformat(), scale * float(row[metric])))
    return tuple(
        _trace_one(key, wanted.get(key), found)
        for key, found in sorted(points.items())
        if len(found) > 1  # what was met for the first time has no history to be laid beside
    )


def _trace_one(
    key: tuple[str, str, str, str], drifted: Drifted | None, points: list[tuple[str, float]]
) -> Trend:
    rule, _, column, modality = key
    metric = "records" if drifted is None else drifted.metric
    where = " ".join(part for part in (rule if rule.startswith("R") else "", column, modality) if part)
    title = f"{metric.replace('_', ' ')}: {where or 'without a modality'}"
    if drifted is None:
        return Trend("", title, "objects", tuple(points))
    unit: Unit = "objects" if metric == "records" else "percent"
    scale = 1.0 if metric == "records" else 100.0
    spread = abs(drifted.value - drifted.usual) / max(abs(drifted.deviations), 1e-9)
    return Trend(
        drifted.rule_id,
        title,
        unit,
        tuple(points),
        scale * max(drifted.usual - _BAND * spread, 0.0),
        scale * (drifted.usual + _BAND * spread),
    )


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
    rewrite_index(store)
    for report in reports:
        _upload(store, run_files(_tell(store, report, _read_review(store, report.run_id), history)))
    return len(reports)


def rewrite_index(store: Store) -> None:
    """Write again the pages that belong to no run; none where no run has left a report."""
    reports = read_reports(store)
    if reports:
        history = [summarize_run(report) for report in reports]
        target, unfinished, released = reports[-1].target, _list_unfinished(store), _list_released(store)
        _upload(store, frame_files(history, unfinished, released, target=target))


def _list_released(store: Store) -> list[ReleasedStudies]:
    """List the last decisions of people, the newest first."""
    keys = sorted(store.list(layout.RELEASES), reverse=True)[:LAST_RELEASES]
    decisions = [load_record(Release, store.read(key)) for key in keys]
    return [
        ReleasedStudies(one.decided_at, one.who, one.studies, one.instances, one.withheld_by)
        for one in decisions
    ]


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
