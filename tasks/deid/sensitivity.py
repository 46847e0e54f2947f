"""How sensitive each element of a run looks, beside what is done with it; counts and shares, never a value.

A rule list is written before the data is seen. So every element path is looked at in a sample of instances: what
the standard thinks of it, how often a detector finds something, whether its values tell instances apart, how much
free text there is. An element that is kept and looks like that is named, for somebody to look at the rule.

The sample is chosen by keyed hash and so are the values that are looked at, which makes it the same whatever
worker has seen them in whatever order, and its memory that of the paths.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from tasks.deid.actions import CLEAN_DESCRIPTORS
from tasks.deid.changes import EMPTIED, MAPPED, REMOVED, REPLACED, SHIFTED
from tasks.deid.codes import CODE_TAGS
from tasks.deid.cohort import search
from tasks.deid.rules import Profile
from tasks.deid.text.registry import DETECTORS
from tasks.deid.text.study import NOBODY
from tasks.deid.text.view import View
from tasks.deid.trace import Trace
from tasks.dicom.dictionary import format_tag, keyword_of
from tasks.dicom.element import Element
from tasks.dicom.values import SPECIFIC_CHARACTER_SET, encodings_of, texts_of
from tasks.records import ElementSensitivity

SAMPLED = 64
"""Instances of a batch that are looked at, at most, and values of a path that are looked at closely."""

KEPT = "kept"
_ACTIONS = (KEPT, REMOVED, EMPTIED, REPLACED, MAPPED, SHIFTED)
_ITEMS = 16
"""Items of a sequence that are looked at: functional groups repeat themselves a thousand times."""
_PATHS = 4096
_LONGEST = 1024
_TEXT_VRS = frozenset({"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})
_DETECTORS = tuple(detector for detector in DETECTORS if "unknown-word" not in detector.ids)
"""All but the last, which finds whatever is no word: on codes of devices, that says nothing."""
_FREE_TEXT_BITS = 64.0
"""Entropy of a short sentence, from which a text counts as free."""
_LISTED, _OUTSIDE, _STANDARD = 0.9, 0.5, 0.1
_SUSPICIOUS = 0.3
_FEW = 9
"""Instances that are added where values are counted: of the first few, each has its own."""
_SPACE = float(1 << 64)


class _Look(NamedTuple):
    """What one value of a path looks like."""

    hit: bool
    kept: bool
    bits: float


@dataclass(slots=True)
class _Path:
    """What was seen of one path; `values` are those with the smallest fingerprints."""

    seen: int = 0
    actions: Counter[str] = field(default_factory=Counter)
    values: dict[int, _Look] = field(default_factory=dict)


class _Leaf(NamedTuple):
    path: str
    fingerprint: int
    action: str
    element: Element
    encodings: tuple[str, ...]


class Sensitivity:
    """What was seen of the elements of a batch, or of many.

    Attributes
    ----------
    paths
        By element path in tags, the items of a sequence taken together: ``(0008,1140)[].(0008,1155)``.
    """

    def __init__(self) -> None:
        self.paths: dict[str, _Path] = {}
        self._seen: dict[int, tuple[Trace, list[tuple[_Path, str]]]] = {}

    def add(
        self, traces: Iterable[Trace], of_patient: frozenset[str], fingerprint: Callable[[bytes], int]
    ) -> None:
        """Look at an instance.

        Parameters
        ----------
        of_patient
            Tokens of its patient (`cohort.tokens_of_patient`): a value that says one of them is a hit.
        """
        for trace in traces:
            seen = self._seen.get(id(trace))
            if seen is None:
                seen = self._seen[id(trace)] = trace, self._look_at(trace, of_patient, fingerprint)
            # A trace that comes again, as most do, is the same values again: these are only counted.
            for path, action in seen[1]:
                path.seen += 1
                path.actions[action] += 1

    def _look_at(
        self, trace: Trace, of_patient: frozenset[str], fingerprint: Callable[[bytes], int]
    ) -> list[tuple[_Path, str]]:
        """Look at the values of a trace that was not seen before; gives what to count, now and whenever it comes."""
        counted = []
        for leaf in _leaves_of(trace, fingerprint):
            path = self.paths.get(leaf.path)
            if path is None:
                path = self.paths[leaf.path] = _Path()
            counted.append((path, leaf.action))
            if _is_among(path.values, leaf.fingerprint):
                _keep(path.values, leaf.fingerprint, _look(leaf, of_patient))
        return counted

    def dump(self) -> dict[str, Any]:
        """Give what was seen as plain lists, for JSON."""
        return {
            path: [
                seen.seen,
                dict(sorted(seen.actions.items())),
                [[number, *seen.values[number]] for number in sorted(seen.values)],
            ]
            for path, seen in self._first()
        }

    def merge(self, dumped: Mapping[str, Any]) -> None:
        """Add what `dump` gave of another batch; the order of batches does not matter."""
        for name, (seen, actions, values) in dumped.items():
            path = self.paths.setdefault(name, _Path())
            path.seen += seen
            path.actions.update(actions)
            for number, hit, kept, bits in values:
                _keep(path.values, number, _Look(hit, kept, bits))
        self.paths = dict(self._first())

    def _first(self) -> list[tuple[str, _Path]]:
        """Give the paths in order, as many as a report can hold: private ones may be without number."""
        return heapq.nsmallest(_PATHS, self.paths.items(), key=lambda item: item[0])

    def conclude(self, profile: Profile) -> tuple[ElementSensitivity, ...]:
        """Rate every path under the profile of the run, the most sensitive first."""
        rated = [_rate(name, path, profile) for name, path in self.paths.items()]
        return tuple(sorted(rated, key=lambda one: (not one.suspicious, -one.score, one.path)))


def _leaves_of(trace: Trace, fingerprint: Callable[[bytes], int]) -> Iterator[_Leaf]:
    return _walk(trace.original, trace.written, "", trace.encodings, fingerprint)


def _walk(
    original: Element,
    written: Element | None,
    before: str,
    encodings: tuple[str, ...],
    fingerprint: Callable[[bytes], int],
) -> Iterator[_Leaf]:
    path = before + format_tag(original.tag)
    if original.items is None:
        value = original.value.strip(b" \0")
        if value:
            action = _action_of(value, written)
            yield _Leaf(path, fingerprint(value[:_LONGEST]), action, original, encodings)
        return
    left: Sequence[Any] = () if written is None else written.items or ()
    for number, item in enumerate(original.items[:_ITEMS]):
        codecs = encodings_of(item, encodings) if SPECIFIC_CHARACTER_SET in item else encodings
        kept = left[number] if number < len(left) else {}
        for tag, element in item.items():
            yield from _walk(element, kept.get(tag), path + "[].", codecs, fingerprint)


def _action_of(value: bytes, written: Element | None) -> str:
    if written is None:
        return REMOVED
    now = written.value.strip(b" \0")
    if now == value:
        return KEPT
    if not now:
        return EMPTIED
    if written.VR == "UI":
        return MAPPED
    return SHIFTED if written.VR in ("DA", "DT") else REPLACED


def _is_among(values: Mapping[int, _Look], number: int) -> bool:
    """Tell whether a value is new and one of those to look at, so far."""
    return number not in values and (len(values) < SAMPLED or number < max(values))


def _keep(values: dict[int, _Look], number: int, look: _Look) -> None:
    known = values.get(number)
    values[number] = (
        look if known is None else _Look(known.hit or look.hit, known.kept or look.kept, look.bits)
    )
    if len(values) > SAMPLED:
        del values[max(values)]


def _look(leaf: _Leaf, of_patient: frozenset[str]) -> _Look:
    if leaf.element.VR not in _TEXT_VRS:
        return _Look(hit=False, kept=leaf.action == KEPT, bits=0.0)
    texts = tuple(text[:_LONGEST] for text in texts_of(leaf.element, leaf.encodings) if text)
    hit = any(_is_found(text) for text in texts) or any(
        not of_patient.isdisjoint(search(text, 0)) for text in texts
    )
    return _Look(hit, leaf.action == KEPT, sum(map(_entropy, texts)))


@lru_cache(1 << 13)
def _is_found(text: str) -> bool:
    """Tell whether any detector of identity finds something in a text."""
    view = View(text)
    return any(next(iter(detector.find(view, NOBODY)), None) is not None for detector in _DETECTORS)


@lru_cache(1 << 13)
def _entropy(text: str) -> float:
    """Give the bits of a text by how often it uses each of its characters, rounded to a tenth."""
    counts = Counter(text).values()
    return round(-sum(count * math.log2(count / len(text)) for count in counts), 1)


def _rate(name: str, path: _Path, profile: Profile) -> ElementSensitivity:
    """Put together what is thought of a path.

    The score is the chance that at least one of two is right: the standard's opinion (0.9 where Table E.1-1
    speaks of the attribute, 0.5 for private and unknown ones, 0.1 for others), and what was seen: the share of
    values with a hit, or, if larger, free text times how much its values differ.

    Suspicious is what is kept although that much was seen. Of a text that is cleaned word by word, what stayed
    has been looked at: there only a hit counts. Coded entries are kept by their scheme.
    """
    tag = int(name[-10:-6] + name[-5:-1], 16)
    rule, keyword = profile.rule(tag), keyword_of(tag)
    looks = list(path.values.values())
    distinct = min(float(path.seen), _count_distinct(path.values))
    differ = (distinct - 1) / (path.seen + _FEW)
    evidence = max(_share_of_hits(looks), _free_text(looks) * differ)
    kept = [look for look in looks if look.kept]
    remains = _share_of_hits(kept)
    if rule is None or rule.option != CLEAN_DESCRIPTORS:
        remains = max(remains, _free_text(kept) * differ)
    expected = _LISTED if rule is not None else _STANDARD if keyword else _OUTSIDE
    return ElementSensitivity(
        path=name,
        keyword=keyword,
        prior="" if rule is None else str(rule.row.basic),
        seen=path.seen,
        hit_rate=round(_share_of_hits(looks), 3),
        distinct_share=round(distinct / path.seen, 3),
        entropy_bits=round(_mean([look.bits for look in looks]), 1),
        actions={action: path.actions[action] for action in _ACTIONS if path.actions[action]},
        score=round(1 - (1 - expected) * (1 - evidence), 3),
        suspicious=bool(kept) and tag not in CODE_TAGS and remains >= _SUSPICIOUS,
    )


def _share_of_hits(looks: Sequence[_Look]) -> float:
    return _mean([float(look.hit) for look in looks])


def _free_text(looks: Sequence[_Look]) -> float:
    """Tell from 0 to 1 how much text is in values."""
    return min(1.0, _mean([look.bits for look in looks]) / _FREE_TEXT_BITS)


def _count_distinct(values: Mapping[int, _Look]) -> float:
    """Estimate how many values there were, by how small the smallest fingerprints are."""
    return len(values) if len(values) < SAMPLED else (SAMPLED - 1) * _SPACE / (max(values) + 1)


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
