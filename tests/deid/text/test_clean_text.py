"""What cleaning text promises, whatever the text."""

from __future__ import annotations

import pickle
import pkgutil
import re
import sys
import unicodedata
from importlib import import_module
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tasks.deid.text as text_package
from tasks.deid.text import clean_text as module
from tasks.deid.text.clean_text import Hit, clean_text, find_spans, is_plain
from tasks.deid.text.folding import fold_word
from tasks.deid.text.study import NOBODY, StudyIdentifiers, identify_study
from tasks.deid.text.view import View

STUDY = StudyIdentifiers(
    names=[
        "Smith^John^Quincy^^",
        "Zhang^Wei=张^伟",
        "MÜLLER^Änne",
        "Иванов^Пётр",
        "Long^Amy",
        "김^철수=金^哲洙",
    ],
    codes=["12345678", "MRN-0047", "4711", "555-0187-22"],
    lines=["Mayo Clinic, Rochester", "12 Elm Street^Springfield"],
    dates=["19740312", "20190405"],
)
WORDS = (
    *(
        "CT",
        "MRI",
        "chest",
        "brain",
        "contrast",
        "w/o",
        "5mm",
        "T1",
        "L4/L5",
        "left",
        "white",
        "long",
        "May",
        "Mark",
        "Young",
    ),
    *(
        "Dr.",
        "Dr",
        "Mr.",
        "Brown",
        "Smith",
        "SMITH^JOHN",
        "Smith,",
        "J.",
        "Müller",
        "MUELLER",
        "Mu\u0308ller",
        "张伟",
        "患者张伟",
    ),
    *(
        "双肺未见异常",
        "医生",
        "北京协和医院",
        "Иванов",
        "грудной",
        "김철수",
        "환자",
        "山田太郎様",
        "12345678",
        "1234",
        "5678",
        "47",
    ),
    *(
        "11",
        "4711",
        "1974-03-12",
        "12.03.1974",
        "03/04/1974",
        "March",
        "12",
        "19740312",
        "1974年3月12日",
        "14:32",
        "555",
        "123",
    ),
    *(
        "4567",
        "by:",
        "name",
        "id",
        "MRN",
        "0047",
        "street",
        "Elm",
        "12",
        "hospital",
        "Mercy",
        "Parkinson",
        "disease",
        "Jones",
    ),
    *(
        "fracture",
        "S",
        "M",
        "I",
        "T",
        "H",
        "\u200b",
        "\x07",
        "\ud800",
        "Ｓｍｉｔｈ",
        "(",
        ")",
        "[",
        "]",
        ".",
        ",",
        ":",
        ";",
        "-",
    ),
    *(
        "^",
        "_",
        "\n",
        "\t",
        "B1000",
        "95",
        "y/o",
        "year",
        "2019",
        "TR",
        "2000",
        "Tel",
        "no",
        "Oak",
        "Rose",
        "12.",
        "3.",
    ),
)
texts = st.one_of(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), max_size=10).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=6).map("".join),
    st.text(alphabet=st.characters(), max_size=60),
)


def _spellings(name: str) -> set[str]:
    forms = {name, name.upper(), name.lower(), name.title()}
    forms |= {unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    return forms | {"".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in name)}


@given(texts, st.sampled_from([None, 0, -1000]))
@settings(max_examples=300, deadline=None)
def test_no_name_or_number_of_the_study_survives(text: str, shift_days: int | None) -> None:
    cleaned = fold_word(clean_text(text, STUDY, shift_days).text)
    for name in ("smith", "john", "quincy", "zhang", "muller", "mueller", "иванов", "long", "amy"):
        assert re.search(rf"(?<![^\W\d_]){name}(?![^\W\d_])", cleaned) is None
    for part in ("smith", "zhang", "张伟", "김철수", "12345678", "quincy"):
        assert part not in cleaned


@given(
    st.sampled_from(["Smith", "Quincy", "Zhang", "Änne", "Müller", "Иванов", "Пётр", "张伟", "철수"]),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_a_name_goes_in_every_spelling(name: str, data: st.DataObject) -> None:
    spelled = data.draw(st.sampled_from(sorted(_spellings(name))))
    around = data.draw(st.sampled_from(["CT chest {} left", "{}", "CT_{}_5mm", "({})", "{}, CT", "胸部{}CT"]))
    cleaned = clean_text(around.format(spelled), STUDY).text
    assert fold_word(name) not in fold_word(cleaned)


@given(texts)
@settings(max_examples=300, deadline=None)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_text(text, STUDY).text
    assert clean_text(once, STUDY).text == once
    moved = clean_text(text, STUDY, -1000).text
    assert clean_text(moved, STUDY, 0).text == moved


@given(texts)
@settings(max_examples=200, deadline=None)
def test_what_is_cut_makes_nothing_longer(text: str) -> None:
    assert len(clean_text(text, STUDY).text) <= len(text)


@given(texts)
@example("id ¼")
@example("id №")
@example("MRN ㉑ left")
@settings(max_examples=200, deadline=None)
def test_a_clean_text_has_no_finding(text: str) -> None:
    assert find_spans(clean_text(text, STUDY).text, STUDY) == ()


@given(
    st.lists(
        st.sampled_from(
            [word for word in WORDS if word.isascii()] + ["12", "3", "a", "Rose", "Tel", "no", "Oak"]
        ),
        max_size=7,
    ).map(" ".join)
)
@settings(max_examples=400, deadline=None)
def test_the_quick_look_never_misses_what_the_search_finds(text: str) -> None:
    for study in (NOBODY, STUDY):
        if is_plain(text, study):
            assert module._search(View(text), study, None) == []


@given(
    st.text(
        alphabet=st.sampled_from("ab1 .-:/@^\x00\x07\u200b\u0301\ud800\udfff\uffff\U000e0041ßﬁ가각ｶﾞ张"),
        max_size=40,
    )
)
@settings(max_examples=200, deadline=None)
def test_no_character_breaks_it(text: str) -> None:
    cleaned = clean_text(text, STUDY, -3)
    assert not any(unicodedata.category(char) in ("Cs", "Cf", "Co") for char in cleaned.text)
    assert all(0 <= hit.start <= hit.end <= len(text) for hit in cleaned.hits)


@pytest.mark.parametrize(
    "text",
    [
        "CT THORAX W CONTRAST 5MM",
        "t1_mprage_sag_p2_iso",
        "AX T2 FLAIR FS",
        "MRI C-SPINE W/O +C",
        "ep2d_diff_b1000_ADC",
        "T2W_TSE AX 3.0mm",
        "120kV 250mAs B30f",
        "Parkinson disease, Crohn disease, Hodgkin lymphoma, Alzheimer, Chiari I, Baker cyst, Schmorl node",
        "Wilson's disease",
        "L4/L5 C6-7 Th12",
        "hepatosplenomegaly, cholecystolithiasis and nephrolithotomy",
        "MRT der Halswirbelsäule, Handwurzelfraktur",
        "胸部CT平扫+增强",
        "双肺未见明显异常",
        "頭部MRI拡散強調像",
        "흉부 CT 촬영",
        "КТ органов грудной клетки",
        "Scanner thoracique avec injection",
        "TAC de tórax con contraste",
        "1.5 x 1.5 x 3.0 mm",
        "TR 2000 TE 90",
        "FOV 512x512x200",
        "Hill-Sachs deformity",
        "DR CHEST PA",
        "MR BRAIN",
        "OCT MACULA",
        "white matter, long axis, small bowel",
        "β-blocker, α1, 5 µm, 3 μSv",
        "größere Füße, 45° ±5",
        "seen by : Hodgkin lymphoma, Deauville score 4",
    ],
)
def test_a_clinical_description_comes_out_as_it_went_in(text: str) -> None:
    assert clean_text(text, NOBODY, 0) == (text, ())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT chest for John Smith", "CT chest for"),
        ("seen by Karen White", "seen by"),
        ("CT HEAD, Dr. Long", "CT HEAD, Dr."),
        ("Mr Brown has chest pain", "Mr has chest pain"),
        ("PRICE^GRACE CT", "CT"),
        ("zz Jones reviewed", "reviewed"),
        ("CT für Herrn Groß", "CT für Herrn"),
        ("张明医生", "医生"),
        ("联系电话 13912345678 家属李秀英 肝脏增强", "联系电话 家属 肝脏增强"),
        ("张医生 肝脏增强", "医生 肝脏增强"),
        ("家属 李秀英 增强扫描", "家属 增强扫描"),
        ("J. Doe chest", "chest"),
        ("CT Παπαδόπουλος", "CT"),
        ("per Brown, no change", "per , no change"),
        ("Brown, RT(R) chest", "(R) chest"),
        ("seen by wyatt long", "seen by"),
        ("call 0033 6 12 34 56 78", "call"),
        ("last four 6789", "last four"),
        ("on May 3rd, '62", "on"),
        ("CT ÐÖÃû Ö£ ¹ú¶°", "CT"),
    ],
)
def test_a_name_nobody_gave_goes_by_its_place(text: str, left: str) -> None:
    assert clean_text(text).text == left


def test_an_eponym_goes_where_it_is_the_patients_name() -> None:
    patient = StudyIdentifiers(names=["Parkinson^Ann"])
    assert clean_text("Parkinson disease", patient).text == "disease"
    assert clean_text("Parkinson disease", NOBODY).text == "Parkinson disease"


def test_a_hit_says_where_and_never_what() -> None:
    hits = clean_text("CT chest John Smith", STUDY).hits
    assert Hit("study-name", 14, 19) in hits
    assert not any("smith" in str(hit).lower() for hit in hits)


def test_identifiers_of_a_study_neither_pickle_nor_show() -> None:
    with pytest.raises(TypeError, match="stay in the process"):
        pickle.dumps(STUDY)
    assert "smith" not in repr(STUDY).lower()


def test_the_same_study_gives_the_same_identifiers() -> None:
    values = (frozenset({"Roe^Jane"}), frozenset({"99881"}), frozenset[str](), frozenset[str]())
    assert identify_study(*values) is identify_study(*values)


class _MarksSecondWord:
    def find(self, text: str) -> list[tuple[int, int]]:
        return [(text.find(" ") + 1, text.find(" ") + 2)]


def test_a_classifier_can_only_add() -> None:
    assert clean_text("chest pain left", NOBODY, None, _MarksSecondWord()).text == "chest left"
    assert clean_text("CT left Smith", STUDY, None, _MarksSecondWord()).text == "CT"


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "1",
        "a.",
        "1.",
        "1-",
        "1 ",
        "a@",
        "+1 ",
        "张",
        "가",
        "の",
        "市",
        "12 Oak ",
        "Dr. ",
        "St. ",
        "a:",
        "/",
        "J.",
        "Х",
        "\u0301",
        "https://",
        "x^",
        "rue a ",
        "3月",
        "b1",
        "第一医院",
    ],
)
def test_work_grows_with_length_and_no_faster(unit: str) -> None:
    short, long = (unit * (size // len(unit)) for size in (400, 3_200))
    for text in (short, long):
        clean_text(text, STUDY, -5)  # what is remembered of a word is the same for both
    assert _count_lines_run(long) < 10 * _count_lines_run(short) + 1_000


def _count_lines_run(text: str) -> int:
    """Count the lines of Python run, turns of loops and of generators too: they are the same on any machine."""
    lines = 0

    def count(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        clean_text(text, STUDY, -5)
    finally:
        sys.settrace(before)
    return lines


def test_what_a_pattern_reads_from_one_place_is_bounded() -> None:
    unbounded = set()
    for found in pkgutil.iter_modules(text_package.__path__):
        for name, value in vars(import_module(f"{text_package.__name__}.{found.name}")).items():
            if isinstance(value, re.Pattern) and _parse(value).getwidth()[1] > 2_100:
                unbounded.add(f"{found.name}.{name}")
    assert unbounded == _READ_WHOLE_RUNS | _READ_CHUNKS


def _parse(pattern: re.Pattern[str]) -> Any:
    return import_module("re._parser").parse(pattern.pattern, pattern.flags)


_READ_WHOLE_RUNS = {
    *("clean_text._LETTERS", "clean_text._SPACES", "clean_text._EMPTY_BRACKETS"),
    *("numbers._LONG", "numbers._GROUPED", "numbers._UID"),
    *("study._LETTERS", "study._APART", "study._DIGITS", "view._TOKEN"),
    "words._MISREAD",
}
"""Patterns that take a run whole and never give a part of it back, so that no run is read twice."""
_READ_CHUNKS = {"clean_text._AFTER_DIGIT", "words._CAMEL"}
"""Patterns that are shown a word or a short stretch without spaces."""
