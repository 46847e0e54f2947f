"""Listing a large prefix in shards: a page has a thousand keys, and the next is asked for with the last one's end.

So one listing after the other takes hours for what is 100,000 pages. Folders tell where keys lie; at some of them
the rest is cut into ranges of keys, and a page of each range is asked for at once. Memory is that of a round of
pages, whatever the prefix holds, and a prefix of one page costs one request as ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tasks.storage.faults import S3Fault
from tasks.storage.s3_bucket import Bucket, Listed, listed_in

PAGE_KEYS = 1000
_SHARDS = 16
_FOLDER_PAGES = 8
_DEPTH = 4


@dataclass(slots=True)
class _Shard:
    """Keys after one and up to another, which is None for the last of all; `token` goes on in the middle."""

    after: str
    upto: str | None
    token: str = ""

    def request(self, prefix: str) -> dict[str, object]:
        follow = {"ContinuationToken": self.token} if self.token else {"StartAfter": self.after}
        return {"Prefix": prefix, "MaxKeys": PAGE_KEYS, **follow}


def list_sharded(bucket: Bucket, prefix: str) -> Iterator[list[Listed]]:
    """Yield what begins with `prefix`, each object once, a page at a time, in no particular order.

    Raises
    ------
    S3Fault
        The server refused or failed for good.
    """
    answer = bucket.call("list_objects_v2", Prefix=prefix, MaxKeys=PAGE_KEYS)
    page = listed_in(answer)
    yield page
    if answer.get("IsTruncated") and page:
        yield from _list_rest(bucket, prefix, page[-1].key)


def _list_rest(bucket: Bucket, prefix: str, after: str) -> Iterator[list[Listed]]:
    bounds = _spread([bound for bound in _find_folders(bucket, prefix, after) if bound > after])
    starts, ends = [after, *bounds], [*bounds, None]
    shards = [_Shard(start, end) for start, end in zip(starts, ends, strict=True)]
    while shards:
        answers = bucket.call_each("list_objects_v2", [shard.request(prefix) for shard in shards])
        going_on = []
        for shard, answer in zip(shards, answers, strict=True):
            if isinstance(answer, S3Fault):
                raise answer
            page = listed_in(answer)
            yield [one for one in page if shard.upto is None or one.key <= shard.upto]
            if _goes_on(shard, answer, page):
                shard.token = answer["NextContinuationToken"]
                going_on.append(shard)
        shards = going_on


def _goes_on(shard: _Shard, answer: dict[str, Any], page: list[Listed]) -> bool:
    beyond = bool(page) and shard.upto is not None and page[-1].key > shard.upto
    return bool(answer.get("IsTruncated")) and not beyond


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
