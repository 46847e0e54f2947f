from __future__ import annotations

import pytest

from tasks.cleaning.repair import repair
from tests.cleaning.elements import dataset, element, findings, repaired


@pytest.mark.parametrize(
    ("foreign", "expected", "rule"),
    [
        (b"ct", b"CT", "code-string-case"),
        (b"original\\PRIMARY ", b"ORIGINAL\\PRIMARY", "code-string-case"),
        (b"CT\0\0", b"CT", "code-padding"),
        (b"CT                  ", b"CT", "code-padding"),
        (b"CT\r\n", b"CT", "code-padding"),
    ],
)
def test_a_code_gets_the_form_the_standard_allows(foreign: bytes, expected: bytes, rule: str) -> None:
    keyword = "ImageType" if b"\\" in foreign else "Modality"
    assert repaired(keyword, foreign).rstrip() == expected
    assert findings(keyword, foreign) == [(rule, "BAD_CODE_REPAIRED")]


@pytest.mark.parametrize("value", [b"T-SPINE ", b"A/P ", "放射".encode(), b"C\0T "])
def test_what_is_no_code_is_emptied_and_not_respelt(value: bytes) -> None:
    assert repaired("BodyPartExamined", value) == b""
    assert findings("BodyPartExamined", value) == [("code-illegal", "BAD_CODE_REPAIRED")]


def test_a_lost_code_leaves_the_others_in_their_places() -> None:
    assert repaired("ImageType", b"ORIGINAL\\PRIMARY\\a-b\\MPR ") == b"ORIGINAL\\PRIMARY\\\\MPR "


def test_a_code_too_long_is_kept_and_recorded() -> None:
    value = b"SECONDARY CAPTURE IMAGE "
    assert repaired("ScanOptions", value) == value
    assert findings("ScanOptions", value) == [("code-too-long", "VALUE_TOO_LONG")]


def test_every_rule_that_spoke_about_a_kept_code_is_recorded() -> None:
    assert findings("ScanOptions", b"secondary capture image ") == [
        ("code-string-case", "BAD_CODE_REPAIRED"),
        ("code-too-long", "VALUE_TOO_LONG"),
    ]


@pytest.mark.parametrize(
    ("word", "sex"),
    [
        (b"m ", b"M "),
        (b"male", b"M "),
        (b"Female", b"F "),
        (b"OTHER ", b"O "),
        ("男".encode(), b"M "),
        ("女".encode("gb18030"), b"F "),
        ("女性".encode(), b"F "),
        (b"F\0", b"F "),
    ],
)
def test_words_for_a_sex_become_its_code(word: bytes, sex: bytes) -> None:
    assert repaired("PatientSex", word) == sex
    assert {code for _, code in findings("PatientSex", word)} == {"BAD_CODE_REPAIRED"}


@pytest.mark.parametrize("value", [b"N/A ", b"U ", b"UNKNOWN ", b"1 ", b"A "])
def test_a_sex_nobody_knows_is_empty(value: bytes) -> None:
    assert repaired("PatientSex", value) == b""
    assert findings("PatientSex", value) == [("sex-unknown", "BAD_CODE_REPAIRED")]


@pytest.mark.parametrize("value", [b"CT", b"HFS ", b" HFS", b"ORIGINAL\\PRIMARY\\\\NONE", b"T1_SE 3D "])
def test_a_valid_code_is_untouched(value: bytes) -> None:
    original = dataset(element("ImageType", value))
    assert repair(original) == (original, ())
