"""Objects that are known by name, as they are now: a replay asks the ledger for names and not a listing.

What has gone or cannot be asked for keeps the version it was known by and gets the kind `missing`, so that it
ends with a reason like every other object and is not silently left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Protocol

from tasks.records import SourceObject
from tasks.storage.faults import DENIED_CODES, MISSING_CODES, READ_SOURCE, S3Fault, explain
from tasks.storage.listing import describe_local
from tasks.storage.s3_options import parse_options
from tasks.storage.uris import path_of, split_s3

MISSING = "missing"
"""Kind of an object that is not there any more."""

_AT_ONCE = 1000


class _CallEach(Protocol):
    def __call__(
        self, method: str, each: Iterable[Mapping[str, object]]
    ) -> list[dict[str, Any] | S3Fault]: ...


def look_again(known: Iterable[SourceObject], options: Mapping[str, object]) -> Iterator[SourceObject]:
    """Give each object in the version it has now, in the same order.

    Parameters
    ----------
    options
        S3 options, see `tasks.storage.s3_options.S3Options`; ignored for local files.

    Raises
    ------
    PipelineError
        If a server does not answer; an object that is not there is no error.
    """
    for bucket, objects in groupby(known, _bucket_of):
        if bucket is None:
            yield from map(_look_locally, objects)
        else:
            yield from _look_in_bucket(bucket, objects, options)


def _bucket_of(known: SourceObject) -> str | None:
    return split_s3(known.uri).bucket if known.uri.startswith("s3://") else None


def _look_locally(known: SourceObject) -> SourceObject:
    path = path_of(known.uri)
    try:
        return describe_local(path, os.lstat(path))
    except OSError:
        return replace(known, kind=MISSING)


def _look_in_bucket(
    name: str, objects: Iterator[SourceObject], options: Mapping[str, object]
) -> Iterator[SourceObject]:
    from tasks.storage.s3_bucket import Bucket  # most of a second, for S3 only

    bucket = Bucket(name, parse_options(options))
    waiting: list[SourceObject] = []
    for known in objects:
        waiting.append(known)
        if len(waiting) == _AT_ONCE:
            yield from _ask(bucket.call_each, waiting)
            waiting = []
    yield from _ask(bucket.call_each, waiting)


def _ask(call_each: _CallEach, objects: Sequence[SourceObject]) -> Iterator[SourceObject]:
    answers = call_each("head_object", [{"Key": split_s3(known.uri).key} for known in objects])
    for known, answer in zip(objects, answers, strict=True):
        if not isinstance(answer, S3Fault):
            yield SourceObject(known.uri, answer["ContentLength"], answer["ETag"].strip('"'))
        elif answer.code in MISSING_CODES | DENIED_CODES:
            yield replace(known, kind=MISSING)
        else:
            raise explain(answer, READ_SOURCE)
