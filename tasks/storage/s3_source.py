"""Reading an object of an S3 source: in one request if it is small, else in blocks, never whole in memory.

Every answer is held against the ETag that was listed, so what is read is that version of the object and
no mixture of two; a change is told by the request that meets it. Where the bucket keeps versions, the first answer
names its own, and the rest is read of that one, whatever becomes of the object meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from typing import Self

from tasks.records import SourceObject
from tasks.storage.byte_source import Unreadable
from tasks.storage.faults import DENIED_CODES, MISSING_CODES, READ_SOURCE, S3Fault, explain
from tasks.storage.s3_bucket import Bucket
from tasks.storage.s3_options import S3Options
from tasks.storage.s3_ranges import Got
from tasks.storage.uris import split_s3

_BLOCK_BYTES = 16 * 1024 * 1024

_REASONS = {
    **dict.fromkeys(DENIED_CODES, "PERMISSION"),
    **dict.fromkeys(MISSING_CODES, "CHANGED_WHILE_READING"),
    **dict.fromkeys(("PreconditionFailed", "412", "InvalidRange", "416"), "CHANGED_WHILE_READING"),
    "InvalidObjectState": "SOURCE_UNREADABLE",
}


@dataclass(slots=True)
class S3Source:
    """An object read in blocks, the last one kept; of a header, all that was read is kept, and grows.

    Attributes
    ----------
    block_bytes
        What is fetched at least when something is missing. 0 where headers only are wanted: then it is what
        is asked for and no more, since what follows is most likely pixels.
    fetched
        Bytes that came over the network.
    """

    bucket: Bucket
    key: str
    listed: SourceObject
    block_bytes: int
    fetched: int = field(default=0, init=False)
    _start: int = field(default=0, init=False)
    _block: bytes = field(default=b"", init=False, repr=False)
    _version_id: str = field(default="", init=False, repr=False)

    @property
    def size(self) -> int:
        """Size in bytes, as listed."""
        return self.listed.size_bytes

    @property
    def at_hand(self) -> int:
        """Bytes from the beginning that need no request."""
        return 0 if self._start else len(self._block)

    def read(self, offset: int, length: int) -> bytes:
        """Read at most `length` bytes, from the kept block as far as it goes."""
        stop = min(offset + length, self.size)
        data = self._take(offset, stop)
        missing = offset + len(data)
        if missing >= stop:
            return data
        if missing == self._start + len(self._block) and not self.block_bytes:
            self._block += self._fetch(missing, stop)
            return self._take(offset, stop)
        if not self.block_bytes or stop - missing > self.block_bytes:
            return data + self._fetch(missing, stop)
        self.load(missing)
        return data + self._take(missing, stop)

    def load(self, offset: int) -> None:
        """Fetch the block that begins at `offset`; a small object whole, so that its CRC can be checked."""
        self._start = 0 if self.size <= self.block_bytes else offset
        self._block = self._fetch(self._start, min(self._start + self.block_bytes, self.size))

    def begin(self, length: int) -> Future[Got]:
        """Begin to fetch the first bytes."""
        return self.bucket.begin_fetch(self.key, span=self._span(0, length), etag=self.listed.version)

    def take(self, begun: Future[Got], length: int) -> None:
        """Wait for the first bytes."""
        self._block = self._check(lambda: _result_of(begun), length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing is held open."""

    def changed(self) -> bool:
        """Never: reading a changed object fails."""
        return False

    def _take(self, offset: int, stop: int) -> bytes:
        if not self._start <= offset < self._start + len(self._block):
            return b""
        return self._block[offset - self._start : stop - self._start]

    def _fetch(self, start: int, stop: int) -> bytes:
        span = self._span(start, stop)
        return self._check(lambda: self._get(span), stop - start)

    def _get(self, span: tuple[int, int] | None) -> Got:
        etag, version_id = self.listed.version, self._version_id
        try:
            return self.bucket.fetch(self.key, span=span, etag=etag, version_id=version_id)
        except S3Fault as fault:
            if not version_id or fault.code not in DENIED_CODES:
                raise
        # Reading a version is a right of its own; without it, the ETag alone tells a change.
        return self.bucket.fetch(self.key, span=span, etag=etag)

    def _span(self, start: int, stop: int) -> tuple[int, int] | None:
        return None if (start, stop) == (0, self.size) else (start, stop)

    def _check(self, get: Callable[[], Got], length: int) -> bytes:
        try:
            data, version_id = get()
        except S3Fault as error:
            fault = error
        else:
            self._version_id = version_id
            self.fetched += len(data)
            if len(data) == length:
                return data
            fault = S3Fault("IncompleteBody")
        code = _REASONS.get(fault.code)
        raise explain(fault, READ_SOURCE) if code is None else Unreadable(code)


def _result_of(begun: Future[Got]) -> Got:
    try:
        return begun.result()
    except CancelledError:
        fault = S3Fault("Cancelled")
    raise fault


def make_source(listed: SourceObject, options: S3Options, *, headers_only: bool) -> S3Source:
    """Make a source of which nothing is read yet."""
    name, key = split_s3(listed.uri)
    return S3Source(Bucket(name, options), key, listed, 0 if headers_only else _BLOCK_BYTES)
