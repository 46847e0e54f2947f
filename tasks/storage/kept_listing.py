"""What a listing found so far, kept in the target: a bucket that takes hours to list is not listed again for a kill.

Parts are written as the listing goes on, each with the ranges of keys that were left after it, so the last part
says where to begin. Each part names the one before by a random token: a process that lost its hold of the target and
writes on cannot mix its parts with those of its successor. A listing of fewer objects than a part keeps nothing.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.storage.listing import KeptPlace
from tasks.storage.s3_bucket import Bucket, Listed
from tasks.storage.s3_listing import ALL, Range, ShardedListing
from tasks.storage.s3_options import find_endpoint

PART_OBJECTS = 50_000
"""Objects of a part: some 2 MB, and fifty requests that are not made again."""

STALE_SECONDS = 24 * 3600
"""A listing that began longer ago is not gone on with: too much of it has changed."""

_SCHEMA = pa.schema([("key", pa.large_string()), ("size", pa.int64()), ("etag", pa.large_string())])


class _Mark(NamedTuple):
    """What a part says besides its objects: which it is, which it follows, and what was left after it."""

    token: str
    follows: str
    begun: float
    left: tuple[Range, ...]


@dataclass(slots=True)
class _Trail:
    """The parts of one listing: how many there are, and what the last of them says."""

    place: KeptPlace
    count: int
    last: _Mark

    def read(self) -> Iterator[list[Listed]]:
        """Give what was found before, a part at a time, as far as parts follow one another."""
        while (part := _read_part(self.place, self.count)) is not None:
            mark, objects = part
            if mark.follows != self.last.token or mark.begun + STALE_SECONDS < time.time():
                return
            self.count, self.last = self.count + 1, mark
            yield objects

    def write(self, objects: list[Listed], left: tuple[Range, ...]) -> None:
        """Keep a part, and with it where to go on."""
        self.last = _Mark(secrets.token_hex(8), self.last.token, self.last.begun, left)
        values = zip(*objects, strict=True)
        columns = [pa.array(each, kind) for each, kind in zip(values, _SCHEMA.types, strict=True)]
        table = pa.table(columns, schema=_SCHEMA.with_metadata({"mark": _as_json(self.last)}))
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd", write_statistics=False)
        self.place.store.write(_part_key(self.place, self.count), sink.getvalue())
        self.count += 1


def list_kept(bucket: Bucket, prefix: str, place: KeptPlace) -> Iterator[list[Listed]]:
    """List a prefix as `ShardedListing` does, going on where an earlier listing was cut short.

    Raises
    ------
    S3Fault
        The server of the source refused or failed for good.
    """
    source = f"{find_endpoint(bucket.options) or ''} {bucket.name}/{prefix}"
    mine = place._replace(folder=f"{place.folder}/{hashlib.sha256(source.encode()).hexdigest()[:32]}")
    trail = _Trail(mine, 0, _Mark("", "", time.time(), (ALL,)))
    yield from trail.read()
    listing, found = ShardedListing(bucket, prefix, trail.last.left), list[Listed]()
    for page in listing.pages():
        yield page
        found += page
        if len(found) >= PART_OBJECTS:
            trail.write(found, listing.left)
            found = []
    if found and trail.count:
        trail.write(found, ())


def _as_json(mark: _Mark) -> bytes:
    return orjson.dumps([*mark[:-1], list(map(list, mark.left))])


def _part_key(place: KeptPlace, number: int) -> str:
    return f"{place.folder}/{number:08d}.parquet"


def _read_part(place: KeptPlace, number: int) -> tuple[_Mark, list[Listed]] | None:
    try:
        data = place.store.read(_part_key(place, number))
    except FileNotFoundError:
        return None
    table = pq.read_table(io.BytesIO(data))
    token, follows, begun, left = orjson.loads(table.schema.metadata[b"mark"])
    mark = _Mark(token, follows, begun, tuple(Range(*one) for one in left))
    return mark, list(map(Listed, *(column.to_pylist() for column in table.columns)))
