"""A list of objects that somebody else made: an S3 Inventory, or a plain list, instead of asking the server for all.

A nightly run over a hundred million objects of which a thousandth is new pays for a hundred thousand pages; S3
makes the same list once a day as files. What such a list does not say (size, ETag) is asked of the object itself.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import orjson
import pyarrow.parquet as pq

from tasks.errors import ConfigurationError
from tasks.storage.faults import MISSING_CODES, READ_SOURCE, S3Fault, explain, explained
from tasks.storage.s3_options import S3Options
from tasks.storage.uris import S3Place, parse_place, split_s3

_AT_ONCE = 256
_NAMES = {"key": "key", "uri": "key", "size": "size", "size_bytes": "size", "etag": "etag", "e_tag": "etag"}
"""Columns that are looked at, by their names in small letters, without blanks; all others are not."""


class Entry(NamedTuple):
    """A line of a list; size in bytes and ETag are None where the list does not say them."""

    key: str
    size_bytes: int | None
    etag: str | None


def read_entries(place: str, options: S3Options, bucket: str) -> Iterator[Entry]:
    """Read a list of keys of `bucket`.

    Parameters
    ----------
    place
        File or `s3://` object: an Inventory's `manifest.json`, a CSV with a heading (`key` or `uri`, and if known
        `size` and `etag`), a Parquet file with such columns, or a text with a key or URI a line; CSV and text
        may be gzipped.

    Raises
    ------
    ConfigurationError
        The list cannot be read, or is none of these. The message names no key.
    """
    name = PurePosixPath(place).name
    data = _read(place, options)
    try:
        entries = _inventory(data, options, bucket) if name == "manifest.json" else _plain(name, data)
        for entry in entries:
            if (key := _key_in(entry.key, bucket)) is not None:
                yield entry._replace(key=key)
    except (ValueError, KeyError, EOFError, gzip.BadGzipFile):
        broken = True
    else:
        broken = False
    if broken:
        raise ConfigurationError(
            "The list of objects cannot be read: it must be an Inventory's manifest.json, a CSV with the heading "
            "key, a Parquet file with the column key, or a text with one key a line."
        )


def complete(entries: Iterable[Entry], bucket: Any) -> Iterator[Entry]:
    """Ask the objects themselves for what a list does not say; those that are gone are left out."""
    rest = iter(entries)
    while group := list(islice(rest, _AT_ONCE)):
        unknown = [one for one in group if one.size_bytes is None or not one.etag]
        answers = bucket.call_each("head_object", [{"Key": one.key} for one in unknown])
        yield from (one for one in group if one.size_bytes is not None and one.etag)
        for one, answer in zip(unknown, answers, strict=True):
            if not isinstance(answer, S3Fault):
                yield Entry(one.key, int(answer["ContentLength"]), answer["ETag"].strip('"'))
            elif answer.code not in MISSING_CODES:
                raise explain(answer, READ_SOURCE)


def _key_in(text: str, bucket: str) -> str | None:
    """Give a key or a URI as a key of the bucket; None where it is in another."""
    if not text.startswith("s3://"):
        return text
    place = split_s3(text)
    return place.key if place.bucket == bucket else None


def _inventory(data: bytes, options: S3Options, bucket: str) -> Iterator[Entry]:
    """Read the files that a manifest names; of a versioned bucket, what is current."""
    manifest = orjson.loads(data)
    if manifest["sourceBucket"] != bucket:
        raise ConfigurationError("The inventory is of another bucket than SOURCE.")
    destination = manifest["destinationBucket"].rpartition(":")[2]
    columns = [name.strip() for name in manifest["fileSchema"].split(",")]
    for file in manifest["files"]:
        content = _read(f"s3://{destination}/{file['key']}", options)
        if manifest["fileFormat"] == "Parquet":
            rows = _parquet_rows(content)
        elif manifest["fileFormat"] == "CSV":
            text = io.TextIOWrapper(gzip.GzipFile(fileobj=io.BytesIO(content)), "utf-8", newline="")
            # Keys of an inventory in CSV are URL-encoded; those in Parquet are not.
            rows = ({**row, "Key": unquote_plus(row["Key"])} for row in csv.DictReader(text, columns))
        else:
            raise ConfigurationError("The inventory is in ORC; have it made in Parquet or CSV.")
        yield from (_entry(row) for row in rows if _is_current(row))


def _is_current(row: Mapping[str, Any]) -> bool:
    said = {name.lower().replace("_", ""): str(value).lower() for name, value in row.items()}
    return said.get("islatest", "true") == "true" and said.get("isdeletemarker", "false") != "true"


def _plain(name: str, data: bytes) -> Iterator[Entry]:
    if name.endswith(".gz"):
        name, data = name.removesuffix(".gz"), gzip.decompress(data)
    if name.endswith(".parquet"):
        return map(_entry, _parquet_rows(data))
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    if name.endswith(".csv"):
        return map(_entry, csv.DictReader(text))
    return (Entry(line, None, None) for line in map(str.rstrip, text) if line)


def _parquet_rows(data: bytes) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(io.BytesIO(data)) as file:
        wanted = [name for name in file.schema_arrow.names if _plain_name(name) in _NAMES]
        wanted += [name for name in file.schema_arrow.names if name in {"is_latest", "is_delete_marker"}]
        for batch in file.iter_batches(columns=wanted):
            yield from batch.to_pylist()


def _plain_name(name: str) -> str:
    return name.strip().lower()


def _entry(row: Mapping[str, Any]) -> Entry:
    found = {_NAMES[_plain_name(name)]: value for name, value in row.items() if _plain_name(name) in _NAMES}
    size, etag = found.get("size"), found.get("etag")
    return Entry(
        found["key"], None if size in {None, ""} else int(size), str(etag).strip('"') if etag else None
    )


def _read(place: str, options: S3Options) -> bytes:
    try:
        return _read_place(place, options)
    except FileNotFoundError:
        pass
    raise ConfigurationError("The list of objects is not there; check the setting listing.")


@explained("read the list of objects")
def _read_place(place: str, options: S3Options) -> bytes:
    match parse_place(place):
        case S3Place(bucket, key):
            from tasks.storage.s3_bucket import Bucket  # most of a second, for S3 only

            return Bucket(bucket, options).get(key)
        case path:
            with open(path, "rb") as file:  # noqa: PTH123 - a path is bytes here
                return file.read()
