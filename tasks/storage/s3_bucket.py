"""Calls to one S3 bucket: s3fs keeps the connection and the event loop, the requests are S3's own.

The file-like surface of s3fs is passed by, for four reasons: it caches listings, it publishes a partial
object when a `with` block fails, it reads `?versionId=` and slashes at the ends out of keys, and it
retries what botocore retried already. What is left of it is the part that is hard to get right.
"""

from __future__ import annotations

import asyncio
import functools
import os
from base64 import b64encode
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import md5
from typing import Any, NamedTuple, TypeVar

import s3fs
from fsspec.asyn import sync

from tasks.storage.content_types import find_content_type
from tasks.storage.faults import S3Fault
from tasks.storage.requests import Tally, tally_of_thread
from tasks.storage.s3_budget import FOREIGN, Paces, code_of, insist
from tasks.storage.s3_options import S3Options, choose_checksum, make_filesystem_arguments
from tasks.storage.s3_ranges import Got, Ranges

T = TypeVar("T")

_CHAIN = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")
"""Variables of the AWS chain that say which server is meant, and who asks."""


class Listed(NamedTuple):
    """An object as a listing shows it; `etag` without its quotes."""

    key: str
    size_bytes: int
    etag: str


def listed_in(answer: Mapping[str, Any]) -> list[Listed]:
    """Give the objects of a page."""
    return [Listed(item["Key"], item["Size"], item["ETag"].strip('"')) for item in answer.get("Contents", ())]


class UnfinishedUpload(NamedTuple):
    """A multipart upload that was begun (seconds since 1970) and not ended."""

    key: str
    upload_id: str
    begun: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket and the way to reach it; no connection inside, so it travels to workers.

    Every method raises `S3Fault`, which says the code and nothing else.
    """

    name: str
    options: S3Options

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Make one request, such as `call("head_object", Key=key)`."""
        return _run(self.options, self._call, method, parameters, tally_of_thread())

    def call_each(self, method: str, each: Iterable[Mapping[str, object]]) -> list[dict[str, Any] | S3Fault]:
        """Make one request for each set of parameters, several at a time; a fault is an answer too."""
        return _run(self.options, self._call_each, method, list(each), tally_of_thread())

    def put(self, key: str, data: bytes, **parameters: object) -> None:
        """Write an object in one request: it is there whole or not at all."""
        self.call("put_object", **self.prepare_put(key, data, **parameters))

    def prepare_put(self, key: str, data: bytes, **parameters: object) -> dict[str, object]:
        """Make the parameters of a write, for `call_each`."""
        return {
            "Key": key,
            "Body": data,
            "ContentType": find_content_type(key),
            **self._digest(data),
            **parameters,
        }

    def put_part(self, key: str, upload: str, number: int, data: bytes) -> dict[str, object]:
        """Write one part of a multipart upload, and describe it as its completion wants it."""
        part = {"Key": key, "UploadId": upload, "PartNumber": number, "Body": data}
        answer = self.call("upload_part", **part, **self._digest(data))
        checksums = {name: value for name, value in answer.items() if name.startswith("ChecksumCRC")}
        return {"PartNumber": number, "ETag": answer["ETag"], **checksums}

    def get(self, key: str, *, span: tuple[int, int] | None = None, etag: str | None = None) -> bytes:
        """Read an object, or its bytes from `span[0]` up to `span[1]`, as `fetch` does."""
        return self.fetch(key, span=span, etag=etag).data

    def fetch(
        self, key: str, *, span: tuple[int, int] | None = None, etag: str | None = None, version_id: str = ""
    ) -> Got:
        """Read an object or a part of it, and learn which version of it that was.

        Raises
        ------
        S3Fault
            `PreconditionFailed` if the object, or that version of it, is not the one of that `etag` any more.
            Asked for by `If-Match`, and compared here: some servers ignore it.
        """
        return _run(self.options, self._get, key, span, etag, version_id, tally_of_thread())

    def begin_fetch(self, key: str, *, span: tuple[int, int] | None, etag: str) -> Future[Got]:
        """Begin to `fetch`, for somebody who has others to begin meanwhile."""
        loop = _connect(self.options).filesystem.loop
        return asyncio.run_coroutine_threadsafe(self._get(key, span, etag, "", tally_of_thread()), loop)

    def list_pages(self, prefix: str) -> Iterator[list[Listed]]:
        """Yield what begins with `prefix`, a page of at most 1000 objects at a time, never from a cache."""
        follow: dict[str, object] = {}
        while True:
            answer = self.call("list_objects_v2", Prefix=prefix, **follow)
            yield listed_in(answer)
            if not answer.get("IsTruncated"):
                return
            follow = {"ContinuationToken": answer["NextContinuationToken"]}

    def list_uploads(self, prefix: str) -> Iterator[UnfinishedUpload]:
        """Yield the multipart uploads under way below `prefix`."""
        follow: dict[str, object] = {}
        while True:
            answer = self.call("list_multipart_uploads", Prefix=prefix, **follow)
            for item in answer.get("Uploads", ()):
                yield UnfinishedUpload(item["Key"], item["UploadId"], item["Initiated"].timestamp())
            if not answer.get("IsTruncated"):
                return
            follow = {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]}

    def delete(self, keys: Iterable[str]) -> None:
        """Delete at most 1000 objects in one request; what is not there counts as deleted."""
        objects = [{"Key": key} for key in keys]
        answer = self.call("delete_objects", Delete={"Objects": objects, "Quiet": True}) if objects else {}
        # The request succeeds even if every deletion in it failed.
        for problem in answer.get("Errors", ()):
            raise S3Fault(problem["Code"])

    async def _call(self, method: str, parameters: Mapping[str, object], tally: Tally) -> dict[str, Any]:
        return await self._insist(parameters, tally, lambda: self._ask(method, parameters))

    async def _call_each(
        self, method: str, each: list[Mapping[str, object]], tally: Tally
    ) -> list[dict[str, Any] | S3Fault]:
        async def call_one(parameters: Mapping[str, object]) -> dict[str, Any] | S3Fault:
            try:
                return await self._call(method, parameters, tally)
            except S3Fault as fault:
                return fault

        return await asyncio.gather(*map(call_one, each))

    async def _get(
        self, key: str, span: tuple[int, int] | None, etag: str | None, version_id: str, tally: Tally
    ) -> Got:
        reach = {} if span is None else {"Range": f"bytes={span[0]}-{span[1] - 1}"}
        pinned = {} if etag is None else {"IfMatch": f'"{etag}"'}
        version = {"VersionId": version_id} if version_id else {}
        parameters = {"Key": key, **reach, **pinned, **version}

        async def read() -> Got:
            if etag is not None and span is not None:
                ranged = await self._get_range(key, span, etag, version_id)
                if ranged is not None:
                    return ranged
            answer = await self._ask("get_object", parameters)
            if etag is not None and answer["ETag"].strip('"') != etag:
                answer["Body"].close()
                raise S3Fault("PreconditionFailed")
            async with answer["Body"] as body:
                data: bytes = await body.read()
            if len(data) != answer["ContentLength"]:
                raise S3Fault("IncompleteBody")
            _connect(self.options).ranges.learn(self.name, key)
            return Got(data, answer.get("VersionId", ""))

        return await self._insist(parameters, tally, read)

    async def _get_range(self, key: str, span: tuple[int, int], etag: str, version_id: str) -> Got | None:
        """Read a range the short way; None where it is not known or does not lead there."""
        connection = _connect(self.options)
        client = await self._client()
        connection.ranges.watch(client)
        payer = {"x-amz-request-payer": "requester"} if self.options.requester_pays else {}
        headers = {"Range": f"bytes={span[0]}-{span[1] - 1}", "If-Match": f'"{etag}"', **payer}
        found = await connection.ranges.get(client, self.name, key, headers, etag, version_id)
        if found is not None and len(found.data) != span[1] - span[0]:
            raise S3Fault("IncompleteBody")
        return found

    async def _insist(
        self, parameters: Mapping[str, object], tally: Tally, call: Callable[[], Awaitable[T]]
    ) -> T:
        pace = _connect(self.options).paces.of(str(parameters.get("Key") or parameters.get("Prefix") or ""))
        return await insist(call, self.options.budget, pace, tally)

    async def _ask(self, method: str, parameters: Mapping[str, object]) -> dict[str, Any]:
        """Make one request, once; past s3fs's own way to do so, which pauses after a failure and repeats."""
        filesystem = _connect(self.options).filesystem
        function = getattr(await self._client(), method)
        complete = filesystem._get_s3_method_kwargs(  # noqa: SLF001 - adds encryption and who pays
            function, Bucket=self.name, **parameters
        )
        answer: dict[str, Any] = await function(**complete)
        return answer

    async def _client(self) -> Any:
        filesystem = _connect(self.options).filesystem
        await filesystem.set_session()
        return await filesystem.get_s3(self.name)

    def _digest(self, data: bytes) -> dict[str, object]:
        """Vouch for a body by MD5, which S3 servers have always checked, where no CRC is sent."""
        if _connect(self.options).sends_crc:
            return {}
        return {"ContentMD5": b64encode(md5(data, usedforsecurity=False).digest()).decode()}


def _run(options: S3Options, function: Callable[..., Coroutine[Any, Any, T]], *arguments: object) -> T:
    """Run a coroutine on s3fs's loop, from any thread but that one, and let no foreign exception out."""
    try:
        result: T = sync(_connect(options).filesystem.loop, function, *arguments)
    except S3Fault as error:
        fault = S3Fault(error.code)
    except FOREIGN as error:
        fault = S3Fault(code_of(error))
    else:
        return result
    raise fault


class _Connection(NamedTuple):
    filesystem: Any
    sends_crc: bool
    paces: Paces
    ranges: Ranges


def _connect(options: S3Options) -> _Connection:
    return _connect_as(options, os.getpid(), *map(os.environ.get, _CHAIN))


@functools.lru_cache(maxsize=16)
def _connect_as(options: S3Options, *_whence: object) -> _Connection:
    """Give the file system that holds the connection, one for a process and what the AWS chain names in it.

    A fork must not share sockets. Nor may a process that lives long go on asking the server that its environment
    named before: s3fs keeps its instances by their arguments alone, and the environment is none.
    """
    filesystem = s3fs.S3FileSystem(**make_filesystem_arguments(options), skip_instance_cache=True)
    return _Connection(filesystem, choose_checksum(options) == "when_supported", Paces(), Ranges())
