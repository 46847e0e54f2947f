from __future__ import annotations

import tracemalloc
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ledger.objects import DIGEST_TYPE, find, identify
from tasks.ledger.sorting import sort_objects
from tasks.records import SourceObject
from tests.ledger.listings import a_listing, an_object


def test_a_listing_is_a_sequence_in_the_order_of_uris() -> None:
    listing = sort_objects([an_object("b"), an_object("c"), an_object("a")])
    assert list(listing) == [an_object("a"), an_object("b"), an_object("c")]
    assert listing[0] == listing[-3] == an_object("a")
    assert list(listing[1:]) == [an_object("b"), an_object("c")]
    assert an_object("c") in listing
    with pytest.raises(IndexError):
        listing[3]


def test_order_is_that_of_bytes_and_of_no_locale() -> None:
    names = ["Z", "a", "É", "é", "患", "\U0001f600", "￿"]
    listing = sort_objects(SourceObject(name, 0, "v") for name in reversed(names))
    assert [found.uri.encode() for found in listing] == sorted(name.encode() for name in names)


def test_a_column_and_an_object_are_identified_alike() -> None:
    listing = a_listing(5)
    assert list(listing.identities()) == [identify(found) for found in listing]
    assert listing.digests().tobytes() == b"".join(
        blake2b(identify(found), digest_size=16).digest() for found in listing
    )


@settings(deadline=None)
@given(
    st.lists(st.binary(min_size=16, max_size=16), unique=True), st.lists(st.binary(min_size=16, max_size=16))
)
def test_digests_are_found_where_they_are_and_nowhere_else(known: list[bytes], wanted: list[bytes]) -> None:
    ordered = sorted(known)
    places = find(np.array([*wanted, *known], DIGEST_TYPE), np.array(ordered, DIGEST_TYPE))
    expected = [ordered.index(digest) if digest in ordered else -1 for digest in [*wanted, *known]]
    assert places.tolist() == expected


def test_a_listing_takes_little_more_than_its_text() -> None:
    tracemalloc.start()
    listing = a_listing(20_000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held / len(listing) < 10  # Python objects; Arrow's memory is counted below
    text = sum(len(found.uri) + len(found.version) for found in listing[:100]) / 100
    assert listing.table.nbytes / len(listing) < text + 40
