"""A run in which everything happened, a history that leads to it, and the same with markup in every text."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import pytest

from tasks.records import Effect, Outcome, Proposal, RuleResult, RunReport
from tasks.site.history import RunSummary, Trend, summarize_run
from tasks.site.pages import Evidence, RunStory
from tasks.site.review import Review, Section

HOSTILE = "<script>alert('x')</script>\"&{{ 7 * 7 }}"


class Site(NamedTuple):
    """What the pages are made of."""

    story: RunStory
    history: list[RunSummary]

    @property
    def report(self) -> RunReport:
        return self.story.report


def make_rule(rule_id: str, severity: str, scope: str, unexpected: int, text: str = "") -> RuleResult:
    return RuleResult(
        rule_id=rule_id,
        description=text or f"What {rule_id} asks for.",
        severity=severity,
        scope=scope,
        expectation="expect_column_values_to_not_be_null",
        column="Rows",
        success=unexpected == 0,
        evaluated=1029,
        unexpected=unexpected,
        unexpected_percent=100 * unexpected / 1029,
        studies_failed=min(unexpected, 2),
        table={"instance": "instances", "study": "studies"}.get(scope, scope),
    )


@pytest.fixture(name="report")
def make_report() -> RunReport:
    return RunReport(
        run_id="01993e0c-6a52-7c41-9a6e-0d6f6a1b2c3d",
        outcome=Outcome.PARTLY_WITHHELD,
        listed=1243,
        published=1105,
        withheld=12,
        quarantined=97,
        duplicate=29,
        unchanged=214,
        reasons={"TRUNCATED": 97, "DUPLICATE_EXACT": 29, "R003": 12},
        findings={"BAD_DATE_REPAIRED": 312, "ODD_LENGTH": 88},
        seconds={"discover": 0.8, "process": 41.7, "audit": 9.3, "publish": 3.1, "emit": 0.7},
        bytes_read=529_431_220,
        bytes_written=498_112_003,
        docs="docs/index.html",
        target="/data/cleaned",
        started_at="2026-11-21T22:00:03+00:00",
        ended_at="2026-11-21T22:00:59+00:00",
        rules=(
            make_rule("R001", "critical", "instance", 0),
            make_rule("R003", "critical", "instance", 7),
            make_rule("R012", "warning", "series", 3),
            make_rule("R013", "info", "instance", 231),
        ),
        studies=41,
        series=118,
        modalities={"CT": 560, "MR": 533, "DOE^JANE": 12},
        vendors={"Siemens Healthineers": 900, "other": 205},
        elements={"StudyDate": 300, "private element": 60, "whole object": 40},
        instances=1029,
        nulls={"StudyDate": 0, "PatientAge": 412, "PatientWeight": 1029},
    )


@pytest.fixture(name="site")
def make_site(report: RunReport) -> Site:
    earlier = dataclasses.replace(
        summarize_run(report),
        run_id="01993e0c-0000-7000-8000-000000000000",
        outcome=Outcome.PUBLISHED,
        started_at="2026-11-20T22:00:01+00:00",
        ended_at="2026-11-20T22:02:05+00:00",
    )
    points = tuple((f"2026-11-{day}T22:00:00+00:00", 90.0 + day % 3) for day in range(10, 22))
    review = Review(
        described=(
            Section("Removed", (("Patient's Name (0010,0010)", "removed."),)),
            Section("Kept", tuple((f"R{n:03}", f"Line {n}.") for n in range(20))),
        ),
        trends=(
            Trend("R012", "What R012 asks for.", "percent", points, 89.5, 92.5),
            Trend("R003", "What R003 asks for.", "percent", points, 91.5, 92.5),
        ),
        proposals=(
            Proposal(
                "threshold",
                "Allow what is usual",
                "- id: R012\n  mostly: 0.95\n",
                (Effect("studies", 3, 0),),
                "R012",
            ),
        ),
    )
    story = RunStory(
        report,
        {
            "en": {
                "TRUNCATED": "The object ends too early; ask for it again.",
                "ODD_LENGTH": "A value was padded.",
            },
            "zh-Hans": {"TRUNCATED": "对象过早结束；请重新发送。", "ODD_LENGTH": "已补齐一个值。"},
        },
        review,
        Evidence("validation", "../../../lineage/01993e0c.ndjson", "report.json"),
        earlier,
    )
    return Site(story, [earlier, summarize_run(report)])


@pytest.fixture(name="hostile_site")
def make_hostile_site(site: Site) -> Site:
    """Put markup into every text that is no closed vocabulary of ours."""
    report = dataclasses.replace(
        site.report,
        run_id=HOSTILE,
        reasons={HOSTILE: 97, "R003": 41},
        findings={HOSTILE: 1},
        seconds={HOSTILE: 1.0},
        modalities={HOSTILE: 3},
        vendors={HOSTILE: 3},
        elements={HOSTILE: 3},
        nulls={HOSTILE: 3},
        docs=HOSTILE,
        target=HOSTILE,
        started_at=HOSTILE,
        ended_at=HOSTILE,
        rules=(
            dataclasses.replace(
                make_rule(HOSTILE, "critical", HOSTILE, 3, HOSTILE), expectation=HOSTILE, column=HOSTILE
            ),
        ),
    )
    story = RunStory(
        report,
        {"en": {HOSTILE: HOSTILE}, "zh-Hans": {HOSTILE: HOSTILE}},
        Review(
            (Section(HOSTILE, ((HOSTILE, HOSTILE),)),),
            (Trend(HOSTILE, HOSTILE, "number", ((HOSTILE, 1), (HOSTILE, 2)), 0, 1),),
            (Proposal(HOSTILE, HOSTILE, HOSTILE, (Effect(HOSTILE, 1, 2),), HOSTILE),),
        ),
        Evidence("validation/<script>", None),
        dataclasses.replace(site.history[0], run_id=HOSTILE, started_at=HOSTILE),
    )
    return Site(
        story,
        [
            dataclasses.replace(run, run_id=HOSTILE, started_at=HOSTILE, ended_at=HOSTILE)
            for run in site.history
        ],
    )
