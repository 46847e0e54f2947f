"""Bytes in memory as a `ByteSource`: what tests hand in, and what is left of a syntax that was undone."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.dicom.element import ByteSource


@dataclass(frozen=True, slots=True, repr=False)
class Buffer:
    """An object held in memory; without a `repr` that would print it."""

    data: bytes

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        """Read at most `length` bytes at `offset`."""
        return self.data[offset : offset + length]

    def span(self, offset: int, length: int) -> memoryview:
        """Give a span without copying it."""
        return memoryview(self.data)[offset : offset + length]


def read_span(source: ByteSource, offset: int, length: int) -> bytes | memoryview:
    """Read from any source; what is in memory already is not copied."""
    return source.span(offset, length) if isinstance(source, Buffer) else source.read(offset, length)
