"""One small run: a batch, two tables, a rule of every scope."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from expectations.contracts import INSTANCES, SERIES
from tasks.dicom.dictionary import tag_of
from tasks.lineage.events import LineageRun
from tasks.lineage.facets import AuditedTable, PublishedFiles, PublishedTable
from tasks.records import BatchReport, Outcome, RuleResult, RunReport

RUN_ID = "01993e0c-6a52-7c41-9a6e-0d6f6a1b2c3d"


def rule(rule_id: str, severity: str, scope: str, column: str | None, unexpected: int) -> RuleResult:
    return RuleResult(
        rule_id=rule_id,
        description=f"What {rule_id} asks for.",
        severity=severity,
        scope=scope,
        expectation="expect_column_values_to_not_be_null",
        column=column,
        success=unexpected == 0,
        evaluated=40,
        unexpected=unexpected,
        unexpected_percent=unexpected / 40 * 100,
        studies_failed=min(unexpected, 1),
    )


@pytest.fixture(name="run")
def make_run() -> LineageRun:
    masked = frozenset(map(tag_of, ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "StudyDate")))
    return LineageRun(RUN_ID, "/archive/research", "0123456789abcdef" * 2, "3.8.8", "0.1.0", masked)


@pytest.fixture(name="report")
def make_report() -> RunReport:
    return RunReport(
        run_id=RUN_ID,
        outcome=Outcome.PARTLY_WITHHELD,
        listed=50,
        published=37,
        withheld=3,
        quarantined=8,
        duplicate=2,
        unchanged=4,
        reasons={"TRUNCATED": 8, "R001": 3},
        findings={"BAD_DATE_REPAIRED": 6},
        seconds={"process": 2.5},
        bytes_read=1_000_000,
        bytes_written=900_000,
        docs="docs/index.html",
        target="/archive/research",
        started_at="2026-11-21T22:00:00+00:00",
        ended_at="2026-11-21T22:01:00+00:00",
        rules=(
            rule("R001", "critical", "instance", "SOPClassUID", 3),
            rule("R010", "warning", "series", "Modality", 1),
            rule("R020", "info", "study", "PatientSex", 0),
            rule("R030", "critical", "run", None, 0),
        ),
    )


@pytest.fixture(name="batch")
def make_batch() -> BatchReport:
    return BatchReport(
        batch_id="5f1d7a84e2c94f6b",
        object_count=48,
        staged=40,
        rejects={"TRUNCATED": 8},
        findings={"BAD_DATE_REPAIRED": 6},
        bytes_read=1_000_000,
        bytes_written=960_000,
        seconds=2.5,
        started_at="2026-11-21T22:00:01+00:00",
        ended_at="2026-11-21T22:00:04+00:00",
    )


@pytest.fixture(name="audited")
def make_audited() -> list[AuditedTable]:
    return [AuditedTable(INSTANCES, 40, {"SOPClassUID": 3, "Rows": 0}), AuditedTable(SERIES, 5)]


@pytest.fixture(name="published")
def make_published() -> list[PublishedTable]:
    return [PublishedTable(INSTANCES, 7, 37, 51_200, 1), PublishedTable(SERIES, 7, 4, 9_000, 1)]


@pytest.fixture(name="files")
def make_files() -> PublishedFiles:
    return PublishedFiles(37, 900_000)


@pytest.fixture(autouse=True)
def openlineage_unconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take OpenLineage's settings away, before and after: its client adds some to the environment."""

    def forget() -> None:
        for name in [name for name in os.environ if name.startswith("OPENLINEAGE")]:
            monkeypatch.delenv(name)

    forget()
    yield
    forget()
