"""Corpora of a seed: the same again, with every kind of identifier at every place, and readable."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from pydicom import dcmread

from tasks.benchmark.answers import Action, Answer
from tasks.benchmark.corpus import write_corpus
from tasks.benchmark.identifiers import resident_number
from tasks.benchmark.search import is_left, read_output
from tasks.benchmark.sentences import CATEGORIES
from tasks.deid.text.numbers import is_resident_id


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="module")
def answers(folder: Path) -> tuple[Answer, ...]:
    return write_corpus(folder, 3, 44)


def test_a_seed_makes_the_same_files_again(answers: tuple[Answer, ...], folder: Path, tmp_path: Path) -> None:
    assert write_corpus(tmp_path, 3, 44) == answers
    first, again = (
        {
            path.relative_to(root): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*.dcm")
        }
        for root in (folder, tmp_path)
    )
    assert first == again
    assert len(first) == 44


def test_every_kind_is_planted_at_every_place(answers: tuple[Answer, ...]) -> None:
    kinds = Counter(answer.category for answer in answers if answer.action is Action.TEXT_REMOVED)
    places = Counter(answer.place for answer in answers if answer.action is Action.TEXT_REMOVED)
    assert set(CATEGORIES.values()) <= set(kinds)
    assert set(places) == {
        *("main data set", "nested", "private", "wrong VR", "text"),
        *("file meta", "preamble", "trailing padding", "path"),
    }
    assert {answer.action for answer in answers} == set(Action)


def test_what_the_key_says_is_planted_is_found(answers: tuple[Answer, ...], folder: Path) -> None:
    outputs = {name: read_output(folder, folder / name) for name in {answer.file for answer in answers}}
    for answer in answers:
        output = outputs[answer.file]
        assert output is not None
        if answer.action is Action.TEXT_REMOVED and answer.place != "path":
            assert is_left(output, answer.value) or any(is_left(output, trace) for trace in answer.traces), (
                answer
            )


def test_files_are_read_by_pydicom(answers: tuple[Answer, ...], folder: Path) -> None:
    for name in {answer.file for answer in answers}:
        assert dcmread(folder / name).SOPInstanceUID


def test_resident_numbers_have_a_right_check_digit(answers: tuple[Answer, ...]) -> None:
    numbers = [resident_number(random.Random(seed), date(1962, 5, 3)) for seed in range(50)]  # noqa: S311
    assert all(is_resident_id(number.lower()) for number in numbers)
