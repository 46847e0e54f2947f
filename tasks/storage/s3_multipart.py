"""Objects too large for one request: parts that become visible together, or not at all.

Never through `with filesystem.open(key, "wb")`, which completes the upload even when the block under it
failed. Here a failure aborts, and the parts are gone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tasks.storage.content_types import find_content_type
from tasks.storage.faults import MISSING_CODES, S3Fault
from tasks.storage.s3_bucket import Bucket, Listed

PART_BYTES = 16 * 1024 * 1024
"""Memory of one upload. With the 10 000 parts S3 allows, an object may have 156 GiB."""

COPY_LIMIT_BYTES = 5 * 1024**3
"""What S3 copies in one request, and the largest part it takes."""


class Upload(NamedTuple):
    """A multipart upload under way, and its finished parts as their completion wants them described."""

    key: str
    upload_id: str
    parts: list[dict[str, object]]


@contextlib.contextmanager
def open_upload(bucket: Bucket, key: str) -> Iterator[Upload]:
    """Begin an upload; complete it at the end of the block, or abort it if the block fails."""
    started = bucket.call("create_multipart_upload", Key=key, ContentType=find_content_type(key))
    upload = Upload(key, started["UploadId"], [])
    try:
        yield upload
        _complete(bucket, upload)
    except BaseException:
        with contextlib.suppress(S3Fault):
            bucket.call("abort_multipart_upload", Key=key, UploadId=upload.upload_id)
        raise


def _complete(bucket: Bucket, upload: Upload) -> None:
    """Make the object appear; an upload that is gone was completed by a request whose answer was lost."""
    parts = {"Parts": upload.parts}
    try:
        bucket.call(
            "complete_multipart_upload", Key=upload.key, UploadId=upload.upload_id, MultipartUpload=parts
        )
    except S3Fault as fault:
        if fault.code != "NoSuchUpload" or not _is_made_of(bucket, upload.key, len(upload.parts)):
            raise


def _is_made_of(bucket: Bucket, key: str, parts: int) -> bool:
    """Tell whether there is an object of so many parts; its size is checked by whoever knows it."""
    try:
        return str(bucket.call("head_object", Key=key)["ETag"]).strip('"').endswith(f"-{parts}")
    except S3Fault as fault:
        if fault.code in MISSING_CODES:
            return False
        raise


def upload_blocks(bucket: Bucket, key: str, blocks: Iterable[bytes]) -> int:
    """Upload blocks of `PART_BYTES` (the last may be shorter) as one object; return its size in bytes."""
    size_bytes = 0
    with open_upload(bucket, key) as upload:
        for number, block in enumerate(blocks, 1):
            upload.parts.append(bucket.put_part(key, upload.upload_id, number, block))
            size_bytes += len(block)
    _check_size(bucket, key, size_bytes)
    return size_bytes


def copy_large(bucket: Bucket, source: Listed, key: str) -> None:
    """Copy an object larger than `COPY_LIMIT_BYTES` on the server."""
    with open_upload(bucket, key) as upload:
        for number, start in enumerate(range(0, source.size_bytes, COPY_LIMIT_BYTES), 1):
            stop = min(start + COPY_LIMIT_BYTES, source.size_bytes)
            answer = bucket.call(
                "upload_part_copy",
                Key=key,
                UploadId=upload.upload_id,
                PartNumber=number,
                CopySource={"Bucket": bucket.name, "Key": source.key},
                CopySourceRange=f"bytes={start}-{stop - 1}",
            )
            upload.parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    _check_size(bucket, key, source.size_bytes)


def join_parts(parts: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Cut a stream of parts of any size into blocks of `PART_BYTES`, the last one shorter."""
    buffer = bytearray()
    for part in parts:
        view = memoryview(part)
        while view:
            taken = view[: PART_BYTES - len(buffer)]
            buffer += taken
            view = view[len(taken) :]
            if len(buffer) == PART_BYTES:
                yield bytes(buffer)
                buffer.clear()
    if buffer:
        yield bytes(buffer)


def _check_size(bucket: Bucket, key: str, size_bytes: int) -> None:
    """Ask the object itself what arrived: some servers answer a completion with an empty ETag."""
    if bucket.call("head_object", Key=key)["ContentLength"] != size_bytes:
        raise S3Fault("IncompleteBody")
