"""The answer key: where each planted or useful value is, what must become of it, and which option asks for that."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple


class Action(StrEnum):
    """What must become of a value; named as the answer keys of the MIDI-B challenge name them."""

    TEXT_REMOVED = "text_removed"
    TEXT_RETAINED = "text_retained"
    DATE_SHIFTED = "date_shifted"
    UID_CHANGED = "uid_changed"
    UID_CONSISTENT = "uid_consistent"
    PATID_CONSISTENT = "patid_consistent"
    TAG_RETAINED = "tag_retained"
    TEXT_NOTNULL = "text_notnull"
    PIXELS_RETAINED = "pixels_retained"


class Step(NamedTuple):
    """One step from a data set towards a value.

    Attributes
    ----------
    tag
        Of the element; of a private one only the last two digits count beside its group.
    creator
        Of a private element: cleaners may move its block.
    item
        The item to go on from, from 0; -1 at the value itself.
    """

    tag: int
    creator: str = ""
    item: int = -1

    def __str__(self) -> str:
        element = f"xx{self.tag & 0xFF:02X},{self.creator}" if self.creator else f"{self.tag & 0xFFFF:04X}"
        return f"({self.tag >> 16:04X},{element})" + (f"[{self.item}]" if self.item >= 0 else "")


BASIC = "basic"
"""What the Basic Profile alone asks for."""
REFERENCES = "maps-references"
"""What a profile asks for that keeps references between instances; the Basic Profile may remove them."""
PREAMBLE, META, TRAILER, PATH = "preamble", "file meta", "trailing padding", "path"
"""Places outside the data set."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of the key.

    Attributes
    ----------
    file
        Path in the corpus.
    category
        What kind of value it is: person name, date, address.
    place
        Where: main data set, nested, private, wrong VR, text, or one of the places outside the data set.
    steps
        The way to the value; empty outside the data set.
    value
        As planted.
    option
        The option of PS3.15 E.3 that asks for the action; `basic` where the Basic Profile does, and
        `maps-references` where a profile does that keeps references.
    traces
        Of an identifier, what gives it away by itself (parts of a name); of a text, the words that must stay.
    patient
        Number of the patient it is about.
    """

    file: str
    action: Action
    category: str
    place: str
    steps: tuple[Step, ...]
    value: str
    option: str = BASIC
    traces: tuple[str, ...] = ()
    patient: int = 0

    @property
    def path(self) -> str:
        """The way to the value, written."""
        return ".".join(map(str, self.steps)) or self.place


def write_key(answers: Iterable[Answer], file: Path) -> None:
    """Write an answer key, one JSON object a line."""
    with file.open("w", encoding="utf-8") as lines:
        for answer in answers:
            row = asdict(answer) | {"path": answer.path}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_key(file: Path) -> tuple[Answer, ...]:
    """Read an answer key that `write_key` wrote."""
    with file.open(encoding="utf-8") as lines:
        return tuple(_read(json.loads(line)) for line in lines)


def _read(row: dict[str, Any]) -> Answer:
    del row["path"]
    row["action"] = Action(row["action"])
    row["steps"] = tuple(Step(*step) for step in row["steps"])
    row["traces"] = tuple(row["traces"])
    return Answer(**row)
