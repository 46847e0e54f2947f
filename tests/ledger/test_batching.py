from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ledger.batching import (
    MAX_BATCHES,
    Cut,
    halve,
    make_batch,
    make_batches,
    read_manifest,
    write_manifest,
)
from tasks.ledger.objects import SourceObjects
from tasks.ledger.sorting import sort_objects
from tasks.records import SourceObject
from tests.ledger.listings import a_listing, an_object


def cut(
    objects: SourceObjects, max_objects: int = 3, max_bytes: int = 10_000, fingerprint: str = "f"
) -> list[Cut]:
    return list(make_batches(objects, max_objects=max_objects, max_bytes=max_bytes, fingerprint=fingerprint))


def sizes_of(cuts: list[Cut]) -> list[int]:
    return [len(made.objects) for made in cuts]


objects = st.lists(
    st.builds(
        SourceObject,
        st.text("ab/ %é患\U0001f600", max_size=5),
        st.integers(0, 2**40),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["file", "symlink"]),
    ),
    max_size=40,
    unique_by=lambda found: (found.uri, found.version),
)


def test_batches_are_full_by_count() -> None:
    assert sizes_of(cut(a_listing(8), max_objects=3)) == [3, 3, 2]


def test_batches_are_full_by_bytes() -> None:
    assert sizes_of(cut(a_listing(7, size_bytes=100), max_objects=100, max_bytes=250)) == [3, 3, 1]


def test_an_object_larger_than_a_batch_has_one_of_its_own() -> None:
    listing = sort_objects([an_object("a"), an_object("b", size_bytes=10**6), an_object("c"), an_object("d")])
    assert sizes_of(cut(listing, max_objects=100, max_bytes=1000)) == [2, 2]
    huge = sort_objects([an_object(name, size_bytes=10**6) for name in "abc"])
    assert sizes_of(cut(huge, max_bytes=1000)) == [1, 1, 1]


def test_nothing_pending_makes_no_batch() -> None:
    assert cut(sort_objects([])) == []


def test_a_batch_says_what_it_holds() -> None:
    (made,) = make_batches(
        a_listing(3), max_objects=9, max_bytes=9**9, fingerprint="f", manifests="staging/manifests"
    )
    assert (made.batch.object_count, made.batch.size_bytes) == (3, 300)
    assert made.batch.manifest == f"staging/manifests/{made.batch.batch_id}.parquet"
    assert len(made.batch.batch_id) == 32
    assert set(made.batch.batch_id) <= set("0123456789abcdef")


@settings(deadline=None)
@given(objects, st.randoms(use_true_random=False), st.integers(1, 10), st.integers(1, 2**41))
def test_batches_hold_every_object_once_whatever_the_order_of_the_listing(
    listed: list[SourceObject], shuffle: random.Random, max_objects: int, max_bytes: int
) -> None:
    shuffled = shuffle.sample(listed, len(listed))
    cuts, again = (cut(sort_objects(order), max_objects, max_bytes) for order in (listed, shuffled))
    assert [made.batch for made in cuts] == [made.batch for made in again]
    assert [found for made in cuts for found in made.objects] == list(sort_objects(listed))
    assert all(0 < size <= max_objects for size in sizes_of(cuts))


@pytest.mark.parametrize(
    ("count", "size_bytes", "max_bytes"), [(20_000, 1, 10**9), (5000, 10**9, 1), (4000, 10, 20)]
)
def test_a_run_has_a_bounded_number_of_batches(count: int, size_bytes: int, max_bytes: int) -> None:
    cuts = cut(a_listing(count, size_bytes=size_bytes), max_objects=1, max_bytes=max_bytes)
    assert len(cuts) <= MAX_BATCHES
    assert sum(sizes_of(cuts)) == count


def test_half_a_large_listing_by_count_and_half_by_bytes_is_bounded_too() -> None:
    many_small = [an_object(f"a{number:05d}", size_bytes=0) for number in range(4000)]
    few_large = [an_object(f"b{number:05d}", size_bytes=10**6) for number in range(4000)]
    assert len(cut(sort_objects(many_small + few_large), max_objects=1, max_bytes=1)) <= MAX_BATCHES


def test_the_id_depends_on_objects_versions_and_fingerprint_alone() -> None:
    listing = sort_objects([an_object("a"), an_object("b")])
    named = make_batch(listing, "f").batch.batch_id
    assert make_batch(sort_objects([an_object("b"), an_object("a")]), "f").batch.batch_id == named
    others = [
        make_batch(listing, "g"),
        make_batch(listing[:1], "f"),
        make_batch(sort_objects([an_object("a"), an_object("b", "v2")]), "f"),
    ]
    assert len({named, *(other.batch.batch_id for other in others)}) == 4


@settings(deadline=None)
@given(objects)
def test_a_manifest_gives_the_objects_back(listed: list[SourceObject]) -> None:
    listing = sort_objects(listed)
    assert list(read_manifest(write_manifest(listing))) == list(listing)
    assert make_batch(read_manifest(write_manifest(listing)), "f").batch == make_batch(listing, "f").batch


def test_equal_objects_make_equal_manifests() -> None:
    listing = a_listing(9)
    rebuilt = sort_objects([*listing[3:6], *listing[:3], *listing[6:]])
    assert write_manifest(rebuilt) == write_manifest(listing) == write_manifest(a_listing(20)[:9])


def test_halves_hold_what_the_batch_held_until_one_object_stands_alone() -> None:
    (batch,) = cut(a_listing(5), max_objects=9)
    left, right = halve(batch.objects, "f")
    assert [*left.objects, *right.objects] == list(batch.objects)
    assert sizes_of([left, right]) == [2, 3]
    assert left.batch == make_batch(batch.objects[:2], "f").batch
    with pytest.raises(ValueError, match="cannot be halved"):
        halve(left.objects[:1], "f")
