"""Recognises words nobody could list: plurals, what Greek and Latin parts make up, German compounds, Russian cases.

Medicine makes words as it goes (hepatosplenomegaly, Handwurzelgelenkspalt). Each rule asks that all of
a word is made of parts that mean something, so that a surname passes only by being such a word.
"""

from __future__ import annotations

import re

from tasks.deid.text.folding import fold_word
from tasks.deid.text.word_lists import read_list

_ENDINGS = ("s", "es", "d", "ed", "ing", "ly", "ally", "al", "ness", "ity", "ation", "ations", "ous")
_SHORTEST_STEM, _SHORTEST_PREFIXED = 4, 5
_PREFIXES = tuple(sorted(read_list("morphology.prefixes")))
_ROOTS = read_list("morphology.roots")
_SUFFIXES = read_list("morphology.suffixes")
_SHORTEST_CLASSICAL = 8
_WEAK = read_list("morphology.weak")
"""Endings that surnames have too: they ask for two parts before them."""
_LINKS = ("", "s", "n", "en", "es", "e", "er")
_GERMAN_ENDINGS = ("", "e", "en", "er", "es", "em", "n", "s")
_SHORTEST_COMPOUND = 8
_RUSSIAN_ENDINGS = re.compile(
    fold_word(
        "(?:ого|его|ому|ему|ыми|ими|ами|ями|иями|ах|ях|иях|ов|ев|ей|ой|ый|ий|ая|яя|ое|ее|ые|ие|ых|их"
        "|ую|юю|ью|ию|ом|ем|ам|ям|ым|им"
        "|ием|ии|ия|ы|и|а|я|у|ю|е|о|ь|й|ен|ена|ено|ены|ется|ются|ится|ятся|ан|ана|ано|аны|ать|ить|ет"
        "|ют|ит|ят|ния|ние|ний|нием|нии)?"
    )
)


def is_inflected(word: str, known: frozenset[str]) -> bool:
    """Tell whether a folded Latin word is a known one with an ending or a prefix."""
    for ending in _ENDINGS:
        if word.endswith(ending):
            stem = word[: -len(ending)]
            if len(stem) >= _SHORTEST_STEM and (stem in known or (len(ending) > 2 and stem + "e" in known)):
                return True
            if ending == "es" and stem.endswith("i") and stem[:-1] + "y" in known:
                return True
    return any(
        word.startswith(prefix) and len(rest := word[len(prefix) :]) >= _SHORTEST_PREFIXED and rest in known
        for prefix in _PREFIXES
    )


_LONGEST_ROOT, _LONGEST_SUFFIX = max(map(len, _ROOTS)), max(map(len, _SUFFIXES))


def is_classical(word: str) -> bool:
    """Tell whether a folded word is Greek and Latin parts of medicine with an ending of theirs (nephrolithotomy)."""
    if len(word) < _SHORTEST_CLASSICAL:
        return False
    reached = _roots_up_to(word)
    for start in range(max(3, len(word) - _LONGEST_SUFFIX), len(word)):
        parts = reached[start]
        suffix = word[start:]
        if parts and suffix in _SUFFIXES and (parts > 1 or suffix not in _WEAK):
            return True
    return False


def _roots_up_to(word: str) -> list[int]:
    """Give, for each place in a word, by how many roots one gets there at most; 0 where one does not."""
    reached = [0] * (len(word) + 1)
    for end in range(2, len(word) + 1):
        for start in range(max(0, end - _LONGEST_ROOT), end - 1):
            if (start == 0 or reached[start]) and word[start:end] in _ROOTS:
                reached[end] = max(reached[end], reached[start] + 1)
    return reached


def is_compound(word: str, parts: frozenset[str]) -> bool:
    """Tell whether a folded word is a German one of these parts, linked and declined as German does."""
    if any(
        len(stem := word[: len(word) - len(ending)]) > 3 and stem in parts
        for ending in _GERMAN_ENDINGS
        if word.endswith(ending)
    ):
        return True
    return len(word) >= _SHORTEST_COMPOUND and any(
        _splits(word[: len(word) - len(ending)], parts) for ending in _GERMAN_ENDINGS if word.endswith(ending)
    )


def _splits(word: str, parts: frozenset[str]) -> bool:
    reachable = {0}
    for end in range(4, len(word) + 1):
        if any(
            word[start : end - len(link)] in parts
            for start in reachable
            for link in (_LINKS if end < len(word) else ("",))
            if word.endswith(link, start, end) and end - len(link) - start > 3
        ):
            reachable.add(end)
    return len(word) in reachable


def is_russian(word: str, whole: frozenset[str], stems: frozenset[str]) -> bool:
    """Tell whether a folded Cyrillic word is a known one, or a known stem with an ending."""
    if word in whole:
        return True
    return any(
        word[:length] in stems and _RUSSIAN_ENDINGS.fullmatch(word, length)
        for length in range(max(2, len(word) - 5), len(word) + 1)
    )
