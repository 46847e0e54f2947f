"""Scores what a cleaner made of a corpus against the key: strictly, and knowing nothing of how it was made.

A file that is missing has removed nothing, kept nothing and shifted nothing. A date that was deleted or
replaced by a constant was not shifted. A value is removed where it stood, and a second count tells
whether it is gone from the whole file.
"""

from __future__ import annotations

import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from pydicom import Dataset, config
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

from tasks.benchmark.answers import META, PATH, PREAMBLE, TRAILER, Action, Answer, Step
from tasks.benchmark.search import Output, fold, is_in_bytes, is_in_text, is_left, read_output, value_text

GONE = "gone_from_file"
_UIDS = (0x00080018, 0x0020000D, 0x0020000E)


@dataclass(slots=True)
class Count:
    """How many of how many."""

    passed: int = 0
    total: int = 0

    def add(self, passed: int, total: int = 1) -> None:
        """Count more."""
        self.passed += passed
        self.total += total

    @property
    def share(self) -> float:
        """Give the share that passed, 0 to 1; 1 where there was nothing."""
        return self.passed / self.total if self.total else 1.0


@dataclass(slots=True)
class Score:
    """What a cleaner reached.

    Attributes
    ----------
    measures
        By action, and `gone_from_file`.
    categories
        Of what is gone from the whole file, by category and by place.
    failed
        Rows of the key that were not fulfilled.
    files, missing
        Files in the corpus, and those that did not come out.
    """

    measures: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    categories: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    failed: list[tuple[str, Answer]] = field(default_factory=list)
    files: int = 0
    missing: int = 0

    def note(self, measure: str, answer: Answer, passed: bool) -> None:
        """Count a row."""
        self.measures[measure].add(passed)
        if measure == GONE:
            self.categories[answer.category].add(passed)
            self.categories[f"in {answer.place}"].add(passed)
        if not passed:
            self.failed.append((measure, answer))


def score(
    answers: Iterable[Answer], outputs: Mapping[str, Path], folder: Path, *, with_paths: bool = True
) -> Score:
    """Score the outputs of a cleaner.

    Parameters
    ----------
    answers
        Rows of the key that the cleaner was asked to fulfil.
    outputs
        By file of the corpus, the file that came out; what is missing did not.
    with_paths
        Whether the cleaner names its files; else nothing is said about paths.
    """
    rows = [answer for answer in answers if with_paths or answer.place != PATH]
    by_file: dict[str, list[Answer]] = defaultdict(list)
    for answer in rows:
        by_file[answer.file].append(answer)
    read = {file: read_output(folder, outputs[file]) for file in by_file if file in outputs}
    found = {file: output for file, output in read.items() if output is not None}
    scored = Score(files=len(by_file), missing=len(by_file) - len(found))
    # Elements are converted when they are looked at, and whatever a cleaner wrote is looked at.
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = _Whole(rows, found)
        for file, own in by_file.items():
            _score_file(scored, own, found.get(file), whole)
    return scored


class _Whole:
    """What only the whole corpus tells: shifts by patient, and where each UID went."""

    def __init__(self, answers: list[Answer], outputs: Mapping[str, Output]) -> None:
        self.shifts: dict[int, Counter[timedelta]] = defaultdict(Counter)
        self.uids: dict[str, Counter[str]] = defaultdict(Counter)
        self.patients: dict[int, Counter[str]] = defaultdict(Counter)
        for answer in answers:
            if answer.file not in outputs:
                continue
            text = _text_at(outputs[answer.file].dataset, answer.steps)
            if answer.action is Action.DATE_SHIFTED and (moved := _shift(answer.value, text)) is not None:
                self.shifts[answer.patient][moved] += 1
            elif answer.action is Action.UID_CONSISTENT and text:
                # Whoever bears a UID decides what it has become; a reference that says otherwise is broken.
                self.uids[answer.value][text] += 1000 if answer.steps[-1].tag in _UIDS else 1
            elif answer.action is Action.PATID_CONSISTENT and text:
                self.patients[answer.patient][text] += 1

    def shift_of(self, patient: int) -> timedelta | None:
        """Give the days by which a patient's dates moved, if they moved at all."""
        most = self.shifts[patient].most_common(1)
        return most[0][0] if most else None

    @cached_property
    def uid_owners(self) -> Counter[str]:
        """Count how many originals became each UID."""
        return Counter(new.most_common(1)[0][0] for new in self.uids.values())

    @cached_property
    def patient_owners(self) -> Counter[str]:
        """Count how many patients became each identifier."""
        return Counter(new.most_common(1)[0][0] for new in self.patients.values())


def _score_file(scored: Score, answers: list[Answer], output: Output | None, whole: _Whole) -> None:
    moved = _moved_dates(answers, whole)
    for answer in answers:
        if answer.action is Action.TEXT_REMOVED:
            scored.note(answer.action, answer, output is not None and _is_removed(answer, output))
            scored.note(GONE, answer, output is not None and _is_gone(answer, output, moved))
        elif answer.action is Action.TEXT_RETAINED:
            _score_words(scored, answer, output)
        else:
            scored.note(answer.action, answer, output is not None and _is_as_asked(answer, output, whole))


def _moved_dates(answers: list[Answer], whole: _Whole) -> frozenset[str]:
    """Give the days that a patient's dates were moved to: another date of theirs may have been there."""
    days = set()
    for answer in answers:
        shift = whole.shift_of(answer.patient)
        day = _day(answer.value)
        if answer.action is Action.DATE_SHIFTED and shift and day is not None:
            with suppress(
                OverflowError
            ):  # a cleaner that writes a constant has no shift that would fit all dates
                days.add(f"{day + shift:%Y%m%d}")
    return frozenset(days)


def _is_removed(answer: Answer, output: Output) -> bool:
    """Tell whether a value is not where it stood."""
    if answer.place == PATH:
        return not is_in_text(fold(output.path), output.path, answer.value)
    if answer.place in (PREAMBLE, META, TRAILER):
        return not _is_outside(answer, output)
    text = fold(_text_at(output.dataset, answer.steps))
    stored = _bytes_at(output.raw, answer.steps).lower()
    values = (answer.value, *answer.traces)
    return not any(is_in_text(text, text, value) or is_in_bytes(stored, value) for value in values)


def _bytes_at(dataset: Dataset, steps: tuple[Step, ...]) -> bytes:
    """Give the stored bytes of a value, or of what holds it where that is not read as a sequence."""
    for step in steps:
        try:
            block = dataset.private_block(step.tag >> 16, step.creator) if step.creator else None
            tag = block.get_tag(step.tag & 0xFF) if block else BaseTag(step.tag)
            stored = dataset.get_item(tag)
            if isinstance(stored, RawDataElement) and stored.VR != "SQ":
                return stored.value or b""
            dataset = dataset[tag].value[step.item]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return b""


def _is_outside(answer: Answer, output: Output) -> bool:
    value = answer.value.encode("utf-8").lower()
    if answer.place == PREAMBLE:
        return value in output.data[:128]
    if answer.place == TRAILER:
        return value in output.data[-len(value) - 16 :]
    return any(answer.value in value_text(element) for element in getattr(output.dataset, "file_meta", ()))


def _is_gone(answer: Answer, output: Output, moved: frozenset[str]) -> bool:
    """Tell whether a value is nowhere in the file; a date that another was moved to cannot be told apart."""
    if answer.place == PATH:
        return _is_removed(answer, output)
    if answer.category == "date" and moved.intersection((answer.value, *answer.traces)):
        return True
    return not any(is_left(output, value) for value in (answer.value, *answer.traces) if value)


def _score_words(scored: Score, answer: Answer, output: Output | None) -> None:
    text = "" if output is None else fold(_text_at(output.dataset, answer.steps))
    kept = sum(fold(word) in text for word in answer.traces)
    scored.measures[answer.action].add(kept, len(answer.traces))
    if kept < len(answer.traces):
        scored.failed.append((answer.action, answer))


def _is_as_asked(answer: Answer, output: Output, whole: _Whole) -> bool:  # noqa: PLR0911 - one answer an action
    element = _element_at(output.dataset, answer.steps)
    text = "" if element is None else value_text(element)
    match answer.action:
        case Action.DATE_SHIFTED:
            shift = _shift(answer.value, text)
            return bool(shift) and shift == whole.shift_of(answer.patient)
        case Action.UID_CHANGED:
            return text not in ("", answer.value)
        case Action.UID_CONSISTENT:
            new = whole.uids[answer.value].most_common(1)
            return bool(new) and text == new[0][0] and whole.uid_owners[text] == 1
        case Action.PATID_CONSISTENT:
            patient = whole.patients[answer.patient].most_common(1)
            return bool(patient) and text == patient[0][0] != answer.value and whole.patient_owners[text] == 1
        case Action.TEXT_NOTNULL:
            return text != ""
        case Action.PIXELS_RETAINED:
            return element is not None and sha256(bytes(element.value)).hexdigest() == answer.value
        case _:
            return element is not None and _same(text, answer.value)


def _same(text: str, value: str) -> bool:
    """Tell whether two values are the same, numbers as numbers."""
    mine, theirs = (_values(one) for one in (text, value))
    return mine == theirs


def _values(text: str) -> list[float | str]:
    parts = text.strip("[]()").replace("\\", ",").replace("'", "").split(",")
    return [_number(part.strip()) for part in parts]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _element_at(dataset: Dataset, steps: tuple[Step, ...]) -> DataElement | None:
    """Follow the way to a value; None where it ends before."""
    element = None
    for step in steps:
        try:
            element = (
                dataset.private_block(step.tag >> 16, step.creator)[step.tag & 0xFF]
                if step.creator
                else dataset[step.tag]
            )
            dataset = element.value[step.item] if step.item >= 0 else dataset
        except Exception:  # noqa: BLE001 - what cannot be read is not what was asked for
            return None
    return element


def _text_at(dataset: Dataset, steps: tuple[Step, ...]) -> str:
    element = _element_at(dataset, steps) if steps else None
    return "" if element is None or element.VR == "SQ" else value_text(element)


def _shift(original: str, text: str) -> timedelta | None:
    """Give the days between a date and what it became; None where that is no date, or its time of day changed."""
    before, after = _day(original), _day(text)
    if before is None or after is None or len(text) < 8:
        return None
    return after - before if text[8:14] == original[8:14] else None


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text[:8], "%Y%m%d").date()  # noqa: DTZ007 - a day, in no time zone
    except ValueError:
        return None
