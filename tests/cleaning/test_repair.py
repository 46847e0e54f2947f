from __future__ import annotations

import math
import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.cleaning.repair import all_rules, describe, repair
from tasks.dicom.dictionary import tag_of, vrs_of
from tasks.dicom.element import DataSet, Element, Header
from tasks.dicom.encode import encode_dataset
from tasks.dicom.reader import read_header
from tasks.dicom.values import (
    BINARY_NUMBER_VRS,
    SPECIFIC_CHARACTER_SET,
    TEXT_VRS,
    decodes,
    encodings_of,
    numbers_of,
)
from tasks.reasons import REASONS, ReasonKind
from tests.builders import buffer, ct_instance
from tests.cleaning.elements import dataset, element, rules_and_codes, sequence

KEYWORDS = [
    "StudyDate",
    "AcquisitionDateTime",
    "StudyTime",
    "PatientBirthDate",
    "PatientAge",
    "PatientSex",
    "Modality",
    "ImageType",
    "PatientName",
    "PatientID",
    "ImageComments",
    "TextValue",
    "RetrieveAETitle",
    "RetrieveURL",
    "SOPInstanceUID",
    "InstanceNumber",
    "NumberOfFrames",
    "PixelSpacing",
    "RescaleSlope",
    "WindowCenter",
    "Rows",
    "SmallestImagePixelValue",
    "SimpleFrameList",
    "RealWorldValueLUTData",
    "FrameIncrementPointer",
    "LongCodeValue",
]
FRAGMENTS = [
    b"2023",
    b"10",
    b"12",
    b"-",
    b":",
    b".",
    b",",
    b"\\",
    b" ",
    b"\0",
    b"\x1b",
    b"\x1b$)C\xb1\xe8",
    b"\x1b$B;3ED\x1b(B",
    b"\x1b[2J",
    b"\n",
    b"0",
    b"0.5",
    b"e400",
    b"Y",
    b"male",
    b"CT",
    "张".encode(),
    "张".encode("gb18030"),
    b"\xe9",
    b"\x92",
    b"\xff",
    b"A" * 70,
    b"T14:30:00Z",
]
CHARSETS = [
    b"",
    b"ISO_IR 100",
    b"ISO_IR 192",
    b"GB18030 ",
    b"\\ISO 2022 IR 149",
    b"\\ISO 2022 IR 87",
    b"ISO-IR 100",
    b"ISO_IR 999",
    b"ISO_IR 192\\ISO 2022 IR 87",
    b"\xff",
]
VALUES = st.lists(st.sampled_from(FRAGMENTS), max_size=6).map(b"".join) | st.binary(max_size=12)
VRS = st.sampled_from(["PN", "LO", "OB", "US", "SQ", "DS", "UN"])


@st.composite
def elements(draw: st.DrawFn) -> Element:
    """An element with any value, nearly always under a VR of the dictionary."""
    tag = tag_of(draw(st.sampled_from(KEYWORDS)))
    VR = draw(VRS) if draw(st.integers(0, 9)) == 0 else draw(st.sampled_from(sorted(vrs_of(tag))))
    return Element(tag, VR, draw(VALUES)) if VR != "SQ" else Element(tag, VR, b"", ())


def datasets(children: st.SearchStrategy[DataSet]) -> st.SearchStrategy[DataSet]:
    nested = st.lists(children, min_size=1, max_size=2).map(
        lambda items: sequence("OriginalAttributesSequence", *items)
    )
    charset = st.sampled_from(CHARSETS).map(lambda value: element("SpecificCharacterSet", value))
    parts = st.tuples(
        st.lists(elements(), max_size=6), st.lists(nested, max_size=1), st.lists(charset, max_size=1)
    )
    return parts.map(lambda each: dataset(*each[0], *each[1], *each[2]))


DATASETS = st.recursive(datasets(st.just(DataSet())), datasets, max_leaves=3)


def every_element(
    data: DataSet, encodings: tuple[str, ...] = ("ascii",)
) -> list[tuple[Element, tuple[str, ...]]]:
    """Give the elements at every depth, with the codecs of their text; ASCII where nothing is declared."""
    encodings = tuple("ascii" if codec == "iso8859" else codec for codec in encodings_of(data, encodings))
    found = []
    for each in data.values():
        found.append((each, encodings))
        for item in each.items or ():
            found += every_element(item, encodings)
    return found


@given(original=DATASETS)
def test_cleaning_twice_is_cleaning_once(original: DataSet) -> None:
    clean, _ = repair(original)
    assert repair(clean)[0] is clean


@given(original=DATASETS)
def test_nothing_unchanged_is_made_anew_and_nothing_is_changed_in_place(original: DataSet) -> None:
    before = encode_dataset(original, explicit=True)
    clean, found = repair(original)
    assert encode_dataset(original, explicit=True) == before
    assert (clean is original) == (clean == original)
    assert clean is original or found


@given(original=DATASETS)
def test_all_text_decodes_strictly_under_its_own_declaration(original: DataSet) -> None:
    clean, _ = repair(original)
    for each, encodings in every_element(clean):
        if each.VR in TEXT_VRS:
            assert decodes(each, encodings)


@given(original=DATASETS)
def test_whoever_reads_numbers_meets_none_that_do_not_parse(original: DataSet) -> None:
    clean, _ = repair(original)
    for each, _ in every_element(clean):
        if each.VR in BINARY_NUMBER_VRS | {"DS", "IS"}:
            assert all(map(math.isfinite, numbers_of(each)))


@given(original=DATASETS)
def test_every_date_is_valid_or_empty(original: DataSet) -> None:
    clean, _ = repair(original)
    for each, _ in every_element(clean):
        if each.VR == "DA":
            for text in filter(None, each.value.decode("ascii").strip(" ").split("\\")):
                assert 1800 <= date.fromisoformat(text).year <= 2049
                assert len(text) == 8


@given(original=DATASETS)
def test_tags_stay_in_order_and_are_those_of_before(original: DataSet) -> None:
    clean, _ = repair(original)
    assert list(clean) == sorted(clean)
    assert set(clean) - {SPECIFIC_CHARACTER_SET} == set(original) - {SPECIFIC_CHARACTER_SET}


@given(original=DATASETS)
def test_a_finding_says_which_rule_and_where_and_nothing_else(original: DataSet) -> None:
    rules = {rule.rule_id: rule.code for rule in all_rules()}
    tag = r"\([0-9A-F]{4},[0-9A-F]{4}\)"
    for finding in repair(original)[1]:
        assert rules[finding.rule] == finding.code
        assert re.fullmatch(rf"({tag}\[\d+\]\.)*{tag}", finding.path)


def test_a_real_header_without_fault_is_returned_as_it_is() -> None:
    header = read_header(buffer(ct_instance()))
    assert isinstance(header, Header)
    clean, found = repair(header.dataset, header.encodings)
    assert clean is header.dataset
    assert found == ()


def test_repairs_reach_every_depth_and_leave_the_rest_alone() -> None:
    untouched = dataset(element("StudyDate", b"20231012"))
    item = dataset(element("StudyDate", b"2023-10-12"))
    inner = sequence("OriginalAttributesSequence", untouched, item)
    original = dataset(element("Modality", b"CT"), sequence("RequestAttributesSequence", dataset(inner)))
    clean, found = repair(original)
    assert [finding.path for finding in found] == ["(0040,0275)[0].(0400,0561)[1].(0008,0020)"]
    items = clean[tag_of("RequestAttributesSequence")].items
    assert items is not None
    kept, repaired = items[0][tag_of("OriginalAttributesSequence")].items or ()
    assert kept is untouched
    assert repaired == dataset(element("StudyDate", b"20231012"))


def test_private_elements_are_held_to_the_vr_they_have() -> None:
    clean, found = repair(DataSet({0x00291008: Element(0x00291008, "CS", b"Anon")}))
    assert clean[0x00291008].value == b"ANON"
    assert rules_and_codes(found) == [("code-string-case", "BAD_CODE_REPAIRED")]


def test_a_vr_nobody_knows_is_left_alone() -> None:
    original = DataSet({0x00291008: Element(0x00291008, "ZZ", b"Anon")})
    assert repair(original) == (original, ())


def test_every_rule_is_described_once_in_a_sentence() -> None:
    described = describe()
    assert len({rule_id for rule_id, _ in described}) == len(described)
    for rule_id, sentence in described:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule_id)
        assert sentence[0].isupper()
        assert sentence.endswith(".")


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.rule_id)
def test_every_rule_speaks_in_codes_of_the_list(rule: object) -> None:
    reason = REASONS[getattr(rule, "code")]  # noqa: B009
    assert reason.kinds & {ReasonKind.SALVAGE, ReasonKind.QUARANTINE}


def test_the_description_tells_the_bound_of_the_future() -> None:
    assert "2049-12-31" in dict(describe())["date-future"]
