"""What the vocabulary knows, and that it does not know people."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary

from tasks.deid.text.folding import fold, fold_word
from tasks.deid.text.ideographs import cover, han_words
from tasks.deid.text.vocabulary import Kind, classify, eponyms, known_words, names


def test_names_of_attributes_are_known() -> None:
    free, guarded = eponyms()
    words = {word.lower() for row in DicomDictionary.values() for word in re.findall("[A-Za-z]{3,}", row[2])}
    unknown = {word for word in words if classify(word) > Kind.AMBIGUOUS} - guarded - free - names()
    assert len(unknown) / len(words) < 0.02, sorted(unknown)


def test_no_common_name_is_an_ordinary_word() -> None:
    assert not [name for name in names() if classify(name) == Kind.KNOWN]


@pytest.mark.parametrize(
    "word",
    ["hepatosplenomegaly", "nephrolithotomy", "lesions", "nonenhancing", "handwurzelgelenk", "грудной"],
)
def test_a_word_of_parts_is_known(word: str) -> None:
    assert classify(fold_word(word)) == Kind.KNOWN


@pytest.mark.parametrize(
    "word",
    [
        "whitlock",
        "fairbanks",
        "ostrowski",
        "delacroix",
        "takahashi",
        "papadopoulos",
        "oconnell",
        "neumann",
        "altmann",
        "bruchmann",
        "harding",
        "иванов",
        "головин",
        "petrakis",
        "moraitis",
        "szymanski",
        "xu",
        "nguyen",
    ],
)
def test_a_surname_is_not_known(word: str) -> None:
    assert classify(fold_word(word)) > Kind.AMBIGUOUS


def test_every_file_of_words_names_its_source() -> None:
    from tasks.deid.data import read_data

    for name in (
        "english",
        "clinical",
        "technical",
        "dicom",
        "german",
        "romance",
        "russian",
        "chinese",
        "japanese",
        "korean",
    ):
        head = read_data(f"text/{name}.txt").decode("utf-8")[:400]
        assert "general knowledge" in head or "PS3.6" in head, name


def test_known_words_are_folded() -> None:
    assert not [word for word in known_words() | han_words() if fold_word(word) != word]


@given(st.text(max_size=30))
def test_folding_is_done_once(text: str) -> None:
    assert fold_word(fold_word(text)) == fold_word(text)


@given(st.text(max_size=30))
def test_every_place_in_a_folded_text_is_one_in_the_original(text: str) -> None:
    folded = fold(text)
    places = [folded.locate(at, at + 1) for at in range(len(folded.text))]
    assert all(0 <= start < end <= len(text) or start == end for start, end in places)
    assert places == sorted(places)


@given(st.text(alphabet="右肺上葉結節张伟病的明显のがヤマダ", max_size=20))
def test_pieces_cover_a_run_without_a_gap(run: str) -> None:
    pieces = cover(run, japanese=any("\u3040" <= char <= "\u30ff" for char in run))
    assert "".join(run[piece.start : piece.end] for piece in pieces) == run
