"""Fills one instance with the identifiers of a study: the hand by which all of them are planted.

Each planted value gets its rows in the key at the moment it is planted, so the key cannot disagree with the file.
"""

from __future__ import annotations

import random
from datetime import date

from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR
from pydicom.sequence import Sequence as Items
from pydicom.tag import Tag

from tasks.benchmark.answers import BASIC, REFERENCES, Action, Answer, Step
from tasks.benchmark.images import Clean
from tasks.benchmark.people import Written, write_pn
from tasks.benchmark.sentences import write_sentence
from tasks.benchmark.subjects import MISDECLARED, Study, makers_for

DATES, TEXTS, CHARACTERISTICS, PRIVATE = (
    "retain-modified-dates",
    "clean-descriptors",
    "retain-patient-characteristics",
    "retain-safe-private",
)

_LENGTHS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "CS": 16, "UT": 10240}


class Planter:
    """Fills one instance; gives the rows of its key.

    Attributes
    ----------
    answers
        Rows so far.
    """

    def __init__(self, source: random.Random, study: Study, clean: Clean, file: str) -> None:
        self.source = source
        self.study = study
        self.clean = clean
        self.file = file
        self.dataset = clean.dataset
        self.answers: list[Answer] = []
        self.makers = makers_for(source, study)

    def remember(
        self,
        action: Action,
        category: str,
        place: str,
        steps: tuple[Step, ...],
        value: str,
        option: str = BASIC,
        traces: tuple[str, ...] = (),
    ) -> None:
        """Write a row of the key."""
        self.answers.append(
            Answer(
                self.file, action, category, place, steps, value, option, traces, self.study.patient.number
            )
        )

    def declare_charset(self) -> None:
        """Write Specific Character Set, before any text."""
        charset = self.study.patient.charset
        declared = "ISO_IR 100" if charset == MISDECLARED else charset
        self.dataset.SpecificCharacterSet = declared.split("\\") if "\\" in declared else declared

    def as_stored(self, text: str) -> str:
        """Give a text as this file's character set makes it: the wrong one shows bytes of GB 18030 as Latin-1."""
        if self.study.patient.charset != MISDECLARED:
            return text
        return text.encode("gb18030").decode("latin-1")

    def put_value(self, dataset: Dataset, keyword: str, value: str, VR: str = "") -> Step:
        """Write a text as this file's character set makes it; give the step to it."""
        tag = Tag(keyword)
        dataset[tag] = DataElement(tag, VR or dictionary_VR(tag), self.as_stored(value))
        return Step(tag)

    def identify(
        self, category: str, keyword: str, written: Written, *, dataset: Dataset | None = None,
        above: tuple[Step, ...] = (), VR: str = "", place: str = ""
    ) -> None:  # fmt: skip
        """Write an identifier into an element, and a row that asks for its removal."""
        step = self.put_value(self.dataset if dataset is None else dataset, keyword, written.text, VR)
        place = place or ("nested" if above else "main data set")
        self.remember(
            Action.TEXT_REMOVED, category, place, (*above, step), written.text, traces=written.traces
        )

    def somebody(self) -> Written:
        """Write the name of somebody who is neither patient nor physician."""
        return write_pn(self.source, self.study.other)

    def put_uid(self, dataset: Dataset, keyword: str, value: str, above: tuple[Step, ...] = ()) -> None:
        """Write a UID, and the rows that ask for a new one that is the same everywhere."""
        steps = (*above, self.put_value(dataset, keyword, value))
        place = "nested" if above else "main data set"
        option = REFERENCES if above else BASIC
        self.remember(Action.UID_CHANGED, "UID", place, steps, value, option)
        self.remember(Action.UID_CONSISTENT, "UID", place, steps, value, option)
        self.remember(Action.TEXT_REMOVED, "UID", place, steps, value)

    def put_date(self, dataset: Dataset, keyword: str, day: date, above: tuple[Step, ...] = ()) -> None:
        """Write a date, and the rows that ask to move it with all of the patient's."""
        value = f"{day:%Y%m%d}" + ("081530.500" if keyword.endswith("DateTime") else "")
        steps = (*above, self.put_value(dataset, keyword, value))
        self.remember(
            Action.DATE_SHIFTED, "date", "nested" if above else "main data set", steps, value, DATES
        )
        self.remember(Action.TEXT_REMOVED, "date", "nested" if above else "main data set", steps, value)

    def put_text(self, dataset: Dataset, keyword: str, length: str, above: tuple[Step, ...] = ()) -> None:
        """Write a sentence into a description: what it plants must go, its clinical words must stay."""
        room = _LENGTHS[dictionary_VR(keyword)]
        languages = (
            (self.study.patient.culture.name, "english")
            if self.study.patient.charset != MISDECLARED
            else ("chinese",)
        )
        for _ in range(20):
            sentence = write_sentence(self.source, self.source.choice(languages), length, self.makers)
            if len(sentence.text) <= room:
                break
        else:
            return
        steps = (*above, self.put_value(dataset, keyword, sentence.text))
        for category, written in sentence.planted:
            self.remember(Action.TEXT_REMOVED, category, "text", steps, written.text, traces=written.traces)
        if self.study.patient.charset != MISDECLARED:
            self.remember(
                Action.TEXT_RETAINED, "clinical words", "text", steps, sentence.text, TEXTS, sentence.words
            )

    def put_item(self, dataset: Dataset, keyword: str, item: Dataset) -> Step:
        """Write a sequence of one item; give the step into it."""
        tag = Tag(keyword)
        dataset[tag] = DataElement(tag, "SQ", Items([item]))
        return Step(tag, item=0)
