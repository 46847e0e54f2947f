"""What a store on S3 promises beyond the contract: no partial object, one retry budget, our own object known."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import ConfigurationError, TransientError
from tasks.storage import s3_multipart
from tasks.storage import s3_store as s3_store_module
from tasks.storage.store import Move, Store, open_store
from tests.peers.ceph import free_port
from tests.storage.proxy import FaultyProxy, always, first, obey


@pytest.fixture
def faulty_store(bucket: str, proxy: FaultyProxy, credentials: None) -> Store:
    return open_store(f"s3://{bucket}/target", {"endpoint_url": proxy.url, "attempts": 2})


def keys_of(boto: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in boto.list_objects_v2(Bucket=bucket).get("Contents", ())]


def test_a_small_object_is_one_request(faulty_store: Store, proxy: FaultyProxy) -> None:
    faulty_store.write("a.json", b"{}")
    faulty_store.write_unsynced("b.dcm", [b"1", b"2"])
    assert [method for method, _ in proxy.requests] == ["PUT", "PUT"]


def test_a_process_asks_the_server_that_its_environment_names_now(
    bucket: str, s3_endpoint: str, credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"attempts": 1}
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(TransientError, match="EndpointConnectionError"):
        open_store(f"s3://{bucket}/target", options).write("a.json", b"{}")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    store = open_store(f"s3://{bucket}/target", options)
    store.write("a.json", b"{}")
    assert store.read("a.json") == b"{}"


def test_an_object_has_its_media_type(s3_store: Store, boto: Any, bucket: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>")
    s3_store.upload_tree(tmp_path, "docs")
    s3_store.write("published/a.dcm", b"1")
    s3_store.write_unsynced("published/big.dcm", [bytes(17 * 2**20)])
    types = {
        key: boto.head_object(Bucket=bucket, Key=f"a/target/{key}")["ContentType"]
        for key in ("docs/index.html", "published/a.dcm", "published/big.dcm")
    }
    assert types == {
        "docs/index.html": "text/html; charset=utf-8",
        "published/a.dcm": "application/dicom",
        "published/big.dcm": "application/dicom",
    }


def test_front_pages_are_uploaded_last(faulty_store: Store, proxy: FaultyProxy, tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    for name in ("index.html", "a.css", "z/index.html", "z/page.html"):
        (tmp_path / name).write_text("1")
    faulty_store.upload_tree(tmp_path, "docs")
    names = [path.rpartition("/")[2] for _, path in proxy.requests]
    assert sorted(names[:2]) == ["a.css", "page.html"]
    assert names[2:] == ["index.html", "index.html"]


def test_a_large_stream_is_seen_when_it_is_complete(s3_store: Store, boto: Any, bucket: str) -> None:
    seen: list[list[str]] = []

    def watch() -> Iterator[bytes]:
        yield bytes(40 * 2**20)
        seen.append(keys_of(boto, bucket))

    s3_store.write_unsynced("a", watch())
    assert seen == [[]]
    assert keys_of(boto, bucket) == ["a/target/a"]


def test_a_large_stream_that_fails_pays_for_no_parts(s3_store: Store, boto: Any, bucket: str) -> None:
    def fail() -> Iterator[bytes]:
        yield bytes(40 * 2**20)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        s3_store.write_unsynced("a", fail())
    assert keys_of(boto, bucket) == []
    assert boto.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_unfinished_uploads_are_swept_when_they_are_old(s3_store: Store, boto: Any, bucket: str) -> None:
    # moto begins every upload in the same month of 2010.
    for key in ("a/target/staging/1", "a/target/staging/2", "elsewhere"):
        boto.create_multipart_upload(Bucket=bucket, Key=key)
    assert s3_store.sweep(older_than_seconds=100 * 365 * 86400) == 0
    assert s3_store.sweep(older_than_seconds=-10) == 2
    assert [item["Key"] for item in boto.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["elsewhere"]


def test_a_lost_acknowledgement_of_a_creation_is_success(faulty_store: Store, proxy: FaultyProxy) -> None:
    proxy.rule = first(1, "lost", method="PUT")
    assert faulty_store.write_create("lease", b"run 1")
    assert [method for method, _ in proxy.requests] == ["PUT", "PUT", "GET"]
    assert not faulty_store.write_create("lease", b"run 2")


def test_of_many_creators_one_wins(s3_store: Store) -> None:
    results: list[bool] = []

    def create(number: int) -> None:
        results.append(s3_store.write_create("lease", b"run %d" % number))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 5 + [True]


def test_one_budget_of_attempts_covers_every_failure(faulty_store: Store, proxy: FaultyProxy) -> None:
    proxy.rule = always("503")
    with pytest.raises(TransientError, match=r"cannot write to the target \(SlowDown\)"):
        faulty_store.write("a", b"1")
    assert len(proxy.requests) == 2


def test_a_lost_acknowledgement_of_a_write_is_written_again(faulty_store: Store, proxy: FaultyProxy) -> None:
    proxy.rule = first(1, "lost", method="PUT")
    faulty_store.write("a", b"1")
    assert faulty_store.read("a") == b"1"


def test_a_move_that_fails_half_way_deletes_nothing_and_goes_on(
    faulty_store: Store, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "2")
    for name in "abcde":
        faulty_store.write(f"staging/1/{name}", name.encode())
    proxy.rule = always("500", path_end="/published/d")
    with pytest.raises(TransientError):
        faulty_store.move_tree("staging/1", "published")
    proxy.rule = obey
    left = list(faulty_store.list())
    assert {"staging/1/c", "staging/1/d", "staging/1/e"} <= set(left)
    assert not {"staging/1/a", "staging/1/b", "published/d"} & set(left)
    faulty_store.move_tree("staging/1", "published")
    assert {key: faulty_store.read(key) for key in faulty_store.list()} == {
        f"published/{name}": name.encode() for name in "abcde"
    }


def test_a_deletion_that_is_refused_is_an_error(faulty_store: Store, proxy: FaultyProxy) -> None:
    faulty_store.write("staging/1/a", b"1")
    refusal = "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    proxy.rule = lambda method, _: refusal if method == "POST" else None
    with pytest.raises(ConfigurationError, match="AccessDenied"):
        faulty_store.delete_tree("staging/1")


def test_an_object_too_large_for_one_request_is_copied_in_parts(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (s3_multipart, s3_store_module):
        monkeypatch.setattr(module, "COPY_LIMIT_BYTES", 6 * 2**20)
    data = bytes(range(256)) * 4096 * 13
    s3_store.write("staging/1/a.dcm", data)
    s3_store.write("staging/1/b.dcm", b"small")
    s3_store.move_tree("staging/1", "published")
    # As after a worker that died with its share half moved.
    s3_store.move_all([Move("staging/1/a.dcm", len(data), "published/a.dcm")])
    assert {key: len(s3_store.read(key)) for key in s3_store.list()} == {
        "published/a.dcm": len(data),
        "published/b.dcm": 5,
    }
    assert s3_store.read("published/a.dcm") == data
    with pytest.raises(FileNotFoundError):
        s3_store.move_all([Move("staging/1/never.dcm", len(data), "published/never.dcm")])


WRITER = """
import sys
from tasks.storage.store import open_store

def parts():
    yield bytes(17 * 2**20)
    yield bytes(17 * 2**20)
    print("half", flush=True)
    sys.stdin.read()

open_store(sys.argv[1], {"endpoint_url": sys.argv[2]}).write_unsynced("a", parts())
"""


def test_a_killed_writer_leaves_no_object_and_a_sweep_ends_its_upload(
    s3_store: Store, bucket: str, s3_endpoint: str, boto: Any
) -> None:
    command = [sys.executable, "-c", WRITER, f"s3://{bucket}/a/target", s3_endpoint]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half\n"
        writer.kill()
    assert keys_of(boto, bucket) == []
    assert s3_store.sweep(older_than_seconds=-10) == 1
    assert boto.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_a_bucket_that_is_not_there_is_told_before_the_run(s3_options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match="bucket does not exist"):
        open_store("s3://no-such-bucket/a", s3_options).prepare()


def test_missing_credentials_are_told_before_the_run(
    bucket: str, s3_options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    store = open_store(f"s3://{bucket}/a", {**s3_options, "read_timeout_seconds": 59})
    with pytest.raises(ConfigurationError, match="check the credentials"):
        store.prepare()


def test_a_server_that_overwrites_what_it_should_refuse_is_told(
    bucket: str, proxy: FaultyProxy, credentials: None
) -> None:
    proxy.drop_headers = {"if-none-match"}
    with pytest.raises(ConfigurationError, match="does not refuse to overwrite"):
        open_store(f"s3://{bucket}/a", {"endpoint_url": proxy.url}).prepare()


def test_bodies_are_vouched_for_by_md5_where_no_crc_is_sent(faulty_store: Store, proxy: FaultyProxy) -> None:
    faulty_store.write("a", b"1")
    headers = {name.lower() for name in proxy.headers[-1]}
    assert "content-md5" in headers
    assert not [name for name in headers if re.match("x-amz-checksum", name)]


def test_what_is_written_is_encrypted_with_the_key_asked_for(
    bucket: str, s3_options: dict[str, object], boto: Any
) -> None:
    store = open_store(f"s3://{bucket}", {**s3_options, "sse_kms_key_id": "a-key"})
    store.write("a", b"1")
    store.write_create("b", b"1")
    store.write_unsynced("c", [bytes(17 * 2**20)])
    store.move("a", "d")
    for key in "bcd":
        head = boto.head_object(Bucket=bucket, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "a-key")


def test_requester_pays_is_said_with_every_request(
    bucket: str, proxy: FaultyProxy, credentials: None
) -> None:
    store = open_store(f"s3://{bucket}", {"endpoint_url": proxy.url, "requester_pays": True})
    store.write("a", b"1")
    store.read("a")
    list(store.list())
    assert [headers.get("x-amz-request-payer") for headers in proxy.headers] == ["requester"] * 3


def test_an_anonymous_request_is_not_signed(bucket: str, proxy: FaultyProxy, credentials: None) -> None:
    store = open_store(f"s3://{bucket}", {"endpoint_url": proxy.url, "anon": True})
    list(store.list())
    assert "authorization" not in {name.lower() for name in proxy.headers[-1]}
