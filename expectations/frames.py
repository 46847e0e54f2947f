"""Arrow tables as the narrow pandas frames that Great Expectations looks at.

Its pandas engine copies the whole frame for every metric, so a frame holds only a few columns, and of a column
that only has to be present it holds whether it is: the header, hundreds of times larger than all the rest, is
never read, and no value enters that no rule needs.

Types are few: text, true or false, and float64 for all numbers, since pandas has no other number that may be
null and the engine compares floats in one vectorised step. A date is the number ``YYYYMMDD``. A list is text as
DICOM writes it, its elements joined by backslashes: the engine fingerprints every frame, and pickles one that
holds lists (17 s for 100,000 rows, against 0.1 s).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from expectations.contracts import UNJUDGED
from expectations.forms import SEPARATOR
from expectations.suites import NOT_NULL, Check

if TYPE_CHECKING:
    import pandas as pd

COLUMNS_A_FRAME = 6
"""Columns of one frame: fewer cost a fixed price for each frame (25 ms), more cost copies (both measured)."""

_YEAR, _MONTH = 10_000, 100


def open_dataset(table: pa.Table | ds.Dataset) -> ds.Dataset:
    """See a table in memory and a data set on disk as the same thing."""
    return table if isinstance(table, ds.Dataset) else ds.dataset(table)


def make_schema_frame(dataset: ds.Dataset) -> pd.DataFrame:
    """Make a frame without rows whose columns have the names and Arrow types of those to be judged."""
    import pandas as pd

    fields = [
        pa.field(field.name, simplify_type(field.type))
        for field in dataset.schema
        if field.name not in UNJUDGED
    ]
    frame: pd.DataFrame = pa.schema(fields).empty_table().to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def simplify_type(type_: pa.DataType) -> pa.DataType:
    """Undo the spellings that engines give one type: large, viewed, encoded, and lists of any item name."""
    if pa.types.is_dictionary(type_):
        return simplify_type(type_.value_type)
    if pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return pa.string()
    if pa.types.is_list(type_) or pa.types.is_large_list(type_):
        return pa.list_(simplify_type(type_.value_type))
    return type_


def group_checks(checks: Iterable[Check]) -> Iterator[list[Check]]:
    """Group checks, in order of their columns, so that each group needs few columns."""
    group: list[Check] = []
    columns: frozenset[str] = frozenset()
    for check in sorted(checks, key=lambda check: (sorted(check.condition), sorted(check.columns_read))):
        if group and len(columns | check.columns_read) > COLUMNS_A_FRAME:
            yield group
            group, columns = [], frozenset()
        group.append(check)
        columns |= check.columns_read
    if group:
        yield group


def load_frame(dataset: ds.Dataset, checks: Iterable[Check]) -> pd.DataFrame:
    """Load what checks need to see; the index is the number of the row."""
    present: set[str] = set()
    seen: set[str] = set()
    for check in checks:
        (present if check.expectation == NOT_NULL else seen).update(check.columns)
        seen |= check.condition.keys()
    table = dataset.to_table(
        columns={
            name: ds.field(name) if name in seen else ds.field(name).is_valid()
            for name in sorted(present | seen)
        }
    )
    columns = {
        name: _simplify(column) if name in seen else _mark_presence(column)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame


def load_studies(dataset: ds.Dataset) -> pa.DictionaryArray:
    """Load the StudyInstanceUID of every row, each UID once."""
    column = dataset.to_table(columns=["StudyInstanceUID"]).column(0).combine_chunks()
    return pc.dictionary_encode(column.cast(pa.string()))


def _simplify(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bring a column to one of the few types of a frame."""
    type_ = simplify_type(column.type)
    if pa.types.is_date(type_):
        parts = pc.year(column), pc.month(column), pc.day(column)
        year, month, day = (pc.cast(part, pa.float64()) for part in parts)
        return pc.add(pc.add(pc.multiply(year, float(_YEAR)), pc.multiply(month, float(_MONTH))), day)
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return column.cast(pa.float64())
    return _join(column) if pa.types.is_list(type_) else column.cast(type_)


def _join(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write lists as text, an element that is null as nothing between two backslashes."""
    lists = column.combine_chunks()
    elements = pc.fill_null(lists.values.cast(pa.string()), "")
    texts = pa.ListArray.from_arrays(lists.offsets, elements, mask=lists.is_null())
    return pa.chunked_array([pc.binary_join(texts, SEPARATOR)])


def _mark_presence(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Turn whether there is a value into a value: true, or null."""
    return pc.if_else(column, True, None)
