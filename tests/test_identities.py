from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tasks.identities import (
    CLAIMS,
    PUBLISHED_BEFORE,
    Findings,
    Mark,
    decide,
    settle_claims,
    settle_patients,
    state_of_reject,
)
from tasks.reasons import REASONS
from tasks.records import State
from tasks.staged import STAGED

PATIENTS = ["number", "StudyInstanceUID", "PatientID"]
USUAL: dict[str, Any] = {
    "size_bytes": 1,
    "version": "1",
    "batch_id": "b",
    "SOPInstanceUID": "2.25.1",
    "StudyInstanceUID": "2.25.9",
    "PatientID": "P",
    "content": "same",
    "finding_codes": [],
}
"""One instance of one patient's study."""


def staged(*rows: dict[str, Any]) -> pa.Table:
    """Make rows of `STAGED`; unnamed facts are the usual."""
    return pa.Table.from_pylist(
        [{**USUAL, "source_ref": row["source_uri"], **row} for row in rows], schema=STAGED
    )


def settle(table: pa.Table, *published: dict[str, Any]) -> list[dict[str, Any]]:
    """Decide about staged objects beside published ones, as the audit does with one bucket."""
    findings = Findings.of(len(table))
    numbers = pa.array(np.arange(len(table)))
    refused = table["reason"].is_valid().to_numpy()
    findings.mark(np.flatnonzero(refused), Mark.REFUSED)
    accepted = table.append_column("number", numbers).filter(pa.array(~refused))
    before = pa.Table.from_pylist(
        [{**USUAL, "number": PUBLISHED_BEFORE, **row} for row in published],
        schema=pa.schema(
            [field.with_nullable(True) for field in CLAIMS]
            + [pa.field(name, pa.string()) for name in PATIENTS[1:]]
        ),
    )
    both = [table.select(CLAIMS.names).cast(CLAIMS) for table in (accepted, before)]
    settle_claims(pa.concat_tables(both), findings)
    settle_patients(pa.concat_tables([accepted.select(PATIENTS), before.select(PATIENTS)]), findings)
    decided: list[dict[str, Any]] = decide(table, 0, findings, {}).to_pylist()
    assert findings.count() == {
        state: sum(row["state"] == state for row, no in zip(decided, refused, strict=True) if not no)
        for state in (State.PUBLISHED, State.DUPLICATE, State.QUARANTINED)
    }
    return decided


def ends(table: pa.Table, *published: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {row["source_uri"]: (row["state"], row["reason"]) for row in settle(table, *published)}


def test_one_instance_in_two_objects_is_published_once() -> None:
    assert ends(staged({"source_uri": "b"}, {"source_uri": "a"})) == {
        "a": ("published", None),
        "b": ("duplicate", "DUPLICATE_EXACT"),
    }


def test_one_uid_with_two_contents_is_published_from_neither() -> None:
    both = ("quarantined", "DUPLICATE_UID_CONFLICT")
    assert ends(staged({"source_uri": "a"}, {"source_uri": "b", "content": "other"})) == {
        "a": both,
        "b": both,
    }


def test_a_duplicate_beside_a_conflict_is_part_of_the_conflict() -> None:
    table = staged({"source_uri": "a"}, {"source_uri": "b"}, {"source_uri": "c", "content": "other"})
    assert {reason for _, reason in ends(table).values()} == {"DUPLICATE_UID_CONFLICT"}


def test_one_study_with_two_patients_is_published_for_neither() -> None:
    table = staged({"source_uri": "a"}, {"source_uri": "b", "SOPInstanceUID": "2.25.2", "PatientID": "Q"})
    both = ("quarantined", "STUDY_TWO_PATIENTS")
    assert ends(table) == {"a": both, "b": both}


def test_a_study_published_for_another_patient_refuses_the_newcomer() -> None:
    other = {"SOPInstanceUID": "2.25.2", "source_ref": "old", "PatientID": "Q"}
    assert ends(staged({"source_uri": "a"}), other) == {"a": ("quarantined", "STUDY_TWO_PATIENTS")}


def test_what_is_published_already_from_another_object_is_a_duplicate_or_a_conflict() -> None:
    same = {"source_ref": "old", "content": "same"}
    other = {"source_ref": "old", "content": "other"}
    assert ends(staged({"source_uri": "a"}), same) == {"a": ("duplicate", "DUPLICATE_EXACT")}
    assert ends(staged({"source_uri": "a"}), other) == {"a": ("quarantined", "DUPLICATE_UID_CONFLICT")}


def test_a_changed_object_replaces_what_was_published_from_it() -> None:
    decided = settle(staged({"source_uri": "a"}), {"source_ref": "a", "content": "older"})
    assert [(row["state"], row["replaces"]) for row in decided] == [("published", True)]


def test_refused_objects_take_no_part() -> None:
    refused = {"source_uri": "a", "reason": "TRUNCATED", "SOPInstanceUID": None, "StudyInstanceUID": None}
    assert ends(staged(refused, {"source_uri": "b"})) == {
        "a": ("quarantined", "TRUNCATED"),
        "b": ("published", None),
    }


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_has_a_state(code: str) -> None:
    assert state_of_reject(code) == (State.WITHHELD if code == "PIXEL_REVIEW" else State.QUARANTINED)


def test_the_first_rule_that_withheld_is_the_reason_of_what_was_up_for_release() -> None:
    table = staged({"source_uri": "a"}, {"source_uri": "b", "reason": "TRUNCATED"}, {"source_uri": "c"})
    findings = Findings.of(3)
    findings.mark(np.array([1]), Mark.REFUSED)
    findings.rules[[0]] = 1
    decided = decide(table, 0, findings, {0: "R003", 1: "R010"}).to_pylist()
    assert [(row["state"], row["reason"]) for row in decided] == [
        ("withheld", "R010"),
        ("quarantined", "TRUNCATED"),
        ("published", None),
    ]
