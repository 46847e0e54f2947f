from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.tables import buckets as module
from tasks.tables.buckets import (
    MOST_BUCKETS,
    Buckets,
    Distinct,
    Hashes,
    Links,
    contains,
    count_buckets,
    hash_column,
    hash_values,
)

SCHEMA = pa.schema([pa.field("study", pa.string()), pa.field("spacing", pa.list_(pa.float64()))])
WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=2), max_size=40)


def rows_of(studies: list[str], start: int = 0) -> pa.Table:
    numbers = [[float(start + place)] if place % 3 else None for place in range(len(studies))]
    return pa.table({"study": studies, "spacing": numbers}, schema=SCHEMA)


def sort_into(folder: Path, count: int, *tables: pa.Table) -> list[list[dict[str, object]]]:
    with Buckets(count, SCHEMA, folder, "rows") as buckets:
        for table in tables:
            buckets.add(table, hash_column(table["study"]))
        return [bucket.to_pylist() for bucket in buckets]


def test_every_row_is_in_the_bucket_of_its_hash_in_the_order_it_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUFFERED_ROWS", 4)
    tables = [rows_of(list("abcab"), 0), rows_of(list("dbc"), 5), rows_of([], 8), rows_of(list("a"), 8)]
    everything = [row for table in tables for row in table.to_pylist()]
    for count in (1, 2, 7):
        sorted_rows = sort_into(tmp_path / str(count), count, *tables)
        assert len(sorted_rows) == count
        for number, bucket in enumerate(sorted_rows):
            mine = [row for row in everything if int(hash_values([str(row["study"])])[0]) % count == number]
            assert bucket == mine


def test_one_bucket_needs_no_disk_and_several_leave_none_behind(tmp_path: Path) -> None:
    sort_into(tmp_path / "one", 1, rows_of(list("ab")))
    sort_into(tmp_path / "three", 3, rows_of(list("ab")))
    assert not (tmp_path / "one").exists()
    assert list((tmp_path / "three").iterdir()) == []
    assert (tmp_path / "three").stat().st_mode & 0o077 == 0


def test_there_are_as_many_buckets_as_rows_need() -> None:
    rows = module.BUCKET_ROWS
    assert [count_buckets(count) for count in (0, 1, rows, rows + 1, 10**9)] == [1, 1, 1, 2, MOST_BUCKETS]


@settings(max_examples=40)
@given(WORDS)
def test_equal_texts_have_equal_hashes_and_others_do_not(words: list[str]) -> None:
    column = pa.chunked_array([words[:5], words[5:]], pa.string())
    hashes = hash_column(column)
    assert hashes.tolist() == hash_values(words).tolist()
    assert len(set(hashes.tolist())) == len(set(words))


@settings(max_examples=40)
@given(st.lists(WORDS, max_size=6))
def test_distinct_hashes_are_those_of_all_lists(lists: list[list[str]]) -> None:
    distinct = Distinct()
    for words in lists:
        distinct.add(hash_values(words))
    everything = [word for words in lists for word in words]
    assert distinct.sorted().tolist() == sorted(set(hash_values(everything).tolist()))
    assert contains(hash_values([*everything, "absent"]), distinct.sorted()).tolist() == [
        *[True] * len(everything),
        False,
    ]


def follow(pairs: list[tuple[str | None, str]], studies: list[str]) -> Hashes:
    links = Links()
    for value, study in pairs:
        links.add("SeriesInstanceUID", pa.chunked_array([[value]], pa.string()), hash_values([study]))
    return links.follow(hash_values(studies))


def test_studies_that_share_a_value_are_led_by_one_of_them_and_others_by_themselves() -> None:
    pairs = [("s", "a"), ("t", "b"), ("s", "c"), ("u", "c"), ("u", "d"), (None, "e"), (None, "f")]
    a, b, c, d, e, f = follow(pairs, list("abcdef")).tolist()
    assert a == c == d
    assert [b, e, f] == hash_values(["b", "e", "f"]).tolist()


def test_equal_values_of_two_columns_are_no_link() -> None:
    links = Links()
    for column, study in (("SeriesInstanceUID", "a"), ("sha256", "b")):
        links.add(column, pa.chunked_array([["same"]]), hash_values([study]))
    assert links.follow(hash_values(["a", "b"])).tolist() == hash_values(["a", "b"]).tolist()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("stuvw"), st.sampled_from("abcdefgh")), max_size=30))
def test_links_do_not_depend_on_the_order_of_the_rows(pairs: list[tuple[str, str]]) -> None:
    studies = list("abcdefgh")
    leaders = follow(pairs, studies)
    assert follow(pairs[::-1], studies).tolist() == leaders.tolist()
    leader_of = dict(zip(studies, leaders.tolist(), strict=True))
    for value in "stuvw":
        assert len({leader_of[study] for found, study in pairs if found == value}) <= 1
    alone = [study for study in studies if all(found != study for _, found in pairs)]
    assert [leader_of[study] for study in alone] == hash_values(alone).tolist()
    assert sum(Counter(leader_of.values()).values()) == len(studies)


def test_a_bucket_of_nothing_has_the_columns_of_the_others(tmp_path: Path) -> None:
    with Buckets(2, SCHEMA, tmp_path, "rows") as buckets:
        tables = list(buckets)
    assert [(table.num_rows, table.schema) for table in tables] == [(0, SCHEMA), (0, SCHEMA)]
