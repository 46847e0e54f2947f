"""Undoes the deflated syntax (PS3.5 A.5) without letting 260 kB become 256 MiB of memory."""

from __future__ import annotations

import zlib

from tasks.dicom.buffer import Buffer
from tasks.dicom.element import ByteSource
from tasks.dicom.walk import Damage

_CHUNK = 1 << 20
_ALWAYS_ALLOWED = 1 << 24


def inflate(source: ByteSource, start: int, ratio: int, most: int) -> Buffer | None:
    """Inflate the data set that starts at `start`.

    Returns
    -------
    Buffer or None
        The plain data set; None when the bytes are not deflated at all, whatever the file says.

    Raises
    ------
    Damage
        `DECOMPRESSION_RATIO` beyond `ratio` times the deflated size or `most` bytes,
        `TRUNCATED` when the stream is cut or corrupt.
    """
    allowed = min(most, max(_ALWAYS_ALLOWED, ratio * (source.size - start)))
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    total = 0
    for offset in range(start, source.size, _CHUNK):
        pending = source.read(offset, _CHUNK)
        while pending and not stream.eof:
            try:
                part = stream.decompress(pending, _CHUNK)
            except zlib.error:
                if not total:
                    return None
                raise Damage("TRUNCATED") from None
            parts.append(part)
            total += len(part)
            if total > allowed:
                raise Damage("DECOMPRESSION_RATIO")
            pending = stream.unconsumed_tail
    if not stream.eof:
        raise Damage("TRUNCATED")
    return Buffer(b"".join(parts))
