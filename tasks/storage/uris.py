"""How places and objects are named: plain paths, `file://` and `s3://`.

File names are bytes on Linux and need not be text, so a local name travels as percent-encoded bytes
and comes back exactly. S3 keys are text and stay as they are, unescaped, as every S3 tool writes them.
"""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from tasks.errors import ConfigurationError, ContractError

_FILE = "file://"
_S3 = "s3://"


class S3Place(NamedTuple):
    """A bucket, and the folder or object in it; `key` has no slash at its end and may be empty."""

    bucket: str
    key: str


def parse_place(place: str) -> bytes | S3Place:
    """Read what an operator gave as SOURCE or TARGET: an absolute path, or an S3 place.

    A path is made absolute and normal but its symbolic links stay: the name given is the name kept.

    Raises
    ------
    ConfigurationError
        Another scheme, an S3 place without bucket, or nothing at all.
    """
    if place.startswith(_S3):
        bucket, key = split_s3(place)
        return S3Place(bucket, key.rstrip("/"))
    if place.startswith(_FILE + "/"):
        return os.path.abspath(path_of(place))  # noqa: PTH100 - a path is bytes here, pathlib wants text
    if not place or "://" in place:
        raise ConfigurationError("a place must be a folder, file:///folder or s3://bucket/prefix")
    return os.path.abspath(os.fsencode(place))  # noqa: PTH100


def split_s3(uri: str) -> S3Place:
    """Split `s3://bucket/key`; the key is taken literally, whatever characters it has."""
    bucket, _, key = uri.removeprefix(_S3).partition("/")
    if not uri.startswith(_S3) or not bucket:
        raise ConfigurationError("an S3 place must be s3://bucket or s3://bucket/prefix")
    return S3Place(bucket, key)


def file_uri(path: bytes) -> str:
    """Name a local file by the bytes of its absolute path."""
    return _FILE + quote(path)


def is_local(uri: str) -> bool:
    """Tell whether a URI names a local file."""
    return uri.startswith(_FILE + "/")


def path_of(uri: str) -> bytes:
    """Give back the path that `file_uri` named, byte for byte."""
    if not uri.startswith(_FILE + "/"):
        raise ContractError("not a file URI")
    return unquote_to_bytes(uri.removeprefix(_FILE))


def check_apart(source: str, target: str) -> None:
    """Refuse a TARGET that is SOURCE or lies in it: the next run would take its own output for input.

    Local places are compared by identity, device and inode, of the target's folders, so neither a
    symbolic link, a bind mount nor a file system that ignores case hides one inside the other.
    A SOURCE inside TARGET is allowed: the layout of a target leaves room for it.

    Raises
    ------
    ConfigurationError
        TARGET is not apart from SOURCE.
    """
    inside = False
    match parse_place(source), parse_place(target):
        case S3Place(bucket, prefix), S3Place(other_bucket, other_prefix):
            inside = bucket == other_bucket and f"{other_prefix}/".startswith(f"{prefix}/" if prefix else "")
        case bytes(folder), bytes(other_folder):
            inside = _contains(folder, other_folder)
    if inside:
        raise ConfigurationError("TARGET lies inside SOURCE; choose a target outside of it")


def _contains(folder: bytes, other: bytes) -> bool:
    """Tell whether `other`, which need not exist yet, is `folder` or lies below it."""
    place = os.path.realpath(other)
    while True:
        if _is_same(folder, place):
            return True
        parent = os.path.dirname(place)  # noqa: PTH120
        if parent == place:
            return False
        place = parent


def _is_same(path: bytes, other: bytes) -> bool:
    try:
        return os.path.samefile(path, other)  # noqa: PTH121
    except OSError:
        return os.path.realpath(path) == other
