from __future__ import annotations

import pytest

from tasks.ledger.replay import choose_replayed, withheld_instances
from tasks.records import Selection
from tests.ledger.listings import STUDY, MemoryTable, Row, an_object

ENDED: tuple[Row, ...] = (
    (an_object("a"), "published", None, 0),
    (an_object("b"), "withheld", "PIXEL_REVIEW", 0),
    (an_object("c"), "withheld", "R015", 0),
    (an_object("d"), "quarantined", "NOT_DICOM", 0),
    (an_object("e"), "duplicate", "DUPLICATE_EXACT", 0),
)


def chosen(*rows: Row, **selection: tuple[str, ...]) -> list[str]:
    found = choose_replayed(MemoryTable(rows), Selection(**selection))
    return [known.uri.rsplit("/", 1)[-1][0] + known.version for known in found]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, ["bv1", "cv1", "dv1"]),
        ({"reasons": ("R015",)}, ["cv1"]),
        ({"reasons": ("NOT_DICOM", "PIXEL_REVIEW")}, ["bv1", "dv1"]),
        ({"reasons": ("DUPLICATE_EXACT",)}, []),
        ({"studies": (STUDY,), "reasons": ("R015",)}, ["cv1"]),
        ({"studies": ("2.25.8",)}, []),
    ],
)
def test_what_was_set_aside_is_replayed_and_nothing_else(
    selection: dict[str, tuple[str, ...]], expected: list[str]
) -> None:
    assert chosen(*ENDED, **selection) == expected


def test_the_newest_row_counts_whatever_version_it_speaks_of() -> None:
    mended = (an_object("d", "v2"), "published", None, 1)
    worse = (an_object("a", "v2"), "quarantined", "TRUNCATED", 1)
    again = (an_object("b"), "withheld", "PIXEL_REVIEW", 1)
    assert chosen(*ENDED, mended, worse, again) == ["cv1", "av2", "bv1"]


def test_rows_in_any_order_give_the_newest() -> None:
    newer = (an_object("d", "v2"), "withheld", "R015", 1)
    assert chosen(newer, *ENDED, reasons=("R015",)) == ["dv2", "cv1"]


def test_an_instance_is_withheld_until_its_object_ends_otherwise() -> None:
    released = (an_object("long-name"), "withheld", "R015", 0), (an_object("long-name"), "published", None, 1)
    assert len(list(withheld_instances(MemoryTable((*ENDED, *released))))) == 2
