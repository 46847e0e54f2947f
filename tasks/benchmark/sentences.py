"""Clinical texts with places for identifiers: what is written, what must go, and which words tell of medicine."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from tasks.benchmark.people import Written, read_yaml

_SLOT = re.compile(r"\{(\w+)\}")
_BESIDE = re.compile(r"\[[^\]]*\]")
_WORD = re.compile(r"[^\W_]+")
_SYLLABIC = re.compile("[\u3040-\u30ff\u3400-\u9fff]")
_SHORTEST_WORD = 3
CATEGORIES = {
    "NAME": "patient name",
    "FAMILY": "patient name",
    "INITIALS": "patient name",
    "OTHER": "other person",
    "DOCTOR": "physician",
    "ID": "patient number",
    "ACCESSION": "accession number",
    "DATE": "date",
    "PHONE": "telephone",
    "MAIL": "e-mail",
    "URL": "URL",
    "IP": "IP address",
    "SSN": "national number",
    "RESIDENT": "national number",
    "ADDRESS": "address",
    "HOSPITAL": "hospital",
}
"""What kind of identifier goes into a place."""


class Sentence(NamedTuple):
    """A text with identifiers in it.

    Attributes
    ----------
    planted
        Category and identifier of each place.
    words
        Clinical words, as they are written.
    """

    text: str
    planted: tuple[tuple[str, Written], ...]
    words: tuple[str, ...]


@cache
def _templates() -> dict[str, dict[str, list[str]]]:
    templates: dict[str, dict[str, list[str]]] = read_yaml("sentences.yaml")
    return templates


def write_sentence(
    source: random.Random, language: str, length: str, makers: Mapping[str, Callable[[], Written]]
) -> Sentence:
    """Write a text of a language.

    Parameters
    ----------
    length
        `short` or `long`.
    makers
        By slot, what makes an identifier.
    """
    template = source.choice(_templates()[language][length])
    planted: list[tuple[str, Written]] = []

    def fill(match: re.Match[str]) -> str:
        written = makers[match[1]]()
        planted.append((CATEGORIES[match[1]], written))
        return written.text

    text = _SLOT.sub(fill, template.replace("[", "").replace("]", ""))
    return Sentence(text, tuple(planted), tuple(_clinical_words(template)))


def _clinical_words(template: str) -> Iterator[str]:
    bare = _SLOT.sub("\0", _BESIDE.sub("\0", template))
    for word in _WORD.findall(bare):
        if len(word) >= (2 if _SYLLABIC.search(word) else _SHORTEST_WORD):
            yield word
