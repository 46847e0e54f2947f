from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from expectations.contracts import INSTANCES
from tasks.audit import Neighbours, settle_identities, state_of_reject
from tasks.reasons import REASONS
from tasks.records import State
from tasks.staged import STAGED

NO_ROWS = INSTANCES.arrow_schema().empty_table()


def staged(*rows: dict[str, Any]) -> pa.Table:
    """Rows of `STAGED`; unnamed facts are those of one instance of one patient's study."""
    usual = {
        "size_bytes": 1,
        "version": "1",
        "batch_id": "b",
        "SOPInstanceUID": "2.25.1",
        "StudyInstanceUID": "2.25.9",
        "PatientID": "P",
        "content": "same",
        "finding_codes": [],
    }
    return pa.Table.from_pylist(
        [{**usual, "source_ref": row["source_uri"], **row} for row in rows], schema=STAGED
    )


def neighbours(*content: dict[str, str], rows: pa.Table = NO_ROWS) -> Neighbours:
    import pandas as pd

    return Neighbours(rows, pd.DataFrame(list(content), columns=["SOPInstanceUID", "source_ref", "content"]))


def ends(table: pa.Table, published: Neighbours | None = None) -> dict[str, tuple[str, str | None]]:
    decided = settle_identities(table, published or neighbours()).to_pylist()
    return {row["source_uri"]: (row["state"], row["reason"]) for row in decided}


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
    row = dict.fromkeys(INSTANCES.names) | {"StudyInstanceUID": "2.25.9", "PatientID": "Q"}
    columns = {field.name: pa.array([row[field.name]], field.type) for field in INSTANCES.arrow_schema()}
    published = neighbours(rows=pa.table(columns))
    assert ends(staged({"source_uri": "a"}), published) == {"a": ("quarantined", "STUDY_TWO_PATIENTS")}


def test_what_is_published_already_from_another_object_is_a_duplicate_or_a_conflict() -> None:
    same = neighbours({"SOPInstanceUID": "2.25.1", "source_ref": "old", "content": "same"})
    other = neighbours({"SOPInstanceUID": "2.25.1", "source_ref": "old", "content": "other"})
    assert ends(staged({"source_uri": "a"}), same) == {"a": ("duplicate", "DUPLICATE_EXACT")}
    assert ends(staged({"source_uri": "a"}), other) == {"a": ("quarantined", "DUPLICATE_UID_CONFLICT")}


def test_a_changed_object_replaces_what_was_published_from_it() -> None:
    before = neighbours({"SOPInstanceUID": "2.25.1", "source_ref": "a", "content": "older"})
    decided = settle_identities(staged({"source_uri": "a"}), before).to_pylist()
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
