"""The scorer can be trusted: who does nothing removes nothing, who deletes everything keeps nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from tasks.benchmark.answers import Answer, read_key, write_key
from tasks.benchmark.corpus import write_corpus
from tasks.benchmark.score import Score, score

_FILES = 10


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="module")
def answers(corpus: Path) -> tuple[Answer, ...]:
    return write_corpus(corpus, 7, _FILES)


def scored(
    answers: tuple[Answer, ...], corpus: Path, target: Path, clean: Callable[[Path, Path], None]
) -> Score:
    outputs = {}
    for name in sorted({answer.file for answer in answers}):
        outputs[name] = target / name
        outputs[name].parent.mkdir(parents=True, exist_ok=True)
        clean(corpus / name, outputs[name])
    return score(answers, {name: path for name, path in outputs.items() if path.exists()}, target)


def shares(result: Score) -> dict[str, float]:
    return {str(name): count.share for name, count in result.measures.items()}


def test_who_does_nothing_removes_nothing(answers: tuple[Answer, ...], corpus: Path, tmp_path: Path) -> None:
    reached = shares(scored(answers, corpus, tmp_path, shutil.copyfile))
    changed = ("text_removed", "gone_from_file", "date_shifted", "uid_changed", "patid_consistent")
    assert [reached.pop(name) for name in changed] == [0.0] * len(changed)
    assert set(reached.values()) == {1.0}


def test_who_deletes_everything_keeps_nothing(
    answers: tuple[Answer, ...], corpus: Path, tmp_path: Path
) -> None:
    def empty(_source: Path, target: Path) -> None:
        target.write_bytes(b"")

    reached = shares(scored(answers, corpus, tmp_path, empty))
    assert reached.pop("text_removed") > 0.9  # all but the path, which this cleaner does not choose
    assert reached.pop("gone_from_file") > 0.9
    assert set(reached.values()) == {0.0}


def test_a_missing_file_has_removed_nothing(
    answers: tuple[Answer, ...], corpus: Path, tmp_path: Path
) -> None:
    result = scored(answers, corpus, tmp_path, lambda _source, _target: None)
    assert set(shares(result).values()) == {0.0}
    assert result.missing == result.files == _FILES


pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning")
"""What is planted is not always valid, and pydicom says so."""


def _with(change: Callable[[Dataset], None]) -> Callable[[Path, Path], None]:
    def clean(source: Path, target: Path) -> None:
        dataset = dcmread(source)
        change(dataset)
        dataset.save_as(target)

    return clean


def test_a_date_that_was_deleted_or_made_constant_was_not_shifted(
    answers: tuple[Answer, ...], corpus: Path, tmp_path: Path
) -> None:
    def blank(dataset: Dataset) -> None:
        for element in dataset.iterall():
            if element.VR in ("DA", "DT"):
                element.value = "19000101" if element.tag.elem % 2 else ""

    assert shares(scored(answers, corpus, tmp_path, _with(blank)))["date_shifted"] < 0.2


def test_new_uids_that_do_not_agree_are_not_consistent(
    answers: tuple[Answer, ...], corpus: Path, tmp_path: Path
) -> None:
    def scatter(dataset: Dataset) -> None:
        for element in dataset.iterall():
            if element.VR == "UI" and "Class" not in element.keyword:
                element.value = generate_uid()

    reached = shares(scored(answers, corpus, tmp_path, _with(scatter)))
    assert reached["uid_changed"] == 1.0
    assert reached["uid_consistent"] < 0.7


def test_what_was_moved_elsewhere_is_not_gone(
    answers: tuple[Answer, ...], corpus: Path, tmp_path: Path
) -> None:
    def hide(dataset: Dataset) -> None:
        dataset.add_new(0x00991001, "OB", str(dataset.PatientName).encode("utf-16-le"))
        dataset.PatientName = "X"

    result = scored(answers, corpus, tmp_path, _with(hide))
    names = [
        (measure, answer)
        for measure, answer in result.failed
        if answer.category == "patient name" and answer.path == "(0010,0010)"
    ]
    assert {measure for measure, _ in names} == {"gone_from_file"}
    assert len(names) == _FILES


def test_a_key_is_read_as_it_was_written(answers: tuple[Answer, ...], tmp_path: Path) -> None:
    write_key(answers, tmp_path / "key.ndjson")
    assert read_key(tmp_path / "key.ndjson") == answers
