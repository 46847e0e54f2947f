"""Pending objects are cut into batches, the unit of which all is staged or nothing.

The cut depends on the objects alone, neither on the order they were listed in nor on the number of workers,
so the same work has the same batch ids tomorrow, and what a dead run finished is recognised. Batches grow with
the listing: a task run may hold one alone, and Prefect's event queue drops events of runs with more than some two
thousand tasks.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from tasks.ledger.objects import SCHEMA, SourceObjects
from tasks.records import Batch

MAX_BATCHES = 1500
"""Of one run, so that batches split around a poisonous file still fit below two thousand task runs."""

MANIFESTS = "manifests"
"""Folder of the manifests, unless the caller names another."""

_ID_DIGITS = 32
_SHARES = MAX_BATCHES // 2 - 1


class Cut(NamedTuple):
    """A batch and the objects in it."""

    batch: Batch
    objects: SourceObjects


def make_batches(
    objects: SourceObjects,
    *,
    max_objects: int,
    max_bytes: int,
    fingerprint: str,
    manifests: str = MANIFESTS,
) -> Iterator[Cut]:
    """Cut sorted objects into at most `MAX_BATCHES` batches.

    Parameters
    ----------
    max_objects, max_bytes
        A batch is full when it reaches one of them; its last object may take it over `max_bytes`. Both
        are raised where the listing is too large for them.
    fingerprint
        Digest of all that decides the outputs besides the objects; part of each batch's id.
    manifests
        Folder in which the caller stores the manifests.
    """
    # Each full batch holds a share of the objects or a share of the bytes, and there are at most
    # `_SHARES` of either, so two shares and the unfilled last batch stay below the limit.
    ends = np.cumsum(objects.sizes)
    total = int(ends[-1]) if len(ends) else 0
    max_objects = max(max_objects, -(-len(objects) // _SHARES))
    max_bytes = max(max_bytes, -(-total // _SHARES))
    start = 0
    while start < len(objects):
        before = int(ends[start - 1]) if start else 0
        full = int(np.searchsorted(ends, before + max_bytes)) + 1
        stop = min(start + max_objects, max(full, start + 1), len(objects))
        yield make_batch(objects[start:stop], fingerprint, manifests)
        start = stop


def make_batch(objects: SourceObjects, fingerprint: str, manifests: str = MANIFESTS) -> Cut:
    """Name a batch by its objects and by what is done to them."""
    digest = hashlib.sha256(fingerprint.encode())
    for identity in objects.identities():
        digest.update(b"\0\0" + identity)
    batch_id = digest.hexdigest()[:_ID_DIGITS]
    return Cut(Batch(batch_id, f"{manifests}/{batch_id}.parquet", len(objects), objects.total_bytes), objects)


def halve(objects: SourceObjects, fingerprint: str, manifests: str = MANIFESTS) -> tuple[Cut, Cut]:
    """Split a batch that killed its worker, to close in on the object that did.

    Raises
    ------
    ValueError
        If there are fewer than two objects: a single one is the culprit.
    """
    if len(objects) < 2:
        raise ValueError("a batch of one object cannot be halved")
    middle = len(objects) // 2
    return (
        make_batch(objects[:middle], fingerprint, manifests),
        make_batch(objects[middle:], fingerprint, manifests),
    )


def write_manifest(objects: SourceObjects) -> bytes:
    """Write a batch's objects as Parquet, the same bytes for the same objects."""
    sink = io.BytesIO()
    # Its pages follow Arrow's chunks, which tell how the listing was sorted.
    pq.write_table(objects.table.combine_chunks(), sink, compression="zstd", write_statistics=False)
    return sink.getvalue()


def read_manifest(data: bytes) -> SourceObjects:
    """Read a batch's objects back."""
    return SourceObjects(pq.read_table(io.BytesIO(data)).cast(SCHEMA))
