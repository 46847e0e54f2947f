from __future__ import annotations

import time

import pytest

from tasks.deid.actions import OPTIONS
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.rules import make_profile
from tasks.deid.text.device_text import find_person
from tasks.deid.work import DUMMY_TEXT
from tasks.dicom.dictionary import tag_of, vr_of
from tests.builders import KEY_TEXT
from tests.deid.builders import dataset, deidentify, element, instance


@pytest.mark.parametrize(
    ("keyword", "value", "code"),
    [
        ("ScanOptions", "Jane Doe", "WRONG_VR"),
        ("ScanOptions", "SEVENTEEN_LETTERS", "WRONG_VR"),
        ("ScanOptions", "FINE\\Not fine", "WRONG_VR"),
        ("ScanOptions", "FINE\n", "WRONG_VR"),
        ("KVP", "120 kV", "BAD_NUMBER"),
        ("KVP", "1.2.3", "BAD_NUMBER"),
        ("KVP", "NaN", "BAD_NUMBER"),
        ("SeriesNumber", "1.5", "BAD_NUMBER"),
        ("SeriesNumber", "Doe", "BAD_NUMBER"),
        ("SeriesNumber", "138001380001", "BAD_NUMBER"),
        ("Rows", b"\x10\0\0", "BAD_NUMBER"),
        ("Rows", b"Janette ", "BAD_NUMBER"),
        ("Manufacturer", "ACME\nname=Doe", "BAD_TEXT"),
        ("Manufacturer", "AC\0ME", "BAD_TEXT"),
        ("PatientAge", "42", "BAD_AGE"),
        ("LUTData", b"\1\2\3\4\5", None),
    ],
)
def test_a_value_that_is_not_what_its_vr_says_is_removed(
    keyword: str, value: bytes | str, code: str | None, research: Deidentifier
) -> None:
    original = element(keyword, value)
    result = deidentify(research, instance(original))
    assert (original.tag in result.dataset) is (code is None)
    assert [finding.code for finding in result.findings] == ([code] if code else [])


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ScanOptions", ""),
        ("ScanOptions", "A\\\\B_2 "),
        ("ImagePositionPatient", "-1.5e-3\\ 2 \\+.5"),
        ("KVP", "120."),
        ("SeriesNumber", "-0012"),
        ("Manufacturer", b"Sch\xc3\xb6n & S\xc3\xb6hne"),
        ("Manufacturer", b"ACME\0\0"),
        ("FrameIncrementPointer", b"\x18\0\x63\x10"),
        ("PatientAge", "089Y"),
        ("PatientAge", "012W"),
    ],
)
def test_a_value_that_is_what_its_vr_says_is_kept_as_it_was(
    keyword: str, value: bytes | str, research: Deidentifier
) -> None:
    original = element(keyword, value)
    result = deidentify(research, instance(original))
    assert result.dataset[original.tag] == original
    assert result.findings == ()


@pytest.mark.parametrize("age", ["090Y", "102Y"])
def test_ages_over_89_are_one_age(age: str, research: Deidentifier) -> None:
    assert deidentify(research, instance(PatientAge=age)).dataset[tag_of("PatientAge")].value == b"090Y"


def test_an_enumerated_attribute_holds_its_values_and_no_name(research: Deidentifier) -> None:
    assert deidentify(research, instance(PatientSex="F")).dataset[tag_of("PatientSex")].value == b"F "
    result = deidentify(research, instance(PatientSex="SPRINGFIELD"))
    assert result.dataset[tag_of("PatientSex")].value == b""
    assert [finding.rule for finding in result.findings] == ["enumerated-values"]


@pytest.mark.parametrize(
    ("keyword", "value", "rule"),
    [
        ("Manufacturer", "Jane Roe", "unknown-word"),
        ("SoftwareVersions", "V1.0\\seen by Dr. Quackenbush", "labelled-name"),
        ("ConvolutionKernel", "WANG WEI", "unknown-word"),
        ("ManufacturerModelName", "a.b@example.org", "mail"),
        ("ReconstructionMethod", "at Springfield General Hospital", "hospital"),
    ],
)
def test_text_of_a_device_that_names_somebody_is_replaced(
    keyword: str, value: str, rule: str, research: Deidentifier
) -> None:
    result = deidentify(research, instance(**{keyword: value}))
    assert result.dataset[tag_of(keyword)].value.strip().decode() == DUMMY_TEXT
    assert [finding.rule for finding in result.findings] == [rule]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Manufacturer", "SIEMENS"),
        ("Manufacturer", "Villa Sistemi Medicali"),
        ("ManufacturerModelName", "SOMATOM Definition AS+"),
        ("ManufacturerModelName", "Trio Tim"),
        ("SoftwareVersions", "syngo CT 2011A\\VA44A"),
        ("SoftwareVersions", "453561726031__OS.12.676__OS__[2013/08/29]-15:43"),
        ("ConvolutionKernel", "B30f"),
        ("ReceiveCoilName", "32Ch Head"),
    ],
)
def test_text_of_a_device_stays(keyword: str, value: str, research: Deidentifier) -> None:
    result = deidentify(research, instance(**{keyword: value}))
    assert result.dataset[tag_of(keyword)].value.strip().decode() == value
    assert result.findings == ()


def test_a_maker_in_chinese_stays_and_a_person_does_not() -> None:
    assert [find_person(text) for text in ("上海联影医疗", "东软医疗", "联影 张伟")] == [
        "",
        "",
        "unknown-word",
    ]


@pytest.mark.parametrize("value", ["KHABIBULLIN", "SIMA", "ABE", "HFS\\OYELARAN"])
def test_a_code_string_of_words_that_nobody_knows_is_emptied(value: str, research: Deidentifier) -> None:
    result = deidentify(research, instance(ScanOptions=value))
    assert result.dataset[tag_of("ScanOptions")].value == b""
    assert [finding.rule for finding in result.findings] == ["unknown-code"]


@pytest.mark.parametrize(
    "value",
    [
        "LARGE_BOWTIE",
        "ORIGINAL\\PRIMARY\\M\\ND\\NORM\\MFSPLIT",
        "HYPERSAT_GEMS",
        "SCINTILLATOR",
        "ADC\\UNSPECIFIED",
    ],
)
def test_a_code_string_of_a_device_stays(value: str, research: Deidentifier) -> None:
    kept = deidentify(research, instance(ImageType=value)).dataset[tag_of("ImageType")]
    assert kept.value.strip().decode() == value


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Rows", b"\x10\0"),
        ("KVP", "120 "),
        ("Modality", "CT"),
        ("Manufacturer", "ACME"),
        ("RedPaletteColorLookupTableData", b"ab"),
    ],
)
def test_un_is_read_as_the_dictionary_has_it(
    keyword: str, value: bytes | str, research: Deidentifier
) -> None:
    result = deidentify(research, instance(element(keyword, value, "UN")))
    assert result.dataset[tag_of(keyword)] == element(keyword, value)
    assert result.findings == ()


def test_one_string_vr_stands_for_another_if_the_value_agrees(research: Deidentifier) -> None:
    result = deidentify(research, instance(element("Modality", "CT", "LO"), element("KVP", "Doe", "LO")))
    assert result.dataset[tag_of("Modality")].VR == "CS"
    assert tag_of("KVP") not in result.dataset
    assert {finding.code for finding in result.findings} == {"WRONG_VR", "BAD_NUMBER"}


@pytest.mark.parametrize(
    ("keyword", "claimed"),
    [
        ("Rows", "LO"),
        ("Rows", "SS"),
        ("Modality", "US"),
        ("Modality", "SQ"),
        ("ReferencedSeriesSequence", "LO"),
    ],
)
def test_any_other_vr_is_a_lie(keyword: str, claimed: str, research: Deidentifier) -> None:
    lie = element(keyword, [dataset(PatientID="1")] if claimed == "SQ" else b"\1\2", claimed)
    result = deidentify(research, instance(lie))
    assert lie.tag not in result.dataset
    assert [finding.code for finding in result.findings] == ["WRONG_VR"]


@pytest.mark.parametrize("claimed", ["UN", "CS", "LO", "SQ"])
@pytest.mark.parametrize("keyword", ["Modality", "Manufacturer", "Rows", "LUTData", "PatientAge"])
def test_items_are_never_kept_under_another_name(keyword: str, claimed: str, research: Deidentifier) -> None:
    lie = element(keyword, [dataset(PatientID="MRN-4711")], claimed)
    assert lie.tag not in deidentify(research, instance(lie)).dataset


@pytest.mark.parametrize("keyword", ["SourceImageSequence", "ContentSequence"])
def test_a_sequence_of_the_table_that_is_none_becomes_an_empty_one(
    keyword: str, research: Deidentifier
) -> None:
    result = deidentify(research, instance(element(keyword, "text of Doe", "LO")))
    assert result.dataset[tag_of(keyword)] == element(keyword, [])
    assert [finding.code for finding in result.findings] == ["WRONG_VR"]


def test_items_under_un_are_a_sequence(research: Deidentifier) -> None:
    hidden = element("ReferencedSeriesSequence", [dataset(PatientAge="042Y", PatientAddress="here")], "UN")
    found = deidentify(research, instance(hidden)).dataset[hidden.tag]
    assert found.VR == "SQ"
    assert [list(item) for item in found.items or ()] == [[tag_of("PatientAge")]]


def test_an_undecided_un_takes_the_vr_that_comes_first(research: Deidentifier) -> None:
    tag = tag_of("PixelPaddingValue")
    result = deidentify(research, instance(element(tag, b"\1\0", "UN")))
    assert result.dataset[tag].VR == vr_of(tag) == "US"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("KVP", b" " * 60000 + b"x"),
        ("KVP", b"1" * 60000 + b"x"),
        ("ImagePositionPatient", b"1\\" * 30000 + b"x"),
        ("SeriesNumber", b" " * 60000 + b"x"),
        ("ScanOptions", b"A" * 60000),
        ("PatientName", b"A" * 65000),
        ("PatientName", b"^" * 65000),
        ("PatientName", b"A^" * 32000),
        ("PatientID", b"1." * 32000),
        ("StudyDate", b"1" * 65000),
        ("AcquisitionDateTime", b"2" * 65000),
        ("ReferencedSOPInstanceUID", b"1." * 30000),
        ("ReferencedSOPInstanceUID", b"1\\" * 30000),
    ],
)
def test_no_value_is_slow_to_judge(keyword: str, value: bytes, research: Deidentifier) -> None:
    started = time.process_time()
    deidentify(research, instance(**{keyword: value}))
    assert time.process_time() - started < 1


@pytest.mark.parametrize("dates", ["retain-modified-dates", "retain-full-dates"])
def test_no_option_tells_when_somebody_was_born(dates: str) -> None:
    """So a generalised age is not undone by a date beside it."""
    options = tuple(option for name, option in OPTIONS.items() if not name.endswith("dates") or name == dates)
    deidentifier = Deidentifier(load_key(text=KEY_TEXT), make_profile("all", "", options))
    treated = deidentify(deidentifier, instance(PatientBirthDate="19200101", PatientAge="103Y")).dataset
    assert treated[tag_of("PatientBirthDate")].value == b""
    assert treated[tag_of("PatientAge")].value == b"090Y"
