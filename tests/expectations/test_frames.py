from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from expectations.contracts import INSTANCES
from expectations.frames import (
    COLUMNS_A_FRAME,
    group_checks,
    load_frame,
    load_studies,
    make_schema_frame,
    open_dataset,
    simplify_type,
)
from expectations.rules import Scope, load_rules
from expectations.suites import plan_checks, plan_contract, plan_rule
from tests.expectations.rows_of import make_row, make_study, make_uid, to_tables

RULES = {rule.id: rule for rule in load_rules().rules}


def load_column(rule_id: str, column: str, *values: object) -> list[object]:
    """Load a column as the checks of a rule see it."""
    rows = [make_row(number=number, **{column: value}) for number, value in enumerate(values)]
    frame = load_frame(open_dataset(to_tables(rows)["instances"]), plan_rule(RULES[rule_id]))
    return [None if value != value else value for value in frame[column]]  # noqa: PLR0124 - NaN


def test_lists_become_text_as_dicom_writes_it() -> None:
    assert load_column("R022", "ImageType", ["ORIGINAL", "PRIMARY"], [], None) == [
        "ORIGINAL\\PRIMARY",
        "",
        None,
    ]


def test_a_number_lacking_in_a_list_leaves_its_place() -> None:
    assert load_column("R062", "ImageOrientationPatient", [1.0, None, 0.25]) == ["1\\\\0.25"]


def test_dates_become_numbers_that_sort() -> None:
    dates = (dt.date(1969, 12, 31), dt.date(1, 1, 1), None)
    assert load_column("R028", "ContentDate", *dates) == [19691231.0, 10101.0, None]


def test_numbers_are_float_so_that_they_may_be_null() -> None:
    assert load_column("R029", "finding_count", 0, 2**31 - 1) == [0.0, 2147483647.0]


def test_a_column_that_only_must_be_there_shows_no_value() -> None:
    assert load_column("R001", "PatientID", "SOMEBODY") == [True]


def test_slices_of_a_table_keep_their_lists() -> None:
    table = to_tables(make_study(slices=3))["instances"].slice(1, 1)
    frame = load_frame(open_dataset(table), plan_rule(RULES["R022"]))
    assert frame["ImageType"].tolist() == ["ORIGINAL\\PRIMARY\\AXIAL"]


@pytest.mark.parametrize("scope", Scope)
def test_groups_hold_every_check_once_and_few_columns(scope: Scope) -> None:
    checks = plan_checks(scope, load_rules().enabled)[1:]
    groups = list(group_checks(checks))
    assert sorted(map(id, (check for group in groups for check in group))) == sorted(map(id, checks))
    assert all(
        len({name for check in group for name in check.columns_read}) <= COLUMNS_A_FRAME for group in groups
    )


@pytest.mark.parametrize(
    ("spelled", "plain"),
    [
        (pa.large_string(), pa.string()),
        (pa.string_view(), pa.string()),
        (pa.dictionary(pa.int8(), pa.string()), pa.string()),
        (pa.list_(pa.field("element", pa.large_string())), pa.list_(pa.string())),
        (pa.large_list(pa.float64()), pa.list_(pa.float64())),
        (pa.int32(), pa.int32()),
    ],
    ids=str,
)
def test_one_type_spelled_differently_is_one_type(spelled: pa.DataType, plain: pa.DataType) -> None:
    assert simplify_type(spelled) == plain


def test_tables_on_disk_are_seen_as_those_in_memory(tmp_path: Path) -> None:
    table = to_tables(make_study())["instances"]
    pq.write_table(table, tmp_path / "part.parquet")
    stored = ds.dataset(tmp_path)
    for group in group_checks(plan_checks(Scope.INSTANCE, load_rules().enabled)[1:]):
        assert load_frame(stored, group).equals(load_frame(open_dataset(table), group))


def test_the_schema_is_seen_without_a_row_and_without_the_header() -> None:
    frame = make_schema_frame(open_dataset(to_tables(make_study())["instances"]))
    assert frame.empty
    assert set(frame.columns) == set(plan_contract(INSTANCES)[0].arguments["types"])


def test_a_study_is_known_by_the_row() -> None:
    rows = [make_row("a"), make_row("b"), make_row("a", 2)]
    studies = load_studies(open_dataset(to_tables(rows)["instances"]))
    assert studies.to_pylist() == [make_uid("a"), make_uid("b"), make_uid("a")]
