"""A store under an S3 prefix.

An object appears with the last byte of its request, so no temporary names are needed. What a killed
writer can leave behind is an unfinished multipart upload: invisible, but paid for until a sweep ends it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.storage.delta_options import DeltaOptions, make_delta_options
from tasks.storage.faults import (
    DELETE_IN_TARGET,
    MISSING_CODES,
    MOVE_IN_TARGET,
    READ_TARGET,
    WRITE_TARGET,
    S3Fault,
    explained,
)
from tasks.storage.keys import check_key
from tasks.storage.local_trees import walk_files
from tasks.storage.probe import probe_store
from tasks.storage.s3_bucket import Bucket, Listed
from tasks.storage.s3_multipart import COPY_LIMIT_BYTES, copy_large, join_parts, upload_blocks

if TYPE_CHECKING:
    from tasks.storage.store import Move

_CREATE_ATTEMPTS = 5
_TAKEN_CODES = frozenset({"PreconditionFailed", "412"})
_MET_CODE = "ConditionalRequestConflict"
_DELETED_AT_ONCE = 1000
_FILES_AT_ONCE = 16
_READ_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class S3Store:
    """A `Store` whose root is a prefix of a bucket; the bucket must exist."""

    bucket: Bucket
    prefix: str

    def prepare(self) -> None:
        """Try a write; who may read what is the bucket policy's business."""
        probe_store(self)

    @explained(READ_TARGET)
    def read(self, key: str) -> bytes:
        """Read an object whole."""
        return self.bucket.get(self._name(key))

    def read_parts(self, key: str) -> Iterator[bytes]:
        """Read an object by ranges, all of them of one version of it."""
        name = self._name(key)
        read = explained(READ_TARGET)(self.bucket.get)
        head = explained(READ_TARGET)(self.bucket.call)("head_object", Key=name)
        size, etag = int(head["ContentLength"]), head["ETag"].strip('"')
        for start in range(0, size, _READ_BYTES):
            yield read(name, span=(start, min(start + _READ_BYTES, size)), etag=etag)

    @explained(WRITE_TARGET)
    def write(self, key: str, data: bytes) -> None:
        """Write an object of at most 5 GiB in one request."""
        self.bucket.put(self._name(key), data)

    @explained(WRITE_TARGET)
    def write_create(self, key: str, data: bytes) -> bool:
        """Write with `If-None-Match`; ask again where two such writes met, and know our own object."""
        name = self._name(key)
        for _ in range(_CREATE_ATTEMPTS):
            try:
                self.bucket.put(name, data, IfNoneMatch="*")
            except S3Fault as fault:
                if fault.code in _TAKEN_CODES:
                    return self._holds(name, data)
                if fault.code != _MET_CODE:
                    raise
            else:
                return True
        raise S3Fault(_MET_CODE)

    @explained(WRITE_TARGET)
    def write_unsynced(self, key: str, parts: Iterable[bytes | memoryview]) -> int:
        """Write a small object in one request and a large one in parts, with one part in memory."""
        name = self._name(key)
        blocks = join_parts(parts)
        first, second = next(blocks, b""), next(blocks, None)
        if second is not None:
            return upload_blocks(self.bucket, name, chain((first, second), blocks))
        self.bucket.put(name, first)
        return len(first)

    def barrier(self) -> None:
        """Wait for nothing: S3 answers when the object is durable."""

    @explained(MOVE_IN_TARGET)
    def move(self, source_key: str, destination_key: str) -> None:
        """Copy on the server, then delete."""
        source, destination = self._name(source_key), self._name(destination_key)
        size_bytes = self._find_size(source)
        if size_bytes is not None:
            self._move([(Listed(source, size_bytes, ""), destination)])
        elif self._find_size(destination) is None:
            raise S3Fault("NoSuchKey")

    @explained(MOVE_IN_TARGET)
    def move_tree(self, source_prefix: str, destination_prefix: str) -> None:
        """Copy and delete, a page of the listing at a time; nothing is deleted before it is copied."""
        source, destination = self._folder(source_prefix), self._folder(destination_prefix)
        for page in self.bucket.list_pages(source):
            self._move([(listed, destination + listed.key.removeprefix(source)) for listed in page])

    @property
    def renames_trees(self) -> bool:
        """Each object is copied and deleted, and each tree listed besides."""
        return False

    @explained(MOVE_IN_TARGET)
    def move_all(self, moves: Iterable[Move]) -> None:
        """Copy and delete, as many at a time as one request deletes; nothing is deleted before it is copied."""
        pairs = ((Listed(self._name(source), size, ""), self._name(key)) for source, size, key in moves)
        while chunk := list(islice(pairs, _DELETED_AT_ONCE)):
            self._move(chunk)

    @explained(READ_TARGET)
    def exists(self, key: str) -> bool:
        """Tell whether there is an object of this name; a prefix is none."""
        return self._find_size(self._name(key)) is not None

    @explained(DELETE_IN_TARGET)
    def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        self.bucket.call("delete_object", Key=self._name(key))

    @explained(DELETE_IN_TARGET)
    def delete_tree(self, prefix: str) -> None:
        """Remove every object below a prefix."""
        for page in self.bucket.list_pages(self._folder(check_key(prefix))):
            self.bucket.delete(listed.key for listed in page)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys below a prefix in order, a page in memory at a time."""
        for key, _ in self.list_sizes(prefix):
            yield key

    @explained(READ_TARGET)
    def list_folders(self, prefix: str) -> tuple[str, ...]:
        """Give what is between a prefix and the next slash, in one request."""
        folder = self._folder(prefix)
        answer = self.bucket.call("list_objects_v2", Prefix=folder, Delimiter="/")
        names = (item["Prefix"] for item in answer.get("CommonPrefixes", ()))
        return tuple(sorted(name.removeprefix(folder).rstrip("/") for name in names))

    def list_sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yield keys with their sizes, which a listing tells in any case."""
        pages = self.bucket.list_pages(self._folder(prefix))
        take_page = explained(READ_TARGET)(lambda: next(pages, None))
        while (page := take_page()) is not None:
            for listed in page:
                yield listed.key.removeprefix(self._folder("")), listed.size_bytes

    @explained(WRITE_TARGET)
    def upload_tree(self, folder: Path, prefix: str) -> None:
        """Write the files of a folder; front pages last, so that they never link to what is not there."""
        paths = list(walk_files(folder))
        for group in (
            [path for path in paths if path.name != "index.html"],
            [path for path in paths if path.name == "index.html"],
        ):
            for start in range(0, len(group), _FILES_AT_ONCE):
                self._upload_files(folder, group[start : start + _FILES_AT_ONCE], prefix)

    @explained(DELETE_IN_TARGET)
    def sweep(self, prefix: str = "", *, older_than_seconds: float, deep: bool = True) -> int:
        """End the multipart uploads that killed writers left unfinished; what is written at once leaves nothing."""
        if not deep:
            return 0
        before = time.time() - older_than_seconds
        stale = [upload for upload in self.bucket.list_uploads(self._folder(prefix)) if upload.begun < before]
        for upload in stale:
            self.bucket.call("abort_multipart_upload", Key=upload.key, UploadId=upload.upload_id)
        return len(stale)

    def url(self, key: str) -> str:
        """Name an object for a report or an event."""
        return f"s3://{self.bucket.name}/{self._name(key)}"

    def delta_uri(self, key: str) -> str:
        """Name a table for deltalake."""
        return self.url(key)

    @explained(READ_TARGET)
    def delta_options(self) -> DeltaOptions:
        """Tell deltalake how to reach this bucket, with the credentials as they are now."""
        return make_delta_options(self.bucket.name, self.bucket.options)

    def local_path(self, key: str) -> None:
        """Have no path to give."""
        check_key(key)

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{check_key(key)}" if self.prefix else check_key(key)

    def _folder(self, prefix: str) -> str:
        """Give what all names in a folder begin with, its slash included: `a/bc` is not in `a/b`."""
        if prefix:
            return self._name(prefix.rstrip("/")) + "/"
        return f"{self.prefix}/" if self.prefix else ""

    def _find_size(self, name: str) -> int | None:
        try:
            return int(self.bucket.call("head_object", Key=name)["ContentLength"])
        except S3Fault as fault:
            if fault.code in MISSING_CODES:
                return None
            raise

    def _holds(self, name: str, data: bytes) -> bool:
        """Tell whether the object there is ours: S3 stored it, and only its answer was lost."""
        try:
            return self.bucket.get(name) == data
        except S3Fault as fault:
            if fault.code in MISSING_CODES:
                return False
            raise

    def _move(self, pairs: Sequence[tuple[Listed, str]]) -> None:
        """Copy at most 1000 objects, then delete them; one that is gone was moved by somebody before."""
        requests = [
            {"Key": name, "CopySource": {"Bucket": self.bucket.name, "Key": source.key}}
            for source, name in pairs
            if source.size_bytes <= COPY_LIMIT_BYTES
        ]
        for answer in self.bucket.call_each("copy_object", requests):
            if isinstance(answer, S3Fault) and answer.code not in MISSING_CODES:
                raise answer
        for source, name in pairs:
            if source.size_bytes > COPY_LIMIT_BYTES:
                self._copy_large(source, name)
        self.bucket.delete(source.key for source, _ in pairs)

    def _copy_large(self, source: Listed, name: str) -> None:
        try:
            copy_large(self.bucket, source, name)
        except S3Fault as fault:
            if fault.code not in MISSING_CODES or self._find_size(name) != source.size_bytes:
                raise

    def _upload_files(self, folder: Path, paths: Sequence[Path], prefix: str) -> None:
        requests = [
            self.bucket.prepare_put(
                self._name(f"{prefix}/{path.relative_to(folder).as_posix()}"), path.read_bytes()
            )
            for path in paths
        ]
        for answer in self.bucket.call_each("put_object", requests):
            if isinstance(answer, S3Fault):
                raise answer
