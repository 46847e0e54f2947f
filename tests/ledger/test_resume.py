from __future__ import annotations

import random
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.ledger.batching import Cut, halve, make_batches
from tasks.ledger.objects import SourceObjects
from tasks.ledger.resume import Remaining, find_remaining
from tasks.ledger.sorting import sort_objects
from tasks.records import SourceObject
from tests.ledger.listings import a_listing, an_object

CUT = partial(make_batches, max_objects=3, max_bytes=10**9, fingerprint="f")


def resume(today: SourceObjects, finished: list[Cut]) -> Remaining:
    manifests = {made.batch.batch_id: made.objects for made in finished}
    return find_remaining(today, manifests.keys(), manifests.__getitem__, CUT)


def ids(cuts: list[Cut] | tuple[Cut, ...]) -> list[str]:
    return [made.batch.batch_id for made in cuts]


def objects_of(remaining: Remaining) -> list[SourceObject]:
    return [found for made in remaining.cuts for found in made.objects]


def test_a_run_with_nothing_finished_has_everything_left() -> None:
    listing = a_listing(8)
    remaining = resume(listing, [])
    assert objects_of(remaining) == list(listing)
    assert (remaining.kept, remaining.stale, remaining.finished_objects) == ((), (), 0)


def test_finished_batches_of_a_source_that_stood_still_are_dropped_unread() -> None:
    listing = a_listing(8)
    first, second, third = CUT(listing)
    finished = {second.batch.batch_id}

    def read(batch_id: str) -> SourceObjects:
        raise AssertionError(batch_id)

    remaining = find_remaining(listing, finished, read, CUT)
    assert ids(remaining.cuts) == ids([first, third])
    assert (remaining.kept, remaining.finished_objects) == ((second.batch.batch_id,), 3)


def test_a_new_file_moves_the_cuts_but_finished_objects_stay_finished() -> None:
    finished = list(CUT(a_listing(6)))
    newcomer = an_object("0")
    remaining = resume(sort_objects([newcomer, *a_listing(8)]), finished)
    assert objects_of(remaining) == [newcomer, *a_listing(2, first=6)]
    assert remaining.kept == tuple(sorted(ids(finished)))
    assert (remaining.stale, remaining.finished_objects) == ((), 6)


def test_a_finished_batch_with_an_object_that_changed_is_done_again() -> None:
    first, second = CUT(a_listing(6))
    changed = an_object("000004", "v2")
    today = sort_objects([*a_listing(4), changed, an_object("000005")])
    remaining = resume(today, [first, second])
    assert (remaining.kept, remaining.stale) == ((first.batch.batch_id,), (second.batch.batch_id,))
    assert objects_of(remaining) == [an_object("000003"), changed, an_object("000005")]


def test_a_finished_batch_with_an_object_that_is_gone_is_done_again() -> None:
    first, second = CUT(a_listing(6))
    remaining = resume(a_listing(5), [first, second])
    assert remaining.stale == (second.batch.batch_id,)
    assert objects_of(remaining) == [an_object("000003"), an_object("000004")]


def test_the_halves_of_a_batch_count_as_finished() -> None:
    first, second = CUT(a_listing(6))
    left, right = halve(second.objects, "f")
    remaining = resume(a_listing(6), [left, right])
    assert ids(remaining.cuts) == [first.batch.batch_id]
    assert remaining.kept == tuple(sorted(ids([left, right])))


def test_an_object_finished_in_two_batches_counts_once() -> None:
    first, second = CUT(a_listing(6))
    left, _ = halve(second.objects, "f")
    remaining = resume(a_listing(6), [second, left])
    assert (remaining.kept, remaining.stale) == ((second.batch.batch_id,), (left.batch.batch_id,))
    assert ids(remaining.cuts) == [first.batch.batch_id]


names = st.sets(st.integers(0, 40).map(lambda number: f"{number:03d}"), max_size=30)


@settings(max_examples=50, deadline=None)
@given(names, names, st.randoms(use_true_random=False))
def test_kept_and_left_hold_each_of_today_s_objects_once(
    yesterday: set[str], today: set[str], chance: random.Random
) -> None:
    cuts = list(CUT(sort_objects(map(an_object, yesterday))))
    finished = [made for made in cuts if chance.random() < 0.5]
    listing = sort_objects(map(an_object, today))
    remaining = resume(listing, finished)
    kept = [found for made in finished if made.batch.batch_id in remaining.kept for found in made.objects]
    done = sorted([*kept, *objects_of(remaining)], key=lambda found: found.uri)
    assert done == list(listing)
    assert len(kept) == remaining.finished_objects
    assert {*remaining.kept, *remaining.stale} == set(ids(finished))
