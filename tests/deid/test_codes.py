from __future__ import annotations

import pytest

from tasks.deid.codes import meaning_of, public_schemes
from tasks.deid.deidentify import Deidentifier
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet
from tests.deid.builders import dataset, deidentify, instance, value_of


def treat(deidentifier: Deidentifier, **code: str) -> DataSet:
    original = instance(AnatomicRegionSequence=[dataset(**code)])
    items = deidentify(deidentifier, original).dataset[tag_of("AnatomicRegionSequence")].items
    assert items is not None
    return items[0]


@pytest.mark.parametrize(
    ("scheme", "code", "meaning"),
    [
        ("DCM", "113100", "Basic Application Confidentiality Profile"),
        ("DCM", "CT", "Computed Tomography"),
        ("SCT", "69536005", "Head structure"),
        ("SRT", "T-A0100", "Brain"),
        ("UCUM", "mm", "mm"),
        ("UCUM", "{counts}", "Counts"),
        ("SCT", "999999000", "DEIDENTIFIED"),
        ("LN", "99999-9", "DEIDENTIFIED"),
        ("UCUM", "mg/ml", "mg/ml"),
    ],
)
def test_a_public_code_is_kept_with_the_standards_words(
    scheme: str, code: str, meaning: str, research: Deidentifier
) -> None:
    item = treat(research, CodeValue=code, CodingSchemeDesignator=scheme, CodeMeaning="of Janette D.")
    assert value_of(item, "CodeValue") == code
    assert value_of(item, "CodingSchemeDesignator") == scheme
    assert value_of(item, "CodeMeaning").startswith(meaning)
    assert list(item) == sorted(item)


@pytest.mark.parametrize(
    ("scheme", "code"),
    [
        ("99HOSPITAL", "4711"),
        ("L", "Janette"),
        ("SCT", "Janette"),
        ("DCM", "JANETTE"),
        ("UCUM", "{Janette}"),
        ("UCUM", "janette"),
        ("LN", "12 March"),
        ("", "4711"),
        ("dcm", "113100"),
    ],
)
def test_any_other_code_is_replaced_by_a_keyed_one(scheme: str, code: str, research: Deidentifier) -> None:
    item = treat(
        research, CodeValue=code, CodingSchemeDesignator=scheme, CodingSchemeVersion="Doe", CodeMeaning="Doe"
    )
    assert value_of(item, "CodeValue") != code
    assert len(value_of(item, "CodeValue")) == 16
    assert value_of(item, "CodingSchemeDesignator") == "99DEIDENTIFIED"
    assert value_of(item, "CodeMeaning") == "DEIDENTIFIED"
    assert tag_of("CodingSchemeVersion") not in item


def test_equal_private_codes_stay_equal_and_others_apart(research: Deidentifier) -> None:
    codes = [
        value_of(treat(research, CodeValue=code, CodingSchemeDesignator=scheme), "CodeValue")
        for code, scheme in (("1", "99A"), ("1", "99A"), ("2", "99A"), ("1", "99B"))
    ]
    assert codes[0] == codes[1]
    assert len(set(codes)) == 3


def test_a_public_schemes_version_is_kept_if_it_is_one(research: Deidentifier) -> None:
    code = {"CodeValue": "113100", "CodingSchemeDesignator": "DCM"}
    assert (
        value_of(treat(research, **code, CodingSchemeVersion="20240101"), "CodingSchemeVersion") == "20240101"
    )
    assert tag_of("CodingSchemeVersion") not in treat(research, **code, CodingSchemeVersion="of Doe")


def test_long_and_urn_codes_are_treated_alike(research: Deidentifier) -> None:
    long = treat(
        research, LongCodeValue="urn.of.janette.doe.4711", CodingSchemeDesignator="99X", CodeMeaning="x"
    )
    assert len(value_of(long, "LongCodeValue")) == 24
    assert list(long) == sorted(long)
    urn = treat(research, URNCodeValue="urn:hospital:janette", CodeMeaning="x")
    assert value_of(urn, "URNCodeValue").startswith("urn:oid:2.25.")
    assert tag_of("CodingSchemeDesignator") not in urn


def test_a_scheme_without_a_code_is_kept_only_if_public(research: Deidentifier) -> None:
    assert value_of(treat(research, CodingSchemeDesignator="SCT"), "CodingSchemeDesignator") == "SCT"
    assert (
        value_of(treat(research, CodingSchemeDesignator="99US"), "CodingSchemeDesignator") == "99DEIDENTIFIED"
    )


@pytest.mark.parametrize("uid", ["2.16.840.1.113883.6.96", "1.2.840.10008.2.16.4"])
def test_the_uid_of_a_public_scheme_is_no_instance(uid: str, research: Deidentifier) -> None:
    assert (
        value_of(treat(research, CodingSchemeDesignator="SCT", CodingSchemeUID=uid), "CodingSchemeUID") == uid
    )


def test_a_patient_called_as_a_code_is_meant_keeps_nothing_of_it_outside_the_standards_words(
    research: Deidentifier,
) -> None:
    code = dataset(CodeValue="69536005", CodingSchemeDesignator="SCT", CodeMeaning="Head")
    original = instance(
        PatientName="Head^Anna", AnatomicRegionSequence=[code], Manufacturer="Head Industries"
    )
    treated = deidentify(research, original).dataset
    assert value_of(treated, "Manufacturer") == "DEIDENTIFIED"
    items = treated[tag_of("AnatomicRegionSequence")].items or ()
    assert value_of(items[0], "CodeMeaning") == "Head structure (body structure)"


def test_every_meaning_fits_its_vr() -> None:
    assert len(public_schemes()) > 20
    assert meaning_of("SCT", "69536005") == "Head structure (body structure)"
    assert meaning_of("99ANY", "T-A0100") == "DEIDENTIFIED"
