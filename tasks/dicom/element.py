"""The shapes everything above works on: elements with raw values, grouped in data sets.

A value stays the bytes it was until somebody asks (`values.py` decodes, `encode.py` writes), because
most elements of most files are removed or copied and never looked at. Values are little-endian,
whatever the source was: the reader swaps the retired big-endian syntax once, so nobody else has to know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from tasks.records import Finding

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Float Pixel Data, Double Float Pixel Data, Pixel Data (PS3.3 C.7.6.3, C.7.6.24)."""


class Element(NamedTuple):
    """A data element (PS3.5 section 7.1).

    Attributes
    ----------
    tag
        `0xGGGGEEEE`.
    VR
        As encoded, or from the dictionary where the syntax is implicit or the encoding lies.
    value
        Raw bytes with their padding, little-endian; empty for a sequence.
    items
        The items of a sequence, else None.
    """

    tag: int
    VR: str
    value: bytes = b""
    items: tuple[DataSet, ...] | None = None


class DataSet(dict[int, Element]):
    """Elements by tag in ascending order; pixel data of the main data set is not here but a `Payload`.

    Never changed in place once read: a step that edits returns a new one.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Payload:
    """Where the pixel data lies in its source: copied byte for byte, never decoded.

    Attributes
    ----------
    offset, length
        Span in bytes of the value in `source`. For encapsulated data the span holds the fragments
        with their item tags, without the sequence delimiter.
    encapsulated
        True for undefined length, that is for a compressed transfer syntax (PS3.5 A.4).
    """

    tag: int
    VR: str
    source: ByteSource
    offset: int
    length: int
    encapsulated: bool


class ByteSource(Protocol):
    """Random access to the bytes of one object: a file descriptor, a buffer, later ranged requests."""

    @property
    def size(self) -> int:
        """Size of the object in bytes."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """Read at most `length` bytes at `offset`; fewer only at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Header:
    """A source object as read: what precedes the pixels, located, and where the pixels are.

    Attributes
    ----------
    meta
        File meta information (group 0002) as found; empty where there was none.
    dataset
        The main data set without pixel data.
    transfer_syntax
        UID of the syntax the output is written in: the one the bytes are really in, and Explicit
        VR Little Endian for the big-endian and deflated syntaxes, which are undone on reading.
    findings
        What the structure check repaired or doubted.
    """

    meta: DataSet
    dataset: DataSet
    transfer_syntax: str
    payload: Payload | None
    findings: tuple[Finding, ...] = ()
    encodings: tuple[str, ...] = field(default=("iso8859",))
