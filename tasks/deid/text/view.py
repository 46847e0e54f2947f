"""A text taken apart once, for all detectors: its folded copy, and its runs of letters of one script and of digits."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

from tasks.deid.text.folding import fold

_TOKEN = re.compile(
    r"(?P<number>[0-9]+)|(?P<latin>[a-z]+)|(?P<cyrillic>[\u0430-\u045f]+)|(?P<hangul>[\uac00-\ud7a3]+)"
    r"|(?P<han>[\u3005\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)|(?P<greek>[\u03b1-\u03c9])|(?P<other>[^\W_])"
)


class Token(NamedTuple):
    """A run of one kind in the folded text.

    Attributes
    ----------
    kind
        `number`, `latin`, `cyrillic`, `hangul`, `han` (kana too), `greek` (one letter) or `other` (one letter).
    """

    kind: str
    start: int
    end: int
    word: str


class View:
    """A text and what detectors read of it.

    Attributes
    ----------
    text
        As written.
    folded
        Folded; places in tokens and in what detectors find are places in it.
    tokens
        Its runs, in order.
    chunks
        First and last index of the tokens that nothing parts from each other.
    """

    __slots__ = ("_positions", "chunks", "folded", "has_digits", "invisible", "locate", "text", "tokens")

    def __init__(self, text: str) -> None:
        folded = fold(text)
        self.text = text
        self.folded = folded.text
        self.locate = folded.locate
        self._positions = folded.positions
        self.invisible = folded.invisible
        self.tokens = [
            Token(match.lastgroup or "", match.start(), match.end(), match[0])
            for match in _TOKEN.finditer(folded.text)
        ]
        self.chunks = _chunks(self.tokens)
        self.has_digits = any(token.kind == "number" for token in self.tokens)

    def place_of(self, start: int, end: int) -> tuple[int, int]:
        """Give the place in the folded text of a place in the text as written."""
        if self._positions is None:
            return start, end
        return bisect_left(self._positions, start), bisect_left(self._positions, end)

    def is_capital(self, token: Token) -> bool:
        """Tell whether a token begins with a capital letter."""
        start, end = self.locate(token.start, token.end)
        return self.text[start:end][:1].isupper()

    def is_shouted(self, token: Token) -> bool:
        """Tell whether all letters of a token are capitals."""
        start, end = self.locate(token.start, token.end)
        return self.text[start:end].isupper()

    def gap(self, index: int) -> str:
        """Give what is between a token and the next one."""
        if index < 0 or index + 1 >= len(self.tokens):
            return "\n"
        return self.folded[self.tokens[index].end : self.tokens[index + 1].start]


def _chunks(tokens: list[Token]) -> list[tuple[int, int]]:
    chunks: list[tuple[int, int]] = []
    first = 0
    for index in range(1, len(tokens) + 1):
        if index == len(tokens) or tokens[index].start != tokens[index - 1].end:
            chunks.append((first, index - 1))
            first = index
    return chunks
