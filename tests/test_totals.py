"""What is counted for the pages is counted under words of our own."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tasks.records import State
from tasks.staged import with_nulls
from tasks.totals import LEAST_STUDIES, Totals, name_element


def make_batch(makes: list[str | None], studies: list[str], states: list[State]) -> tuple[pa.Table, pa.Table]:
    refs = [f"ref-{number}" for number in range(len(makes))]
    decided = pa.table(
        {"source_ref": refs, "state": list(map(str, states)), "reason": pa.nulls(len(makes), pa.string())}
    )
    instances = pa.table(
        {
            "source_ref": refs,
            "StudyInstanceUID": studies,
            "SeriesInstanceUID": studies,
            "Modality": pa.array(["CT"] * len(makes)),
            "Manufacturer": pa.array(makes, pa.string()),
            "size_bytes": pa.array([10] * len(makes)),
        }
    )
    return with_nulls(decided, {"StudyDate": 1, "source_ref": 0}), instances


def test_a_make_is_named_once_enough_studies_come_from_it() -> None:
    totals = Totals()
    for study in range(LEAST_STUDIES):
        totals.add(*make_batch(["SIEMENS", "Siemens"], [f"s{study}"] * 2, [State.PUBLISHED] * 2))
    totals.add(*make_batch(["GE"] * 40, ["one"] * 40, [State.PUBLISHED] * 40))
    totals.add(*make_batch(["Doe^Jane", None], ["x", "y"], [State.PUBLISHED] * 2))
    assert totals.count_vendors() == {"Siemens Healthineers": 2 * LEAST_STUDIES, "other": 42}


def test_what_is_not_published_is_in_no_make() -> None:
    totals = Totals()
    totals.add(*make_batch(["SIEMENS", "SIEMENS"], ["a", "b"], [State.PUBLISHED, State.WITHHELD]))
    assert sum(totals.count_vendors().values()) == 1


def test_elements_without_a_value_are_counted_and_columns_of_ours_are_not() -> None:
    totals = Totals()
    for _ in range(2):
        totals.add(*make_batch(["GE"], ["a"], [State.PUBLISHED]))
    assert totals.nulls_of_elements() == {"StudyDate": 2}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("(0008,0020)", "StudyDate"),
        ("(0008,1140)[0].(0008,1155)", "ReferencedSOPInstanceUID"),
        ("(0028,0030)[1]", "PixelSpacing"),
        ("(0019,100C)", "private element"),
        ("(0008,0003)", "unknown element"),
        ("", "whole object"),
        ("Doe^Jane", "whole object"),
    ],
)
def test_an_element_is_named_by_its_keyword(path: str, name: str) -> None:
    assert name_element(path) == name
