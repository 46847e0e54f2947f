"""Reading the objects of a batch ahead: what S3 takes long for is the answer, not the bytes.

One after the other, a worker waits a round trip for each object; so the first bytes of those that follow are
asked for while one is cleaned. How many bytes is what the headers before needed, so most often one request is
enough, and the pixels of an object stay where they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from tasks.records import SourceObject
from tasks.storage.s3_options import S3Options
from tasks.storage.s3_ranges import Got
from tasks.storage.s3_source import S3Source, make_source

_FEW, _MANY = 2, 32
_BYTES_AHEAD = 32 * 1024 * 1024


class _Begun(NamedTuple):
    source: S3Source
    answer: Future[Got]
    length: int


class ReadAhead:
    """Gives the objects of a batch in their order, each with its first bytes read.

    Parameters
    ----------
    window
        Says how many bytes to read first of the next object.
    headers_only
        Whether the rest will most likely not be read.
    """

    def __init__(
        self,
        objects: Sequence[SourceObject],
        options: S3Options,
        window: Callable[[], int],
        *,
        headers_only: bool,
    ) -> None:
        self._left = _readable(objects)
        self._options = options
        self._window = window
        self._headers_only = headers_only
        self._begun: deque[_Begun] = deque()
        self._bytes = 0
        self._given = 0

    def open(self, listed: SourceObject) -> S3Source:
        """Give an object: the next one, or one that nobody asked for in its turn."""
        self._begin_more()
        if not self._begun or self._begun[0].source.listed != listed:
            begun = self._begin(listed)
        else:
            begun = self._begun.popleft()
            self._bytes -= begun.length
        self._given += 1
        begun.source.take(begun.answer, begun.length)
        return begun.source

    def close(self) -> None:
        """Let go of what was begun and is not wanted any more."""
        while self._begun:
            self._begun.popleft().answer.cancel()

    def _begin_more(self) -> None:
        # The first few teach how long headers are; a batch is not begun with thirty-two wrong guesses.
        most = min(_FEW + self._given, _MANY)
        while len(self._begun) < most and (not self._begun or self._bytes < _BYTES_AHEAD):
            listed = next(self._left, None)
            if listed is None:
                return
            begun = self._begin(listed)
            self._begun.append(begun)
            self._bytes += begun.length

    def _begin(self, listed: SourceObject) -> _Begun:
        source = make_source(listed, self._options, headers_only=self._headers_only)
        length = min(self._window(), listed.size_bytes)
        return _Begun(source, source.begin(length), length)


def _readable(objects: Sequence[SourceObject]) -> Iterator[SourceObject]:
    return (listed for listed in objects if listed.size_bytes)
