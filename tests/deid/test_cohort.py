"""Which words of one patient are found in another's texts, and which are not: both sides of each rule."""

from __future__ import annotations

import pytest

from tasks.deid.cohort import CODE, FULL_NAME, NAME, is_searched, tokens_of_patient, tokens_of_text
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element

CODECS = ("utf-8",)


def rules_of(keyword: str, value: str, text: str, attribute: str = "SeriesDescription") -> set[str]:
    """Kinds of identifier that `text` has of whom an attribute with `value` is of."""
    said = tokens_of_patient(Element(tag_of(keyword), "PN", value.encode()), CODECS)
    heard = tokens_of_text(Element(tag_of(attribute), "LO", text.encode()), CODECS)
    return {token.split(" ")[0] for token in said & heard}


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("Doerfler^Janette", "CT chest doerfler", NAME),
        ("Doerfler^Janette", "T1 JANETTE_2", NAME),
        ("Dörfler^Janette", "dörfler", NAME),
        ("Smith^John", "control Smith", NAME),
        ("Zhang^Wei", "ZHANGWEI follow-up", NAME),
        ("White^May", "White, May", FULL_NAME),
        ("White^May", "may white", FULL_NAME),
        ("Wang^XiaoMing=王^小明", "头部 王小明 平扫", FULL_NAME),
        ("Wang^XiaoMing=王^小明", "王 小明", FULL_NAME),
        ("Wang^XiaoMing=王^小明", "复查王小明头部", FULL_NAME),
        ("=张^伟", "CT 张伟 chest", FULL_NAME),
        ("Иванов^Иван", "контроль Иванов", NAME),
    ],
)
def test_name_of_another_patient_is_found(name: str, text: str, rule: str) -> None:
    assert rule in rules_of("PatientName", name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Head^Anna", "CT Head without contrast"),
        ("Long^Anna", "long axis"),
        ("White^May", "white matter, may be artefact"),
        ("Long^Head", "tendon of the long head"),
        ("Smith^John", "Smith fracture"),
        ("Parkinson^James", "Parkinson disease"),
        ("Tse^Amy", "TSE sagittal"),
        ("Yu^A", "a yu"),
        ("=平^扫", "头部平扫增强"),
        ("Doerfler^Janette", "Doerflers"),
    ],
)
def test_words_of_medicine_and_of_everybody_are_no_names(name: str, text: str) -> None:
    assert rules_of("PatientName", name, text) == set()


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("MRN-4711001", "see MRN 4711001"),
        ("MRN-4711001", "4711001"),
        ("4711001", "MRN4711001"),
        ("0004711001", "no. 4711001"),
        ("4711001", "471-1001"),
        ("12-345-987", "12345987"),
        ("13800138000", "138 0013 8000"),
        ("４７１１００１", "4711001"),
        ("A12345X", "a12345x"),
    ],
)
def test_number_of_another_patient_is_found(code: str, text: str) -> None:
    assert CODE in rules_of("PatientID", code, text)
    assert CODE in rules_of("AccessionNumber", code, text)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("4711", "4711"),
        ("12345", "12345"),
        ("123456", "123456"),
        ("000000", "000000"),
        ("7777777", "7777777"),
        ("T2FLAIR", "T2FLAIR"),
        ("ABDOMEN", "ABDOMEN"),
        ("4711001", "47110012"),
        ("4711001", "4711 and 001"),
    ],
)
def test_numbers_that_many_have_tell_nobody(code: str, text: str) -> None:
    assert rules_of("PatientID", code, text) == set()


def test_products_are_searched_for_full_names_and_long_numbers_alone() -> None:
    model = "ManufacturerModelName"
    assert rules_of("PatientName", "Mira^Janette", "Magnetom Mira", model) == set()
    assert rules_of("PatientID", "4711001", "Build 4711001", model) == set()
    assert rules_of("PatientName", "Doerfler^Janette", "Janette Doerfler", model) == {FULL_NAME}
    assert rules_of("PatientID", "94711001", "94711001", model) == {CODE}


def test_items_are_read_and_searched_in_their_own_character_set() -> None:
    name = Element(0x00100010, "PN", "Дёрфлер".encode("iso8859_5"))
    charset = Element(0x00080005, "CS", b"ISO_IR 144")
    item = DataSet({0x00080005: charset, 0x00100010: name})
    said = tokens_of_patient(Element(0x00081120, "SQ", b"", (item,)), ("ascii",))
    text = DataSet(
        {0x00080005: charset, 0x0008103E: Element(0x0008103E, "LO", "дёрфлер".encode("iso8859_5"))}
    )
    assert said & tokens_of_text(Element(0x00081115, "SQ", b"", (text,)), ("ascii",))


def test_measurements_and_pseudonyms_are_not_searched() -> None:
    assert not is_searched(tag_of("ImagingFrequency"), "DS")
    assert not is_searched(tag_of("PatientID"), "LO")
    assert is_searched(0x00191010, "LO")
