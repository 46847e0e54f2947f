from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from expectations.rules import DEFAULT_RULES
from tasks import emit as emit_module
from tasks import layout
from tasks.audit import audit
from tasks.emit import emit
from tasks.errors import ConfigurationError
from tasks.publish import publish
from tasks.records import AuditReport, RunReport
from tasks.staged import decided_parts
from tasks.tables import buckets
from tasks.target import CONTRACTS, stored
from tests.builders import ROOT, ct_instance, part10, write_study
from tests.plain import PlainRun


@pytest.fixture(scope="module", autouse=True)
def _import_great_expectations() -> None:
    """Import it before any test, so that no test's time is spent on it."""
    import great_expectations

    assert great_expectations.__version__


def fill(source: Path) -> None:
    """Write studies of every fate, some of which belong together across batches and studies."""
    for study in range(1, 6):
        write_study(source, study=study, patient=study, instances=3)
    write_study(source / "flagged", study=6, patient=6, instances=2, KVP=None)
    write_study(source / "shared", study=7, patient=7, instances=2, SeriesInstanceUID=f"{ROOT}.1.1")
    write_study(source / "withheld", study=8, patient=8, instances=2, SOPClassUID=None)
    (source / "copy.dcm").write_bytes((source / "s2-i1.dcm").read_bytes())
    (source / "rival.dcm").write_bytes(part10(ct_instance(study=3, patient=3, KVP="80")))
    (source / "other.dcm").write_bytes(part10(ct_instance(study=4, patient=9, instance=9)))
    (source / "text.txt").write_text("not DICOM")


def end(
    run: PlainRun, root: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[AuditReport, list[dict[str, Any]], RunReport, dict[str, list[dict[str, Any]]]]:
    """Take a processed run to its end; gives verdicts, decisions, report and tables."""
    monkeypatch.setattr(emit_module, "leave_artifact", lambda report: None)  # noqa: ARG005
    verdicts = audit.fn(run.plan)
    decided = [row for part in decided_parts(run.store, run.staging) for row in part.to_pylist()]
    publish.fn(run.plan)
    tables = {key: sorted(stored(run.store, key).read().to_pylist(), key=str) for key in CONTRACTS}
    report = emit.fn(run.plan, verdicts, {})
    assert not list((root / "target").glob("staging/*/*"))
    return verdicts, decided, report, tables


@pytest.mark.e2e
def test_many_buckets_decide_what_one_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "source")
    ended = []
    for rows in (1_000, 4):
        monkeypatch.setattr(buckets, "BUCKET_ROWS", rows)
        with PlainRun(tmp_path, monkeypatch, batch_objects=5) as run:
            run.process(run.discover())
            ended.append(end(run, tmp_path, monkeypatch))
        shutil.rmtree(tmp_path / "target")
    (one, decided, report, tables), (many, decided_too, report_too, tables_too) = ended
    reasons = {row["reason"] for row in decided}
    assert {"DUPLICATE_EXACT", "DUPLICATE_UID_CONFLICT", "STUDY_TWO_PATIENTS", "NOT_DICOM", None} <= reasons
    shared = [rule for rule in one.rules if rule.rule_id == "R005"]
    assert [rule.success for rule in shared] == [False]
    assert many == one
    assert decided_too == decided
    assert (report_too.reasons, report_too.studies, report_too.series) == (
        report.reasons,
        report.studies,
        report.series,
    )
    for key in (layout.INSTANCES, layout.SERIES, layout.STUDIES, layout.AUDIT):
        assert tables_too[key] == tables[key]


def test_an_audit_that_is_asked_again_says_what_it_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=2)
    with PlainRun(tmp_path, monkeypatch) as run:
        run.process(run.discover())
        first = audit.fn(run.plan)
        for part in (tmp_path / "target").rglob("staged.parquet"):
            part.unlink()
        assert audit.fn(run.plan) == first


@pytest.mark.e2e
def test_what_is_published_of_a_study_is_judged_with_what_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated = []
    for rows in (1_000, 2):
        monkeypatch.setattr(buckets, "BUCKET_ROWS", rows)
        write_study(tmp_path / "source", instances=3)
        with PlainRun(tmp_path, monkeypatch, outputs="metadata") as run:
            run.process(run.discover())
            end(run, tmp_path, monkeypatch)
        write_study(tmp_path / "source" / "later", study=2, instances=3)
        (tmp_path / "source" / "fourth.dcm").write_bytes(part10(ct_instance(instance=4)))
        (tmp_path / "source" / "again.dcm").write_bytes((tmp_path / "source" / "s1-i1.dcm").read_bytes())
        with PlainRun(tmp_path, monkeypatch, outputs="metadata") as run:
            run.process(run.discover())
            verdicts, decided, _, tables = end(run, tmp_path, monkeypatch)
        unique = next(rule for rule in verdicts.rules if rule.rule_id == "R003")
        evaluated.append(unique.evaluated)
        assert sorted(row["state"] for row in decided) == ["duplicate", *["published"] * 4]
        assert sorted(row["instance_count"] for row in tables[layout.STUDIES]) == [3, 4]
        shutil.rmtree(tmp_path / "target")
        shutil.rmtree(tmp_path / "source")
    assert evaluated == [7, 7]


RETAINING = """
name: retaining
options: [retain-uids, retain-full-dates, clean-descriptors]
"""


def test_a_profile_publishes_what_it_retains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped table refuses original UIDs and dates, unless the run's profile is there to retain them."""
    write_study(tmp_path / "source", study=1, patient=1, instances=2, FrameOfReferenceUID=f"{ROOT}.77")
    profile = tmp_path / "retaining.yaml"
    profile.write_text(RETAINING)
    with PlainRun(tmp_path, monkeypatch, options={"profile": str(profile)}) as run:
        run.process(run.discover())
        verdicts, decided, _, tables = end(run, tmp_path, monkeypatch)
    assert {row["state"] for row in decided} == {"published"}
    assert not {"R010", "R014", "R016"} & {rule.rule_id for rule in verdicts.rules}
    (study,) = tables[layout.STUDIES]
    assert study["StudyInstanceUID"].startswith(ROOT)
    assert study["StudyDate"] is not None


def test_a_rule_names_only_options_that_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "source", instances=1)
    rules = tmp_path / "rules.yaml"
    rules.write_bytes(DEFAULT_RULES.read_bytes().replace(b"[retain-full-dates]", b"[retain-all-dates]"))
    with (
        pytest.raises(ConfigurationError, match="names retain-all-dates"),
        PlainRun(tmp_path, monkeypatch, options={"rules": str(rules)}),
    ):
        pass
