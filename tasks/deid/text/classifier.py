"""The place where somebody may plug in a model of their own that marks words; nothing promised here rests on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class TokenClassifier(Protocol):
    """Finds more names in a text than the detectors do: a transformer, or Presidio.

    It can only add to what is cut. It is given text in which identifiers may stand: it must run in this
    process or on this machine, and keep nothing.
    """

    def find(self, text: str) -> Iterable[tuple[int, int]]:
        """Give the start and end of what identifies somebody in a text."""
        ...
