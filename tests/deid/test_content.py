"""Structured reports and graphic annotations, cleaned item by item under their options."""

from __future__ import annotations

import pytest

from tasks.deid.actions import OPTIONS
from tasks.deid.content import kinds
from tasks.deid.deidentify import Deidentifier
from tasks.deid.profile import load_profile
from tasks.deid.pseudonyms import Pseudonyms
from tasks.deid.rules import make_profile
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet
from tasks.dicom.encode import encode_dataset
from tasks.records import Reject
from tests.deid.builders import DIGEST, KEY, ROOT, dataset, deidentify, element, instance, value_of

BASIC_TEXT_SR, KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.88.59"


def deidentifier_with(*options: str) -> Deidentifier:
    return Deidentifier(KEY, make_profile("one", "", tuple(OPTIONS[name] for name in options)))


@pytest.fixture(scope="module", name="cleaner")
def make_cleaner() -> Deidentifier:
    return deidentifier_with(
        "clean-structured-content", "retain-modified-dates", "retain-patient-characteristics"
    )


def code(value: str, scheme: str, meaning: str) -> DataSet:
    return dataset(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def item(kind: str, name: DataSet, **values: bytes | str | list[DataSet]) -> DataSet:
    return dataset(RelationshipType="CONTAINS", ValueType=kind, ConceptNameCodeSequence=[name], **values)


FINDING = code("121071", "DCM", "Finding")


def report(*items: DataSet) -> DataSet:
    return instance(
        SOPClassUID=BASIC_TEXT_SR,
        Modality="SR",
        PatientName="Doerfler^Janette",
        StudyDate="20200301",
        ValueType="CONTAINER",
        ContinuityOfContent="SEPARATE",
        CompletionFlag="COMPLETE",
        ContentSequence=list(items),
    )


def cleaned_item(deidentifier: Deidentifier, original: DataSet) -> DataSet | None:
    treated = deidentify(deidentifier, report(original)).dataset
    items = treated[tag_of("ContentSequence")].items
    assert items is not None
    return items[0] if items else None


def measured(number: str, unit: str) -> list[DataSet]:
    return [dataset(NumericValue=number, MeasurementUnitsCodeSequence=[code(unit, "UCUM", unit)])]


@pytest.mark.parametrize("uid", [BASIC_TEXT_SR, KEY_OBJECTS])
def test_a_report_is_refused_unless_the_option_is_chosen(uid: str, cleaner: Deidentifier) -> None:
    original = instance(SOPClassUID=uid)
    for refusing in (deidentifier_with(), Deidentifier(KEY, load_profile("research"))):
        refused = refusing.deidentify(original, (), DIGEST)
        assert isinstance(refused, Reject)
        assert refused.code == "CLASS_NOT_CLEANABLE"
    assert deidentify(cleaner, original).SOPClassUID == uid


def test_a_document_inside_dicom_is_refused_all_the_same(cleaner: Deidentifier) -> None:
    refused = cleaner.deidentify(instance(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1"), (), DIGEST)
    assert isinstance(refused, Reject)


def test_text_is_cleaned_word_by_word(cleaner: Deidentifier) -> None:
    text = "Doerfler has a small lesion in the left lung, compared with 20200301"
    treated = cleaned_item(cleaner, item("TEXT", FINDING, TextValue=text))
    assert treated is not None
    left = value_of(treated, "TextValue")
    assert "small lesion in the left lung" in left
    assert "oerfler" not in left
    assert "20200301" not in left


def test_text_of_which_nothing_is_left_is_a_dummy(cleaner: Deidentifier) -> None:
    treated = cleaned_item(cleaner, item("TEXT", FINDING, TextValue="Janette Doerfler"))
    assert treated is not None
    assert value_of(treated, "TextValue") == "DEIDENTIFIED"
    assert value_of(treated, "ValueType") == "TEXT"


def test_names_dates_uids_and_codes_become_what_they_do_elsewhere(cleaner: Deidentifier) -> None:
    keys = Pseudonyms(KEY)
    shift = keys.shift_days(keys.patient("", "MRN-4711", ""))
    name = cleaned_item(cleaner, item("PNAME", FINDING, PersonName="Doerfler^Janette"))
    day = cleaned_item(cleaner, item("DATE", FINDING, Date="20200301"))
    uid = cleaned_item(cleaner, item("UIDREF", FINDING, UID=f"{ROOT}.1"))
    choice = [code("T-1", "99HOSPITAL", "Ward of Dr Doerfler")]
    private = cleaned_item(cleaner, item("CODE", FINDING, ConceptCodeSequence=choice))
    public = cleaned_item(cleaner, item("CODE", FINDING, ConceptCodeSequence=[FINDING]))
    assert name
    assert day
    assert uid
    assert private
    assert public
    assert len(value_of(name, "PersonName")) == 16
    assert value_of(uid, "UID") == keys.uid(f"{ROOT}.1")
    moved = deidentify(cleaner, report()).dataset
    assert value_of(day, "Date") == value_of(moved, "StudyDate") != "20200301"
    assert shift < 0
    (kept,), (keyed,) = (one[tag_of("ConceptCodeSequence")].items or () for one in (public, private))
    assert value_of(kept, "CodeMeaning") == "Finding"
    assert value_of(keyed, "CodingSchemeDesignator") == "99DEIDENTIFIED"


def test_numbers_and_references_stay(cleaner: Deidentifier) -> None:
    length = code("410668003", "SCT", "Length")
    number = cleaned_item(cleaner, item("NUM", length, MeasuredValueSequence=measured("12.5", "mm")))
    reference = [dataset(ReferencedSOPClassUID=BASIC_TEXT_SR, ReferencedSOPInstanceUID=f"{ROOT}.1.2.3")]
    image = cleaned_item(cleaner, item("IMAGE", FINDING, ReferencedSOPSequence=reference))
    assert number
    assert image
    (value,) = number[tag_of("MeasuredValueSequence")].items or ()
    assert value_of(value, "NumericValue") == "12.5"
    (target,) = image[tag_of("ReferencedSOPSequence")].items or ()
    assert value_of(target, "ReferencedSOPInstanceUID") == deidentify(cleaner, report()).SOPInstanceUID


@pytest.mark.parametrize(
    ("number", "unit", "told"),
    [("45", "a", "45"), ("91", "a", "90"), ("90", "a", "90"), ("1100", "mo", "1080"), ("3", "d", "3")],
)
def test_an_age_above_89_is_told_as_90(number: str, unit: str, told: str, cleaner: Deidentifier) -> None:
    age = code("121033", "DCM", "Subject Age")
    treated = cleaned_item(cleaner, item("NUM", age, MeasuredValueSequence=measured(number, unit)))
    assert treated is not None
    (value,) = treated[tag_of("MeasuredValueSequence")].items or ()
    assert value_of(value, "NumericValue") == told


@pytest.mark.parametrize(
    ("number", "unit"), [("old", "a"), ("45", "{fortnights}"), ("-3", "a"), ("nan", "a")]
)
def test_an_age_that_cannot_be_read_goes(number: str, unit: str, cleaner: Deidentifier) -> None:
    age = code("121033", "DCM", "Subject Age")
    assert cleaned_item(cleaner, item("NUM", age, MeasuredValueSequence=measured(number, unit))) is None


@pytest.mark.parametrize(("scheme", "value"), sorted(kinds()))
def test_characteristics_of_the_patient_go_unless_they_are_retained(scheme: str, value: str) -> None:
    without = deidentifier_with("clean-structured-content")
    about = code(value, scheme, "whatever it says")
    assert cleaned_item(without, item("CODE", about, ConceptCodeSequence=[FINDING])) is None
    nested = item("CONTAINER", FINDING, ContentSequence=[item("CODE", about)])
    treated = cleaned_item(without, nested)
    assert treated is not None
    assert treated[tag_of("ContentSequence")].items == ()


def test_a_report_without_dates_gets_dummies() -> None:
    treated = cleaned_item(
        deidentifier_with("clean-structured-content"), item("DATETIME", FINDING, DateTime="20200301")
    )
    assert treated is not None
    assert value_of(treated, "DateTime") == "19000101000000"


def annotated(text: str) -> DataSet:
    words = dataset(UnformattedTextValue=text, AnchorPoint=b"\0\0\x80?\0\0\x80?")
    return instance(GraphicAnnotationSequence=[dataset(GraphicLayer="MARKS", TextObjectSequence=[words])])


def test_the_text_of_an_annotation_is_cleaned_under_clean_graphics_and_replaced_without() -> None:
    original = annotated("lesion of Doerfler, left lung")
    left = {}
    for options in ((), ("clean-graphics",)):
        treated = deidentify(deidentifier_with(*options), original).dataset
        (graphic,) = treated[tag_of("GraphicAnnotationSequence")].items or ()
        (words,) = graphic[tag_of("TextObjectSequence")].items or ()
        left[options] = value_of(words, "UnformattedTextValue")
    assert left[()] == "DEIDENTIFIED"
    assert left["clean-graphics",].startswith("lesion")
    assert "oerfler" not in left["clean-graphics",]


def test_overlays_and_curves_are_dropped_under_clean_graphics_too() -> None:
    layers = (
        element(0x60000010, b"\x10\0", "US"),
        element(0x60003000, b"\xff" * 32, "OW"),
        element(0x60004000, "Doerfler", "LT"),
        element(0x50003000, b"\xff" * 32, "OW"),
        element(0x5000200C, b"\xff" * 32, "OW"),
    )
    treated = deidentify(deidentifier_with("clean-graphics"), instance(*layers)).dataset
    assert not [tag for tag in treated if tag >> 24 in (0x50, 0x60)]


def test_nothing_that_names_anybody_is_in_a_report(cleaner: Deidentifier) -> None:
    words = "Doerfler Janette MRN-4711"
    tags = ("TextValue", "PersonName", "DateTime", "UnformattedTextValue", "CodeMeaning")
    items = [item("TEXT", code("T-1", "99DOERFLER", words), **{keyword: words}) for keyword in tags]
    encoded = encode_dataset(deidentify(cleaner, report(*items)).dataset, explicit=True).lower()
    assert not any(part in encoded for part in (b"doerfler", b"janette", b"mrn-4711"))
