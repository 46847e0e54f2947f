"""Cuts identity out of a text and leaves the clinical words around it.

Most descriptions are a few words that are all known, so they are first looked at word by word, each
answer remembered; only a text with something else in it is searched by all detectors. What is cut
leaves a space, and the result is searched again, because what stood apart may now stand together.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from tasks.deid.text.classifier import TokenClassifier
from tasks.deid.text.dates_in_text import DATE, TIME
from tasks.deid.text.found import Found
from tasks.deid.text.name_forms import is_person_word
from tasks.deid.text.people import TITLES, extend_names
from tasks.deid.text.places import HEADS
from tasks.deid.text.registry import DETECTORS, Detector
from tasks.deid.text.study import NOBODY, StudyIdentifiers
from tasks.deid.text.view import Token, View
from tasks.deid.text.vocabulary import Kind, ambiguous_given_names, ambiguous_words, classify
from tasks.deid.text.word_lists import read_list
from tasks.errors import ConfigurationError

_MOST_PASSES = 6
_LONGEST_REMEMBERED = 40
_CACHED = 1 << 15
_LETTERS = re.compile("[a-z]+")
_NEEDS_COMPANY = read_list("clean_text.needs_company") | TITLES | HEADS
"""Words that make something of what follows them."""
_EMPTY_BRACKETS = re.compile(r"\(\s*\)|\[\s*\]|\{\s*\}|<\s*>")
_SPACES = re.compile(r"[ \t]+")


class Hit(NamedTuple):
    """A finding: which detector, and where in the text as it was given; never what stands there."""

    detector_id: str
    start: int
    end: int


class Cleaned(NamedTuple):
    """A text without identity, and what was found in it."""

    text: str
    hits: tuple[Hit, ...]


def find_spans(
    text: str, identifiers: StudyIdentifiers = NOBODY, classifier: TokenClassifier | None = None
) -> tuple[Hit, ...]:
    """Find what identifies somebody in a text, in order of place.

    Parameters
    ----------
    identifiers
        Those of the study the text is of.
    classifier
        Finds more, if there is one.
    """
    if classifier is None and is_plain(text, identifiers):
        return ()
    view = _view_of(text)
    return _to_hits(view, _search(view, identifiers, classifier))


def clean_text(
    text: str,
    identifiers: StudyIdentifiers = NOBODY,
    shift_days: int | None = None,
    classifier: TokenClassifier | None = None,
) -> Cleaned:
    """Cut out of a text what identifies somebody.

    Parameters
    ----------
    identifiers
        Those of the study the text is of.
    shift_days
        Days by which this patient's dates move; None cuts dates and times out.
    classifier
        Finds more, if there is one.

    Returns
    -------
    Cleaned
        Text in which no detector finds anything. With `shift_days=0` it comes out as it went in.
    """
    if classifier is None and is_plain(text, identifiers):
        return Cleaned(text, ())
    cleaned, hits = _pass(text, identifiers, shift_days, classifier)
    if cleaned == text:
        return Cleaned(text, hits)
    settled = None if shift_days is None else 0
    for _ in range(_MOST_PASSES):
        again, more = _pass(cleaned, identifiers, settled, None)
        if not more or again == cleaned:
            return Cleaned(cleaned, hits)
        cleaned = again
    return Cleaned("", (*hits, Hit("not-settled", 0, len(text))))


def is_plain(text: str, identifiers: StudyIdentifiers) -> bool:
    """Tell, quickly, whether a text is known words side by side; False says only that it must be searched."""
    if not text.isascii():
        return False
    digits = letters = 0
    for chunk in text.split():
        look = _look_at(chunk) if len(chunk) <= _LONGEST_REMEMBERED else None
        if look is None:
            return False
        digits += look[0]
        letters += look[1]
    return digits <= _MOST_DIGITS and letters <= _MOST_LETTERS and not identifiers.occur_in(text.lower())


@lru_cache(_CACHED)
def _look_at(chunk: str) -> tuple[int, int] | None:
    """Look at a stretch without spaces that may stand beside others.

    Returns
    -------
    tuple or None
        The digits it could lend to a number in groups, and whether it is a letter alone; None if it
        makes something of what is beside it, or holds anything that is cut.
    """
    words = _LETTERS.findall(chunk.lower())
    if (
        _AFTER_DIGIT.search(chunk)
        or not _NEEDS_COMPANY.isdisjoint(words)
        or not ambiguous_given_names().isdisjoint(words)
        or (chunk.endswith(",") and not ambiguous_words().isdisjoint(words))
        or any(map(is_person_word, words))
        or _DAY_AND_MONTH.fullmatch(chunk)
    ):
        return None
    if any(len(word) > 1 and classify(word) == Kind.GUARDED for word in words):
        return None
    if _INITIAL.search(chunk) or _search(View(chunk), NOBODY, None):
        return None
    at_edge = chunk[0].isdigit() or chunk[-1].isdigit()
    return (sum(map(str.isdigit, chunk)) if at_edge else 0), int(len(words) == 1 == len(words[0]))


_MOST_DIGITS, _MOST_LETTERS = 5, 3
"""Digits too few for a date or a telephone number, letters too few for a word spelled out."""
_AFTER_DIGIT = re.compile(r"[0-9]\.$|[A-Za-z]:$|^[^A-Za-z0-9]+$")
"""What reads on into the next stretch: an ordinal, a label, a mark alone."""
_DAY_AND_MONTH = re.compile(r"\W{0,3}[0-9]{1,2}[/-][0-9]{1,2}\W{0,3}")
_INITIAL = re.compile(r"(?<![A-Za-z0-9])[A-Za-z][.^]")


def _search(view: View, identifiers: StudyIdentifiers, classifier: TokenClassifier | None) -> list[Found]:
    found = [*_find(_ASKING, view, identifiers), *_find_in_any_study(view)]
    if classifier is not None:
        found += _ask(view, classifier)
    cut = _Cover(found)
    found += list(extend_names(view, found, cut.has))
    return found


def _find(detectors: Iterable[Detector], view: View, identifiers: StudyIdentifiers) -> Iterator[Found]:
    return (
        item for detector in detectors for item in detector.find(view, identifiers) if item.end > item.start
    )


def _view_of(text: str) -> View:
    """Take a text apart, or recall it: the same comments stand in many studies."""
    known = _known.get(text)
    return View(text) if known is None else known[0]


def _find_in_any_study(view: View) -> tuple[Found, ...]:
    """Find what is found whatever study a text is of, or recall it."""
    known = _known.get(view.text)
    if known is not None:
        return known[1]
    found = tuple(_find(_INDIFFERENT, view, NOBODY))
    if " " in view.text and len(view.text) <= _LONGEST_KNOWN:  # single words are remembered by `_look_at`
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[view.text] = view, found
    return found


_ASKING = tuple(detector for detector in DETECTORS if detector.asks_study)
_INDIFFERENT = tuple(detector for detector in DETECTORS if not detector.asks_study)
_known: dict[str, tuple[View, tuple[Found, ...]]] = {}
_LONGEST_KNOWN, _MOST_KNOWN = 256, 1 << 11


def _ask(view: View, classifier: TokenClassifier) -> list[Found]:
    """Ask a model, and take whole words of what it marks."""
    try:
        marked = [(start, end) for start, end in classifier.find(view.text) if start < end]
    except Exception as error:  # noqa: BLE001 - what it says of the error may quote the text
        raise ConfigurationError(
            f"The token classifier failed ({type(error).__name__}). Mend it, or take it out of the profile."
        ) from None
    places = [(token, view.locate(token.start, token.end)) for token in view.tokens]
    return [
        Found("classifier", token.start, token.end, names=True)
        for token, (first, last) in places
        if any(start < last and first < end for start, end in marked)
    ]


class _Cover:
    """Tells what is inside anything found that is cut."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, found: list[Found]) -> None:
        merged = _merge([(item.start, item.end) for item in found if item.rewrite is None])
        self._starts = [start for start, _ in merged]
        self._ends = [end for _, end in merged]

    def has(self, token: Token) -> bool:
        at = bisect_right(self._starts, token.start) - 1
        return at >= 0 and token.end <= self._ends[at]


def _merge(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _to_hits(view: View, found: list[Found]) -> tuple[Hit, ...]:
    hits = {Hit(item.detector_id, *view.locate(item.start, item.end)) for item in found}
    hits |= {Hit("invisible-character", at, at + 1) for at in view.invisible}
    return tuple(sorted(hits, key=lambda hit: (hit.start, hit.end, hit.detector_id)))


def _pass(
    text: str, identifiers: StudyIdentifiers, shift_days: int | None, classifier: TokenClassifier | None
) -> tuple[str, tuple[Hit, ...]]:
    view = _view_of(text)
    found = _search(view, identifiers, classifier)
    cuts, written = _settle(view, found, shift_days)
    unchanged = {(DATE, start, end) for start, end, new in written if text[start:end] == new}
    edits = [(start, end, None) for start, end in cuts] + list(written)
    if not edits and not view.invisible:
        return text, ()
    hits = tuple(
        hit
        for hit in _to_hits(view, found)
        if hit not in unchanged and not (hit.detector_id == TIME and shift_days is not None)
    )
    return _edit(text, sorted(edits, key=lambda edit: edit[:2]), view.invisible), hits


def _settle(
    view: View, found: list[Found], shift_days: int | None
) -> tuple[list[tuple[int, int]], list[tuple[int, int, str]]]:
    """Part what is found into what is cut and what is written anew; what overlaps a cut is cut with it."""
    stays: list[tuple[int, int, str]] = []
    cuts = []
    dates: list[tuple[int, int]] = []
    for item in found:
        place = view.locate(item.start, item.end)
        # The first way to read a date is the longest; what lies inside it is a part of it.
        if item.rewrite is not None and any(start <= place[0] and place[1] <= end for start, end in dates):
            continue
        new = item.rewrite(shift_days) if item.rewrite is not None and shift_days is not None else None
        if new is not None:
            stays.append((*place, new))
            dates.append(place)
        elif not (
            item.detector_id in _PART_OF_DATE
            and any(start <= place[0] and place[1] <= end for start, end in dates)
        ):
            cuts.append(place)
    merged = _merge(cuts)
    starts = [start for start, _ in merged]
    kept: list[tuple[int, int, str]] = []
    for start, end, new in sorted(stays):
        at = bisect_right(starts, end - 1) - 1
        if at >= 0 and merged[at][1] > start:
            merged = _merge([*merged, (start, end)])
            starts = [begin for begin, _ in merged]
        elif not kept or kept[-1][1] <= start:
            kept.append((start, end, new))
        else:
            merged = _merge([*merged, (start, end)])
            starts = [begin for begin, _ in merged]
    return merged, kept


_PART_OF_DATE = frozenset(
    {
        "unknown-word",
        "unknown-code",
        "long-number",
        "grouped-number",
        "chinese-phone",
        DATE,
        TIME,
        "mixed-scripts",
        "beside-name",
        "phone",
    }
)
"""What may be found inside a date that stays, and means nothing there."""


def _edit(text: str, edits: list[tuple[int, int, str | None]], invisible: tuple[int, ...]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, new in edits:
        if end <= at:
            continue
        parts.append(text[at : max(at, start)])
        parts.append(" " if new is None else new)
        at = end
    parts.append(text[at:])
    edited = "".join(parts)
    if invisible:
        edited = (
            "".join(char for char in edited if not View(char).invisible)
            if not edited.isascii()
            else _CONTROL.sub("", edited)
        )
    edited = _EMPTY_BRACKETS.sub(" ", edited)
    return _SPACES.sub(" ", edited).strip(" \t\r\n^=,;")


_CONTROL = re.compile(r"[\0-\x08\x0e-\x1f\x7f]")
