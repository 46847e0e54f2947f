from __future__ import annotations

import pickle

import pytest

from tasks.deid.deidentify import Deidentified, Deidentifier
from tasks.deid.key import Key
from tasks.deid.profile import load_profile
from tasks.deid.pseudonyms import Pseudonyms
from tasks.deid.rules import make_profile
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import Element
from tasks.dicom.values import encode_numbers
from tasks.records import Finding
from tests.deid.builders import (
    DIGEST,
    KEY,
    ROOT,
    dataset,
    deidentify,
    element,
    instance,
    leaves,
    nest,
    value_of,
    without,
)


def test_an_output_says_what_was_done_to_it(research: Deidentifier) -> None:
    treated = deidentify(research, instance()).dataset
    assert value_of(treated, "PatientIdentityRemoved") == "YES"
    assert (
        value_of(treated, "DeidentificationMethod") == "dicomflow: PS3.15 2025c Table E.1-1, profile research"
    )
    assert value_of(treated, "LongitudinalTemporalInformationModified") == "MODIFIED"
    codes = treated[tag_of("DeidentificationMethodCodeSequence")].items or ()
    assert [value_of(code, "CodeValue") for code in codes] == [
        "113100",
        "113105",
        "113107",
        "113108",
        "113111",
    ]
    assert {value_of(code, "CodingSchemeDesignator") for code in codes} == {"DCM"}
    assert value_of(codes[0], "CodeMeaning") == "Basic Application Confidentiality Profile"


def test_the_basic_profile_says_that_dates_are_gone(basic: Deidentifier) -> None:
    treated = deidentify(basic, instance(StudyDate="20230412", PatientAge="042Y")).dataset
    assert value_of(treated, "LongitudinalTemporalInformationModified") == "REMOVED"
    assert value_of(treated, "StudyDate") == ""
    assert tag_of("PatientAge") not in treated


def test_what_an_earlier_tool_said_of_itself_does_not_stay(research: Deidentifier) -> None:
    earlier = dataset(CodeValue="113110", CodingSchemeDesignator="DCM", CodeMeaning="Retain UIDs Option")
    original = instance(
        PatientIdentityRemoved="NO",
        DeidentificationMethod="by hand, Dr. Quincy",
        DeidentificationMethodCodeSequence=[earlier],
    )
    assert deidentify(research, original).dataset == deidentify(research, instance()).dataset


def test_values_that_go_into_text_attributes_fit_them() -> None:
    longest = Deidentifier(KEY, make_profile("x" * 16, "", ()))
    for leaf in leaves(deidentify(longest, instance(StudyID="1", AccessionNumber="1")).dataset):
        limit = {"SH": 16, "LO": 64, "PN": 64, "CS": 16, "UI": 64}.get(leaf.VR)
        assert limit is None or all(len(value) <= limit for value in leaf.value.rstrip(b" \0").split(b"\\"))
        assert len(leaf.value) % 2 == 0


def test_elements_come_out_in_ascending_order(research: Deidentifier) -> None:
    original = without(instance(Rows=b"\1\0", AccessionNumber="7"), "PatientName", "SOPInstanceUID")
    tags = list(deidentify(research, original).dataset)
    assert tags == sorted(tags)


def test_viewers_and_joins_still_know_the_patient_and_the_study(research: Deidentifier) -> None:
    result = deidentify(research, instance(AccessionNumber="A1", StudyID="S1"))
    assert (
        value_of(result.dataset, "PatientName") == value_of(result.dataset, "PatientID") == result.PatientID
    )
    assert result.PatientID == Pseudonyms(KEY).patient("", "MRN-4711", "")
    assert value_of(result.dataset, "AccessionNumber")
    assert value_of(result.dataset, "StudyID")


def test_empty_stays_empty(research: Deidentifier) -> None:
    keywords = (
        "AccessionNumber",
        "StudyID",
        "StudyDate",
        "ReferringPhysicianName",
        "PersonName",
        "FrameOfReferenceUID",
    )
    treated = deidentify(research, instance(**dict.fromkeys(keywords, ""))).dataset
    assert [treated[tag_of(keyword)].value for keyword in keywords] == [b""] * len(keywords)


def test_a_study_id_is_unlinkable_between_patients_and_an_accession_number_is_not_bound_to_one(
    research: Deidentifier,
) -> None:
    one, other = (
        deidentify(research, instance(PatientID=patient, StudyID="1", AccessionNumber="A1")).dataset
        for patient in ("A", "B")
    )
    assert value_of(one, "StudyID") != value_of(other, "StudyID")
    assert value_of(one, "AccessionNumber") == value_of(other, "AccessionNumber")


def test_references_map_as_their_targets(research: Deidentifier) -> None:
    target = deidentify(research, instance())
    item = dataset(
        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        ReferencedSOPInstanceUID=f"{ROOT}.1.2.3",
        SeriesInstanceUID=f"{ROOT}.1.2",
        StudyInstanceUID=f"{ROOT}.1",
    )
    for keyword in ("ReferencedImageSequence", "SourceImageSequence", "ReferencedInstanceSequence"):
        items = (
            deidentify(research, instance(nest(element(keyword, [item]), 0))).dataset[tag_of(keyword)].items
        )
        assert items is not None
        assert value_of(items[0], "ReferencedSOPInstanceUID") == target.SOPInstanceUID
        assert value_of(items[0], "SeriesInstanceUID") == target.SeriesInstanceUID
        assert value_of(items[0], "StudyInstanceUID") == target.StudyInstanceUID
        assert value_of(items[0], "ReferencedSOPClassUID") == "1.2.840.10008.5.1.4.1.1.2"


def test_each_uid_of_several_is_mapped_and_registered_ones_stay(research: Deidentifier) -> None:
    original = instance(FailedSOPInstanceUIDList=f"{ROOT}.1\\1.2.840.10008.1.2\\{ROOT}.1.2")
    uids = value_of(deidentify(research, original).dataset, "FailedSOPInstanceUIDList").split("\\")
    result = deidentify(research, instance())
    assert uids == [result.StudyInstanceUID, "1.2.840.10008.1.2", result.SeriesInstanceUID]


def test_an_instance_that_claims_a_registered_uid_gets_its_own(research: Deidentifier) -> None:
    result = deidentify(research, instance(SOPInstanceUID="1.2.840.10008.1.2"))
    assert result.SOPInstanceUID.startswith("2.25.")


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("missing", [True, False])
def test_a_missing_uid_comes_of_the_content(keyword: str, missing: bool, research: Deidentifier) -> None:
    original = without(instance(), keyword) if missing else instance(**{keyword: ""})
    one, again, other = (
        research.deidentify(original, ("iso8859",), digest) for digest in (DIGEST, DIGEST, b"x")
    )
    assert isinstance(one, Deidentified)
    assert isinstance(again, Deidentified)
    assert isinstance(other, Deidentified)
    assert Finding("uid-present", "", "MISSING_UID")._replace(path=one.findings[0].path) in one.findings
    assert value_of(one.dataset, keyword) == value_of(again.dataset, keyword) == getattr(one, keyword)
    assert value_of(one.dataset, keyword) != value_of(other.dataset, keyword)


def test_three_missing_uids_are_three_uids(research: Deidentifier) -> None:
    keywords = ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
    result = deidentify(research, without(instance(), *keywords))
    assert len({getattr(result, keyword) for keyword in keywords}) == 3


@pytest.mark.parametrize(
    "uid", ["../../etc/passwd", "1.2.03", "abc", "1" * 70, f"{ROOT}.1\\{ROOT}.2", "1..2"]
)
def test_a_malformed_uid_is_reported_and_mapped_by_its_bytes(uid: str, research: Deidentifier) -> None:
    result = deidentify(research, instance(StudyInstanceUID=uid))
    other_instance = deidentify(research, instance(StudyInstanceUID=uid, SOPInstanceUID=f"{ROOT}.1.2.4"))
    assert [finding.code for finding in result.findings] == ["BAD_UID"]
    assert result.StudyInstanceUID == other_instance.StudyInstanceUID == Pseudonyms(KEY).uid(uid.encode())


@pytest.mark.parametrize("patient_id", ["", "   "])
def test_patients_without_an_id_are_as_many_as_their_studies(patient_id: str, research: Deidentifier) -> None:
    one, same_study, other_study = (
        deidentify(
            research, instance(PatientID=patient_id, SOPInstanceUID=f"{ROOT}.{n}", StudyInstanceUID=study)
        )
        for n, study in ((1, f"{ROOT}.1"), (2, f"{ROOT}.1"), (3, f"{ROOT}.2"))
    )
    assert "MISSING_PATIENT_ID" in {finding.code for finding in one.findings}
    assert one.PatientID == same_study.PatientID != other_study.PatientID
    assert deidentify(research, without(instance(), "PatientID")).PatientID == one.PatientID


def test_an_issuer_makes_another_patient(research: Deidentifier) -> None:
    north, south = (deidentify(research, instance(IssuerOfPatientID=issuer)) for issuer in ("North", "South"))
    assert north.PatientID != south.PatientID


def test_a_missing_class_is_reported(research: Deidentifier) -> None:
    result = deidentify(research, without(instance(), "SOPClassUID"))
    assert result.SOPClassUID == ""
    assert [finding.code for finding in result.findings] == ["MISSING_SOP_CLASS"]


def test_an_item_that_speaks_of_another_patient_gets_that_patients_pseudonym(research: Deidentifier) -> None:
    item = dataset(PatientID="B", PatientName="Other^One")
    original = instance(GroupOfPatientsIdentificationSequence=[item, dataset(PatientName="Doerfler")])
    result = deidentify(research, original)
    items = result.dataset[tag_of("GroupOfPatientsIdentificationSequence")].items or ()
    assert value_of(items[0], "PatientID") == deidentify(research, instance(PatientID="B")).PatientID
    assert value_of(items[0], "PatientName") == value_of(items[0], "PatientID")
    assert value_of(items[1], "PatientName") == result.PatientID


def test_an_item_without_an_issuer_means_the_instances_issuer(research: Deidentifier) -> None:
    item = dataset(PatientID="MRN-4711", PatientName="")
    original = instance(IssuerOfPatientID="North", ReferencedSeriesSequence=[item])
    result = deidentify(research, original)
    nested = (result.dataset[tag_of("ReferencedSeriesSequence")].items or ())[0]
    assert value_of(nested, "PatientID") == result.PatientID
    assert value_of(nested, "PatientName") == ""


def test_what_an_item_says_of_itself_ends_with_it(research: Deidentifier) -> None:
    name = "Люкceмбypг"
    outer = {"SpecificCharacterSet": "ISO_IR 192", "StudyID": "1", "VerifyingObserverName": name}
    item = dataset(SpecificCharacterSet="ISO_IR 144", PatientID="B", IssuerOfPatientID="South")
    alone = deidentify(research, instance(**outer)).dataset
    after = deidentify(research, instance(**outer, ReferencedSeriesSequence=[item])).dataset
    for keyword in ("StudyID", "VerifyingObserverName", "PatientID"):
        assert value_of(after, keyword) == value_of(alone, keyword)


def test_one_person_is_one_pseudonym_in_every_role(research: Deidentifier) -> None:
    original = instance(PersonName="Quincy^Amelia\\Other^One", VerifyingObserverName="QUINCY^AMELIA^^ ")
    treated = deidentify(research, original).dataset
    operators = value_of(treated, "PersonName").split("\\")
    assert operators[0] == value_of(treated, "VerifyingObserverName") != operators[1]


def test_a_name_is_keyed_in_the_character_set_of_its_item(research: Deidentifier) -> None:
    name = "Люкceмбypг"
    outer = instance(SpecificCharacterSet="ISO_IR 192", PersonName=name)
    item = dataset(SpecificCharacterSet="ISO_IR 144", PersonName=name.encode("iso8859_5"))
    nested = instance(SpecificCharacterSet="ISO_IR 192", ReferencedSeriesSequence=[item])
    items = deidentify(research, nested).dataset[tag_of("ReferencedSeriesSequence")].items or ()
    assert value_of(items[0], "PersonName") == value_of(deidentify(research, outer).dataset, "PersonName")


def test_a_kept_text_that_names_the_patient_is_replaced_at_its_place(research: Deidentifier) -> None:
    item = dataset(Manufacturer="Doerfler & Sons", ManufacturerModelName="Scanner 9")
    result = deidentify(research, instance(Manufacturer="ACME", ContributingEquipmentSequence=[item]))
    equipment = (result.dataset[tag_of("ContributingEquipmentSequence")].items or ())[0]
    assert value_of(equipment, "Manufacturer") == "DEIDENTIFIED"  # of type 1 in some IOD
    assert value_of(equipment, "ManufacturerModelName") == "Scanner 9"
    assert value_of(result.dataset, "Manufacturer") == "ACME"
    assert result.findings == (Finding("identifier-in-text", "(0018,A001)[0].(0008,0070)", "BAD_TEXT"),)


def test_a_number_that_is_the_patients_id_is_emptied(research: Deidentifier) -> None:
    result = deidentify(research, instance(PatientID="4711000", SeriesNumber="4711000", InstanceNumber="1"))
    assert value_of(result.dataset, "SeriesNumber") == ""
    assert value_of(result.dataset, "InstanceNumber") == "1"


def test_graphic_annotations_stay_without_their_text(research: Deidentifier) -> None:
    text = dataset(UnformattedTextValue="Doerfler^Janette", BoundingBoxAnnotationUnits="PIXEL")
    annotation = dataset(TextObjectSequence=[text], GraphicLayer="LAYER")
    treated = deidentify(research, instance(GraphicAnnotationSequence=[annotation])).dataset
    outer = (treated[tag_of("GraphicAnnotationSequence")].items or ())[0]
    inner = (outer[tag_of("TextObjectSequence")].items or ())[0]
    assert value_of(inner, "UnformattedTextValue") == "DEIDENTIFIED"
    assert value_of(inner, "BoundingBoxAnnotationUnits") == "PIXEL"


def test_an_unreadable_date_is_removed_and_reported(research: Deidentifier) -> None:
    result = deidentify(research, instance(StudyDate="13.03.1957", StudyTime="tea time"))
    assert tag_of("StudyDate") not in result.dataset
    assert tag_of("StudyTime") not in result.dataset
    assert {finding.code for finding in result.findings} == {"BAD_DATE", "BAD_TIME"}


def test_a_worker_takes_neither_key_nor_identifiers_along(research: Deidentifier) -> None:
    for traveller in (research, deidentify(research, instance())):
        with pytest.raises(TypeError):
            pickle.dumps(traveller)


def test_nothing_of_an_output_shows_in_its_repr(research: Deidentifier) -> None:
    result = deidentify(research, instance())
    assert result.PatientID not in repr(result)
    assert "oerfler" not in repr(result)


def test_another_key_gives_an_unrelated_output(research: Deidentifier, under_other_key: Deidentifier) -> None:
    original = instance(StudyDate="20230412", AccessionNumber="A1", PersonName="Quincy^Amelia")
    ours, theirs = deidentify(research, original), deidentify(under_other_key, original)
    for keyword in ("PatientID", "SOPInstanceUID", "StudyDate", "AccessionNumber", "PersonName"):
        assert value_of(ours.dataset, keyword) != value_of(theirs.dataset, keyword)


def test_two_workers_agree(research: Deidentifier) -> None:
    elsewhere = Deidentifier(Key(bytes(range(7, 39))), load_profile("research"))
    original = instance(StudyDate="20230412", AccessionNumber="A1")
    assert deidentify(elsewhere, original).dataset == deidentify(research, original).dataset


@pytest.mark.parametrize(
    ("VR", "keyword"), [("FD", "SpiralPitchFactor"), ("UL", "SelectorULValue"), ("SL", "SelectorSLValue")]
)
def test_a_binary_number_that_is_the_patients_id_is_emptied(
    VR: str, keyword: str, research: Deidentifier
) -> None:
    value = encode_numbers(VR, 4711000)
    tag = tag_of(keyword)
    result = deidentify(research, instance(Element(tag, VR, value), PatientID="4711000"))
    assert not result.dataset[tag].value
    kept = deidentify(research, instance(Element(tag, VR, value), PatientID="4711001"))
    assert kept.dataset[tag].value == value
