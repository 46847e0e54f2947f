"""Source objects by the million: in columns, sorted, each known by a digest of sixteen bytes.

A `SourceObject` takes some 300 bytes of Python objects, half a gigabyte for a listing of two million. In
Arrow's columns it is hardly more than the text of its URI, and a slice of them costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from typing import Any, TypeVar, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.records import SourceObject

T = TypeVar("T")

Digests = npt.NDArray[np.bytes_]
"""Sixteen bytes each. NumPy drops NULs at the end of a string, but equal lengths still compare exactly."""

DIGEST_TYPE = np.dtype("S16")
CHUNK = 8192

SCHEMA = pa.schema(
    [
        # Large, because the URIs of a chunk may exceed the 2 GiB that 32-bit offsets reach.
        pa.field("uri", pa.large_string(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("version", pa.large_string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
    ]
)
"""The attributes of `SourceObject`, in its order."""


@dataclass(frozen=True, slots=True, eq=False)
class SourceObjects(Sequence[SourceObject]):
    """A sequence of source objects, held in the columns of `SCHEMA`."""

    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> SourceObject: ...
    @overload
    def __getitem__(self, index: slice) -> SourceObjects: ...
    def __getitem__(self, index: int | slice) -> SourceObject | SourceObjects:
        if isinstance(index, slice):
            return SourceObjects(self.table[index])
        place = range(len(self))[index]
        return next(iter(SourceObjects(self.table.slice(place, 1))))

    def __iter__(self) -> Iterator[SourceObject]:
        for batch in self.table.to_batches(CHUNK):
            yield from map(SourceObject, *(column.to_pylist() for column in batch.columns))

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """Size of each object in bytes."""
        return np.asarray(self.table["size_bytes"], np.int64)

    @property
    def total_bytes(self) -> int:
        """Size of all objects together in bytes."""
        return pc.sum(self.table["size_bytes"]).as_py() or 0

    def identities(self) -> Iterator[bytes]:
        """Give for each object what it is told by: its URI and version."""
        for batch in self.table.to_batches(CHUNK):
            yield from join_identities(batch["uri"], batch["version"])

    def digests(self) -> Digests:
        """Give the digest of each object."""
        return digest_all(self.identities())

    def choose(self, chosen: npt.NDArray[np.bool_]) -> SourceObjects:
        """Keep the objects that are marked."""
        return SourceObjects(self.table.filter(pa.array(chosen)))


def identify(found: SourceObject) -> bytes:
    """Give what an object is told by: its URI and version, parted by a NUL that neither can hold."""
    return f"{found.uri}\0{found.version}".encode()


def join_identities(uris: pa.Array, versions: pa.Array) -> list[bytes]:
    """Do for columns what `identify` does for an object."""
    uris, versions = uris.cast(pa.large_binary()), versions.cast(pa.large_binary())
    joined: list[bytes] = pc.binary_join_element_wise(
        uris, versions, pa.scalar(b"\0", pa.large_binary())
    ).to_pylist()
    return joined


def digest_all(identities: Iterable[bytes]) -> Digests:
    """Digest identities; two of a billion objects collide with a probability below 1e-20."""
    joined = b"".join([blake2b(identity, digest_size=16).digest() for identity in identities])
    return np.frombuffer(joined, DIGEST_TYPE)


def find(wanted: Digests, known: Digests) -> npt.NDArray[np.intp]:
    """Give the place of each wanted digest in `known`, which is sorted; -1 where it is not in it."""
    if not len(known):
        return np.full(len(wanted), -1, np.intp)
    places: npt.NDArray[Any] = np.searchsorted(known, wanted)
    places[places == len(known)] = 0
    return np.where(known[places] == wanted, places, -1)


def in_chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Cut a stream into lists."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
