from __future__ import annotations

import pytest

from tasks.cleaning.repair import repair
from tasks.dicom.element import DataSet
from tests.cleaning.elements import dataset, element, rules_and_codes


@pytest.mark.parametrize("keyword", ["StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"])
def test_a_birth_after_the_examination_is_emptied(keyword: str) -> None:
    clean, found = repair(dataset(element(keyword, b"20230115"), element("PatientBirthDate", b"20300101")))
    assert [each.value for each in clean.values()] == [b"20230115", b""]
    assert rules_and_codes(found) == [("birth-after-study", "BIRTH_AFTER_STUDY")]


def test_dates_are_compared_after_their_repair() -> None:
    clean, _ = repair(
        dataset(element("StudyDate", b"2023-01-15"), element("PatientBirthDate", b"2030.01.01"))
    )
    assert [each.value for each in clean.values()] == [b"20230115", b""]


@pytest.mark.parametrize(
    ("study", "birth"),
    [(b"20230115", b"20230115"), (b"20230115", b"19800101"), (b"", b"20300101"), (b"20230115", b"")],
)
def test_a_birth_before_the_study_or_without_one_is_kept(study: bytes, birth: bytes) -> None:
    original = dataset(element("StudyDate", study), element("PatientBirthDate", birth))
    assert repair(original) == (original, ())


def aged(age: bytes, birth: bytes = b"19600615", study: bytes = b"20230115") -> DataSet:
    return dataset(
        element("StudyDate", study), element("PatientBirthDate", birth), element("PatientAge", age)
    )


@pytest.mark.parametrize(
    ("age", "birth", "computed"),
    [
        (b"026Y", b"19600615", b"062Y"),
        (b"045Y", b"19200101", b"103Y"),
        (b"003M", b"20210501", b"020M"),
        (b"045Y", b"20220115", b"012M"),
        (b"045Y", b"20230105", b"010D"),
    ],
)
def test_an_age_that_the_dates_contradict_is_computed_from_them(
    age: bytes, birth: bytes, computed: bytes
) -> None:
    clean, found = repair(aged(age, birth))
    assert [each.value for each in clean.values()] == [b"20230115", birth, computed]
    assert rules_and_codes(found) == [("age-contradicted", "AGE_CONTRADICTED")]
    assert repair(clean) == (clean, ())


@pytest.mark.parametrize("age", [b"061Y", b"062Y", b"063Y", b"750M", b""])
def test_an_age_that_agrees_with_the_dates_is_kept(age: bytes) -> None:
    assert repair(aged(age)) == (aged(age), ())


@pytest.mark.parametrize(
    ("birth", "study"), [(b"", b"20230115"), (b"19600615", b""), (b"18000101", b"20230115")]
)
def test_an_age_that_nothing_contradicts_is_kept(birth: bytes, study: bytes) -> None:
    assert repair(aged(b"026Y", birth, study)) == (aged(b"026Y", birth, study), ())


def test_no_age_is_made_up() -> None:
    original = dataset(element("StudyDate", b"20230115"), element("PatientBirthDate", b"19600615"))
    assert repair(original) == (original, ())
