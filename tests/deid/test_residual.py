from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.deid.deidentify import Deidentified, Deidentifier
from tasks.deid.identifiers import Identifiers
from tasks.deid.residual import find_in_payload, find_residual
from tasks.dicom.element import DataSet, Element
from tasks.dicom.encode import encode_dataset, encode_meta
from tests.deid.builders import dataset, deidentify, element, instance, value_of

EXPLICIT = "1.2.840.10008.1.2.1"


def check(result: Deidentified, *planted: Element, explicit: bool = True) -> int:
    """Encode an output, with elements that should not be there, and search it."""
    output = dataset(*{**result.dataset, **{one.tag: one for one in planted}}.values())
    meta = encode_meta(result.SOPClassUID, result.SOPInstanceUID, EXPLICIT)
    encoded = meta + encode_dataset(output, explicit=explicit)
    return find_residual(encoded, result.identifiers, result.generated)


ORIGINAL = instance(
    PatientName="Doerfler^Janette^Li",
    PatientID="4711000",
    PatientBirthDate="19570313",
    StudyDate="20230412",
    ReferringPhysicianName="Lee^Jo",
    InstitutionName="Springfield General",
    AccessionNumber="ACC-0815",
    ImageType="ORIGINAL\\PRIMARY\\AXIAL",
    BodyPartExamined="HEAD",
)


@pytest.mark.parametrize("explicit", [True, False])
def test_a_clean_output_passes(explicit: bool, research: Deidentifier) -> None:
    assert check(deidentify(research, ORIGINAL), explicit=explicit) == 0


@pytest.mark.parametrize("explicit", [True, False])
@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Manufacturer", "Doerfler"),
        ("Manufacturer", "by janette"),
        ("Manufacturer", "for Lee"),
        ("Manufacturer", "ID 4711000"),
        ("Manufacturer", "born 19570313"),
        ("Manufacturer", "springfield general"),
        ("Manufacturer", "acc-0815"),
        ("SeriesDescription", "1.2.826.0.1.3680043.10.999.1.2.3"),
        ("ImageType", "ORIGINAL\\DOERFLER"),
        ("StudyDate", "20230412"),
        ("PatientName", "Doerfler^Janette^Li"),
        ("PatientBirthDate", "19570313"),
        ("StudyInstanceUID", "1.2.826.0.1.3680043.10.999.1"),
        ("SeriesNumber", "4711000"),
        ("LUTData", b"\1\2Doerfler\3\4"),
    ],
)
def test_a_leftover_is_found(
    keyword: str, value: str | bytes, explicit: bool, research: Deidentifier
) -> None:
    assert check(deidentify(research, ORIGINAL), element(keyword, value), explicit=explicit)


@pytest.mark.parametrize("following", [0x00320001, 0x00380001, 0x00420001, 0x00720001])
@pytest.mark.parametrize(
    "leftover", ["Li^Lee", "no 4711000", "in 19570313", "xx 1.2.826.0.1.3680043.10.999.1"]
)
@pytest.mark.parametrize("explicit", [True, False])
def test_a_leftover_is_found_although_the_next_tag_begins_with_a_letter_or_digit(
    leftover: str, following: int, explicit: bool, research: Deidentifier
) -> None:
    text = leftover if len(leftover) % 2 == 0 else "x" + leftover
    result = deidentify(research, ORIGINAL)
    planted = dataset(element("Manufacturer", text), element(following, "x", "LO"))
    encoded = encode_dataset(planted, explicit=explicit)
    assert text.encode() + following.to_bytes(4, "big")[1:2] in encoded
    assert find_residual(encoded, result.identifiers, result.generated)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Manufacturer", "for Lee"),
        ("ImageType", "ORIGINAL\\DOERFLER"),
        ("ImageType", "ORIGINAL\\LEE"),
        ("PatientName", "Doerfler^Janette^Li"),
        ("StudyDate", "20230412"),
    ],
)
def test_a_leftover_that_a_treatment_let_through_is_found(
    keyword: str, value: str, research: Deidentifier
) -> None:
    result = deidentify(research, ORIGINAL)
    planted = element(keyword, value)
    output = dataset(*{**result.dataset, planted.tag: planted}.values())
    generated = result.generated._replace(dataset=output)
    assert find_residual(encode_dataset(output, explicit=True), result.identifiers, generated)


def test_a_leftover_outside_the_data_set_is_found(research: Deidentifier) -> None:
    result = deidentify(research, ORIGINAL)
    encoded = encode_dataset(result.dataset, explicit=True)
    assert find_residual(b"Doerfler" + bytes(120) + b"DICM" + encoded, result.identifiers, result.generated)
    assert find_residual(encoded + b"\0\0" + b"4711000", result.identifiers, result.generated)


def test_the_same_word_is_excused_where_we_wrote_it_and_found_where_we_did_not(
    research: Deidentifier,
) -> None:
    original = instance(PatientName="Patient^Anonymous", PatientID="DEIDENTIFIED", InstitutionName="anywhere")
    result = deidentify(research, original)
    assert check(result) == 0
    assert check(result, element("Manufacturer", "the Patient"))
    assert check(result, element("Manufacturer", "DEIDENTIFIED"))


@pytest.mark.parametrize(
    "name",
    [
        "Head^CT",
        "Axial^Primary",
        "Siemens^Phantom",
        "Mono^Chrome",
        "Basic^Profile",
        "Long^Modified",
        "Yes^Dcm",
    ],
)
def test_a_patient_called_as_the_standard_speaks_costs_no_file(name: str, research: Deidentifier) -> None:
    original = instance(
        PatientName=name,
        Modality="CT",
        BodyPartExamined="HEAD",
        ImageType="ORIGINAL\\PRIMARY\\AXIAL",
        PhotometricInterpretation="MONOCHROME2",
        Manufacturer="SIEMENS",
        ManufacturerModelName="Head Scanner",
        ScanOptions="AXIAL",
    )
    result = deidentify(research, original)
    assert check(result) == 0
    assert value_of(result.dataset, "BodyPartExamined") == "HEAD"
    assert value_of(result.dataset, "Manufacturer") == "SIEMENS"
    assert value_of(result.dataset, "ImageType") == "ORIGINAL\\PRIMARY\\AXIAL"


def test_a_short_name_spelled_by_numbers_costs_no_file(research: Deidentifier) -> None:
    lut = element("LUTData", b"\1 lee \2" * 50, "OW")
    result = deidentify(research, instance(lut, PatientName="Lee^Jo"))
    assert result.dataset[lut.tag] == lut
    assert check(result) == 0


def test_a_short_name_spelled_by_a_tag_and_its_vr_costs_no_file(research: Deidentifier) -> None:
    result = deidentify(research, instance(PatientName="Plo^Koon", ProcessingFunction="CARD"))
    assert b"\x20PLO\4" in encode_dataset(result.dataset, explicit=True)
    assert check(result) == 0


def test_a_moved_date_may_be_another_date_of_the_patient(research: Deidentifier) -> None:
    first = deidentify(research, instance(StudyDate="20230412"))
    moved = value_of(first.dataset, "StudyDate")
    result = deidentify(research, instance(StudyDate="20230412", PatientBirthDate=moved))
    assert value_of(result.dataset, "StudyDate") == moved
    assert check(result) == 0
    assert check(result, element("ContentDate", moved))


def test_pixel_data_is_searched_for_longer_identifiers(research: Deidentifier) -> None:
    identifiers = deidentify(research, ORIGINAL).identifiers
    noise = bytes(range(256)) * 40
    assert not find_in_payload(noise, identifiers)
    assert find_in_payload(noise + b"Doerfler^Janette^Li" + noise, identifiers)
    assert find_in_payload(noise + b"1.2.826.0.1.3680043.10.999.1.2.3" + noise, identifiers)


@settings(max_examples=200, deadline=None)
@given(
    place=st.integers(0, 40_000),
    words=st.lists(
        st.sampled_from([b"Doerfler^Janette", b"\x82\xa0\x82\xa2\x82\xa4\x82\xa6", b"1.2.840.99.7"])
    ),
    grey=st.booleans(),
    piece=st.integers(4096, 60_000),
)
def test_what_is_spelled_in_pixels_is_found_wherever_it_is(
    place: int, words: list[bytes], grey: bool, piece: int
) -> None:
    identifiers = Identifiers((), (b"Doerfler^Janette", b"\x82\xa0\x82\xa2\x82\xa4\x82\xa6"))
    pixels = bytearray((b"\x07\x01\xff\x0e" if grey else bytes(range(200, 256))) * 15_000)[:piece]
    for word in words:
        start = place % (len(pixels) - len(word))
        pixels[start : start + len(word)] = word
        place += 997
    chunk = bytes(pixels)
    assert find_in_payload(chunk, identifiers) == any(token in chunk for token in identifiers.payload)


def test_no_token_is_longer_than_what_pieces_of_pixel_data_overlap_by(research: Deidentifier) -> None:
    name = "Wolfeschlegelsteinhausenbergerdorff^" * 3
    identifiers = deidentify(research, instance(PatientName=name)).identifiers
    assert find_in_payload(name[:64].encode(), identifiers)


@pytest.mark.parametrize("value", ["Lee^Jo", "", "^^^^^^^^^^", "AAAAAAAAAA"])
def test_what_noise_would_spell_is_not_searched_in_pixels(value: str, research: Deidentifier) -> None:
    original: DataSet = instance(PatientName=value, PatientID="1")
    identifiers = deidentify(research, original).identifiers
    assert not find_in_payload(value.encode() * 3 + b"A" * 100, identifiers)
