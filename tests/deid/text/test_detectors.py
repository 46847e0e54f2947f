"""Each detector finds its kind, and leaves what only looks like it."""

from __future__ import annotations

import re

import pytest

from tasks.deid.text.clean_text import clean_text, find_spans
from tasks.deid.text.numbers import is_resident_id
from tasks.deid.text.registry import DETECTORS, describe_detectors
from tasks.deid.text.study import NOBODY, StudyIdentifiers

STUDY = StudyIdentifiers(
    names=["Smith^John"], codes=["A-4711"], lines=["Mayo Clinic, Rochester"], dates=["19740312"]
)


@pytest.mark.parametrize(
    ("detector_id", "text"),
    [
        ("study-name", "CT John"),
        ("study-code", "nr A 4711"),
        ("study-place", "at Mayo Clinic Rochester"),
        ("date", "on 12.03.1974"),
        ("date", "12-MAR-1974"),
        ("date", "March 12 1974"),
        ("date", "1974年3月12日"),
        ("date", "昭和49年3月12日"),
        ("date", "120374"),
        ("date", "19740312143200.000000"),
        ("date", "03/2019"),
        ("date", "vom 12.3."),
        ("time-of-day", "at 14:32"),
        ("chinese-resident-id", "11010519491231002X"),
        ("chinese-resident-id", "110105491231002"),
        ("chinese-phone", "138 0013 8000"),
        ("chinese-phone", "010-62345678"),
        ("phone", "+49 (0)89 123456"),
        ("phone", "tel 4711"),
        ("labelled-id", "MRN: 47"),
        ("labelled-id", "病历号:0047"),
        ("uid", "1.2.840.113619.2.5"),
        ("long-number", "00471"),
        ("grouped-number", "123-45-6789"),
        ("great-age", "95 y/o man"),
        ("great-age", "93岁"),
        ("mail", "a.b@example.org"),
        ("url", "https://example.org/a?b=c"),
        ("url", "pacs.example.org"),
        ("machine", "10.0.0.1"),
        ("machine", "00:1a:2b:3c:4d:5e"),
        ("address", "12 Main Street"),
        ("address", "Lindenweg 7a"),
        ("address", "14 rue de Vaugirard"),
        ("address", "ул. Ленина, д. 5"),
        ("address", "海淀区中关村大街27号"),
        ("address", "東京都新宿区西新宿2丁目8-1"),
        ("address", "강남구 테헤란로 123"),
        ("hospital", "Springfield General Hospital"),
        ("hospital", "北京协和医院"),
        ("titled-name", "Dr. Long"),
        ("labelled-name", "Patient: Long Amy"),
        ("paired-names", "Mark Young"),
        ("name-form", "lesion, i. long"),
        ("name-form", "long, i. lesion"),
        ("name-form", "LONG, I."),
        ("name-form", "Brown^Jo"),
        ("name-form", "price_may"),
        ("name-form", "may j. long"),
        ("name-form", "Grace bin Laden"),
        ("name-form", "urologist may cook, lesion"),
        ("titled-name", "dr long"),
        ("labelled-name", "daughter Long"),
        ("beside-name", "may d'angelo"),
        ("date", "seen on 12/4"),
        ("date", "12/4 visit"),
        ("date", "12/4复查"),
        ("date", "since 12-04"),
        ("date", "born 62.5.3"),
        ("eastern-name", "张医生"),
        ("eastern-name", "姓名:高明"),
        ("unknown-word", "Xyzzyk"),
        ("unknown-code", "QX4711Z"),
        ("mixed-scripts", "Smіth"),
        ("spelled-out", "S M I T H E"),
        ("beside-name", "Whitcombe Brown"),
        ("invisible-character", "chest\u200bpain"),
        ("mixed-scripts", "Παπαδόπουλος"),
        ("misread-text", "Ö£ ¹ú¶°"),
    ],
)
def test_a_detector_finds_its_kind(detector_id: str, text: str) -> None:
    assert detector_id in {hit.detector_id for hit in find_spans(text, STUDY)}


def test_every_detector_is_described() -> None:
    assert len(describe_detectors()) == len(DETECTORS)
    assert len({detector_id for detector in DETECTORS for detector_id in detector.ids}) >= len(DETECTORS)


def test_a_resident_id_with_a_wrong_check_digit_is_none() -> None:
    assert is_resident_id("11010519491231002x")
    assert not is_resident_id("110105194912310021")


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("on 1974-03-12", "on 1974-03-02"),
        ("19740312", "19740302"),
        ("am 12.03.1974 um 14:32", "am 02.03.1974 um 14:32"),
        ("March 12, 1974", "March 2, 1974"),
        ("12 March 1974", "2 March 1974"),
        ("1974年3月12日", "1974年3月2日"),
        ("03/12/1974", "1974-03-02"),
        ("12/25/2019", "2019-12-15"),
        ("05/04/2019", ""),
        ("12 May 1974", "1974-05-02"),
        ("May 2019", "2019-04"),
        ("2019", "2018"),
        ("12 March", ""),
    ],
)
def test_a_date_is_moved_or_cut(text: str, moved: str) -> None:
    assert clean_text(text, STUDY, -10).text == moved


def test_intervals_between_dates_in_text_stay() -> None:
    assert clean_text("2020-01-31, 2020-03-01", NOBODY, -31).text == "2019-12-31, 2020-01-30"


@pytest.mark.parametrize(
    "text",
    [
        "TR 2000",
        "b1000",
        "FOV 250x250",
        "1.2.3",
        "JPEG 2000",
        "OCT 12",
        "3/4",
        "16:1",
        "T1-2",
        "5 x 5 mm",
        "1024x768",
        "motor strength 4/5 on the left",
        "grade 3/4 on MRI",
        "L4/5 on T2",
        "3/4 views",
        "2/6 systolic murmur",
        "on 3-4 images",
        "version 62.5.3",
    ],
)
def test_a_measure_is_no_date_and_no_number(text: str) -> None:
    assert find_spans(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Long axis, T2",
        "long bone",
        "short axis, L ventricle",
        "hepatitis C. Small nodule",
        "type B, long segment",
        "patient may need a short stay",
        "mother may be carrier",
        "by low power",
        "first degree block",
        "pT3b. White matter",
    ],
)
def test_everyday_words_in_no_form_of_a_name_stay(text: str) -> None:
    assert clean_text(text, NOBODY).text == text


@pytest.mark.parametrize(
    "name",
    [
        "long, i.",
        "I. Long",
        "may d'angelo",
        "D'ANGELO, MAY",
        "will cook",
        "Mark Young",
        "rose/long",
        "de la fuente, rose m.",
    ],
)
@pytest.mark.parametrize("text", ["discussed with dr {} by phone", "contact {}, left knee", "signed by {}"])
def test_a_name_of_everyday_words_goes_after_a_word_for_somebody(name: str, text: str) -> None:
    left = clean_text(text.format(name), NOBODY).text.lower()
    assert not {part for part in re.findall("[a-z]{3,}", name.lower()) if part in left}
