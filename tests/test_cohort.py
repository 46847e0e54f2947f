"""An identifier of one patient in the file of another is found before anything is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks import cohort, layout
from tasks.audit import audit
from tasks.publish import publish
from tasks.staged import decided_parts
from tasks.target import stored
from tests.builders import write_study
from tests.plain import PlainRun


@pytest.fixture(scope="module", autouse=True)
def _import_great_expectations() -> None:
    """Import it before any test, so that no test's time is spent on it."""
    import great_expectations

    assert great_expectations.__version__


def end(
    root: Path, monkeypatch: pytest.MonkeyPatch, **options: Any
) -> tuple[dict[str, str | None], list[Any], str]:
    """Run to the end; gives reasons by pseudonym of the study, the findings of the search and all of the audit."""
    with PlainRun(root, monkeypatch, **options) as run:
        run.process(run.discover())
        audit.fn(run.plan)
        rows = [row for part in decided_parts(run.store, run.staging) for row in part.to_pylist()]
        publish.fn(run.plan)
        findings = stored(run.store, layout.AUDIT).read().to_pylist()
        return (
            {row["StudyInstanceUID"]: row["reason"] for row in rows},
            [row for row in findings if row["code"] == cohort.REASON],
            repr(findings),
        )


def texts(text: str) -> dict[str, str]:
    return {"WindowCenterWidthExplanation": text}


LEFT = {
    1: ("DOERFLER", "cohort-name"),
    2: ("JANETTEA, DOERFLER", "cohort-full-name"),
    3: ("MRN 4711001", "cohort-code"),
    4: ("narrow", None),
}


@pytest.mark.e2e
@pytest.mark.parametrize("batch_objects", [1000, 3])
def test_study_that_names_a_patient_of_another_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch_objects: int
) -> None:
    write_study(tmp_path / "source", study=9, patient=1, instances=2)
    for study, (text, _) in LEFT.items():
        other = {"PatientName": "Quist^Ola", "PatientID": "MRN-8000099"}
        write_study(tmp_path / "source", study=study, instances=2, **other, **texts(text))
    reasons, left, told = end(tmp_path, monkeypatch, batch_objects=batch_objects)
    assert sorted(reasons.values(), key=str) == ["IDENTIFIER_LEFT"] * 3 + [None] * 2
    assert {(row["rule"], row["path"]) for row in left} == {
        (rule, "(0028,1055)") for _, rule in LEFT.values() if rule
    }
    assert len({row["source_ref"] for row in left}) == 6
    assert not any(word in told for word in ("DOERFLER", "JANETTE", "4711001"))
    published = {path.parent.parent.name for path in (tmp_path / "target" / "published").rglob("*.dcm")}
    assert published == {study for study, reason in reasons.items() if reason is None}


@pytest.mark.e2e
def test_patients_named_by_common_words_hold_nobody_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for study, name in enumerate(("Head^Anna", "Long^Anna", "Narrow^Ola", "Chest^Ola"), 1):
        write_study(tmp_path / "source", study=study, patient=study, instances=1, PatientName=name)
    elements = {"SeriesDescription": "Chest and head, long axis", **texts("narrow head, long")}
    write_study(
        tmp_path / "source",
        study=9,
        patient=9,
        instances=1,
        **elements,
    )
    reasons, left, _ = end(tmp_path, monkeypatch)
    assert set(reasons.values()) == {None}
    assert left == []


RULES = """\
extends: shipped
rules:
- {id: R041, title: CT has a tube voltage, description: d, severity: critical, scope: instance, owner: o, version: 2,
   condition: {Modality: [CT]}, expectation: expect_column_values_to_not_be_null, column: KVP}
- {id: R900, title: A small run, description: d, severity: critical, scope: run, owner: o, version: 1,
   expectation: expect_column_values_to_be_between, column: listed, kwargs: {max_value: %d}}
"""


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("most", "others"), [(100, None), (1, "R900")], ids=["a run", "a run that is withheld"]
)
def test_an_identifier_that_is_left_outweighs_what_a_rule_says_of_the_study_and_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, others: str | None
) -> None:
    other = {"PatientName": "Quist^Ola", "PatientID": "MRN-8000099"}
    write_study(tmp_path / "source", study=9, patient=1, instances=1)
    write_study(tmp_path / "source", study=1, instances=1, **other, **texts("DOERFLER"))
    write_study(tmp_path / "source", study=2, instances=1, **other, **texts("DOERFLER"), KVP=None)
    write_study(tmp_path / "source", study=3, instances=1, **other, KVP=None)
    (tmp_path / "rules.yaml").write_text(RULES % most)
    reasons, left, _ = end(tmp_path, monkeypatch, options={"rules": str(tmp_path / "rules.yaml")})
    assert sorted(map(str, reasons.values())) == sorted(["IDENTIFIER_LEFT"] * 2 + ["R041", str(others)])
    assert len({row["source_ref"] for row in left}) == 2
