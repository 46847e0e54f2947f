"""Reading an object of an S3 source: in one request if it is small, else in blocks, never whole in memory.

Every answer is held against the ETag that was listed, so what is read is that version of the object and
no mixture of two; a change is told by the request that meets it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.records import SourceObject
from tasks.storage.byte_source import Unreadable
from tasks.storage.faults import DENIED_CODES, MISSING_CODES, READ_SOURCE, S3Fault, explain
from tasks.storage.s3_bucket import Bucket
from tasks.storage.s3_options import parse_options
from tasks.storage.uris import split_s3

_BLOCK_BYTES = 16 * 1024 * 1024
_HEADER_BLOCK_BYTES = 256 * 1024

_REASONS = {
    **dict.fromkeys(DENIED_CODES, "PERMISSION"),
    **dict.fromkeys(MISSING_CODES, "CHANGED_WHILE_READING"),
    **dict.fromkeys(("PreconditionFailed", "InvalidRange", "416"), "CHANGED_WHILE_READING"),
    "InvalidObjectState": "SOURCE_UNREADABLE",
}


@dataclass(slots=True)
class S3Source:
    """An object read in blocks, the last one kept: headers come in one request, pixels in few."""

    bucket: Bucket
    key: str
    listed: SourceObject
    block_bytes: int
    _start: int = field(default=0, init=False)
    _block: bytes = field(default=b"", init=False, repr=False)

    @property
    def size(self) -> int:
        """Size in bytes, as listed."""
        return self.listed.size_bytes

    def read(self, offset: int, length: int) -> bytes:
        """Read at most `length` bytes, from the kept block as far as it goes."""
        stop = min(offset + length, self.size)
        data = self._take(offset, stop)
        missing = offset + len(data)
        if missing >= stop:
            return data
        if stop - missing > self.block_bytes:
            return data + self._fetch(missing, stop)
        self.load(missing)
        return data + self._take(missing, stop)

    def load(self, offset: int) -> None:
        """Fetch the block that begins at `offset`; a small object whole, so that its CRC can be checked."""
        self._start = 0 if self.size <= self.block_bytes else offset
        self._block = self._fetch(self._start, min(self._start + self.block_bytes, self.size))

    def changed(self) -> bool:
        """Never: reading a changed object fails."""
        return False

    def _take(self, offset: int, stop: int) -> bytes:
        if not self._start <= offset < self._start + len(self._block):
            return b""
        return self._block[offset - self._start : stop - self._start]

    def _fetch(self, start: int, stop: int) -> bytes:
        span = None if (start, stop) == (0, self.size) else (start, stop)
        try:
            data = self.bucket.get(self.key, span=span, etag=self.listed.version)
        except S3Fault as error:
            fault = error
        else:
            if len(data) == stop - start:
                return data
            fault = S3Fault("IncompleteBody")
        code = _REASONS.get(fault.code)
        raise explain(fault, READ_SOURCE) if code is None else Unreadable(code)


def open_bucket(listed: SourceObject, options: Mapping[str, object], *, headers_only: bool) -> S3Source:
    """Open an object and fetch its first block, so that what is wrong with it shows now."""
    name, key = split_s3(listed.uri)
    block_bytes = _HEADER_BLOCK_BYTES if headers_only else _BLOCK_BYTES
    source = S3Source(Bucket(name, parse_options(options)), key, listed, block_bytes)
    source.load(0)
    return source
