from __future__ import annotations

import time
from pathlib import Path

import pytest

from tasks.errors import ContractError
from tasks.prepare import make_plan
from tasks.records import Listing, Outcome, RunPlan, State
from tasks.settings import Settings
from tasks.survey import list_ahead, report_nothing_new, survey
from tests.builders import KEY_TEXT, write_study
from tests.plain import PlainRun


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunPlan:
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    write_study(tmp_path / "source", instances=2)
    return make_plan(Settings(source=str(tmp_path / "source"), target=str(tmp_path / "target")))


def listing(**states: int) -> Listing:
    return Listing(listed=3, pending=0, pending_bytes=0, settled=states, settled_reasons={"NOT_DICOM": 1})


def test_a_target_without_a_ledger_needs_no_listing_ahead(plan: RunPlan) -> None:
    assert list_ahead(plan) is None


def test_a_run_with_nothing_new_tells_how_the_objects_ended(plan: RunPlan) -> None:
    report = report_nothing_new(plan, listing(published=2, quarantined=1), {"discover": 0.1})
    assert report.outcome == Outcome.NOTHING_NEW
    assert (report.listed, report.unchanged, report.published, report.quarantined) == (3, 3, 2, 1)
    assert report.reasons == {"NOT_DICOM": 1}


def test_objects_that_nobody_accounts_for_are_a_defect(plan: RunPlan) -> None:
    with pytest.raises(ContractError, match="2 are accounted for"):
        report_nothing_new(plan, listing(**{State.PUBLISHED: 2}), {})


def test_files_that_changed_a_moment_ago_are_left_to_the_next_run_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    source, target = tmp_path / "source", tmp_path / "target"
    write_study(source, instances=2)

    def look(stable_seconds: float) -> Listing:
        return survey(Settings(source=str(source), target=str(target), stable_seconds=stable_seconds))

    assert (look(3600).listed, look(3600).pending, look(3600).young) == (0, 0, 2)
    time.sleep(0.05)
    assert (look(0.01).listed, look(0.01).pending, look(0.01).young) == (2, 2, 0)


def test_links_are_followed_where_the_run_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "archive", instances=1)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "link.dcm").symlink_to(next((tmp_path / "archive").iterdir()))
    for follow, ends in ((False, (0, {"SYMLINK": 1})), (True, (1, {}))):
        with PlainRun(tmp_path, monkeypatch, options={"follow_links": follow}) as run:
            (report,) = run.process(run.discover())
        assert (report.staged, report.rejects) == ends
