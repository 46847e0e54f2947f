from __future__ import annotations

import io
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag

from expectations.contracts import CONTRACTS, INSTANCES, RUN, Column, Contract

ALL = [*CONTRACTS.values(), RUN]
COLUMNS = [
    pytest.param(column, id=f"{contract.name}.{column.name}")
    for contract in ALL
    for column in contract.columns
]
FROM_DICOM = [
    parameter for parameter in COLUMNS if parameter.values[0].tag and parameter.values[0].name[0].isupper()
]
ARROW_OF_VR = {
    **dict.fromkeys(("AS", "CS", "LO", "SH", "TM", "UI"), pa.string()),
    **dict.fromkeys(("IS", "US"), pa.int32()),
    **dict.fromkeys(("DS", "FD", "FL"), pa.float64()),
    "DA": pa.date32(),
}


@pytest.mark.parametrize("column", FROM_DICOM)
def test_columns_are_spelled_as_the_standard_spells_their_element(column: Column) -> None:
    assert column.tag is not None
    assert keyword_for_tag(column.tag) == column.name


@pytest.mark.parametrize("column", FROM_DICOM)
def test_types_follow_the_value_representation_and_multiplicity(column: Column) -> None:
    assert column.tag is not None
    one = ARROW_OF_VR[dictionary_VR(column.tag)]
    assert column.type == (one if dictionary_VM(column.tag) == "1" else pa.list_(one))


@pytest.mark.parametrize("column", COLUMNS)
def test_every_meaning_is_one_plain_line(column: Column) -> None:
    assert re.fullmatch(r"[A-Z0-9][^\n]*\.", column.meaning)


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.name)
def test_a_column_is_said_once(contract: Contract) -> None:
    assert len(set(contract.names)) == len(contract.names)


@pytest.mark.parametrize("contract", ALL, ids=lambda contract: contract.name)
def test_what_names_a_row_is_never_null(contract: Contract) -> None:
    assert not any(contract.column(name).nullable for name in contract.key)


def test_a_column_that_is_not_there_is_not_found() -> None:
    with pytest.raises(KeyError, match="PatientName"):
        INSTANCES.column("PatientName")


def test_a_parquet_file_explains_its_columns() -> None:
    file = io.BytesIO()
    pq.write_table(INSTANCES.arrow_schema().empty_table(), file)
    field = pq.read_schema(file).field("PixelSpacing")
    assert field.metadata[b"tag"] == b"(0028,0030)"
    assert b"in mm" in field.metadata[b"meaning"]


def test_contracts_change_only_on_purpose() -> None:
    """Readers of published tables depend on this; who changes it changes `contracts.txt` as well."""
    lines = [
        f"{contract.name}.{field.name} {field.type}{'' if field.nullable else ' not null'}"
        for contract in CONTRACTS.values()
        for field in contract.arrow_schema()
    ]
    assert lines == Path(__file__).with_name("contracts.txt").read_text("utf-8").splitlines()
