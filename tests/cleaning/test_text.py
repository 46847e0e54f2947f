from __future__ import annotations

import pytest

from tasks.cleaning.repair import repair
from tests.cleaning.elements import dataset, element, findings, repaired

CONTROLS = [("control-characters", "BAD_TEXT")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x1b[2JMRN1", b"MRN1"),
        (b"\x1b[31;1mMRN1\x1b[0m", b"MRN1"),
        (b"MRN\x001 ", b"MRN1 "),
        (b"HEAD\r\nAXIAL ", b"HEAD AXIAL"),
        (b"HEAD\tAXIAL", b"HEAD AXIAL"),
        (b"\x07MRN1\x7f\x0e\x0f ", b"MRN1 "),
        (b"MRN1\x1b", b"MRN1"),
    ],
)
def test_control_characters_leave_a_text_of_one_line(value: bytes, expected: bytes) -> None:
    assert repaired("PatientID", value).rstrip() == expected.rstrip()
    assert findings("PatientID", value) == CONTROLS


@pytest.mark.parametrize("value", [b"MRN1\0", b"MRN1\0\0\0\0", b"MRN1 \0"])
def test_trailing_nuls_are_stripped(value: bytes) -> None:
    assert repaired("PatientID", value).rstrip() == b"MRN1"
    assert findings("PatientID", value) == [("text-padding", "BAD_TEXT")]


def test_paragraphs_keep_their_lines() -> None:
    original = dataset(element("ImageComments", b"first\r\n\tsecond\f "))
    assert repair(original) == (original, ())


def test_paragraphs_lose_other_control_characters() -> None:
    assert repaired("ImageComments", b"first\x0b\x08\nsecond") == b"first\nsecond"


@pytest.mark.parametrize(
    ("keyword", "longest", "VR"),
    [
        ("AccessionNumber", 16, "SH"),
        ("PatientID", 64, "LO"),
        ("PatientName", 64, "PN"),
        ("ImageComments", 10240, "LT"),
    ],
)
def test_a_text_too_long_is_kept_because_it_may_tell_two_patients_apart(
    keyword: str, longest: int, VR: str
) -> None:
    assert findings(keyword, b"A" * longest, VR) == []
    long_value = b"A" * (longest + 2)
    assert repaired(keyword, long_value) == long_value
    assert findings(keyword, long_value) == [("text-too-long", "BAD_TEXT")]


def test_length_is_counted_per_value_and_per_component_group() -> None:
    assert findings("OtherPatientNames", b"\\".join([b"A" * 60, b"B" * 60 + b"=" + b"C" * 60])) == []
    assert findings("AccessionNumber", b"A" * 15 + b"\\" + b"B" * 16) == []


def test_length_is_counted_in_characters_and_not_in_bytes() -> None:
    name = "张" * 64
    clean, found = repair(
        dataset(element("SpecificCharacterSet", b"GB18030 "), element("PatientID", name.encode("gb18030")))
    )
    assert found == ()
    assert repair(clean)[0] is clean


@pytest.mark.parametrize("keyword", ["RetrieveAETitle", "RetrieveURL"])
def test_names_outside_the_character_set_are_ascii(keyword: str) -> None:
    assert findings(keyword, "Über".encode("latin-1")) == [("text-not-ascii", "BAD_TEXT")]
    assert repaired(keyword, b"ABC\x1b(B") == b"ABC(B "


def test_typographic_quotes_of_windows_leave_latin_1() -> None:
    original = dataset(
        element("SpecificCharacterSet", b"ISO_IR 100"), element("StudyDescription", b"Patient\x92s caf\xe9 ")
    )
    clean, found = repair(original)
    assert [each.value for each in clean.values()][1] == b"Patients caf\xe9 "
    assert [finding.rule for finding in found] == ["control-characters"]
