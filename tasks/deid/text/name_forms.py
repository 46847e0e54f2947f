"""Names of people all of whose words are everyday ones, known by the form in which they are written.

Long, I. and may d'angelo are made of words that stay anywhere else. What tells them apart is how they
stand: an initial with a full stop, a comma before a given name, a particle, a word for somebody before
them. Capitals are not asked for, because requests are typed without them. A given name that is a word of
every sentence too (may, will, max) asks for more than a blank between it and the surname.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tasks.deid.text.found import Found
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.text.view import View
from tasks.deid.text.vocabulary import Kind, ambiguous_given_names, ambiguous_words, classify, given_names
from tasks.deid.text.word_lists import read_list
from tasks.deid.text.words import is_eponym_in_use

PARTICLES = read_list("people.particles")
_STRONG_PARTICLES = read_list("people.strong_particles")
"""Particles that are no words of a language the vocabulary has: what follows is a name whatever it means."""
_WEAK_GIVEN = read_list("people.weak_given_names")
_NO_SURNAMES = read_list("people.stop_words") | read_list("people.no_surnames")
_SURNAMES_IN_FORM = read_list("people.surnames_in_form")
"""Surnames too much at home in medicine to be cut for standing beside a name."""
_PEOPLE = read_list("people.labels") | read_list("people.persons") | read_list("people.titles")
_PEOPLE_ENDINGS = ("ologist", "iatrist", "ician", "ologe", "ologue", "ologo")
_RELATIONS = read_list("people.persons") | read_list("people.relations")
GRADED = read_list("people.graded")
"""Words that a letter alone belongs to: type B, hepatitis C."""
_BIGRAMS = read_list("people.bigrams")
_ELIDED = frozenset({"d", "o", "l", "n"})
_PARTICLE_GAPS = frozenset({" ", "'", "-", ". ", " '"})
_INITIAL_GAPS = frozenset({".", ". ", " "})
_COMMAS = frozenset({",", ", "})
_JOINTS = frozenset({"^", "_", "/", ".", *_COMMAS})
"""What stands between the parts of a name, and seldom between other words."""
_MOST_PARTICLES = 3
_ARTICLES = frozenset("aiyeo")
"""Letters that are words of a language by themselves."""
_NO_INITIALS = frozenset("lraipstbc")
"""Letters that say a side, a direction or a kind when no full stop follows them."""


class _Part(NamedTuple):
    """A part of a name: its first and last token."""

    first: int
    last: int


def is_person_word(word: str) -> bool:
    """Tell whether a folded word says that somebody is named next: mother, urologist, by."""
    return word in _PEOPLE or word.endswith(_PEOPLE_ENDINGS)


def is_relation(word: str) -> bool:
    """Tell whether a folded word says what somebody is to the patient: a name may follow without a colon."""
    return word in _RELATIONS or word.endswith(_PEOPLE_ENDINGS)


def is_particle(view: View, index: int) -> bool:
    """Tell whether a token is a particle of a surname, or a letter before an apostrophe (d'Angelo)."""
    word = view.tokens[index].word
    return (word in PARTICLES and len(word) > 1) or (word in _ELIDED and view.gap(index) in ("'", "' ", " '"))


def begins_bigram(view: View, index: int) -> bool:
    """Tell whether a token and the next are a term of medicine: long axis."""
    after = view.tokens[index + 1].word if index + 1 < len(view.tokens) else ""
    return f"{view.tokens[index].word} {after}" in _BIGRAMS


def find_forms(view: View, _study: StudyIdentifiers) -> Iterator[Found]:
    """Find everyday words in the form of a name."""
    for index, token in enumerate(view.tokens):
        if token.kind != "latin":
            continue
        if len(token.word) == 1:
            forms: tuple[_Part | None, ...] = (_with_initial(view, index),)
        elif token.word in given_names() or _is_short_given(token.word):
            forms = (_given_first(view, index), _surname_first(view, index))
        else:
            continue
        for parts in filter(None, forms):
            first, last = view.tokens[parts.first], view.tokens[parts.last]
            yield Found("name-form", first.start, last.end, names=True)


def _with_initial(view: View, index: int) -> _Part | None:
    """Look for a surname beside a letter: I. Long and Long, I."""
    if view.gap(index - 1) == "" or view.gap(index).startswith("'") or _is_abbreviation(view, index):
        return None
    stopped = view.gap(index).startswith(".") or (
        index + 1 == len(view.tokens) and view.folded[view.tokens[index].end :].startswith(".")
    )
    named = _is_after_person(view, index)
    if view.gap(index) in _INITIAL_GAPS and (stopped or named):
        after = _surname_after(view, index)
        if after is not None and not begins_bigram(view, after.last):
            return _Part(index, after.last)
    return _surname_and_initial(view, index, stopped=stopped)


def _surname_and_initial(view: View, index: int, *, stopped: bool) -> _Part | None:
    before = _surname_before(view, index)
    if before is None or view.gap(index - 1) not in (" ", *_COMMAS):
        return None
    letter, surname = view.tokens[index], view.tokens[before.last]
    comma = view.gap(index - 1) in _COMMAS
    written = view.is_capital(letter) and view.is_capital(surname)
    named = _is_after_person(view, before.first) and letter.word not in _ARTICLES
    enough = (
        (stopped and (comma or written))
        or (named and not view.is_capital(surname))
        or (named and view.is_capital(letter))
        or (written and not view.is_shouted(surname) and comma and letter.word not in _NO_INITIALS)
    )
    return _Part(before.first, index) if enough else None


def _is_abbreviation(view: View, index: int) -> bool:
    """Tell whether a letter is of e.g., i.v. or a type, and no initial."""
    if index == 0:
        return False
    before = view.tokens[index - 1].word
    if before in GRADED and view.gap(index - 1) in (" ", "-"):
        return True
    return len(before) == 1 and view.gap(index - 1) == "." and not view.is_capital(view.tokens[index])


def _given_first(view: View, index: int) -> _Part | None:
    gap = view.gap(index)
    at = index
    middle = (
        gap in (" ", ". ")
        and len(view.tokens[index + 1].word) == 1
        and view.tokens[index + 1].kind == "latin"
        and view.gap(index + 1) in _INITIAL_GAPS
    )
    if middle:
        at = index + 1
    elif gap != " " and gap not in _JOINTS:
        return None
    surname = _surname_after(view, at)
    if surname is None or _is_term(view, index, surname):
        return None
    stopped = middle and view.gap(at).startswith(".")
    # A comma stands behind the surname; behind a given name it parts a list, where the two are not written as names.
    joined = gap in _JOINTS - _COMMAS or stopped
    return _Part(index, surname.last) if _is_enough(view, index, surname, joined=joined) else None


def _surname_first(view: View, index: int) -> _Part | None:
    surname = _surname_before(view, index)
    gap = view.gap(index - 1)
    if (
        surname is None
        or (gap != " " and gap not in _JOINTS)
        or _is_term(view, surname.last, _Part(index, index))
    ):
        return None
    if not _is_enough(view, index, surname, joined=gap in _JOINTS):
        return None
    last = index
    if index + 1 < len(view.tokens) and view.gap(index) == " " and len(view.tokens[index + 1].word) == 1:
        last += int(view.tokens[index + 1].kind == "latin" and view.gap(index + 1).startswith((".", "\n")))
    return _Part(surname.first, last)


def _is_enough(view: View, index: int, surname: _Part, *, joined: bool) -> bool:
    """Tell whether a given name beside a surname is somebody, by what is between, before, and how they are written."""
    first = min(index, surname.first)
    if joined or _is_after_person(view, first) or surname.first < surname.last:
        return True
    given, family = view.tokens[index], view.tokens[surname.last]
    titled = all(view.is_capital(token) and not view.is_shouted(token) for token in (given, family))
    if given.word not in given_names():
        return False
    if titled or given.word not in ambiguous_given_names():
        return True
    alone = first == 0 and max(index, surname.last) + 1 == len(view.tokens)
    return alone or (given.word not in _WEAK_GIVEN and index < surname.first)


def _is_term(view: View, index: int, surname: _Part) -> bool:
    return begins_bigram(view, surname.last) or (
        surname.first == index + 1 and begins_bigram(view, index) and view.gap(index) in (" ", "_", "-")
    )


def _is_short_given(word: str) -> bool:
    """Tell whether two or three letters that are no word may be a given name, as in Brown^Jo."""
    return len(word) <= 3 and classify(word) >= Kind.UNKNOWN


def _is_after_person(view: View, index: int) -> bool:
    """Tell whether a word for somebody stands before a token."""
    if index == 0 or "\n" in view.gap(index - 1) or len(view.gap(index - 1)) > 3:
        return False
    return is_person_word(view.tokens[index - 1].word)


def _surname_after(view: View, index: int) -> _Part | None:
    """Give the surname that begins behind a token, its particles with it."""
    at = index + 1
    strong = False
    while (
        at - index <= _MOST_PARTICLES
        and at + 1 < len(view.tokens)
        and view.gap(at) in _PARTICLE_GAPS
        and is_particle(view, at)
    ):
        strong = strong or _is_strong(view, at)
        at += 1
    if at < len(view.tokens) and _is_surname(view, at, after_particle=strong):
        return _Part(index + 1, at)
    return None


def _surname_before(view: View, index: int) -> _Part | None:
    """Give the surname that ends before a token, its particles with it."""
    last = first = index - 1
    strong = False
    while (
        first > 0
        and last - first < _MOST_PARTICLES
        and view.gap(first - 1) in _PARTICLE_GAPS
        and is_particle(view, first - 1)
    ):
        first -= 1
        strong = strong or _is_strong(view, first)
    if last >= 0 and _is_surname(view, last, after_particle=strong):
        return _Part(first, last)
    return None


def _is_strong(view: View, index: int) -> bool:
    return view.tokens[index].word in _STRONG_PARTICLES or view.gap(index) == "'"


def _is_surname(view: View, index: int, *, after_particle: bool) -> bool:
    token = view.tokens[index]
    if token.kind != "latin" or len(token.word) < 2 or token.word in _NO_SURNAMES:
        return False
    return (
        after_particle
        or token.word in ambiguous_words()
        or token.word in _SURNAMES_IN_FORM
        or (classify(token.word) >= Kind.GUARDED and not is_eponym_in_use(view, index))
    )
