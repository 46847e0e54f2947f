"""The next part is read while one is worked on: what reads waits for a disk, a server or the unpacking of Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def read_ahead(parts: Iterable[T]) -> Iterator[T]:
    """Give the parts as they come, one of them ahead: memory is that of one part more.

    They are taken by one thread of its own, one after the other, so whatever makes them need not know of it. What
    it raises is raised here, after all parts before it.
    """
    coming = iter(parts)
    with ThreadPoolExecutor(1, "dicomflow-read") as reader:
        ahead = reader.submit(_take, coming)
        while taken := ahead.result():
            ahead = reader.submit(_take, coming)
            yield taken[0]


def _take(coming: Iterator[T]) -> tuple[T, ...]:
    """Take the next part; nothing at the end, as no future may hold a `StopIteration`."""
    for part in coming:
        return (part,)
    return ()
