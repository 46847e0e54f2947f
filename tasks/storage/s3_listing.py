"""Listing a large prefix in shards: a page has a thousand keys, and the next is asked for with the last one's end.

So one listing after the other takes hours for what is 100,000 pages. Folders tell where keys lie; at some of them
the rest is cut into ranges of keys, and a page of each range is asked for at once. Memory is that of a round of
pages, whatever the prefix holds, and a prefix of one page costs one request as ever. What is left is known after each
page as ranges of keys, so that another process may go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tasks.storage.faults import S3Fault
from tasks.storage.s3_bucket import Bucket, Listed, listed_in

PAGE_KEYS = 1000
_SHARDS = 16
_FOLDER_PAGES = 8
_DEPTH = 4


class Range(NamedTuple):
    """Keys after one and up to another, which is None for the last of all."""

    after: str
    upto: str | None


ALL = Range("", None)


@dataclass(slots=True, eq=False)
class _Shard:
    """What is left of a range; `token` goes on in the middle, also where a page had no key to go on from."""

    left: Range
    token: str = ""

    def request(self, prefix: str) -> dict[str, object]:
        after = {"StartAfter": self.left.after} if self.left.after else {}
        follow = {"ContinuationToken": self.token} if self.token else after
        return {"Prefix": prefix, "MaxKeys": PAGE_KEYS, **follow}

    def take(self, answer: dict[str, Any]) -> tuple[list[Listed], bool]:
        """Give the objects of a page that lie in the range, and whether more may follow."""
        page = listed_in(answer)
        upto = self.left.upto
        inside = [one for one in page if upto is None or one.key <= upto]
        if page:
            self.left = Range(page[-1].key, upto)
        self.token = answer.get("NextContinuationToken", "")
        return inside, bool(answer.get("IsTruncated")) and len(inside) == len(page)


class ShardedListing:
    """What begins with `prefix`, each object once, a page at a time, in no particular order.

    Parameters
    ----------
    left
        What an earlier listing had left when it was cut short; all by default.
    """

    def __init__(self, bucket: Bucket, prefix: str, left: Sequence[Range] = (ALL,)) -> None:
        self._bucket = bucket
        self._prefix = prefix
        self._shards = [_Shard(one) for one in left]
        self._is_split = len(self._shards) > 1

    @property
    def left(self) -> tuple[Range, ...]:
        """What lies beyond the pages given so far."""
        return tuple(shard.left for shard in self._shards)

    def pages(self) -> Iterator[list[Listed]]:
        """List what is left; may be asked once.

        Raises
        ------
        S3Fault
            The server refused or failed for good.
        """
        while self._shards:
            if not self._is_split and self._shards[0].left.after:
                self._split()
            yield from self._round()

    def _split(self) -> None:
        """Cut what is left into ranges, once it is known to be more than a page."""
        self._is_split = True
        after, upto = self._shards[0].left
        found = _find_folders(self._bucket, self._prefix, after)
        bounds = _spread([one for one in found if after < one and (upto is None or one < upto)])
        ends = (*bounds, upto)
        self._shards = [_Shard(Range(*pair)) for pair in zip((after, *bounds), ends, strict=True)]

    def _round(self) -> Iterator[list[Listed]]:
        """Ask for a page of each shard at once."""
        shards = list(self._shards)
        answers = self._bucket.call_each("list_objects_v2", [shard.request(self._prefix) for shard in shards])
        for shard, answer in zip(shards, answers, strict=True):
            if isinstance(answer, S3Fault):
                raise answer
            page, goes_on = shard.take(answer)
            if not goes_on:
                self._shards.remove(shard)
            yield page


def _find_folders(bucket: Bucket, prefix: str, after: str) -> list[str]:
    """Find folders that lie behind a key: side by side at the first level that has several."""
    for _ in range(_DEPTH):
        folders = _folders_of(bucket, prefix, after)
        if len(folders) != 1:
            return folders
        prefix = folders[0]
    return []


def _folders_of(bucket: Bucket, prefix: str, after: str) -> list[str]:
    folders: list[str] = []
    follow: dict[str, object] = {"StartAfter": after}
    for _ in range(_FOLDER_PAGES):
        answer = bucket.call("list_objects_v2", Prefix=prefix, Delimiter="/", MaxKeys=PAGE_KEYS, **follow)
        found = [item["Prefix"] for item in answer.get("CommonPrefixes", ())]
        folders += found
        if not answer.get("IsTruncated") or not found:
            break
        follow = {"ContinuationToken": answer["NextContinuationToken"]}
    return folders


def _spread(bounds: list[str]) -> list[str]:
    """Choose some of the bounds, evenly."""
    bounds = sorted(set(bounds))
    step = max(1, -(-len(bounds) // (_SHARDS - 1)))
    return bounds[step - 1 :: step][: _SHARDS - 1]
