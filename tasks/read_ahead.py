"""The next part is read while one is worked on: what reads waits for a disk, a server or the unpacking of Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from threading import Thread, current_thread
from typing import NamedTuple, TypeVar

T = TypeVar("T")

_LAST_SECONDS = 1.0
"""How long a read that nobody wants any more is waited for: a server that is silent shall hold up no one's end."""


class _Given(NamedTuple):
    """What came of a read: at most one part, or what was raised instead."""

    parts: tuple[object, ...] = ()
    error: BaseException | None = None


def read_ahead(parts: Iterable[T]) -> Iterator[T]:
    """Give the parts as they come, one of them ahead: memory is that of one part more.

    They are taken by one thread of its own, one after the other, so whatever makes them need not know of it. What
    it raises is raised here, after all parts before it. Who stops early, or is interrupted, leaves at most one
    read under way, and that one changes nothing.
    """
    asked: SimpleQueue[bool] = SimpleQueue()
    given: SimpleQueue[_Given] = SimpleQueue()
    # A daemon, unlike a pool's threads: those are waited for when Python ends, however long their server is silent.
    reader = Thread(target=_read, args=(iter(parts), asked, given), name="dicomflow-read", daemon=True)
    reader.start()
    asked.put(True)
    try:
        while (taken := given.get()).parts:
            asked.put(True)
            yield taken.parts[0]  # type: ignore[misc]
        if taken.error is not None:
            raise taken.error
    finally:
        taken = _Given()  # whose error would keep this frame, and with it the parts
        asked.put(False)
        if reader is not current_thread():
            reader.join(_LAST_SECONDS)


def _read(coming: Iterator[object], asked: SimpleQueue[bool], given: SimpleQueue[_Given]) -> None:
    """Take a part whenever one is asked for."""
    while asked.get():
        try:
            given.put(_Given(_take(coming)))
        except BaseException as error:  # noqa: BLE001 - raised again where the parts are wanted
            given.put(_Given(error=error))


def _take(coming: Iterator[object]) -> tuple[object, ...]:
    """Take the next part; nothing at the end."""
    for part in coming:
        return (part,)
    return ()
