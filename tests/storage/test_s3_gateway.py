"""What a mock cannot show: signatures that are checked, conditions that hold, and answers that get lost."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import boto3
import pyarrow as pa
import pytest

from expectations.contracts import SERIES
from tasks.errors import ConfigurationError
from tasks.layout import SERIES as SERIES_KEY
from tasks.storage.byte_source import Sources, Unreadable, open_source
from tasks.storage.listing import list_objects
from tasks.storage.requests import count_requests
from tasks.storage.store import Store, open_store
from tasks.target import stored
from tests.peers.ceph import Gateway
from tests.peers.haproxy import FaultProxy
from tests.tables.rows_of import rows_of

pytestmark = pytest.mark.e2e

_numbers = itertools.count()
ODD_KEYS = (
    "a b+c&d=e;f,g.dcm", "张三/扫描.dcm", "100%25.dcm", "a//b.dcm", "a/../b.dcm", "a/./c.dcm", "q?versionId=1#x.dcm",
    "tilde~(1)'!*.dcm", "é\u0301.dcm",
)  # fmt: skip


@pytest.fixture
def client(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in gateway.environment.items():
        monkeypatch.setenv(name, value)
    return boto3.Session().client("s3")


@pytest.fixture
def options(gateway: Gateway) -> dict[str, object]:
    return {"endpoint_url": gateway.endpoint}


@pytest.fixture
def place(client: Any) -> str:
    name = f"place-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def faulty(place: str, faults: FaultProxy) -> Store:
    return open_store(f"s3://{place}/target", {"endpoint_url": faults.endpoint, "read_timeout_seconds": 5})


def test_ranges_of_any_key_are_signed_as_the_server_reads_it(
    client: Any, place: str, options: dict[str, object]
) -> None:
    for number, key in enumerate(("first.dcm", *ODD_KEYS)):
        client.put_object(Bucket=place, Key=f"raw/{key}", Body=bytes([number]) * 1000)
    listed = sorted(list_objects(f"s3://{place}/raw", options), key=lambda one: one.uri)
    assert {one.uri for one in listed} == {f"s3://{place}/raw/{key}" for key in ("first.dcm", *ODD_KEYS)}
    numbers = {f"s3://{place}/raw/{key}": number for number, key in enumerate(("first.dcm", *ODD_KEYS))}
    before = count_requests()
    for _ in range(2):
        with closing(Sources(listed, options, window=lambda: 100, headers_only=True)) as sources:
            for one in listed:
                with sources.open(one) as source:
                    assert source.read(0, 200) == bytes([numbers[one.uri]]) * 200
    assert count_requests().retries == before.retries


BLOCK = 16 << 20


@pytest.mark.parametrize("versions", [True, False])
@pytest.mark.parametrize(("headers_only", "becomes"), [(True, "replaced"), (False, "deleted")])
def test_an_object_that_changes_while_it_is_read_is_read_as_listed_or_recognised(
    client: Any, place: str, options: dict[str, object], versions: bool, headers_only: bool, becomes: str
) -> None:
    if versions:
        client.put_bucket_versioning(Bucket=place, VersioningConfiguration={"Status": "Enabled"})
    old, new = b"1" * (BLOCK + 1000), b"2" * (BLOCK + 1000)
    for number in range(2):
        client.put_object(Bucket=place, Key=f"raw/{number}.dcm", Body=old)
    first, second = sorted(list_objects(f"s3://{place}/raw", options), key=lambda one: one.uri)
    change = {
        "replaced": lambda key: client.put_object(Bucket=place, Key=key, Body=new),
        "deleted": lambda key: client.delete_object(Bucket=place, Key=key),
    }[becomes]
    with open_source(first, options, headers_only=headers_only) as source:
        assert source.read(0, 1000) == old[:1000]
        change("raw/0.dcm")
        if versions:
            assert source.read(BLOCK, 1000) == old[:1000]
            assert source.read(BLOCK - 500, 1000) == old[:1000]
            assert not source.changed()
        else:
            with pytest.raises(Unreadable, match="CHANGED_WHILE_READING"):
                source.read(BLOCK, 1000)
    change("raw/1.dcm")
    # What changed before it was begun is not read, though its old version is there: it may be gone for a reason.
    with (
        pytest.raises(Unreadable, match="CHANGED_WHILE_READING"),
        open_source(second, options, headers_only=headers_only),
    ):
        pass


def test_a_wrong_secret_is_refused(
    place: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(ConfigurationError, match="check the credentials"):
        next(list_objects(f"s3://{place}/raw", {**options, "connect_timeout_seconds": 7}))


def test_answers_that_get_lost_leave_each_object_once_and_whole(faulty: Store, faults: FaultProxy) -> None:
    def blocks() -> Iterator[bytes]:
        for number in range(5):
            yield bytes([number]) * (8 << 20)

    faults.fail(lost=40)
    for number in range(10):
        assert faulty.write_create(f"lease-{number}", b"run 1")
        assert not faulty.write_create(f"lease-{number}", b"run 2")
    assert faulty.write_unsynced("staging/large", blocks()) == 40 << 20
    faulty.move("staging/large", "published/large")
    faulty.move_tree("staging", "elsewhere")
    faults.fail()
    assert sorted(faulty.list()) == [*sorted(f"lease-{number}" for number in range(10)), "published/large"]
    assert faulty.read("published/large") == b"".join(blocks())


def test_a_table_that_many_append_to_has_all_their_rows_once(place: str, options: dict[str, object]) -> None:
    store = open_store(f"s3://{place}/target", options)
    rows = [rows_of(SERIES, [f"{number}-{row}" for row in range(3)]) for number in range(4)]
    with ThreadPoolExecutor(len(rows)) as pool:
        appended = list(pool.map(lambda one: _append(store, *one), enumerate(rows)))
    again = [_append(store, *one) for one in enumerate(rows)]
    assert appended == [True] * 4
    assert again == [False] * 4
    keys = stored(store, SERIES_KEY).read(["SeriesInstanceUID"]).column(0).to_pylist()
    assert sorted(keys) == sorted(key for one in rows for key in one["SeriesInstanceUID"].to_pylist())


def _append(store: Store, number: int, rows: pa.Table) -> bool:
    return stored(store, SERIES_KEY).append(rows, f"run-{number}")
