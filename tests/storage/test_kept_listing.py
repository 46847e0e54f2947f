from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks import layout
from tasks.errors import TransientError
from tasks.storage import kept_listing, s3_listing
from tasks.storage.faults import S3Fault
from tasks.storage.kept_listing import list_kept
from tasks.storage.listing import KeptPlace
from tasks.storage.store import open_store
from tests.plain import PlainRun
from tests.storage.proxy import FaultyProxy, obey
from tests.storage.shelf import KEYS, Shelf

MANY = {f"raw/p{patient}/{number:03d}" for patient in range(9) for number in range(40)}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_listing, "PAGE_KEYS", 7)
    monkeypatch.setattr(kept_listing, "PART_OBJECTS", 20)


@pytest.fixture
def place(tmp_path: Path) -> KeptPlace:
    return KeptPlace(open_store(str(tmp_path), {}), "restricted/staging/listing")


def keys_of(shelf: Shelf, place: KeptPlace, prefix: str = "raw/") -> Iterator[str]:
    for page in list_kept(shelf, prefix, place):  # type: ignore[arg-type]
        yield from (listed.key for listed in page)


def cut_short(keys: set[str], place: KeptPlace, requests: int, prefix: str = "raw/") -> None:
    with pytest.raises(S3Fault):
        list(keys_of(Shelf(keys, requests), place, prefix))


@settings(deadline=None, max_examples=25)  # each writes files, and waits until they are durable
@given(
    keys=KEYS,
    prefix=st.sampled_from(["", "a/", "b"]),
    part=st.integers(1, 9),
    cuts=st.lists(st.integers(1, 30)),
)
def test_a_listing_cut_short_anywhere_ends_with_each_key_once(
    keys: set[str], prefix: str, part: int, cuts: list[int]
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(s3_listing, "PAGE_KEYS", 3)
        patch.setattr(kept_listing, "PART_OBJECTS", part)
        place = KeptPlace(open_store(folder, {}), "kept")
        for patience in cuts:
            try:
                list(keys_of(Shelf(keys, patience), place, prefix))
            except S3Fault:
                continue
        found = list(keys_of(Shelf(keys), place, prefix))
    assert sorted(found) == sorted(key for key in keys if key.startswith(prefix))


@pytest.mark.usefixtures("small_parts")
def test_what_was_listed_is_not_asked_for_again(place: KeptPlace) -> None:
    whole = Shelf(MANY)
    assert sorted(keys_of(whole, place._replace(folder="other"))) == sorted(MANY)
    cut_short(MANY, place, whole.requests - 5)
    rest = Shelf(MANY)
    assert sorted(keys_of(rest, place)) == sorted(MANY)
    assert rest.requests < whole.requests // 2
    finished = Shelf(MANY, patience=0)
    assert sorted(keys_of(finished, place)) == sorted(MANY)


@pytest.mark.usefixtures("small_parts")
def test_one_page_keeps_nothing(place: KeptPlace) -> None:
    assert list(keys_of(Shelf({"raw/a", "raw/b"}), place)) == ["raw/a", "raw/b"]
    assert list(place.store.list()) == []


@pytest.mark.usefixtures("small_parts")
def test_yesterday_s_listing_is_not_gone_on_with(place: KeptPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_short(MANY, place, 40)
    late = time.time() + kept_listing.STALE_SECONDS + 60
    monkeypatch.setattr("tasks.storage.kept_listing.time.time", lambda: late)
    new = {"raw/today"}
    assert list(keys_of(Shelf(new), place)) == ["raw/today"]


@pytest.mark.usefixtures("small_parts")
def test_another_source_has_its_own(place: KeptPlace) -> None:
    cut_short(MANY, place, 40)
    assert list(keys_of(Shelf({"elsewhere/a"}), place, "elsewhere/")) == ["elsewhere/a"]


@pytest.mark.usefixtures("small_parts")
def test_parts_of_two_processes_do_not_mix(place: KeptPlace) -> None:
    cut_short(MANY, place, 50)
    mine = {key: place.store.read(key) for key in place.store.list()}
    place.drop()
    cut_short(MANY, place, 50)
    theirs = list(place.store.list())
    assert len(theirs) > 2
    place.store.write(theirs[1], mine[theirs[1]])  # a process that lost its hold wrote once more
    assert sorted(keys_of(Shelf(MANY), place)) == sorted(MANY)


def test_what_was_kept_is_dropped(place: KeptPlace) -> None:
    place.drop()
    place.store.write(f"{place.folder}/a/0.parquet", b"")
    place.drop()
    assert list(place.store.list()) == []


@pytest.mark.usefixtures("small_parts", "credentials")
def test_a_run_killed_in_its_listing_is_followed_by_one_that_lists_the_rest(
    boto: Any, bucket: str, proxy: FaultyProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        boto.put_object(Bucket=bucket, Key=f"raw/{number:02d}.dcm", Body=b"1")
    options = {"source": f"s3://{bucket}/raw", "s3": {"endpoint_url": proxy.url, "attempts": 1}}

    def pages() -> int:
        return sum("prefix=raw" in path and "delimiter" not in path for _, path in proxy.requests)

    proxy.rule = lambda _, path: "500" if "prefix=raw" in path and pages() > 6 else None
    with pytest.raises(TransientError), PlainRun(tmp_path, monkeypatch, options=options) as run:
        run.discover()
    proxy.rule, proxy.requests = obey, []
    with PlainRun(tmp_path, monkeypatch, options=options) as run:
        found = run.discover()
        assert (found.listing.listed, found.listing.pending) == (60, 60)
        assert not list(run.store.list(layout.KEPT_LISTING))
    assert pages() < 6
