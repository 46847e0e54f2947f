from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.deid.deidentify import Deidentifier
from tasks.deid.said import said_in
from tasks.dicom.dictionary import tag_of
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import encodings_of
from tests.deid.builders import dataset, deidentify, instance, value_of

WHO = {
    "PatientName": "Doerfler^Janette",
    "PatientID": "MRN-4711",
    "AccessionNumber": "ACC0815",
    "StudyDate": "20230412",
    "ReferringPhysicianName": "Zquixom^Hans",
    "InstitutionName": "Springfield General",
}


def text(research: Deidentifier, keyword: str, value: str, **more: str) -> str:
    treated = deidentify(research, instance(**{**WHO, keyword: value, **more})).dataset
    return value_of(treated, keyword) if tag_of(keyword) in treated else ""


@pytest.mark.parametrize(
    "value",
    ["CT THORAX W CONTRAST 5MM", "t2_tse_sag_384", "MR Brain Parkinson disease", "AX T1 FS+C", "L4/L5"],
)
def test_a_text_of_known_words_stays_as_it_is(value: str, research: Deidentifier) -> None:
    assert text(research, "SeriesDescription", value) == value


def test_what_tells_of_somebody_is_cut_and_the_words_around_it_stay(research: Deidentifier) -> None:
    found = text(
        research, "StudyDescription", "CT chest Doerfler MRN-4711 for Dr. Zquixom, Springfield General"
    )
    assert "chest" in found
    for secret in ("Doerfler", "4711", "Zquixom", "Springfield"):
        assert secret not in found


def test_a_date_in_a_text_moves_as_the_study_does(research: Deidentifier) -> None:
    treated = deidentify(research, instance(**WHO, SeriesDescription="Control of 20230412")).dataset
    assert value_of(treated, "SeriesDescription") == f"Control of {value_of(treated, 'StudyDate')}"


def test_each_hit_is_a_finding_with_its_place_and_without_its_text(research: Deidentifier) -> None:
    result = deidentify(research, instance(**WHO, SeriesDescription="CT Doerfler"))
    found = [one for one in result.findings if one.path.startswith("(0008,103E)")]
    assert "study-name" in {one.rule for one in found}
    assert {(one.path, one.code) for one in found} == {("(0008,103E)@3:11", "BAD_TEXT")}
    assert "oerfler" not in str(result.findings)


def test_where_nothing_is_left_the_basic_action_is_done(research: Deidentifier) -> None:
    treated = deidentify(
        research, instance(**WHO, StudyDescription="Doerfler", ProtocolName="Doerfler")
    ).dataset
    assert tag_of("StudyDescription") not in treated
    assert value_of(treated, "ProtocolName") == "DEIDENTIFIED"


@pytest.mark.parametrize(("charset", "codec"), [("GB18030", "gb18030"), ("ISO_IR 192", "utf-8")])
def test_what_is_left_is_written_in_the_declared_character_set(
    charset: str, codec: str, research: Deidentifier
) -> None:
    original = instance(SpecificCharacterSet=charset)
    name, description = tag_of("PatientName"), tag_of("StudyDescription")
    for tag, VR, words in ((name, "PN", "张伟"), (description, "LO", "胸部CT平扫 张伟")):
        raw = words.encode(codec)
        original[tag] = Element(tag, VR, raw + b" " * (len(raw) % 2))
    treated = deidentify(research, DataSet(sorted(original.items()))).dataset
    found = treated[description].value.decode(codec).strip()
    assert found == "胸部CT平扫"


def test_the_basic_profile_keeps_no_description(basic: Deidentifier) -> None:
    assert tag_of("StudyDescription") not in deidentify(basic, instance(StudyDescription="CT THORAX")).dataset


def test_a_text_too_long_to_be_a_description_is_removed(research: Deidentifier) -> None:
    assert tag_of("ImageComments") not in deidentify(research, instance(ImageComments="CT " * 20_000)).dataset


def test_what_an_instance_says_is_found_at_every_depth() -> None:
    inner = dataset(PersonName="Inner^Person")
    original = instance(**WHO, ReferencedSeriesSequence=[dataset(ReferencedImageSequence=[inner])])
    said = said_in(original, encodings_of(original))
    assert said.names == {"Doerfler^Janette", "Zquixom^Hans", "Inner^Person"}
    assert said.codes == {"MRN-4711", "ACC0815"}
    assert said.lines == {"Springfield General"}
    assert said.days == {"20230412"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=st.lists(
        st.sampled_from(
            [
                "CT",
                "chest",
                "Doerfler",
                "JANETTE",
                "MRN-4711",
                "acc0815",
                "of",
                "5mm",
                "Zquixom",
                "2023-04-12",
            ]
        ),
        max_size=8,
    ),
    joint=st.sampled_from([" ", "_", "^", ", "]),
)
def test_no_text_repeats_what_its_instance_says(research: Deidentifier, words: list[str], joint: str) -> None:
    found = text(research, "SeriesDescription", joint.join(words)[:64]).lower()
    for secret in ("doerfler", "janette", "4711", "0815", "zquixom", "2023-04-12"):
        assert secret not in found
