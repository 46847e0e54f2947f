from __future__ import annotations

from pathlib import Path

import pytest

from tasks.errors import ContractError
from tasks.prepare import make_plan
from tasks.records import Listing, Outcome, RunPlan, State
from tasks.settings import Settings
from tasks.survey import list_ahead, report_nothing_new
from tests.builders import KEY_TEXT, write_study


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
