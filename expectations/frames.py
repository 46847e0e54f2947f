"""Arrow tables as the small pandas frames that Great Expectations looks at: each value once, with its weight.

Every expectation but uniqueness judges a row by its values alone, and the rows of a volume are all but equal:
a million of them have a few hundred different combinations of modality and tube voltage. So an expectation is
shown each combination once, and its verdict is carried back to the rows that have it. What the engine costs
then follows from how much the data differs and not from how many rows there are.

Its pandas engine copies the whole frame for every metric, so a frame holds few columns, and of a column that
only has to be present it holds whether it is. Combinations of other columns stand below one another in one
frame, each with nulls in the columns that are not its own: a null is no value, and nothing judges it but the
checks for presence, which have frames to themselves.

Types are few: text, true or false, and float64 for all numbers, since pandas has no other number that may be
null and the engine compares floats in one vectorised step. A date is the number ``YYYYMMDD``. A list is text as
DICOM writes it, its elements joined by backslashes: the engine fingerprints every frame, and pickles one that
holds lists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from expectations.contracts import UNJUDGED
from expectations.forms import SEPARATOR
from expectations.suites import NOT_NULL, Check

if TYPE_CHECKING:
    import pandas as pd

COLUMNS_A_FRAME = 12
"""Columns of one frame: fewer cost a fixed price for each frame (10 ms), more cost copies (both measured)."""

ROWS_A_FRAME = 4096
"""Rows from which a frame takes no further combinations: each would be copied with all the others."""

UNIQUE = "expect_column_values_to_be_unique"
_PRESENCE = frozenset({NOT_NULL, "expect_column_values_to_be_null"})
_NULL = -1
_YEAR, _MONTH = 10_000, 100

Places = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


class Encoded(NamedTuple):
    """A column as places in the list of its values.

    Attributes
    ----------
    places
        Of each row's value in `values`; -1 for null.
    """

    places: Places
    values: pa.Array

    def take(self, rows: Places) -> pa.Array:
        """Give the values of some rows."""
        places = self.places[rows]
        return self.values.take(pa.array(places, mask=places == _NULL))


@dataclass(frozen=True, slots=True)
class Combinations:
    """The different combinations of values that the rows of a table have in some columns.

    Attributes
    ----------
    of_row
        Number of each row's combination.
    first
        By combination, a row that has it.
    weights
        By combination, the number of rows that have it.
    """

    columns: Mapping[str, Encoded]
    of_row: Places
    first: Places
    weights: Places

    def __len__(self) -> int:
        return len(self.first)

    def judged_by(self, check: Check) -> Mask:
        """Mark the combinations that a check judges: its condition holds, and nothing it compares is null."""
        judged = np.ones(len(self), np.bool_)
        for name, values in check.condition.items():
            column = self.columns[name]
            wanted = pc.is_in(column.values, pa.array(list(values)).cast(column.values.type))
            # One more at the end, where the place of a null points to.
            judged &= np.append(wanted.to_numpy(zero_copy_only=False), False)[column.places[self.first]]
        if check.expectation not in _PRESENCE:
            for name in check.columns:
                judged &= self.columns[name].places[self.first] != _NULL
        return judged

    def values(self) -> list[tuple[object, ...]]:
        """Give the values of each combination, column by column as they stand in `columns`."""
        columns = [column.take(self.first).to_pylist() for column in self.columns.values()]
        return list(zip(*columns, strict=True))

    def count(self, combinations: Mask, groups: Encoded) -> dict[str, int]:
        """Count the rows that have one of some combinations, by group; those of no group under an empty name."""
        rows = groups.places[combinations[self.of_row]]
        counts = np.bincount(rows + 1, minlength=len(groups.values) + 1).tolist()
        return {name: n for name, n in zip(("", *groups.values.to_pylist()), counts, strict=True) if n}

    def rows_of(self, combinations: Places) -> Places:
        """Give the rows that have one of some combinations."""
        chosen = np.zeros(len(self), np.bool_)
        chosen[combinations] = True
        return np.flatnonzero(chosen[self.of_row]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Block:
    """Combinations and the checks that judge them; their place in a frame begins at `start`."""

    combinations: Combinations
    checks: tuple[Check, ...]
    start: int = 0


def make_schema_frame(schema: pa.Schema) -> pd.DataFrame:
    """Make a frame without rows whose columns have the names and Arrow types of those to be judged."""
    import pandas as pd

    fields = [
        pa.field(field.name, simplify_type(field.type)) for field in schema if field.name not in UNJUDGED
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


def make_blocks(table: pa.Table | ds.Dataset, checks: Iterable[Check]) -> Iterator[list[Block]]:
    """Combine what checks need to see, each frame's blocks at a time, every check in one of them."""
    columns = _Columns(table, checks)
    presence: dict[tuple[str, ...], list[Check]] = defaultdict(list)
    values: dict[tuple[str, ...], list[Check]] = defaultdict(list)
    for check in columns.checks:
        if check.expectation == UNIQUE:
            yield [Block(columns.keep_rows(sorted(check.columns_read)), (check,))]
        elif check.expectation in _PRESENCE:
            presence[tuple(sorted(check.condition))].append(check)
        else:
            values[tuple(sorted(check.columns_read))].append(check)
    for conditions, together in sorted(presence.items()):
        shown = {name for check in together for name in check.columns} - set(conditions)
        yield [Block(columns.combine(conditions, sorted(shown)), tuple(together))]
    yield from _pack(
        Block(columns.combine(names), tuple(together)) for names, together in sorted(values.items())
    )


def _pack(blocks: Iterable[Block]) -> Iterator[list[Block]]:
    """Put blocks below one another, as long as the frame has few columns and rows."""
    frame: list[Block] = []
    names: set[str] = set()
    start = 0
    for block in sorted(blocks, key=lambda block: len(block.combinations) >= ROWS_A_FRAME):
        more = names | block.combinations.columns.keys()
        if frame and (len(more) > COLUMNS_A_FRAME or start >= ROWS_A_FRAME):
            yield frame
            frame, more, start = [], set(block.combinations.columns), 0
        frame.append(Block(block.combinations, block.checks, start))
        names, start = more, start + len(block.combinations)
    if frame:
        yield frame


def make_frame(blocks: Sequence[Block]) -> pd.DataFrame:
    """Make the frame of some blocks: the rows of each at its place, null in the columns of others."""
    types = {
        name: column.values.type for block in blocks for name, column in block.combinations.columns.items()
    }
    columns = {
        name: pa.chunked_array(
            [
                block.combinations.columns[name].take(block.combinations.first)
                if name in block.combinations.columns
                else pa.nulls(len(block.combinations), type_)
                for block in blocks
            ]
        )
        for name, type_ in types.items()
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame


def load_studies(table: pa.Table | ds.Dataset) -> pa.DictionaryArray:
    """Load the StudyInstanceUID of every row, each UID once."""
    column = _read(table, ["StudyInstanceUID"]).column(0).combine_chunks()
    return pc.dictionary_encode(column.cast(pa.string()))


def load_modalities(table: pa.Table | ds.Dataset) -> Encoded:
    """Load the Modality of every row; none where the table has no such column."""
    schema = table.schema
    if "Modality" not in schema.names:
        return Encoded(
            np.full(len(_read(table, schema.names[:1])), _NULL, np.int32), pa.array([], pa.string())
        )
    return _encode_values(_read(table, ["Modality"]).column(0))


class _Columns:
    """The columns that checks read, encoded once each."""

    def __init__(self, table: pa.Table | ds.Dataset, checks: Iterable[Check]) -> None:
        self.checks = tuple(checks)
        self._table = _read(table, sorted({name for check in self.checks for name in check.columns_read}))
        self._encoded: dict[tuple[str, bool], Encoded] = {}

    def combine(self, names: Sequence[str], only_present: Sequence[str] = ()) -> Combinations:
        """Find the combinations of some columns' values and of others' presence."""
        import pandas as pd

        columns = {name: self._encode(name) for name in names}
        columns |= {name: self._encode(name, only_presence=True) for name in only_present}
        of_row = np.zeros(self._table.num_rows, np.int32)
        for column in columns.values():
            both = of_row.astype(np.int64) * (len(column.values) + 1) + column.places
            of_row = pd.factorize(both)[0].astype(np.int32)
        weights = np.bincount(of_row).astype(np.int32)
        first = np.empty(len(weights), np.int32)
        first[of_row[::-1]] = np.arange(len(of_row), dtype=np.int32)[::-1]
        return Combinations(columns, of_row, first, weights)

    def keep_rows(self, names: Sequence[str]) -> Combinations:
        """See every row as a combination of its own, where it matters how often a value occurs."""
        rows = np.arange(self._table.num_rows, dtype=np.int32)
        return Combinations({name: self._encode(name) for name in names}, rows, rows, np.ones_like(rows))

    def _encode(self, name: str, *, only_presence: bool = False) -> Encoded:
        key = name, only_presence
        if key not in self._encoded:
            column = self._table[name]
            self._encoded[key] = _encode_presence(column) if only_presence else _encode_values(column)
        return self._encoded[key]


def _read(table: pa.Table | ds.Dataset, columns: list[str]) -> pa.Table:
    return table.select(columns) if isinstance(table, pa.Table) else table.to_table(columns=columns)


def _encode_values(column: pa.ChunkedArray) -> Encoded:
    encoded = _simplify(column).combine_chunks().dictionary_encode()
    return Encoded(
        pc.fill_null(encoded.indices, _NULL).to_numpy(zero_copy_only=False),
        encoded.dictionary,
    )


def _encode_presence(column: pa.ChunkedArray) -> Encoded:
    present = column.is_valid().to_numpy().astype(np.int32)
    return Encoded(present - 1, pa.array([True]))


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
