from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import ConfigurationError
from tasks.storage import s3_listing
from tasks.storage.listing import list_objects
from tasks.storage.s3_listing import ShardedListing
from tests.storage.proxy import FaultyProxy
from tests.storage.shelf import KEYS, Shelf


@given(keys=KEYS, prefix=st.sampled_from(["", "a/", "b", "c0/a/"]), page_keys=st.integers(1, 7))
def test_shards_hold_each_key_once_whatever_lies_where(keys: set[str], prefix: str, page_keys: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_listing, "PAGE_KEYS", page_keys)
        listing = ShardedListing(Shelf(keys), prefix)  # type: ignore[arg-type]
        found = [listed.key for page in listing.pages() for listed in page]
    assert listing.left == ()
    assert sorted(found) == sorted(key for key in keys if key.startswith(prefix))


def test_a_prefix_of_one_page_is_one_request() -> None:
    shelf = Shelf({f"raw/{number}/a" for number in range(900)})
    assert sum(map(len, ShardedListing(shelf, "raw/").pages())) == 900  # type: ignore[arg-type]
    assert shelf.requests == 1


def test_a_server_gives_in_shards_what_it_gives_in_one_piece(
    boto: Any, bucket: str, proxy: FaultyProxy, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_listing, "PAGE_KEYS", 3)
    keys = {f"raw/p{patient}/s{series}.dcm" for patient in range(7) for series in range(4)}
    for key in keys:
        boto.put_object(Bucket=bucket, Key=key, Body=b"1")
    found = [one.uri for one in list_objects(f"s3://{bucket}/raw", {"endpoint_url": proxy.url})]
    assert sorted(found) == sorted(f"s3://{bucket}/{key}" for key in keys)
    assert any("start-after" in path and "delimiter" not in path for _, path in proxy.requests)


# -- lists that somebody else made ------------------------------------------------------------------------

KEY = "raw/张 三+1.dcm"


@pytest.fixture
def stored_key(boto: Any, bucket: str) -> str:
    for key in (KEY, "raw/other.dcm", "elsewhere/a.dcm"):
        boto.put_object(Bucket=bucket, Key=key, Body=b"123")
    return str(boto.head_object(Bucket=bucket, Key=KEY)["ETag"].strip('"'))


def as_text(keys: list[str]) -> bytes:
    return "".join(f"{key}\n" for key in keys).encode()


def as_csv(keys: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([["Key", "Color"], *([key, "red"] for key in keys)])
    return out.getvalue().encode()


def as_parquet(keys: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"key": keys, "size": [3] * len(keys)}), out)
    return out.getvalue()


@pytest.mark.parametrize(("name", "write"), [
    ("keys.txt", as_text), ("keys.csv", as_csv), ("keys.parquet", as_parquet),
    ("keys.txt.gz", lambda keys: gzip.compress(as_text(keys))),
    ("keys.csv.gz", lambda keys: gzip.compress(as_csv(keys))),
])  # fmt: skip
def test_a_list_of_keys_is_taken_for_the_source(
    bucket: str, s3_options: dict[str, object], stored_key: str, tmp_path: Path, name: str, write: Any
) -> None:
    (tmp_path / name).write_bytes(write([KEY, f"s3://{bucket}/raw/gone.dcm", "elsewhere/a.dcm"]))
    (listed,) = list_objects(f"s3://{bucket}/raw", s3_options, str(tmp_path / name))
    assert (listed.uri, listed.size_bytes, listed.version) == (f"s3://{bucket}/{KEY}", 3, stored_key)


@pytest.mark.parametrize("form", ["CSV", "Parquet"])
def test_an_inventory_costs_no_request_an_object(
    boto: Any, bucket: str, stored_key: str, proxy: FaultyProxy, credentials: None, form: str
) -> None:
    rows = [
        (KEY, True, False, 3, stored_key),
        (KEY, False, False, 9, "old"),
        ("raw/gone.dcm", True, True, 0, ""),
    ]
    if form == "CSV":
        out = io.StringIO()
        written = ([bucket, quote_plus(key), "v", *map(str, rest)] for key, *rest in rows)
        csv.writer(out).writerows(written)
        content = gzip.compress(out.getvalue().encode())
    else:
        names = ("key", "is_latest", "is_delete_marker", "size", "e_tag")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        sink = io.BytesIO()
        pq.write_table(pa.table(columns), sink)
        content = sink.getvalue()
    boto.put_object(Bucket=bucket, Key="inventory/data/1", Body=content)
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": f"arn:aws:s3:::{bucket}",
        "fileFormat": form,
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag",
        "files": [{"key": "inventory/data/1"}],
    }
    boto.put_object(Bucket=bucket, Key="inventory/manifest.json", Body=json.dumps(manifest).encode())
    options = {"endpoint_url": proxy.url}
    (listed,) = list_objects(f"s3://{bucket}/raw", options, f"s3://{bucket}/inventory/manifest.json")
    assert (listed.uri, listed.size_bytes, listed.version) == (f"s3://{bucket}/{KEY}", 3, stored_key)
    assert len(proxy.requests) == 2


@pytest.mark.parametrize(("name", "content", "message"), [
    ("manifest.json", b"{}", "cannot be read"),
    ("keys.csv", b"name\nALICE\n", "cannot be read"),
    ("keys.parquet", b"PAR1", "cannot be read"),
    ("manifest.json", b'{"sourceBucket": "another"}', "another bucket"),
])  # fmt: skip
def test_a_list_that_is_none_is_refused_without_a_word_of_it(
    s3_options: dict[str, object], tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        list(list_objects("s3://bucket/raw", s3_options, str(tmp_path / name)))
    assert "ALICE" not in str(caught.value)
    assert caught.value.__context__ is None


def test_a_list_that_is_not_there_is_told(s3_options: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not there"):
        list(list_objects("s3://bucket/raw", s3_options, str(tmp_path / "keys.txt")))


def test_a_folder_takes_no_list(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="on S3"):
        list_objects(str(tmp_path), {}, "keys.txt")
