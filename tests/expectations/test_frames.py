from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from expectations.contracts import INSTANCES
from expectations.frames import (
    COLUMNS_A_FRAME,
    Block,
    load_studies,
    make_blocks,
    make_frame,
    make_schema_frame,
    simplify_type,
)
from expectations.rules import Scope, load_rules
from expectations.suites import NOT_NULL, Check, plan_checks, plan_contract, plan_rule
from tests.expectations.defects import CASES
from tests.expectations.rows_of import CT_IMAGE, MR_IMAGE, make_row, make_study, make_uid, to_tables

if TYPE_CHECKING:
    import pandas as pd

RULES = {rule.id: rule for rule in load_rules().rules}


def load_frame(table: pa.Table, checks: Iterable[Check]) -> pd.DataFrame:
    """Load what some checks see, which must fit into one frame."""
    (blocks,) = make_blocks(table, checks)
    return make_frame(blocks)


def load_column(rule_id: str, column: str, *values: object) -> list[object]:
    """Load a column as the checks of a rule see it."""
    rows = [make_row(number=number, **{column: value}) for number, value in enumerate(values)]
    checks = [check for check in plan_rule(RULES[rule_id]) if column in check.columns]
    frame = load_frame(to_tables(rows)["instances"], checks)
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
    checks = [check for check in plan_rule(RULES["R022"]) if check.columns == ("ImageType",)]
    assert load_frame(table, checks)["ImageType"].tolist() == ["ORIGINAL\\PRIMARY\\AXIAL"]


@pytest.fixture(scope="module")
def studies() -> dict[str, pa.Table]:
    return to_tables(row for case in CASES for row in case.rows)


@pytest.mark.parametrize("scope", [scope for scope in Scope if scope is not Scope.RUN])
def test_blocks_hold_every_check_once_and_few_columns(scope: Scope, studies: dict[str, pa.Table]) -> None:
    checks = plan_checks(scope.contract, load_rules().enabled)[1:]
    frames = list(make_blocks(studies[scope.contract.name], checks))
    assert sorted(id(check) for blocks in frames for block in blocks for check in block.checks) == sorted(
        map(id, checks)
    )
    presence = {"expect_column_values_to_not_be_null"}
    for blocks in frames:
        names = {name for block in blocks for name in block.combinations.columns}
        kinds = {check.expectation for block in blocks for check in block.checks}
        assert len(names) <= COLUMNS_A_FRAME or kinds <= presence


def test_every_row_has_the_values_of_its_combination(studies: dict[str, pa.Table]) -> None:
    table = studies["instances"]
    checks = plan_checks(Scope.INSTANCE.contract, load_rules().enabled)[1:]
    for blocks in make_blocks(table, checks):
        frame = make_frame(blocks)
        assert len(frame) == sum(len(block.combinations) for block in blocks)
        for block in blocks:
            combinations = block.combinations
            assert combinations.weights.sum() == table.num_rows
            assert combinations.of_row[combinations.first].tolist() == list(range(len(combinations)))
            values = combinations.values()
            for name, column in combinations.columns.items():
                shown = column.take(np.arange(table.num_rows, dtype=np.int32)).to_pylist()
                place = list(combinations.columns).index(name)
                assert shown == [values[number][place] for number in combinations.of_row]


def test_a_value_is_shown_once_however_many_rows_have_it() -> None:
    (blocks,) = make_blocks(to_tables(make_study(slices=50))["instances"], plan_rule(RULES["R012"]))
    assert make_frame(blocks)["PatientIdentityRemoved"].tolist() == ["YES"]
    assert blocks[0].combinations.weights.tolist() == [50]


def test_values_that_must_be_unique_are_shown_row_by_row() -> None:
    table = to_tables([make_row(number=1), make_row(number=1)])["instances"]
    (blocks,) = make_blocks(table, plan_rule(RULES["R003"]))
    assert make_frame(blocks)["SOPInstanceUID"].tolist() == [make_uid("a/1")] * 2


def test_blocks_below_one_another_show_nothing_in_each_others_columns() -> None:
    checks = [*plan_rule(RULES["R021"]), *plan_rule(RULES["R025"])]
    (blocks,) = make_blocks(to_tables(make_study())["instances"], checks)
    frame = make_frame(blocks)
    assert [block.start for block in blocks] == [0, 1]
    assert frame.notna().to_numpy().sum() == 2
    assert list(frame["PatientSex"].dropna()) == ["F"]


def test_combinations_are_judged_where_the_condition_holds_and_nothing_is_null() -> None:
    rows = [
        make_row(number=1, KVP=120.0),
        make_row(number=2, KVP=None),
        make_row(number=3, KVP=80.0, SOPClassUID=MR_IMAGE),
        make_row(number=4, KVP=80.0, SOPClassUID=None),
    ]
    table = to_tables(rows)["instances"]
    (check,) = plan_rule(RULES["R030"])
    conditioned = replace(check, condition={"SOPClassUID": (CT_IMAGE,)})
    assert judged_rows(table, check) == [0, 2, 3]
    assert judged_rows(table, conditioned) == [0]
    assert judged_rows(table, replace(conditioned, expectation=NOT_NULL)) == [0, 1]


def judged_rows(table: pa.Table, check: Check) -> list[int]:
    """Give the rows that a check judges."""
    ((block,),) = make_blocks(table, [check])
    assert isinstance(block, Block)
    combinations = block.combinations
    return combinations.rows_of(np.flatnonzero(combinations.judged_by(check)).astype(np.int32)).tolist()


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
    checks = plan_checks(Scope.INSTANCE.contract, load_rules().enabled)[1:]
    for stored, here in zip(
        make_blocks(ds.dataset(tmp_path), checks), make_blocks(table, checks), strict=True
    ):
        assert make_frame(stored).equals(make_frame(here))


def test_the_schema_is_seen_without_a_row_and_without_the_header() -> None:
    frame = make_schema_frame(to_tables(make_study())["instances"].schema)
    assert frame.empty
    assert set(frame.columns) == set(plan_contract(INSTANCES)[0].arguments["types"])


def test_a_study_is_known_by_the_row() -> None:
    rows = [make_row("a"), make_row("b"), make_row("a", 2)]
    studies = load_studies(to_tables(rows)["instances"])
    assert studies.to_pylist() == [make_uid("a"), make_uid("b"), make_uid("a")]
