"""What a detector found, before it is decided whether it is cut out or written anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Found(NamedTuple):
    """A place in the folded text.

    Attributes
    ----------
    rewrite
        For what may stay in another form, the text for a shift in days (None: it cannot be moved); else None.
    names
        Whether it is the name of a person, so that its neighbours are looked at again.
    """

    detector_id: str
    start: int
    end: int
    rewrite: Callable[[int], str | None] | None = None
    names: bool = False
