"""The words that may stay. What is not known to be a word of medicine or of everyday language is somebody's name.

Words come from files, each naming its source. A word that is somebody's name too (Long, White, May) is
known but ambiguous: it stays in a sentence and goes beside a name.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache, lru_cache

from tasks.deid.data import read_data
from tasks.deid.text.folding import fold_word
from tasks.deid.text.morphology import is_classical, is_compound, is_inflected, is_russian

_CACHED = 1 << 15
_LONGEST_WORD = 40
_LATIN_FILES = ("english", "clinical", "technical", "german", "romance", "dicom")
_NEVER_GIVEN_BACK = frozenset({"mann", "stein", "berg", "bach", "feld", "hof", "alt", "neu"})
"""German words that surnames are made of, and compounds are not made of here."""
_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"}


class Kind(IntEnum):
    """What a word is; a larger one says more that it is a name."""

    KNOWN = 0
    AMBIGUOUS = 1
    GUARDED = 2
    UNKNOWN = 3
    NAME = 4


def read_words(name: str) -> frozenset[str]:
    """Read the words of a file as they are written."""
    return frozenset(word for line in _lines(name) for word in line.split())


def _lines(name: str) -> list[str]:
    text = read_data(f"text/{name}.txt").decode("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def spell(word: str) -> set[str]:
    """Give the folded spellings of a word: ä as a and as ae."""
    spelled = "".join(_UMLAUTS.get(char, char) for char in word.casefold())
    return {fold_word(word), fold_word(spelled)}


@cache
def eponyms() -> tuple[frozenset[str], frozenset[str]]:
    """Give the names that are words of medicine by themselves, and those that are only beside what bears them."""
    lines = _lines("eponyms")
    rule = lines.index("---")
    free, guarded = (frozenset(" ".join(part).split()) for part in (lines[:rule], lines[rule + 1 :]))
    return free - guarded, guarded


@cache
def known_words() -> frozenset[str]:
    """Give every word that may stay, folded; guarded eponyms only where they are everyday words too."""
    free, guarded = eponyms()
    everyday = read_words("english")
    special = {word for name in _LATIN_FILES for word in read_words(name)} - guarded
    foreign = {word for name in ("german", "romance") for word in read_words(name)}
    words = {spelling for word in everyday | special | foreign for spelling in spell(word)}
    return frozenset(
        part for word in words | free for part in (word, *word.replace("/", "-").split("-")) if part
    )


@cache
def names() -> frozenset[str]:
    """Give the common given names and surnames, folded."""
    return frozenset(
        spelling for word in read_words("given_names") | read_words("surnames") for spelling in spell(word)
    )


@cache
def given_names() -> frozenset[str]:
    """Give the common given names, folded, with those that are words as well."""
    first = _lines("ambiguous")[0].split()
    return frozenset(fold_word(word) for word in (*read_words("given_names"), *first))


@cache
def ambiguous_given_names() -> frozenset[str]:
    """Give the given names that are everyday words."""
    return frozenset(_lines("ambiguous")[0].split()) & known_words()


@cache
def ambiguous_words() -> frozenset[str]:
    """Give the known words that are names too."""
    free, guarded = eponyms()
    return known_words() & (read_words("ambiguous") | names() | guarded | free)


@cache
def _german() -> frozenset[str]:
    words = {spelling for word in read_words("german") for spelling in spell(word)}
    return frozenset(word for word in words if len(word) > 3) - _NEVER_GIVEN_BACK


@cache
def _russian() -> tuple[frozenset[str], frozenset[str]]:
    words = {fold_word(word) for word in read_words("russian")}
    whole = frozenset(word.removesuffix(".") for word in words if word.endswith("."))
    return whole, frozenset(word for word in words if not word.endswith("."))


@lru_cache(_CACHED)
def classify(word: str) -> Kind:
    """Say what a folded word of Latin or Cyrillic letters is.

    A name that nobody lists as a word beats the rules of word formation: Banks is not the plural of bank.
    """
    if word in known_words():
        return Kind.AMBIGUOUS if word in ambiguous_words() else Kind.KNOWN
    if word in eponyms()[1]:
        return Kind.GUARDED
    if word in names():
        return Kind.NAME
    return Kind.KNOWN if len(word) <= _LONGEST_WORD and _is_formed(word) else Kind.UNKNOWN


def _is_formed(word: str) -> bool:
    if not word.isascii():
        return is_russian(word, *_russian())
    return is_inflected(word, known_words()) or is_classical(word) or is_compound(word, _german())
