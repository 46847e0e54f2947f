"""Laws over generated data sets: whatever is in, and however deep, nothing of it identifies anybody afterwards."""

from __future__ import annotations

import re
from datetime import date

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary

from tasks.deid.deidentify import Deidentifier
from tasks.deid.residual import find_residual
from tasks.dicom.dictionary import ALL_VRS, tag_of, vr_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.encode import encode_dataset
from tests.deid.builders import ROOT, dataset, deidentify, element, instance, value_of

NAMES = ("Zquixom", "Wurblegast", "Xanthipov")
PERSON = f"{NAMES[0]}^{NAMES[1]}"
IDS = ("ZQX-90210", "7700412", f"{ROOT}.5.6.7", "19570313")
SECRETS = (*NAMES, *IDS)

TAGS = st.sampled_from(sorted(tag for tag in DicomDictionary if tag >> 16 > 4 and not tag >> 16 & 1))
ANY_TAG = TAGS | st.integers(0x00080000, 0x7FDFFFFF)
VRS = st.sampled_from(sorted(ALL_VRS - {"SQ"}))
VALUES = st.lists(
    st.sampled_from([*SECRETS, PERSON, "ACME", " ", "\\", "^", "of", "12", "A_B"]), max_size=6
).map(" ".join)


@st.composite
def elements(draw: st.DrawFn) -> Element:
    tag = draw(ANY_TAG)
    VR = draw(st.one_of(st.just(vr_of(tag) or "UN"), VRS))
    value = draw(VALUES | st.sampled_from(SECRETS))
    return element(tag, value if VR != "SQ" else [], VR)


def data_sets(children: st.SearchStrategy[DataSet]) -> st.SearchStrategy[DataSet]:
    sequences = st.builds(
        lambda tag, items: element(tag, items, "SQ"),
        TAGS.filter(lambda tag: vr_of(tag) == "SQ"),
        st.lists(children, max_size=3),
    )
    return st.lists(st.one_of(elements(), sequences), max_size=8).map(lambda found: dataset(*found))


CONTENT = st.recursive(
    st.lists(elements(), max_size=8).map(lambda found: dataset(*found)), data_sets, max_leaves=6
)
IDENTITY = {
    "PatientName": PERSON,
    "ReferringPhysicianName": NAMES[2],
    "PatientID": IDS[0],
    "AccessionNumber": IDS[1],
    "SOPInstanceUID": IDS[2],
    "PatientBirthDate": IDS[3],
}
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def instance_of(content: DataSet) -> DataSet:
    """Make a complete instance of generated content and an identity that is known."""
    whole = {**content, **instance(**IDENTITY)}
    whole.pop(tag_of("SpecificCharacterSet"), None)
    return dataset(*whole.values())


@QUICK
@given(CONTENT)
def test_no_original_identifier_is_in_an_output(research: Deidentifier, content: DataSet) -> None:
    result = deidentify(research, instance_of(content))
    for explicit in (True, False):
        encoded = encode_dataset(result.dataset, explicit=explicit)
        assert find_residual(encoded, result.identifiers, result.generated) == 0
        for secret in (*NAMES, IDS[0], IDS[2]):
            assert secret.lower().encode() not in encoded.lower()


@QUICK
@given(CONTENT)
def test_the_basic_profile_leaves_no_date(basic: Deidentifier, content: DataSet) -> None:
    result = deidentify(basic, instance_of(content))
    encoded = encode_dataset(result.dataset, explicit=True)
    assert find_residual(encoded, result.identifiers, result.generated) == 0


@QUICK
@given(CONTENT)
def test_an_output_depends_on_its_input_alone(research: Deidentifier, content: DataSet) -> None:
    original = instance_of(content)
    assert deidentify(research, original).dataset == deidentify(research, original).dataset


KEYED_VRS = frozenset({"UI", "DA", "DT"})
KEYED = re.compile(rb"[A-Z2-7]{16}(?:[A-Z2-7]{8})?|urn:oid:2\.25\.[0-9]+")
"""Pseudonyms, and the names of coded entries that are UIDs."""
DATE_IN_TEXT = re.compile(rb"(?<![0-9])19[0-9]{6}(?![0-9])")
"""What becomes of the one date that texts are made with: it is moved, as those of the header are."""


@QUICK
@given(CONTENT)
@example(dataset(element(0x00400600, IDS[3], "LO")))
def test_cleaning_twice_equals_once_but_for_what_the_key_maps_again(
    research: Deidentifier, content: DataSet
) -> None:
    """A UID, a pseudonym and a date of an output are mapped and moved like any other; nothing else is left to do."""
    once = deidentify(research, instance_of(content))
    twice = deidentify(research, once.dataset)
    assert without_keyed(twice.dataset) == without_keyed(once.dataset)
    assert not set(twice.findings) - set(once.findings)


@QUICK
@given(CONTENT)
def test_a_profile_without_dates_leaves_nothing_else_to_do_either(
    basic: Deidentifier, content: DataSet
) -> None:
    once = deidentify(basic, instance_of(content))
    twice = deidentify(basic, once.dataset)
    assert without_keyed(twice.dataset) == without_keyed(once.dataset)
    assert not set(twice.findings) - set(once.findings)


def without_keyed(treated: DataSet) -> list[object]:
    """Give tag, VR and value of every element, without the values that a key made or moved."""
    return [
        (
            tag,
            one.VR,
            [without_keyed(item) for item in one.items]
            if one.items is not None
            else bool(one.value)
            if one.VR in KEYED_VRS or KEYED.fullmatch(one.value.strip())
            else DATE_IN_TEXT.sub(b"<a date>", one.value),
        )
        for tag, one in treated.items()
    ]


@QUICK
@given(CONTENT, ANY_TAG)
def test_an_element_nobody_knows_adds_nothing(research: Deidentifier, content: DataSet, tag: int) -> None:
    original = instance_of(content)
    original.pop(tag | 0x10000, None)  # an odd group, and nothing of it before
    more = dataset(*original.values(), element(tag | 0x10000, PERSON, "LO"))
    assert deidentify(research, more).dataset == deidentify(research, original).dataset


@given(
    st.dates(min_value=date(1900, 1, 1)),
    st.dates(min_value=date(1900, 1, 1)),
    st.text(min_size=1, max_size=10),
)
@QUICK
def test_intervals_within_a_patient_are_kept(
    research: Deidentifier, first: date, second: date, patient: str
) -> None:
    original = instance(
        PatientID=patient.encode("utf-8", "replace"),
        SpecificCharacterSet="ISO_IR 192",
        StudyDate=f"{first:%Y%m%d}",
        AcquisitionDateTime=f"{second:%Y%m%d}101112",
    )
    treated = deidentify(research, original).dataset
    moved = [
        date.fromisoformat(value_of(treated, keyword)[:8]) for keyword in ("StudyDate", "AcquisitionDateTime")
    ]
    assert moved[1] - moved[0] == second - first
    assert moved[0] < first
