from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
import yaml

from expectations.rules import DEFAULT_RULES
from tasks import emit as emit_module
from tasks import layout
from tasks.audit import audit
from tasks.docs import REVIEW_NAME
from tasks.emit import emit
from tasks.history import read_quality, read_reports
from tasks.publish import publish
from tasks.records import AuditReport, Effect, Outcome, RunReport
from tasks.site.review import Review
from tasks.staged import load_record
from tasks.storage.store import open_store
from tasks.target import stored
from tests.builders import ct_instance, part10
from tests.plain import PlainRun

RUNS = 12
DRIFT = 9
PATIENTS = 6


RULES = ("R010", "R021", "R090", "R093", "R094", "R095", "R096", "R097", "R099", "R152")
"""Enough of the shipped table for a quick look at each of twelve runs."""


@pytest.fixture
def few_rules(tmp_path: Path) -> str:
    document = yaml.safe_load(DEFAULT_RULES.read_bytes())
    document["rules"] = [rule for rule in document["rules"] if rule["id"] in RULES]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(document))
    return str(tmp_path / "rules.yaml")


def fill(source: Path, run: int, *, drifts: bool = False, **lost: None) -> None:
    """Write what the source brings in one night; with a drift, dates and sides are written otherwise."""
    source.mkdir(parents=True, exist_ok=True)
    for patient in range(PATIENTS):
        study = run * 100 + patient
        for instance in range(1, 5):
            changes: dict[str, Any] = {"Laterality": "R", **lost}
            if drifts:
                changes = {"AcquisitionDate": "05/06/2023", "Laterality": "RIGHT"}
            image = ct_instance(study=study, patient=patient, instance=instance, **changes)
            (source / f"s{study}-i{instance}.dcm").write_bytes(part10(image))


def run_once(root: Path, rules: str, monkeypatch: pytest.MonkeyPatch) -> tuple[AuditReport, RunReport]:
    monkeypatch.setattr(emit_module, "leave_artifact", lambda report: None)  # noqa: ARG005
    with PlainRun(root, monkeypatch, outputs="metadata", options={"rules": rules}) as run:
        run.process(run.discover())
        verdicts = audit.fn(run.plan)
        publish.fn(run.plan)
        publish.fn(run.plan)  # as after a crash: nothing is counted twice
        return verdicts, emit.fn(run.plan, verdicts, {})


@pytest.mark.e2e
def test_a_drift_in_the_ninth_of_twelve_runs_is_found_in_the_ninth_with_its_answer(
    tmp_path: Path, few_rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[int, AuditReport] = {}
    for run in range(1, RUNS + 1):
        fill(tmp_path / "source", run, drifts=run == DRIFT)
        found[run], report = run_once(tmp_path, few_rules, monkeypatch)
        assert report.drifted == found[run].drifted
    drifted = {run: {one.rule_id for one in verdicts.drifted} for run, verdicts in found.items()}
    assert [run for run, rules in drifted.items() if rules] == [DRIFT]
    assert drifted[DRIFT] == {"R094", "R095", "R096"}
    ninth = found[DRIFT]
    assert {"R094", "R095", "R096"} <= set(ninth.run_flagged_by)
    read, mapped = (one for one in ninth.proposals if one.kind == "repair")
    assert yaml.safe_load(read.snippet)["repairs"] == [
        {
            "id": "x-acquisition-date-dd-mm-yyyy",
            "VR": "DA",
            "attributes": ["AcquisitionDate"],
            "reads": "DD/MM/YYYY",
        }
    ]
    assert read.effects == (Effect("values that cannot be read", 24, 0),)
    assert yaml.safe_load(mapped.snippet)["repairs"][0]["values"] == {"RIGHT": "R"}
    (word,) = (one for one in ninth.proposals if one.kind == "value")
    (rule,) = yaml.safe_load(word.snippet)["rules"]
    assert (rule["id"], rule["version"], rule["kwargs"]["value_set"][-1]) == ("R152", 2, "RIGHT")
    for one in (word, mapped):
        assert one.effects == (
            Effect("rows that break it", 24, 0),
            Effect("studies that break it", PATIENTS, 0),
        )
    with PlainRun(tmp_path, monkeypatch) as last:
        quality = stored(last.store, layout.QUALITY).read()
        assert len(set(quality["run_id"].to_pylist())) == RUNS
        assert len(set(read_quality(last.store, last.plan.source_ref)["run_id"].to_pylist())) == RUNS - 2
        assert (
            "05/06"
            not in last.store.read(f"{layout.RUNS}/{read_reports(last.store)[8].run_id}/report.json").decode()
        )


@pytest.mark.e2e
@pytest.mark.parametrize("answer", ["repair", "value"])
def test_a_proposal_that_is_put_into_the_table_answers_the_drift_in_the_next_run(
    tmp_path: Path, few_rules: str, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    for run in range(1, 5):
        fill(tmp_path / "source", run, drifts=run == 4)
        verdicts, _ = run_once(tmp_path, few_rules, monkeypatch)
    assert {one.rule_id for one in verdicts.drifted} == {"R094", "R095", "R096"}
    applied = [one for one in verdicts.proposals if one.kind == answer or "DD/MM" in one.snippet]
    table = yaml.safe_load(Path(few_rules).read_bytes())
    for proposal in applied:
        snippet = yaml.safe_load(proposal.snippet)
        changed = {rule["id"] for rule in snippet.get("rules", ())}
        table["rules"] = [rule for rule in table["rules"] if rule["id"] not in changed]
        table["rules"] += snippet.get("rules", [])
        table["repairs"] = [*table.get("repairs", ()), *snippet.get("repairs", ())]
    Path(few_rules).write_text(yaml.safe_dump(table))
    fill(tmp_path / "source", 5, drifts=True)
    after, report = run_once(tmp_path, few_rules, monkeypatch)
    assert after.rules_digest != verdicts.rules_digest
    assert (after.drifted, after.proposals, after.run_flagged_by) == ((), (), ())
    assert report.published == 5 * PATIENTS * 4
    with PlainRun(tmp_path, monkeypatch) as last:
        rows = stored(last.store, layout.INSTANCES).read(["AcquisitionDate", "Laterality", "finding_codes"])
        assert rows["AcquisitionDate"].null_count == PATIENTS * 4  # of the fourth run, which is past
        sides = rows["Laterality"].to_pylist()
        assert sides.count("RIGHT") == PATIENTS * 4 * (1 if answer == "repair" else 2)
        quality = read_quality(last.store, last.plan.source_ref).sort_by("recorded_at")
        repaired = quality.filter(pc.equal(quality["column"], "AcquisitionDate"))["repaired_rate"].to_pylist()
        assert [rate for rate in repaired if rate is not None][-1] == 1.0


@pytest.mark.e2e
def test_run_whose_images_lost_their_place_is_withheld_once_there_is_a_history(
    tmp_path: Path, few_rules: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(str(tmp_path / "target"), {})
    for run in range(1, 4):
        fill(tmp_path / "source", run)
        verdicts, report = run_once(tmp_path, few_rules, monkeypatch)
        assert not verdicts.run_withheld
        review = load_record(Review, store.read(f"{layout.RUNS}/{report.run_id}/{REVIEW_NAME}"))
        assert {len(trend.points) for trend in review.trends} == ({run} if run > 1 else set())
    fill(tmp_path / "source", 4, ImagePositionPatient=None)
    verdicts, report = run_once(tmp_path, few_rules, monkeypatch)
    assert (verdicts.run_withheld, verdicts.run_failed_rules) == (True, ("R099",))
    nightly = PATIENTS * 4
    assert (report.outcome, report.published, report.withheld) == (Outcome.WITHHELD, 3 * nightly, nightly)
    assert {one.rule_id for one in verdicts.drifted} == {"R094", "R099"}
    assert any(proposal.rule_id == "R099" for proposal in verdicts.proposals)
