"""What a study says about who it is of: the names, numbers, places and dates that its text must not repeat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from itertools import permutations
from typing import NoReturn

from tasks.deid.text.folding import fold_word
from tasks.deid.text.view import View
from tasks.deid.text.vocabulary import Kind, classify, spell

_LETTERS = re.compile(r"[^\W\d_]+")
_APART = re.compile(r"[\W_]+")
_DIGITS = re.compile(r"[0-9]+")
_BACK = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("ss", "s"))
_FREE_WORD, _SHORTEST_WORD = 5, 3
"""Letters from which a name is found inside longer words, and from which it is found as a word."""
_SHORTEST_FOREIGN = 2
_SHORTEST_CODE, _SHORTEST_NUMBER, _FREE_NUMBER = 3, 4, 6
_SHORTEST_LINE = 5
_MOST_WORDS_IN_ORDER = 4

Span = tuple[int, int]


class StudyIdentifiers:
    """The identifiers of one study, ready to be searched for; shows and pickles nothing of them.

    Parameters
    ----------
    names
        Person names as in PN values: every component group counts, in every order.
    codes
        Identifiers: patient and accession numbers, telephone numbers, whatever names somebody in a list.
    lines
        Addresses and names of places.
    dates
        DA or DT values.
    uids
        UIDs of the instance.
    """

    __slots__ = ("birth_years", "codes", "dates", "free", "inner", "lines", "words", "written_dates")

    def __init__(
        self,
        *,
        names: Iterable[str] = (),
        codes: Iterable[str] = (),
        lines: Iterable[str] = (),
        dates: Iterable[str] = (),
        uids: Iterable[str] = (),
    ) -> None:
        words = {word for name in names for word in _words_of_name(name)}
        forms = {form for code in (*codes, *uids) for form in _forms_of_code(code)}
        words |= {form for form in forms if form.isalpha()}
        self.words = frozenset(words)
        self.free = tuple(sorted(word for word in words if _is_free(word)))
        numbers = {form for form in forms if not form.isalpha()}
        self.codes = tuple(
            sorted(form for form in numbers if not form.isdigit() or len(form) >= _FREE_NUMBER)
        )
        self.inner = frozenset(numbers)
        self.lines = tuple(sorted({form for line in lines for form in _forms_of_line(line)}))
        self.dates = frozenset(day for value in dates if (day := _read_date(value)) is not None)
        self.written_dates = {form: day for day in self.dates for form in write_digits(day)}
        self.birth_years = frozenset(str(day.year) for day in self.dates)

    def occur_in(self, folded: str) -> bool:
        """Tell whether a folded text may hold any of them; dates are left to their detector."""
        if not self.words.isdisjoint(_LETTERS.findall(folded)) or any(word in folded for word in self.free):
            return True
        if not (self.codes or self.lines or self.inner):
            return False
        squeezed = _APART.sub("", folded)
        return any(code in squeezed for code in self.inner) or any(line in squeezed for line in self.lines)

    def __reduce__(self) -> NoReturn:
        raise TypeError("identifiers of a patient stay in the process that read them")


NOBODY = StudyIdentifiers()
"""The identifiers of a study that says nothing of anybody."""


@lru_cache(1 << 6)
def identify_study(
    names: frozenset[str],
    codes: frozenset[str],
    lines: frozenset[str],
    dates: frozenset[str],
    uids: frozenset[str] = frozenset(),
) -> StudyIdentifiers:
    """Give the identifiers of a study, the same object for the same values, so that answers can be remembered by it."""
    return StudyIdentifiers(names=names, codes=codes, lines=lines, dates=dates, uids=uids)


def find_names(view: View, study: StudyIdentifiers) -> Iterator[Span]:
    """Find the words of the study's names, alone or inside a longer word."""
    free = tuple(part for part in study.free if part in view.folded)
    yield from ((token.start, token.end) for token in view.tokens if _has_name(token.word, study, free))
    yield from _occurrences(view.folded, free, 0)


def _has_name(word: str, study: StudyIdentifiers, free: tuple[str, ...]) -> bool:
    """Tell whether a word is a name or, in letters that need no cover of known words, has one inside."""
    return word in study.words or (word[0] < "\u3000" and any(part in word for part in free))


def _occurrences(text: str, parts: Iterable[str], offset: int) -> Iterator[Span]:
    for part in parts:
        start = text.find(part)
        while start >= 0:
            yield offset + start, offset + start + len(part)
            start = text.find(part, start + len(part))


def find_codes(view: View, study: StudyIdentifiers) -> Iterator[Span]:
    """Find the study's numbers and codes, however their parts are set apart."""
    if study.inner:
        for token in view.tokens:
            if token.kind == "number" and token.word in study.inner:
                yield token.start, token.end
    yield from _squeezed(view, study.codes)
    yield from _split_numbers(view, study)


def find_lines(view: View, study: StudyIdentifiers) -> Iterator[Span]:
    """Find the study's addresses and places."""
    yield from _squeezed(view, study.lines)


def _split_numbers(view: View, study: StudyIdentifiers) -> Iterator[Span]:
    """Find short numbers of the study that are written in two parts."""
    short = {code for code in study.inner if code not in study.codes}
    if short:
        for before, after in zip(view.tokens, view.tokens[1:], strict=False):
            if before.kind == after.kind == "number" and before.word + after.word in short:
                yield before.start, after.end


def _squeezed(view: View, forms: tuple[str, ...]) -> Iterator[Span]:
    if not forms:
        return
    folded = view.folded
    squeezed = _APART.sub("", folded)
    present = [form for form in forms if form in squeezed]
    if not present:
        return
    places = [index for index, char in enumerate(folded) if char == "_" or _APART.match(char) is None]
    places = [index for index in places if folded[index] != "_"]
    for start, end in _occurrences(squeezed, present, 0):
        yield places[start], places[end - 1] + 1


def _is_free(word: str) -> bool:
    return len(word) >= (_FREE_WORD if word.isascii() else _SHORTEST_FOREIGN)


@lru_cache(1 << 8)
def _words_of_name(name: str) -> frozenset[str]:
    """Give the words of a person name that are searched for, of each component group, in all their spellings.

    A study names the same few people in each of its series, and one physician many studies.
    """
    return frozenset(_spell_name(name))


def _spell_name(name: str) -> Iterator[str]:
    for group in re.split(r"[=\\]", name):
        parts = _LETTERS.findall(group)
        for part in parts:
            yield from (word for word in _spellings(part) if _is_word(word))
        short = [fold_word(part) for part in parts][:_MOST_WORDS_IN_ORDER]
        if len(short) > 1:
            for first, second in permutations(short, 2):
                # Zhang^Wei is written ZhangWei, 张^伟 is written 张伟: short parts mean somebody side by side.
                joint = first + second
                if len(joint) >= (_FREE_WORD if joint.isascii() else _SHORTEST_FOREIGN):
                    yield joint


def _is_word(word: str) -> bool:
    if not word.isascii():
        return len(word) >= _SHORTEST_FOREIGN
    return len(word) >= _SHORTEST_WORD or (len(word) > 1 and classify(word) >= Kind.UNKNOWN)


def _spellings(word: str) -> set[str]:
    forms = spell(word)
    for long, short in _BACK:
        forms |= {form.replace(long, short) for form in forms}
    return forms


def _forms_of_code(code: str) -> Iterator[str]:
    folded = fold_word(code.strip(" \0"))
    whole = _APART.sub("", folded)
    digits = "".join(_DIGITS.findall(folded))
    for form in (whole, digits, digits.lstrip("0")):
        if form.isdigit():
            if len(form) >= _SHORTEST_NUMBER and (form == whole or len(form) > _SHORTEST_NUMBER):
                yield form
        elif len(form) >= _SHORTEST_CODE:
            yield form


def _forms_of_line(line: str) -> Iterator[str]:
    for whole in re.split(r"[\\\r\n\f]", line):
        form = _APART.sub("", fold_word(whole))
        if len(form) >= _SHORTEST_LINE or (len(form) > 1 and not form.isascii()):
            yield form
        for part in re.split(r"[,;^()]", whole):
            words = _LETTERS.findall(fold_word(part))
            form = _APART.sub("", fold_word(part))
            if len(form) >= _SHORTEST_LINE and any(classify(word) >= Kind.UNKNOWN for word in words):
                yield form


def _read_date(value: str) -> date | None:
    digits = "".join(_DIGITS.findall(value))[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def write_digits(day: date) -> Iterator[str]:
    """Give the ways to write a date in digits alone."""
    for form in ("%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y"):
        yield day.strftime(form)
