"""The words a code string may be made of: it is as fit to hold a name as any text, in capitals.

The standard leaves most code strings open, and makers add their own terms to them. So a code string stays
if its words are known ones, of the clinic or of devices; Khabibullin in Patient Orientation is not.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tasks.deid.terms import beyond_standard
from tasks.deid.text.vocabulary import Kind, classify
from tasks.deid.text.word_lists import read_list
from tasks.deid.text.words import is_technical

_WORD = re.compile(rb"[A-Z]{3,}")
_SHORTEST_UNKNOWN = 4
"""Letters from which a word nobody knows is no abbreviation; a name of three letters is known to be one."""
_CACHED = 1 << 13


@lru_cache(_CACHED)
def holds_unknown_word(tag: int, value: bytes) -> bool:
    """Tell whether a code string has a word that neither the standard nor a device is known to use."""
    return any(
        _is_unknown(word.decode("ascii").lower()) for word in _WORD.findall(beyond_standard(tag, value))
    )


def _is_unknown(word: str) -> bool:
    if word in _code_words() or is_technical(word):
        return False
    kind = classify(word)
    return kind is Kind.NAME or (len(word) >= _SHORTEST_UNKNOWN and kind >= Kind.GUARDED)


@lru_cache(1)
def _code_words() -> frozenset[str]:
    return read_list("keep.code_words")
