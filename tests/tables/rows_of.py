"""Rows made up to fit a contract."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from expectations.contracts import Contract
from tasks.tables.rows import rows_to_table

_SAMPLES: dict[pa.DataType, Any] = {
    pa.string(): "text",
    pa.int32(): 1,
    pa.int64(): 1,
    pa.float64(): 0.5,
    pa.bool_(): True,
    pa.date32(): date(2024, 2, 29),
    pa.timestamp("us", tz="UTC"): datetime(2026, 11, 21, 22, 1, 2, 345678, tzinfo=UTC),
    pa.list_(pa.string()): ["one", "two"],
    pa.list_(pa.float64()): [0.1, -0.0],
    pa.list_(pa.int32()): [1, -2],
}


def row_of(contract: Contract, **values: Any) -> dict[str, Any]:
    """Make a row with a value in every column."""
    return {column.name: _SAMPLES[column.type] for column in contract.columns} | values


def rows_of(contract: Contract, keys: list[str], **values: Any) -> pa.Table:
    """Make a row of each value of the key's first column."""
    return rows_to_table([row_of(contract, **values, **{contract.key[0]: key}) for key in keys], contract)


def lacking(contract: Contract, *names: str) -> Contract:
    """Give the contract as it was before these columns were added."""
    kept = tuple(column for column in contract.columns if column.name not in names)
    return Contract(contract.name, contract.key, kept)
