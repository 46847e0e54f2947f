from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from tasks.records import SourceObject
from tasks.storage.byte_source import Sources, Unreadable
from tasks.storage.listing import list_objects
from tests.storage.proxy import FaultyProxy, first

DATA = bytes(range(256)) * 400
COUNT = 20


@pytest.fixture
def listed(boto: Any, bucket: str, s3_options: dict[str, object]) -> list[SourceObject]:
    for number in range(COUNT):
        boto.put_object(Bucket=bucket, Key=f"raw/{number:02d}.dcm", Body=bytes([number]) + DATA)
    return sorted(list_objects(f"s3://{bucket}/raw", s3_options), key=lambda one: one.uri)


@pytest.fixture
def through(proxy: FaultyProxy, credentials: None) -> dict[str, object]:
    return {"endpoint_url": proxy.url, "attempts": 2}


def test_a_header_that_fits_into_the_window_is_one_request(
    listed: list[SourceObject], proxy: FaultyProxy, through: dict[str, object]
) -> None:
    sources = Sources(listed, through, window=lambda: 1000, headers_only=True)
    with closing(sources):
        for number, one in enumerate(listed):
            with sources.open(one) as source:
                assert source.at_hand == source.fetched == 1000
                assert source.read(0, 1000) == (bytes([number]) + DATA)[:1000]
    assert len(proxy.requests) == COUNT
    assert all(headers["Range"] == "bytes=0-999" for headers in proxy.headers)
    assert {headers["If-Match"].strip('"') for headers in proxy.headers} == {one.version for one in listed}


def test_of_a_longer_header_only_what_is_missing_is_fetched(
    listed: list[SourceObject], proxy: FaultyProxy, through: dict[str, object]
) -> None:
    sources = Sources(listed[:1], through, window=lambda: 1000, headers_only=True)
    with closing(sources), sources.open(listed[0]) as source:
        assert source.read(0, 3000) == (b"\0" + DATA)[:3000]
        assert source.read(500, 2500) == (b"\0" + DATA)[500:3000]
        assert source.read(90_000, 100) == (b"\0" + DATA)[90_000:90_100]
        assert source.read(0, 3000) == (b"\0" + DATA)[:3000]
        assert source.fetched == 3100
    assert [headers["Range"] for headers in proxy.headers] == [
        *("bytes=0-999", "bytes=1000-2999", "bytes=90000-90099")
    ]


def test_the_window_is_asked_for_anew_for_each_object(
    listed: list[SourceObject], proxy: FaultyProxy, through: dict[str, object]
) -> None:
    sizes = iter(range(100, 100 + COUNT))
    sources = Sources(listed, through, window=lambda: next(sizes), headers_only=True)
    with closing(sources):
        for place, one in enumerate(listed):
            with sources.open(one) as source:
                assert source.fetched == 100 + place


def test_an_object_that_is_not_opened_holds_up_none(
    listed: list[SourceObject], through: dict[str, object]
) -> None:
    sources = Sources(listed, through, window=lambda: 1000, headers_only=True)
    with closing(sources):
        for place in (0, 3, 1, 5):
            with sources.open(listed[place]) as source:
                assert source.read(0, 1) == bytes([place])


def test_an_object_that_was_replaced_is_told_where_it_is_opened(
    boto: Any, bucket: str, listed: list[SourceObject], through: dict[str, object]
) -> None:
    boto.put_object(Bucket=bucket, Key="raw/01.dcm", Body=DATA)
    sources = Sources(listed[:3], through, window=lambda: 1000, headers_only=True)
    with closing(sources):
        for place in (0, 2):
            with sources.open(listed[0]) as source:
                source.read(0, 10)
            with pytest.raises(Unreadable, match="CHANGED_WHILE_READING"), sources.open(listed[1]):
                pass
            with sources.open(listed[place]) as source:
                assert source.read(0, 1) == bytes([place])


def test_a_version_is_pinned_between_two_ranges(
    boto: Any, bucket: str, listed: list[SourceObject], through: dict[str, object], proxy: FaultyProxy
) -> None:
    sources = Sources(listed[:1], through, window=lambda: 1000, headers_only=True)
    with closing(sources), sources.open(listed[0]) as source:
        boto.put_object(Bucket=bucket, Key="raw/00.dcm", Body=bytes(len(DATA) + 1))
        proxy.drop_headers = {"if-match"}  # as a server does that does not know it
        with pytest.raises(Unreadable, match="CHANGED_WHILE_READING"):
            source.read(0, 3000)


def test_an_answer_that_breaks_off_is_asked_for_again(
    listed: list[SourceObject], through: dict[str, object], proxy: FaultyProxy
) -> None:
    proxy.rule = first(1, "cut", method="GET")
    sources = Sources(listed[:1], through, window=lambda: 1000, headers_only=True)
    with closing(sources), sources.open(listed[0]) as source:
        assert source.read(0, 1000) == (b"\0" + DATA)[:1000]
    assert len(proxy.requests) == 2
