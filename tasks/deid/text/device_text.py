"""Finds people in what devices write: models, versions, kernels and coils, which no vocabulary holds.

Such a text may be of unknown words, so what decides about a description does not decide here. It is not a place
for people, though, and whoever is named in it, or can be reached by it, was put there by hand.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tasks.deid.text.clean_text import find_spans
from tasks.deid.text.folding import fold_word
from tasks.deid.text.vocabulary import Kind, classify
from tasks.deid.text.word_lists import read_list

_OF_PEOPLE = frozenset(
    {
        *("titled-name", "labelled-name", "paired-names", "eastern-name", "mail", "address", "hospital"),
        *("chinese-resident-id", "chinese-phone"),
    }
)
"""Detectors of what no device calls anything. Versions look like dates, machines, telephones and long numbers."""
_UNKNOWN = "unknown-word"
_MAKERS = read_list("device.makers")
"""Makers and models whose names are names of people too, or are written in Chinese, with the cities of the latter."""
_MAKER_IN_HAN = re.compile(
    "|".join(sorted((word for word in _MAKERS if not word.isascii()), key=len, reverse=True))
)
_LAST_LATIN = "\u024f"
_CACHED = 1 << 12


@lru_cache(_CACHED)
def find_person(text: str) -> str:
    """Tell by which detector somebody is found in a text that a device wrote; empty if nobody is."""
    text = _MAKER_IN_HAN.sub(" ", text)
    for hit in find_spans(text):
        word = text[hit.start : hit.end]
        if hit.detector_id in _OF_PEOPLE or (hit.detector_id == _UNKNOWN and _is_name(word)):
            return hit.detector_id
    return ""


def _is_name(word: str) -> bool:
    """Tell whether a word nobody knows is a common name, or in a script in which no name of a device is known."""
    if any(char > _LAST_LATIN for char in word):
        return True
    folded = fold_word(word)
    return classify(folded) == Kind.NAME and folded not in _MAKERS
