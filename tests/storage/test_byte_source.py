from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import ConfigurationError, TransientError
from tasks.records import SourceObject
from tasks.storage.budget import Budget, Patience
from tasks.storage.byte_source import LocalSource, Unreadable, open_source, sha256
from tasks.storage.listing import list_objects
from tasks.storage.s3_bucket import Bucket
from tasks.storage.s3_options import parse_options
from tasks.storage.s3_source import S3Source
from tasks.storage.uris import file_uri
from tests.storage.proxy import FaultyProxy, always, first

DATA = bytes(range(256)) * 20


def list_one(source: str, options: dict[str, object] | None = None) -> SourceObject:
    (listed,) = list_objects(source, options or {})
    return listed


def code_of_opening(listed: SourceObject, options: dict[str, object] | None = None) -> str:
    with pytest.raises(Unreadable) as caught, open_source(listed, options or {}):
        pass
    assert caught.value.__context__ is None
    return caught.value.code


@pytest.fixture
def listed(tmp_path: Path) -> SourceObject:
    (tmp_path / "a.dcm").write_bytes(DATA)
    return list_one(str(tmp_path / "a.dcm"))


@pytest.mark.parametrize(("offset", "length"), [
    (0, 10), (5000, 1000), (len(DATA), 10), (len(DATA) + 5, 10), (0, 2**62), (17, 0), (0, -1),
])  # fmt: skip
@pytest.mark.parametrize("headers_only", [True, False])
def test_a_read_gives_fewer_bytes_at_the_end_only(
    listed: SourceObject, offset: int, length: int, headers_only: bool
) -> None:
    with open_source(listed, {}, headers_only=headers_only) as source:
        assert source.size == len(DATA)
        assert source.read(offset, length) == DATA[offset : offset + max(0, length)]
        assert not source.changed()


def test_a_hash_is_that_of_the_whole(listed: SourceObject) -> None:
    with open_source(listed, {}) as source:
        assert sha256(source) == hashlib.sha256(DATA).hexdigest()


def test_a_descriptor_serves_to_copy_without_reading(listed: SourceObject, tmp_path: Path) -> None:
    with open_source(listed, {}) as source, (tmp_path / "copy").open("wb") as copy:
        assert isinstance(source, LocalSource)
        source.read(100, 100)
        assert os.copy_file_range(source.descriptor, copy.fileno(), 1000, offset_src=256) == 1000
    assert (tmp_path / "copy").read_bytes() == DATA[256:1256]


def test_a_closed_source_keeps_no_descriptor(listed: SourceObject) -> None:
    with open_source(listed, {}) as source:
        assert isinstance(source, LocalSource)
        descriptor = source.descriptor
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_what_was_listed_as_no_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    assert code_of_opening(list_one(str(tmp_path))) == "SYMLINK"
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    assert code_of_opening(list_one(str(tmp_path))) == "NOT_A_FILE"


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert code_of_opening(list_one(str(tmp_path))) == "EMPTY_FILE"


def become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def become_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def become_link(path: Path) -> None:
    path.rename(path.with_name("b.dcm"))
    path.symlink_to("b.dcm")


def become_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(("change", "code"), [
    (Path.unlink, "CHANGED_WHILE_READING"),
    (lambda path: path.write_bytes(b"another"), "CHANGED_WHILE_READING"),
    (lambda path: os.truncate(path, 0), "CHANGED_WHILE_READING"),
    (become_fifo, "NOT_A_FILE"),
    (become_folder, "NOT_A_FILE"),
    (become_link, "SYMLINK"),
    (become_device, "SYMLINK"),
])  # fmt: skip
def test_what_changed_since_the_listing_is_not_read(
    listed: SourceObject, tmp_path: Path, change: Callable[[Path], object], code: str
) -> None:
    change(tmp_path / "a.dcm")
    assert code_of_opening(listed) == code


@pytest.mark.parametrize("change", [
    lambda path: path.write_bytes(b"another"),
    lambda path: os.truncate(path, 10_000),
    lambda path: os.truncate(path, 100),
])  # fmt: skip
def test_what_changes_while_it_is_read_is_told(
    listed: SourceObject, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    with open_source(listed, {}) as source:
        source.read(0, 100)
        change(tmp_path / "a.dcm")
        source.read(100, 5000)
        assert source.changed()


def test_a_file_we_may_not_read_is_told(
    open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    (open_folder / "ALICE.dcm").write_bytes(DATA)
    (open_folder / "ALICE.dcm").chmod(0o000)
    listed = list_one(str(open_folder))
    with unprivileged():
        assert code_of_opening(listed) == "PERMISSION"


def test_a_disk_that_fails_is_a_transient_error(tmp_path: Path) -> None:
    # Reading another process's memory at address 0 gives EIO: a real one, on a regular file.
    status = os.stat("/proc/self/mem")  # noqa: PTH116
    listed = SourceObject(file_uri(b"/proc/self/mem"), 100, "")
    descriptor = os.open("/proc/self/mem", os.O_RDONLY)
    assert status.st_size == 0
    with pytest.raises(TransientError, match=r"cannot read from the source \(EIO\)") as caught:
        LocalSource(descriptor, listed, Patience(Budget(2, 60))).read(0, 100)
    os.close(descriptor)
    assert caught.value.__context__ is None


def test_the_reason_travels_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(Unreadable("SYMLINK"))).code == "SYMLINK"  # noqa: S301


@pytest.fixture
def s3_listed(boto: Any, bucket: str, s3_options: dict[str, object]) -> SourceObject:
    boto.put_object(Bucket=bucket, Key="raw/a b?.dcm", Body=DATA)
    return list_one(f"s3://{bucket}/raw", s3_options)


def test_an_object_is_read_in_one_request(
    s3_listed: SourceObject, proxy: FaultyProxy, credentials: None
) -> None:
    with open_source(s3_listed, {"endpoint_url": proxy.url}, headers_only=True) as source:
        assert source.read(0, 132) == DATA[:132]
        assert source.read(5000, 10_000) == DATA[5000:]
        assert sha256(source) == hashlib.sha256(DATA).hexdigest()
        assert not source.changed()
    assert [method for method, _ in proxy.requests] == ["GET"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(reads=st.lists(st.tuples(st.integers(0, 5200), st.integers(0, 5200)), max_size=5))
def test_blocks_join_to_what_was_asked_for(
    bucket: str, s3_options: dict[str, object], s3_listed: SourceObject, reads: list[tuple[int, int]]
) -> None:
    source = S3Source(Bucket(bucket, parse_options(s3_options)), "raw/a b?.dcm", s3_listed, 1000)
    for offset, length in reads:
        assert source.read(offset, length) == DATA[offset : offset + length]


@pytest.mark.parametrize("change", ["replaced", "deleted"])
def test_an_object_that_changed_since_the_listing_is_not_read(
    boto: Any, bucket: str, s3_listed: SourceObject, s3_options: dict[str, object], change: str
) -> None:
    if change == "replaced":
        boto.put_object(Bucket=bucket, Key="raw/a b?.dcm", Body=DATA[::-1])
    else:
        boto.delete_object(Bucket=bucket, Key="raw/a b?.dcm")
    assert code_of_opening(s3_listed, s3_options) == "CHANGED_WHILE_READING"


def test_an_object_that_changes_between_two_blocks_is_told(
    boto: Any, bucket: str, s3_listed: SourceObject, s3_options: dict[str, object]
) -> None:
    source = S3Source(Bucket(bucket, parse_options(s3_options)), "raw/a b?.dcm", s3_listed, 1000)
    assert source.read(0, 10) == DATA[:10]
    boto.put_object(Bucket=bucket, Key="raw/a b?.dcm", Body=DATA[::-1])
    with pytest.raises(Unreadable, match="CHANGED_WHILE_READING"):
        source.read(2000, 10)


def test_an_answer_that_breaks_off_is_asked_for_again(
    s3_listed: SourceObject, proxy: FaultyProxy, credentials: None
) -> None:
    proxy.rule = first(2, "cut", method="GET")
    with open_source(s3_listed, {"endpoint_url": proxy.url}) as source:
        assert source.read(0, len(DATA)) == DATA
    assert len(proxy.requests) == 3


def test_answers_that_keep_breaking_off_are_a_transient_error(
    s3_listed: SourceObject, proxy: FaultyProxy, credentials: None
) -> None:
    proxy.rule = always("cut")
    options = {"endpoint_url": proxy.url, "attempts": 3}
    with pytest.raises(TransientError) as caught, open_source(s3_listed, options):
        pass
    assert len(proxy.requests) == 3
    assert "raw" not in str(caught.value)
    assert caught.value.__context__ is None


def test_credentials_that_are_missing_are_no_fault_of_the_object(
    s3_listed: SourceObject, s3_options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    options = {**s3_options, "read_timeout_seconds": 61}
    with pytest.raises(ConfigurationError, match="check the credentials"), open_source(s3_listed, options):
        pass


def test_an_object_larger_than_listed_is_not_read_further(listed: SourceObject) -> None:
    with open_source(listed, {}) as source:
        assert isinstance(source, LocalSource)
        assert replace(source, listed=replace(listed, size_bytes=10)).read(0, 100) == DATA[:10]
