from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts import LEDGER
from tasks.ledger.ledger import Ending, Ledger, Settled
from tasks.ledger.objects import DIGEST_TYPE
from tasks.records import State
from tasks.tables.delta import StoredTable
from tests.ledger.listings import MemoryTable, Row, an_object
from tests.tables.rows_of import rows_of

PUBLISHED, QUARANTINED = State.PUBLISHED.value, State.QUARANTINED.value
RETRIED = {"SOURCE_UNREADABLE"}


def settle(*rows: Row) -> Settled:
    return Ledger(MemoryTable(rows)).settled(RETRIED)


def test_an_empty_ledger_settles_nothing() -> None:
    split = settle().split([an_object("a"), an_object("b")])
    assert list(split) == [an_object("a"), an_object("b")]
    assert (split.listed, split.unchanged) == (2, Counter())


def test_what_is_settled_is_not_pending_again() -> None:
    split = settle((an_object("a"), PUBLISHED, None, 0)).split([an_object("a"), an_object("b")])
    assert list(split) == [an_object("b")]
    assert (split.listed, split.states) == (2, {"published": 1})


def test_a_new_version_is_pending() -> None:
    settled = settle((an_object("a", "v1"), PUBLISHED, None, 0))
    assert list(settled.split([an_object("a", "v2")])) == [an_object("a", "v2")]


def test_uri_and_version_are_not_confused() -> None:
    settled = settle((an_object("a", "1"), PUBLISHED, None, 0))
    shifted = replace(an_object("a"), uri=an_object("a").uri + "1", version="")
    assert list(settled.split([shifted])) == [shifted]


def test_a_quarantine_with_a_retried_reason_is_pending_again() -> None:
    settled = settle(
        (an_object("a"), QUARANTINED, "SOURCE_UNREADABLE", 0),
        (an_object("b"), QUARANTINED, "NOT_DICOM", 0),
        (an_object("c"), "withheld", "SOURCE_UNREADABLE", 0),
    )
    split = settled.split([an_object(name) for name in "abc"])
    assert list(split) == [an_object("a")]
    assert split.states == {"quarantined": 1, "withheld": 1}
    assert split.reasons == {"NOT_DICOM": 1, "SOURCE_UNREADABLE": 1}


def test_the_newest_row_of_an_object_wins_wherever_it_stands() -> None:
    old, new = (an_object("a"), QUARANTINED, "SOURCE_UNREADABLE", 0), (an_object("a"), PUBLISHED, None, 1)
    for rows in ((old, new), (new, old)):
        settled = settle(*rows)
        assert list(settled.split([an_object("a")])) == []
        assert settled.count() == Counter({Ending("published", None): 1})


def test_an_object_that_failed_again_is_pending_again() -> None:
    settled = settle(
        (an_object("a"), PUBLISHED, None, 0), (an_object("a"), QUARANTINED, "SOURCE_UNREADABLE", 1)
    )
    assert list(settled.split([an_object("a")])) == [an_object("a")]


def test_published_objects_have_no_reason_to_count() -> None:
    settled = settle((an_object("a"), PUBLISHED, None, 0), (an_object("b"), "withheld", "R001", 0))
    split = settled.split([an_object("a"), an_object("b")])
    assert list(split) == []
    assert split.reasons == {"R001": 1}


def test_the_whole_ledger_can_be_counted() -> None:
    settled = settle(*((an_object(name), QUARANTINED, "NOT_DICOM", 0) for name in "abc"))
    assert settled.count() == Counter({Ending("quarantined", "NOT_DICOM"): 3})


names = st.integers(0, 30).map(str)


@settings(deadline=None)
@given(st.sets(names), st.lists(names, unique=True))
def test_pending_and_settled_add_up_to_the_listing(known: set[str], listed: list[str]) -> None:
    settled = settle(*((an_object(name), PUBLISHED, None, 0) for name in known))
    split = settled.split(map(an_object, listed))
    pending = list(split)
    assert pending == [an_object(name) for name in listed if name not in known]
    assert split.listed == len(listed) == len(pending) + split.unchanged.total()


def test_a_settled_object_takes_eighteen_bytes() -> None:
    settled = settle(*((an_object(f"{number}"), PUBLISHED, None, 0) for number in range(1000)))
    assert settled.digests.nbytes + settled.marks.nbytes == 18 * len(settled)


def test_a_digest_that_ends_in_nul_is_found_and_told_from_others() -> None:
    known = np.array([b"\x01" * 15 + b"\0", b"\x01" * 16], DIGEST_TYPE)
    settled = Settled(known, np.zeros(2, np.uint16), (Ending("published", None),))
    assert np.searchsorted(settled.digests, known).tolist() == [0, 1]
    assert known[0] != known[1]


def test_the_ledger_reads_what_the_delta_table_holds(tmp_path: Path) -> None:
    table = StoredTable(str(tmp_path / "ledger"), None, LEDGER)
    assert list(Ledger(table).settled().split([an_object("a")])) == [an_object("a")]
    found = an_object("a")
    table.append(rows_of(LEDGER, [found.uri], version=found.version, state=PUBLISHED, reason=None), "run-1")
    assert list(Ledger(table).settled().split([found, an_object("b")])) == [an_object("b")]
