"""Reads text as if nobody had dressed it up: case, accents, width and invisible characters make no difference.

A name must be found in SMITH, Smıth, Ｓｍｉｔｈ and in a Smith with a zero-width space inside. So the
search runs on a folded copy, and every place found in it is carried back to the text as it was
written. Nearly all text folds letter by letter, and then places are the same in both.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

_UNEVEN = "\uffff"
"""Stands for a character that folds to none or to several (and is itself one that folds to none)."""
_KEPT_CONTROLS = frozenset("\t\n\v\f\r")
_VOICED = "\u3099\u309a"
_PLAIN = {
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ı": "i",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ħ": "h",
    "’": "'",
}
_DASHES = dict.fromkeys("‐‑‒–—―−", "-")
_CONTROL = re.compile(r"[\0-\x08\x0e-\x1f\x7f]")
_CLUSTER = re.compile(
    r"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|.[\uff9e\uff9f\u3099\u309a]?", re.DOTALL
)
"""What composes to one character: the letters of a Korean syllable, a kana and its sound mark."""


class Folded(NamedTuple):
    """A folded text.

    Attributes
    ----------
    text
        In lower case, without accents, in normal width, without what cannot be seen.
    positions
        Where each of its characters, and its end, is in the original; None if all are where they were.
    invisible
        Where the original has characters that show nothing and belong to no letter.
    """

    text: str
    positions: tuple[int, ...] | None = None
    invisible: tuple[int, ...] = ()

    def locate(self, start: int, end: int) -> tuple[int, int]:
        """Give the place in the original of a place in the folded text: whole characters, never a part of one.

        The 1 of a folded ¼ is in the original the ¼; a place that ended before it would hold nothing.
        """
        if self.positions is None:
            return start, end
        if end > start:
            while end + 1 < len(self.positions) and self.positions[end] == self.positions[end - 1]:
                end += 1
        return self.positions[start], self.positions[end]


def fold(text: str) -> Folded:
    """Fold a text."""
    if text.isascii() and not _CONTROL.search(text):
        return Folded(text.lower())
    folded = text.translate(_TABLE)
    return _fold_unevenly(text) if _UNEVEN in folded else Folded(folded)


def fold_word(word: str) -> str:
    """Fold a word whose places do not matter."""
    return fold(word).text


def _fold_unevenly(text: str) -> Folded:
    parts: list[str] = []
    positions: list[int] = []
    invisible: list[int] = []
    for cluster in _CLUSTER.finditer(text):
        folded = _fold_cluster(cluster[0])
        if not folded and unicodedata.category(cluster[0][0])[0] == "C":
            invisible.append(cluster.start())
        parts.append(folded)
        positions.extend([cluster.start()] * len(folded))
    return Folded("".join(parts), (*positions, len(text)), tuple(invisible))


@lru_cache(1 << 14)
def _fold_cluster(cluster: str) -> str:
    """Fold one character, or a few that compose to one."""
    if cluster in _KEPT_CONTROLS:
        return cluster
    kept = [
        char
        for char in unicodedata.normalize("NFKD", cluster)
        if char in _VOICED or unicodedata.category(char) not in _DROPPED
    ]
    composed = unicodedata.normalize("NFC", "".join(kept)).casefold()
    # Case folding can decompose again (U+0130), and can leave what folds further.
    stripped = "".join(
        char for char in composed if char in _VOICED or unicodedata.category(char) not in _DROPPED
    )
    return "".join(_PLAIN.get(char) or _DASHES.get(char) or char for char in stripped)


_DROPPED = frozenset({"Mn", "Me", "Cc", "Cf", "Cs", "Co", "Cn"})


class _Table(dict[int, str]):
    """Folds code points as they come; what is uneven gets a mark instead."""

    def __missing__(self, point: int) -> str:
        folded = _fold_cluster(chr(point))
        even = len(folded) == 1 and not (0x1100 <= point <= 0x11FF or point in _SOUND_MARKS)
        self[point] = folded = folded if even else _UNEVEN
        return folded


_SOUND_MARKS = frozenset({0x3099, 0x309A, 0xFF9E, 0xFF9F})
_TABLE = _Table()
