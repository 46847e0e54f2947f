"""Every row of Table E.1-1, at depth 0, 1 and 5, with the right VR, with UN and with a wrong one, under each option.

All rows of the table are in one data set, each with a value that is its own, so that whatever is left of one
says whose it is. What is expected is read off the table here, not asked of the program.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from functools import cache

import pytest

from tasks.deid.actions import OPTIONS, Action, Option
from tasks.deid.data import read_rows
from tasks.deid.deidentify import Deidentified, Deidentifier
from tasks.deid.profile import load_profile
from tasks.deid.pseudonyms import Pseudonyms
from tasks.deid.rules import Profile, make_profile
from tasks.deid.table import Row, read_table
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.encode import encode_dataset
from tests.deid.builders import (
    CT_IMAGE_STORAGE,
    KEY,
    dataset,
    deidentify,
    element,
    innermost,
    instance,
    leaves,
    nest,
)

ROWS = [row for row in read_table() if row.number is not None]
PROFILES = {name: load_profile(name) for name in ("basic", "research", "strict")} | {
    f"basic and {name}": make_profile("one", "", (option,)) for name, option in OPTIONS.items()
}
ENUMERATED = {"PatientSex": b"F ", "PatientSexNeutered": b"ALTERED ", "SmokingStatus": b"NO"}
TEXTS = ("LO", "SH", "LT", "ST", "UC", "UT")
DATES = ("DA", "DT")
COMMON = ("TM", "AS", "DS", "IS", "US")
"""VRs whose values are no row's own."""
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
DEEP, DEEP_UID = b"QDEEPQ", b"1.2.826.0.1.3680043.10.999.99.1"
WRONG = {"PN": "OB", "UI": "LO", "DA": "LO", "SQ": "LO"}
"""A wrong VR for some; LT for all others but LT itself."""


def day_of(row: Row) -> date:
    """Give a day of the row's own, so far from the others' that no patient's shift makes one of another."""
    return date(1957, 1, 1) + timedelta(days=37 * ROWS.index(row))


@cache
def canary_of(tag: str) -> bytes:
    """Give the value of a row that is in no other's."""
    row = next(row for row in ROWS if row.tag == tag)
    day = f"{day_of(row):%Y%m%d}"
    mark = f"QZX{int(tag, 16)}"
    return {
        "AS": b"077Y",
        "DA": day.encode(),
        "DS": b"61.5",
        "DT": f"{day}101112".encode(),
        "IS": b"61",
        "TM": b"101112",
        "UI": f"1.2.826.0.1.3680043.10.999.{int(tag, 16)}".encode(),
        "US": b"\x3d\0",
    }.get(row.VR) or (
        f"N{int(tag, 16)}^P" if row.VR == "PN" else f"HEAD {mark}" if row.VR in TEXTS else mark
    ).encode()


def original_of(row: Row, claimed: str) -> Element:
    assert row.number is not None
    if row.VR == "SQ" and claimed == "SQ":
        hidden = dataset(PatientName=DEEP + b"^Z", PatientComments=DEEP, ReferencedSOPInstanceUID=DEEP_UID)
        return element(row.number, [hidden], "SQ")
    value = ENUMERATED.get(row.keyword) or canary_of(row.tag)
    padding = (b"\0" if row.VR == "UI" or not value.isascii() else b" ") * (len(value) % 2)
    return Element(row.number, claimed, value + padding)


def types_in_ct() -> dict[str, str]:
    """Read the type of each attribute with a compound code in a CT image, the most demanding of its modules."""
    modules = next(r["modules"].split() for r in read_rows("iod_modules.csv") if r["UID"] == CT_IMAGE_STORAGE)
    found = [row for row in read_rows("module_types.csv") if row["module"] in modules]
    return {
        keyword: min(r["type"] for r in found if r["keyword"] == keyword)
        for keyword in {r["keyword"] for r in found}
    }


IN_CT = types_in_ct()
CAN_CLEAN = {
    "descriptors": (*TEXTS, "SQ"),
    "patient": TEXTS,
    "device": ("AE",),
    "modified_dates": ("DA", "DT", "TM"),
    "structured": ("SQ",),
    "graphics": ("SQ",),
}
INNER = {"UnformattedTextValue": "graphics"}
"""Text inside a sequence that an option cleans, which the table itself only replaces."""


def expected_action(row: Row, profile: Profile, depth: int) -> Action:
    """Read the row, so that the program's own settling is not what it is tested by."""
    columns = {option.column for option in profile.options}
    asked = {column: code for column, code in row.options.items() if column in columns}
    if INNER.get(row.keyword) in columns:
        return Action.C
    if Action.C in asked.values():
        if any(code is Action.C and row.VR in CAN_CLEAN.get(column, ()) for column, code in asked.items()):
            return Action.C
    elif asked:
        return Action.K
    codes = [code.removesuffix("*") for code in row.basic.value.split("/")]
    if codes == ["X", "Z", "U"] and profile.maps_references:
        return Action.U
    kind = IN_CT.get(row.keyword, "3") if depth == 0 else "unknown"
    if kind == "3":
        return Action(codes[0])
    return Action("Z" if kind == "2" and "Z" in codes else codes[-1])


def is_never_kept(row: Row) -> bool:
    return row.tag[:4] in ("0000", "0002", "0004") or row.tag == "FFFCFFFC"


def claimed_vr(row: Row, claim: str) -> str:
    right = row.VR or "LO"
    if claim == "right":
        return right
    return "UN" if claim == "UN" else WRONG.get(right, "LT" if right != "LT" else "SH")


@cache
def deidentifier_of(name: str) -> Deidentifier:
    return Deidentifier(KEY, PROFILES[name])


def treat_all(name: str, claim: str, depth: int) -> tuple[Deidentified, DataSet]:
    rows = [original_of(row, claimed_vr(row, claim)) for row in ROWS]
    if depth == 0:
        original = dataset(*{**instance(), **{one.tag: one for one in rows}}.values())
    else:
        outer = element("ReferencedSeriesSequence", [dataset(*rows)])
        original = instance(nest(outer, depth - 1))
    result = deidentify(deidentifier_of(name), original)
    return result, innermost(result.dataset, depth)


@pytest.mark.parametrize("depth", [0, 1, 5])
@pytest.mark.parametrize("claim", ["right", "UN", "wrong"])
@pytest.mark.parametrize("name", PROFILES)
def test_a_row_does_what_the_table_says(name: str, claim: str, depth: int) -> None:
    profile = PROFILES[name]
    result, treated = treat_all(name, claim, depth)
    days = Pseudonyms(KEY).shift_days(result.PatientID)
    encoded = encode_dataset(result.dataset, explicit=True)
    for row in ROWS:
        assert row.number is not None
        action, found = expected_action(row, profile, depth), treated.get(row.number)
        original = original_of(row, claimed_vr(row, claim))
        check(row, action, original, found, days, profile)
        moved = action is Action.C and row.VR in DATES  # by a number of days, which may be onto another's
        if action is not Action.K and not moved and not (row.VR in COMMON or row.keyword in ENUMERATED):
            mark = canary_of(row.tag)
            assert mark.removeprefix(b"HEAD ").removesuffix(b"^P") not in encoded, row.keyword
    assert DEEP not in encoded
    assert (DEEP_UID in encoded) is (OPTIONS["retain-uids"] in profile.options and claim == "right")


def check(
    row: Row, action: Action, original: Element, found: Element | None, days: int, profile: Profile
) -> None:
    where = f"{row.keyword} {action} {original.VR}"
    is_sequence = original.items is not None
    if action is Action.X or is_never_kept(row) or (action is Action.K and row.VR == "UR"):
        assert found is None, where
    elif action is Action.K and found is None:
        assert original.VR != row.VR, where  # what cannot be read under its own VR is never kept
    elif action is Action.C and row.VR == "SQ" and found is None:
        assert not is_sequence, where
    else:
        assert found is not None, where
        assert found.VR == row.VR, where
        assert found.value == b"" if row.VR == "SQ" else found.items is None, where
        check_value(row, action, original, found, days, profile)


def check_value(
    row: Row, action: Action, original: Element, found: Element, days: int, profile: Profile
) -> None:
    where = f"{row.keyword} {action} {original.VR}"
    text = found.value.strip(b" \0")
    if row.VR == "SQ":
        assert found.items is not None, where
        assert len(found.items) == (original.items is not None and action is not Action.Z), where
        assert not any(DEEP in leaf.value for leaf in leaves(dataset(found))), where
    elif row.keyword in ("PatientName", "PatientID"):
        assert re.fullmatch(rb"[A-Z2-7]{24}", text), where
    elif row.keyword in ("AccessionNumber", "StudyID") and not profile.strict:
        assert re.fullmatch(rb"[A-Z2-7]{16}", text), where
    elif action is Action.Z:
        assert text == b"", where
    elif action is Action.K or (row.VR == "TM" and action is Action.C):
        assert text == original.value.strip(b" \0"), where
    elif action is Action.C and row.VR in TEXTS:
        assert text == b"HEAD", where
    elif action is Action.C and row.VR in DATES:
        assert text[:8] == f"{day_of(row) + timedelta(days=days):%Y%m%d}".encode(), where
    else:
        assert re.fullmatch(VALID.get(row.VR, b"(?s).+"), text or found.value), where
        assert text != original.value.strip(b" \0"), where


def test_dates_and_uids_of_a_row_are_told_from_those_of_any_other() -> None:
    values = [canary_of(row.tag) for row in ROWS if row.VR in ("DA", "DT", "UI", "PN", "LO")]
    assert len(set(values)) == len(values)


def test_every_option_of_the_table_is_tested_alone() -> None:
    columns = {column for row in read_table() for column in row.options}
    assert {option.column for option in OPTIONS.values()} == columns
    assert all(isinstance(option, Option) for option in OPTIONS.values())


@pytest.mark.parametrize("claimed", ["UN", "LO", "OB", "US", "SQ", "DS", "UI", "CS"])
@pytest.mark.parametrize("name", ["research", "basic", "strict"])
def test_no_row_lets_a_value_through_under_another_vr(claimed: str, name: str) -> None:
    deidentifier = deidentifier_of(name)
    for row in ROWS:
        assert row.number is not None
        hidden = [dataset(PatientName="ZQXCANARY^Deep")] if claimed == "SQ" else "ZQXCANARY"
        for depth in (0, 1):
            original = instance(nest(element(row.number, hidden, claimed), depth))
            if claimed == row.VR or (
                expected_action(row, PROFILES[name], depth) is Action.K and row.VR in ("SH", "UC")
            ):
                continue  # a text attribute that an option keeps keeps its text
            output = encode_dataset(deidentify(deidentifier, original).dataset, explicit=True)
            assert b"ZQXCANARY" not in output, row.keyword


@pytest.mark.parametrize(
    ("keyword", "claimed"), [("PatientName", "US"), ("PatientID", "OB"), ("StudyDate", "LO")]
)
def test_a_wrong_vr_is_reported(keyword: str, claimed: str, research: Deidentifier) -> None:
    lie = element(keyword, "19570313", claimed)
    findings = deidentify(research, dataset(*{**instance(), lie.tag: lie}.values())).findings
    assert "WRONG_VR" in {finding.code for finding in findings}


@pytest.mark.parametrize(
    "tag", [0x50FE2000, 0x60FE3000, 0x60004000, 0x60FE0010, 0x00091001, 0xFFFCFFFC, 0x00080000]
)
@pytest.mark.parametrize("name", PROFILES)
def test_layers_private_elements_and_padding_leave_nothing(tag: int, name: str) -> None:
    deidentifier = deidentifier_of(name)
    for depth in (0, 1, 5):
        treated = deidentify(deidentifier, instance(nest(element(tag, "ZQXCANARY", "OB"), depth)))
        assert tag not in innermost(treated.dataset, depth)


@pytest.mark.parametrize("keyword", ["IconImageSequence", "EncapsulatedDocument"])
def test_an_icon_and_a_document_leave_no_bytes(keyword: str) -> None:
    for name in PROFILES:
        hidden = element(
            keyword, [dataset(element(0x7FE00010, b"QDEEPQ", "OB"))] if keyword[0] == "I" else b"QDEEPQ"
        )
        output = deidentify(deidentifier_of(name), instance(hidden)).dataset
        assert tag_of(keyword) not in output or output[tag_of(keyword)].value == b"\0\0"
        assert b"QDEEPQ" not in encode_dataset(output, explicit=True)
