from __future__ import annotations

import struct

import pytest

from tasks.cleaning.repair import repair
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element
from tests.cleaning.elements import dataset, element, rules_and_codes, sequence


def cleaned(keyword: str, value: bytes, VR: str) -> tuple[Element, list[tuple[str, str]]]:
    clean, found = repair(dataset(element(keyword, value, VR)))
    return clean[tag_of(keyword)], rules_and_codes(found)


def test_a_string_stays_the_same_string() -> None:
    assert cleaned("StudyDate", b"20231012", "LO") == (
        element("StudyDate", b"20231012", "DA"),
        [("wrong-vr", "WRONG_VR")],
    )


def test_a_string_is_held_to_the_standards_format() -> None:
    assert cleaned("StudyDate", b"2023-10-12", "LO") == (
        element("StudyDate", b"20231012", "DA"),
        [("wrong-vr", "WRONG_VR"), ("date-iso", "BAD_DATE_REPAIRED")],
    )


@pytest.mark.parametrize(
    ("keyword", "VR", "number"),
    [("Rows", "UL", 512), ("Rows", "SS", 512), ("SmallestImagePixelValue", "SL", -5)],
)
def test_a_number_stays_the_same_number(keyword: str, VR: str, number: int) -> None:
    value = struct.pack({"UL": "<L", "SS": "<h", "SL": "<l"}[VR], number)
    clean, found = cleaned(keyword, value, VR)
    assert clean == element(keyword, struct.pack("<h", number), "SS" if number < 0 else "US")
    assert found == [("wrong-vr", "WRONG_VR")]


@pytest.mark.parametrize(
    ("keyword", "value", "VR", "standard"),
    [
        ("PatientName", b"\7\0", "US", "PN"),
        ("PatientID", b"ABCD", "OB", "LO"),
        ("PixelSpacing", b"\1\0", "US", "DS"),
        ("Rows", b"\xfb\xff", "SS", "US"),
        ("Rows", b"\0\0\1\0", "UL", "US"),
        ("Rows", b"\1\0\1", "UL", "US"),
        ("Rows", b"abc ", "DS", "US"),
    ],
)
def test_what_is_no_such_value_is_emptied(keyword: str, value: bytes, VR: str, standard: str) -> None:
    assert cleaned(keyword, value, VR) == (element(keyword, b"", standard), [("wrong-vr", "WRONG_VR")])


def test_a_sequence_where_a_value_belongs_is_emptied() -> None:
    nested = Element(tag_of("PatientID"), "SQ", b"", (DataSet(),))
    clean, _ = repair(dataset(nested))
    assert clean[nested.tag] == element("PatientID", b"", "LO")


def test_a_value_where_a_sequence_belongs_becomes_a_sequence_without_items() -> None:
    clean, _ = cleaned("ReferencedImageSequence", b"ABCD", "LO")
    assert clean == sequence("ReferencedImageSequence")


@pytest.mark.parametrize(
    ("keyword", "VR"),
    [("SmallestImagePixelValue", "SS"), ("RedPaletteColorLookupTableData", "OB"), ("Rows", "US")],
)
def test_every_vr_the_dictionary_allows_is_right(keyword: str, VR: str) -> None:
    original = dataset(element(keyword, b"\1\0", VR))
    assert repair(original) == (original, ())


def test_private_elements_have_the_vr_their_vendor_gave_them() -> None:
    original = DataSet(
        {0x00090010: Element(0x00090010, "UN", b"ACME"), 0x00091001: Element(0x00091001, "FD", b"")}
    )
    assert repair(original) == (original, ())
