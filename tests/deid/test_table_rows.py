"""Every row of Table E.1-1, at depth 0, 1 and 5, with the right VR, with UN and with a wrong one."""

from __future__ import annotations

import re

import pytest

from tasks.deid.actions import Action
from tasks.deid.deidentify import Deidentifier
from tasks.deid.table import Row, read_table
from tasks.dicom.element import DataSet, Element
from tests.deid.builders import dataset, deidentify, element, innermost, instance, leaves, nest

ROWS = [row for row in read_table() if row.number is not None]
CANARY_DATE, CANARY_TIME, CANARY_UID = "19570313", "101112", "1.2.826.0.1.3680043.8.498.77"
CANARIES = (b"ZQXCANARY", CANARY_DATE.encode(), CANARY_UID.encode())
VALUES: dict[str, str | bytes] = {
    "AE": "ZQXCANARYAE",
    "AS": "077Y",
    "CS": "ZQXCANARY",
    "DA": CANARY_DATE,
    "DS": "61.5",
    "DT": f"{CANARY_DATE}{CANARY_TIME}.5",
    "IS": "61",
    "PN": "ZQXCANARY^Patient",
    "TM": CANARY_TIME,
    "UI": CANARY_UID,
    "US": b"\x3d\0",
}
ENUMERATED = {"PatientSex": "F", "PatientSexNeutered": "ALTERED", "SmokingStatus": "NO"}
VALID = {
    "AE": rb"[ -~]{1,16}",
    "AS": rb"[0-9]{3}[DWMY]",
    "CS": rb"[A-Z0-9_ ]{1,16}",
    "DA": rb"[0-9]{8}",
    "DT": rb"[0-9]{8,14}(\.[0-9]{1,6})?",
    "PN": rb"[ -~]{1,64}",
    "SH": rb"[ -~]{1,16}",
    "TM": rb"[0-9]{6}",
    "UI": rb"2\.25\.[0-9]{1,39}",
}
PSEUDONYMS = {"PatientName", "PatientID", "AccessionNumber", "StudyID"}


def canary_of(row: Row) -> Element:
    assert row.number is not None
    if row.VR == "SQ":
        hidden = dataset(
            PatientName="ZQXCANARY^Deep", SeriesDescription="ZQXCANARY", ReferencedSOPInstanceUID=CANARY_UID
        )
        return element(row.number, [hidden], "SQ")
    value = ENUMERATED.get(row.keyword) or VALUES.get(row.VR, "ZQXCANARY")
    return element(row.number, value, row.VR or "LO")


def expected_action(row: Row, profile: str) -> Action:
    """Read the row by itself, so that the program's own settling is not what it is tested by."""
    if profile == "research" and row.options.get("patient") is Action.K:
        return Action.K
    if profile == "research" and "modified_dates" in row.options and row.VR in ("DA", "DT", "TM"):
        return Action.C
    last = row.basic.value.split("/")[-1]
    return Action(last.removesuffix("*"))


def is_never_kept(row: Row) -> bool:
    return row.tag[:4] in ("0000", "0002", "0004") or row.tag == "FFFCFFFC"


@pytest.mark.parametrize("profile", ["research", "basic"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.keyword)
def test_a_row_does_what_the_table_says_at_every_depth(
    row: Row, profile: str, research: Deidentifier, basic: Deidentifier
) -> None:
    deidentifier = research if profile == "research" else basic
    original, action = canary_of(row), expected_action(row, profile)
    for depth in (0, 1, 5):
        treated = deidentify(deidentifier, instance(nest(original, depth)))
        found = innermost(treated.dataset, depth).get(original.tag)
        if action is Action.X or is_never_kept(row) or (action is Action.K and row.VR == "UR"):
            assert found is None
            continue
        assert found is not None
        assert found.VR == row.VR
        check(row, action, original, found)


def check(row: Row, action: Action, original: Element, found: Element) -> None:
    if row.VR == "SQ":
        assert found.value == b""
        assert found.items is not None
        assert len(found.items) == (0 if action is Action.Z else 1)
        assert_no_canary(dataset(found))
    elif row.keyword in PSEUDONYMS:
        assert re.fullmatch(rb"[A-Z2-7]{16,24}", found.value)
    elif action is Action.Z:
        assert found.value == b""
    elif action is Action.K or (row.VR == "TM" and action is Action.C):
        assert found.value == original.value
    else:
        assert re.fullmatch(VALID.get(row.VR, b"(?s).+"), found.value.rstrip(b" \0") or found.value)
        assert_no_canary(dataset(found))


def assert_no_canary(treated: DataSet) -> None:
    for leaf in leaves(treated):
        assert not any(canary in leaf.value for canary in CANARIES), f"{leaf.tag:08X}"


@pytest.mark.parametrize("claimed", ["UN", "LO", "OB", "US", "SQ", "DS", "UI", "CS"])
@pytest.mark.parametrize("profile", ["research", "basic"])
def test_no_row_lets_a_value_through_under_another_vr(
    claimed: str, profile: str, research: Deidentifier, basic: Deidentifier
) -> None:
    deidentifier = research if profile == "research" else basic
    for row in ROWS:
        assert row.number is not None
        hidden = [dataset(PatientName="ZQXCANARY^Deep")] if claimed == "SQ" else "ZQXCANARY"
        for depth in (0, 1):
            original = instance(nest(element(row.number, hidden, claimed), depth))
            if claimed == row.VR or (expected_action(row, profile) is Action.K and row.VR in ("SH", "UC")):
                continue  # a text attribute that an option keeps keeps its text
            assert_no_canary(deidentify(deidentifier, original).dataset)


@pytest.mark.parametrize(
    ("keyword", "claimed"), [("PatientName", "US"), ("PatientID", "OB"), ("StudyDate", "LO")]
)
def test_a_wrong_vr_is_reported(keyword: str, claimed: str, research: Deidentifier) -> None:
    lie = element(keyword, "19570313", claimed)
    findings = deidentify(research, instance(**{keyword: ""}) | {lie.tag: lie}).findings  # type: ignore[arg-type]
    assert "WRONG_VR" in {finding.code for finding in findings}


@pytest.mark.parametrize(
    "tag", [0x50FE2000, 0x60FE3000, 0x60004000, 0x60FE0010, 0x00091001, 0xFFFCFFFC, 0x00080000]
)
def test_layers_private_elements_and_padding_leave_nothing(tag: int, research: Deidentifier) -> None:
    for depth in (0, 1, 5):
        treated = deidentify(research, instance(nest(element(tag, "ZQXCANARY", "OB"), depth)))
        assert tag not in innermost(treated.dataset, depth)
