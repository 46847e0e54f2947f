from __future__ import annotations

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tasks.deid.pseudonyms import Pseudonyms, normalize
from tests.deid.builders import KEY, OTHER_KEY

OURS, THEIRS = Pseudonyms(KEY), Pseudonyms(OTHER_KEY)
TEXTS = st.text(max_size=30)
SOME_TEXT = TEXTS.filter(lambda text: bool(normalize(text)))


@given(TEXTS, TEXTS, TEXTS)
def test_a_patient_pseudonym_is_24_plain_characters(issuer: str, patient_id: str, study: str) -> None:
    assert re.fullmatch("[A-Z2-7]{24}", OURS.patient(issuer, patient_id, study))


@given(TEXTS, SOME_TEXT, TEXTS, TEXTS)
def test_a_patient_with_an_id_is_the_same_in_every_study(
    issuer: str, patient_id: str, study: str, other_study: str
) -> None:
    assert OURS.patient(issuer, patient_id, study) == OURS.patient(issuer, patient_id, other_study)


@given(TEXTS, st.sampled_from(["", " ", "\0", "\u3000"]), TEXTS, TEXTS)
def test_patients_without_an_id_are_told_apart_by_study(
    issuer: str, patient_id: str, study: str, other_study: str
) -> None:
    assume(study != other_study)
    assert OURS.patient(issuer, patient_id, study) != OURS.patient(issuer, patient_id, other_study)


@given(SOME_TEXT, TEXTS)
def test_a_study_is_never_taken_for_a_patient_id(text: str, issuer: str) -> None:
    assert OURS.patient(issuer, text, "") != OURS.patient(issuer, "", text)


def test_two_issuers_have_two_patients() -> None:
    assert OURS.patient("North", "4711", "") != OURS.patient("South", "4711", "")


def test_an_id_cannot_imitate_an_issuer() -> None:
    assert OURS.patient("A", "B\x1fC", "") != OURS.patient("A\x1fB", "C", "")


@pytest.mark.parametrize("variant", ["mrn-4711", " MRN-4711 ", "MRN-4711\0", "ｍｒｎ-４７１１"])
def test_spellings_of_one_id_are_one_patient(variant: str) -> None:
    assert OURS.patient("", variant, "") == OURS.patient("", "MRN-4711", "")


@given(SOME_TEXT)
def test_another_key_gives_unrelated_values(text: str) -> None:
    assert OURS.patient("", text, "") != THEIRS.patient("", text, "")
    assert OURS.uid(text) != THEIRS.uid(text)
    assert OURS.text("accession", text, 16) != THEIRS.text("accession", text, 16)
    assert OURS.source_ref(text) != THEIRS.source_ref(text)
    assert OURS.fingerprint(text.encode("utf-8", "replace")) != THEIRS.fingerprint(
        text.encode("utf-8", "replace")
    )


@given(st.binary(max_size=80))
def test_a_mapped_uid_is_a_valid_uid(original: bytes) -> None:
    uid = OURS.uid(original)
    assert re.fullmatch(r"2\.25\.[1-9][0-9]*", uid)
    assert len(uid) <= 44
    number = int(uid.removeprefix("2.25."))
    assert number >> 76 & 0xF == 8
    assert number >> 62 & 0b11 == 0b10


@given(st.from_regex(r"[0-2](\.[0-9]{1,8}){1,6}", fullmatch=True), st.sampled_from([b"", b"\0", b" "]))
def test_a_uid_maps_alike_as_text_and_as_padded_bytes(uid: str, padding: bytes) -> None:
    assert OURS.uid(uid) == OURS.uid(uid.encode() + padding)


@given(TEXTS)
def test_shifts_are_whole_days_into_the_past(patient: str) -> None:
    assert -3650 <= OURS.shift_days(patient) <= -30
    assert OURS.shift_days(patient) == Pseudonyms(KEY).shift_days(patient)


def test_shifts_use_the_whole_range() -> None:
    shifts = {OURS.shift_days(str(number)) for number in range(2000)}
    assert min(shifts) < -3600
    assert max(shifts) > -80


def test_purposes_do_not_know_each_other() -> None:
    assert OURS.text("accession", "4711", 16) != OURS.text("study-id", "4711", 16)


@given(st.text(st.characters(codec=None), max_size=20))
def test_no_text_is_too_broken_to_be_keyed(text: str) -> None:
    assert len(OURS.text("accession", text, 16)) == 16
    assert len(OURS.patient(text, text, text)) == 24


def test_a_source_ref_takes_a_path_that_is_no_text() -> None:
    assert re.fullmatch("[0-9a-f]{32}", OURS.source_ref("file:///\udcff.dcm"))
