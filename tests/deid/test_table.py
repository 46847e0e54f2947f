from __future__ import annotations

from collections import Counter

from tasks.deid.actions import Action
from tasks.deid.table import read_table
from tasks.dicom.dictionary import keyword_of, vrs_of


def test_the_table_is_whole() -> None:
    rows = read_table()
    assert len(rows) == 656
    assert len({row.tag for row in rows}) == 656
    assert Counter(row.basic for row in rows) == {
        Action.X: 416,
        Action.D: 93,
        Action.U: 55,
        Action.Z: 42,
        Action.X_D: 23,
        Action.X_Z: 11,
        Action.X_Z_D: 8,
        Action.Z_D: 6,
        Action.X_Z_U: 2,
    }


def test_options_say_what_the_standard_counts() -> None:
    counts = Counter((column, code) for row in read_table() for column, code in row.options.items())
    assert counts == {
        ("safe_private", Action.C): 1,
        ("uids", Action.K): 60,
        ("device", Action.K): 48,
        ("device", Action.C): 11,
        ("institution", Action.K): 10,
        ("patient", Action.K): 14,
        ("patient", Action.C): 5,
        ("full_dates", Action.K): 169,
        ("modified_dates", Action.C): 169,
        ("descriptors", Action.C): 134,
        ("structured", Action.C): 3,
        ("graphics", Action.C): 4,
    }


def test_keywords_and_vrs_are_the_dictionarys_where_it_knows_them() -> None:
    for row in read_table():
        if row.number is not None and keyword_of(row.number):
            assert row.keyword == keyword_of(row.number)
            assert row.VR in vrs_of(row.number)


def test_a_row_knows_its_vr_wherever_it_has_to_write_one() -> None:
    for row in read_table():
        if not row.VR:
            assert {row.basic, *row.options.values()} <= {Action.X, Action.C}


def test_patterns_match_every_repeating_group_and_no_other() -> None:
    rows = {row.tag: row for row in read_table() if row.number is None}
    assert set(rows) == {"50xxxxxx", "60xx3000", "60xx4000", "odd"}
    assert rows["50xxxxxx"].matches(0x50FE0010)
    assert rows["60xx3000"].matches(0x60FE3000)
    assert not rows["60xx3000"].matches(0x60003001)
    assert not rows["60xx3000"].matches(0x60013000)
    assert rows["odd"].matches(0x00091001)
    assert not rows["odd"].matches(0x00081001)
