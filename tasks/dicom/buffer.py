"""Bytes in memory as a `ByteSource`: what tests hand in, and what is left of a syntax that was undone."""

from __future__ import annotations

from dataclasses import dataclass


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
