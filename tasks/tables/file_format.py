"""How our Parquet files are written: fixed once, so that the same rows make the same files on any worker.

Row groups are small because a reader holds a whole one, and a header is ten kilobytes of JSON. Minimum and
maximum are kept for few columns only: Delta copies them into its log, which is read, copied and shown more
freely than the rows it speaks of.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from deltalake import ColumnProperties, WriterProperties

from expectations.contracts import Contract

ROW_GROUP_ROWS = 2048
"""With headers of 10 kB in them this many rows are 20 MB."""

FILE_BYTES = 128 << 20

_SKIPPABLE = frozenset(
    {
        "run_id",
        "batch_id",
        "recorded_at",
        "Modality",
        "StudyDate",
        "SeriesDate",
        "PatientID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
    }
)
"""Columns with a minimum and a maximum: what queries select by, and only what we made or shifted ourselves."""


def table_configuration(contract: Contract) -> dict[str, str | None]:
    """Give the properties a new Delta table is made with."""
    return {"delta.dataSkippingStatsColumns": ",".join(skippable(contract))}


def writer_properties(contract: Contract) -> WriterProperties:
    """Give the settings each Parquet file of the table is written with."""
    columns = {name: ColumnProperties(statistics_enabled="CHUNK") for name in skippable(contract)}
    for name in uncompressible(contract):
        columns[name] = ColumnProperties(dictionary_enabled=False, statistics_enabled="NONE")
    return WriterProperties(
        compression="ZSTD",
        compression_level=3,
        max_row_group_size=ROW_GROUP_ROWS,
        default_column_properties=ColumnProperties(statistics_enabled="NONE"),
        column_properties=columns,
    )


def uncompressible(contract: Contract) -> frozenset[str]:
    """Name the columns of which no two values are equal: a dictionary would be built, found too large and dropped."""
    return frozenset({"header"}).intersection(contract.names)


def row_schema(contract: Contract, columns: Sequence[str] | None = None) -> pa.Schema:
    """Give the schema of rows in transit, `columns` of it or all.

    The meanings stay out: they are in the table since it was made, and delta-rs refuses rows in which
    one of them has been reworded since.
    """
    chosen = contract.columns if columns is None else tuple(contract.column(name) for name in columns)
    return pa.schema([pa.field(column.name, column.type, column.nullable) for column in chosen])


def skippable(contract: Contract) -> list[str]:
    """Name the columns that have a minimum and a maximum."""
    return [name for name in contract.names if name in _SKIPPABLE]
