from __future__ import annotations

import inspect
import os
import socket
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigurationError, TransientError
from tasks.records import SourceObject
from tasks.storage.listing import list_objects
from tasks.storage.uris import file_uri, path_of
from tests.storage.proxy import FaultyProxy, always, first


def list_kinds(source: Path) -> dict[bytes, str]:
    found = {path_of(listed.uri): listed.kind for listed in list_objects(str(source), {})}
    return {os.path.relpath(path, os.fsencode(source)): kind for path, kind in found.items()}


def list_one(source: Path) -> SourceObject:
    (listed,) = list_objects(str(source), {})
    return listed


def test_every_kind_of_entry_is_accounted_for(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file.dcm").write_bytes(b"1")
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "link").symlink_to("a/b/file.dcm")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "a/loop").symlink_to("..")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    (tmp_path / "folder.DCM").mkdir()
    (tmp_path / "empty folder").mkdir()
    (tmp_path / "full.dcm").mkdir()
    (tmp_path / "full.dcm/image").write_bytes(b"1")
    assert list_kinds(tmp_path) == {
        b"a/b/file.dcm": "file",
        b"a/loop": "symlink",
        b"dangling": "symlink",
        b"empty.dcm": "file",
        b"fifo": "special",
        b"folder.DCM": "special",
        b"full.dcm/image": "file",
        b"link": "symlink",
        b"self": "symlink",
        b"socket": "special",
    }


@pytest.mark.parametrize(
    "name", [b"\xff\xfe", b"a\nb", b"-rf", b"*.dcm", b"a%20b", "张三".encode(), b"n" * 255, b"?#"]
)
def test_a_name_is_bytes(tmp_path: Path, name: bytes) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)  # noqa: PTH118 - bytes
    with open(path, "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"123")
    listed = list_one(tmp_path)
    assert (path_of(listed.uri), listed.size_bytes) == (path, 3)


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"123")
    listed = list_one(tmp_path / "a.dcm")
    assert (listed.uri, listed.size_bytes, listed.kind) == (
        file_uri(os.fsencode(tmp_path / "a.dcm")),
        3,
        "file",
    )


def test_a_source_has_one_name_whatever_link_leads_to_it(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a").write_bytes(b"1")
    (tmp_path / "link").symlink_to("in")
    assert list_one(tmp_path / "link") == list_one(tmp_path / "in")


def test_a_source_that_is_not_there_is_told_without_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="SOURCE is not there") as caught:
        list_objects(str(tmp_path / "ALICE"), {})
    assert "ALICE" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100])
@pytest.mark.parametrize(("locked", "place"), [("a/ALICE", "2 levels down"), (".", "SOURCE itself")])
def test_a_locked_folder_stops_the_run_without_its_name(
    open_folder: Path,
    unprivileged: Callable[[], AbstractContextManager[None]],
    locked: str,
    place: str,
    mode: int,
) -> None:
    (open_folder / "a/ALICE").mkdir(parents=True)
    (open_folder / "a/ALICE/image").write_bytes(b"1")
    (open_folder / "image").write_bytes(b"1")
    (open_folder / locked).chmod(mode)
    if os.geteuid() == 0:
        os.chown(open_folder / locked, 65534, 65534)
    with unprivileged(), pytest.raises(ConfigurationError, match=place) as caught:
        list(list_objects(str(open_folder), {}))
    assert "ALICE" not in str(caught.value)
    assert caught.value.__context__ is None
    (open_folder / locked).chmod(0o700)


def rewrite(path: Path) -> None:
    path.write_bytes(b"new")


def rewrite_with_the_old_time(path: Path) -> None:
    status = path.stat()
    path.write_bytes(b"new")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_by_a_copy_with_the_old_time(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"new")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [rewrite, rewrite_with_the_old_time, replace_by_a_copy_with_the_old_time])
def test_another_content_is_another_version(tmp_path: Path, change: Callable[[Path], None]) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(b"old")
    before = list_one(tmp_path)
    while list_one(tmp_path).version == before.version:
        change(path)  # Again, if it was within one tick of the file system's clock.
    assert list_one(tmp_path).uri == before.uri


def test_reading_a_file_does_not_change_its_version(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(b"1")
    before = list_one(tmp_path)
    (tmp_path / "a.dcm").read_bytes()
    assert list_one(tmp_path) == before


def test_a_long_listing_needs_little_memory(tmp_path: Path) -> None:
    for number in range(1500):
        (tmp_path / f"{number:0200d}").touch()
    tracemalloc.start()
    count = sum(1 for _ in list_objects(str(tmp_path), {}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 1500
    assert peak < 200_000


def test_a_deep_tree_is_listed(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["d"] * 200)
    deep.mkdir(parents=True)
    (deep / "a.dcm").write_bytes(b"1")
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 50)
    try:
        assert list_one(tmp_path).size_bytes == 1
    finally:
        sys.setrecursionlimit(limit)


def test_a_bucket_is_listed_below_the_prefix_only(
    boto: Any, bucket: str, s3_options: dict[str, object]
) -> None:
    for key in ("raw/a.dcm", "raw/b/张 三+&%?versionId=1.dcm", "raw2/c", "raw"):
        boto.put_object(Bucket=bucket, Key=key, Body=b"123")
    boto.put_object(Bucket=bucket, Key="raw/folder/", Body=b"")
    listed = sorted(list_objects(f"s3://{bucket}/raw/", s3_options), key=lambda listed: listed.uri)
    assert [one.uri for one in listed] == [
        f"s3://{bucket}/raw/a.dcm",
        f"s3://{bucket}/raw/b/张 三+&%?versionId=1.dcm",
    ]
    assert {(one.size_bytes, one.version, one.kind) for one in listed} == {
        (3, "202cb962ac59075b964b07152d234b70", "file")
    }


def test_a_bucket_of_many_pages_is_listed_whole(
    boto: Any, bucket: str, s3_options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for number in range(10):
        boto.put_object(Bucket=bucket, Key=f"raw/{number}", Body=b"")
    found = [listed.uri for listed in list_objects(f"s3://{bucket}", s3_options)]
    assert found == [f"s3://{bucket}/raw/{number}" for number in range(10)]


def test_a_listing_is_never_remembered(boto: Any, bucket: str, s3_options: dict[str, object]) -> None:
    assert list(list_objects(f"s3://{bucket}/raw", s3_options)) == []
    boto.put_object(Bucket=bucket, Key="raw/a", Body=b"1")
    assert len(list(list_objects(f"s3://{bucket}/raw", s3_options))) == 1


def test_a_single_object_is_a_source(boto: Any, bucket: str, s3_options: dict[str, object]) -> None:
    boto.put_object(Bucket=bucket, Key="raw/a.dcm", Body=b"123")
    (listed,) = list_objects(f"s3://{bucket}/raw/a.dcm", s3_options)
    assert (listed.uri, listed.size_bytes) == (f"s3://{bucket}/raw/a.dcm", 3)


def test_a_bucket_that_is_not_there_is_told(s3_options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="bucket does not exist"):
        list(list_objects("s3://no-such-bucket/raw", s3_options))


def test_a_busy_server_is_asked_again(boto: Any, bucket: str, proxy: FaultyProxy, credentials: None) -> None:
    boto.put_object(Bucket=bucket, Key="raw/a", Body=b"1")
    proxy.rule = first(1, "500", method="GET")
    options = {"endpoint_url": proxy.url, "attempts": 4}
    assert len(list(list_objects(f"s3://{bucket}/raw", options))) == 1
    assert len(proxy.requests) == 2


def test_a_server_that_stays_busy_is_a_transient_error(
    bucket: str, proxy: FaultyProxy, credentials: None
) -> None:
    proxy.rule = always("503")
    options = {"endpoint_url": proxy.url, "attempts": 2}
    with pytest.raises(TransientError, match="SlowDown") as caught:
        list(list_objects(f"s3://{bucket}/ALICE", options))
    assert "ALICE" not in str(caught.value)
    assert caught.value.__context__ is None
    assert len(proxy.requests) == 2


def test_a_server_that_is_not_there_is_a_transient_error(credentials: None) -> None:
    options = {"endpoint_url": "http://127.0.0.1:9", "attempts": 1}
    with pytest.raises(TransientError, match="run again"):
        list(list_objects("s3://bucket/raw", options))
