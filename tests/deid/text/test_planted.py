"""Planted identifiers: all of them go, nearly all clinical words beside them stay."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tasks.deid.text.clean_text import clean_text
from tasks.deid.text.folding import fold_word
from tests.deid.text.planted import TEMPLATES, Planted, plant

_COUNT = 700
_GENERIC = frozenset(
    (
        "klinikum",
        "universitatsklinikum",
        "krankenhaus",
        "hospital",
        "clinic",
        "center",
        "medical",
        "street",
        "avenue",
    )
)
"""Words of an address or a hospital that say nothing without the rest of it."""


def _parts(value: str) -> list[str]:
    parts = re.findall(r"[^\W_]+", fold_word(value))
    return [
        part
        for part in parts
        if (len(part) > 2 or (len(part) > 1 and not part.isascii())) and part not in _GENERIC
    ]


def _is_left(part: str, text: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(part)}(?![^\W_])", text) is not None


def _leaks(case: Planted, cleaned: str) -> list[str]:
    folded = fold_word(cleaned)
    around = fold_word(" ".join(case.words))
    whole = [value for value in case.planted if fold_word(value) in folded]
    return whole + [
        part
        for value in case.planted
        for part in _parts(value)
        if part not in around and _is_left(part, folded)
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_planted_is_left(seed: int) -> None:
    leaks = [
        (case.text, leaks)
        for case in plant(seed, _COUNT)
        if (leaks := _leaks(case, clean_text(case.text, case.study).text))
    ]
    assert not leaks


@pytest.mark.parametrize("seed", [4, 5])
def test_nothing_planted_is_left_where_dates_are_moved(seed: int) -> None:
    for case in plant(seed, _COUNT):
        assert not _leaks(case, clean_text(case.text, case.study, -777).text), case.text


@pytest.mark.parametrize("language", sorted(TEMPLATES))
def test_clinical_words_beside_identifiers_stay(language: str) -> None:
    kept, lost = Counter[str](), Counter[str]()
    for case in plant(6, 2 * _COUNT):
        if case.language == language:
            cleaned = clean_text(case.text, case.study).text
            for word in case.words:
                (kept if word in cleaned else lost)[word] += 1
    assert kept.total() / (kept.total() + lost.total()) >= 0.97, lost
