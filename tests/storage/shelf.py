"""A bucket in memory that answers listings as S3 says (ListObjectsV2), and keys that are hard to list."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tasks.storage.faults import S3Fault
from tasks.storage.s3_options import S3Options


class Shelf:
    """A bucket of some keys; `patience` is how many requests it answers before it fails for good."""

    name = "shelf"
    options = S3Options(endpoint_url="http://shelf.example")

    def __init__(self, keys: set[str], patience: int = 1_000_000) -> None:
        self.keys = sorted(keys)
        self.patience = patience
        self.requests = 0

    def call(self, _method: str, **asked: Any) -> dict[str, Any]:
        self.requests += 1
        if self.requests > self.patience:
            raise S3Fault("500")
        after, prefix = asked.get("ContinuationToken") or asked.get("StartAfter", ""), asked["Prefix"]
        contents: list[dict[str, Any]] = []
        folders: list[str] = []
        for key in self.keys:
            if not key.startswith(prefix) or key <= after:
                continue
            folder, slash, _ = key[len(prefix) :].partition("/")
            if "Delimiter" in asked and slash:
                folder = f"{prefix}{folder}/"
                if folder > after and folder not in folders:
                    folders.append(folder)
            else:
                contents.append({"Key": key, "Size": 1, "ETag": '"e"'})
        found = sorted([*folders, *(one["Key"] for one in contents)])
        page = set(found[: asked["MaxKeys"]])
        answer = {
            "Contents": [one for one in contents if one["Key"] in page],
            "CommonPrefixes": [{"Prefix": one} for one in folders if one in page],
            "IsTruncated": len(found) > len(page),
        }
        return {**answer, "NextContinuationToken": max(page)} if answer["IsTruncated"] else answer

    def call_each(self, method: str, each: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self.call(method, **asked) for asked in each]


KEYS = st.sets(
    st.lists(st.sampled_from(["a", "b", "b.", "c0", "", "é"]), min_size=1, max_size=4)
    .map("/".join)
    .filter(bool),
    max_size=60,
)
