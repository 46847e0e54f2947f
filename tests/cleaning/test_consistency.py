from __future__ import annotations

import pytest

from tasks.cleaning.repair import repair
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
