"""Rows fall into groups, columns into numbers: what series and studies are counted with.

Every aggregate here gives the same result in whatever order the rows come, because they come from many
workers. Columns are ranked first (the smallest value is 0), after which the smallest, the most common and
the number of different values are integer work, a million rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Whole = npt.NDArray[np.int64]
Real = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

_NULL = -1


@dataclass(frozen=True, slots=True)
class Ranks:
    """A column as numbers.

    Attributes
    ----------
    numbers
        Rank of each row's value among the different values, from 0; -1 for null.
    values
        The different values in ascending order.
    """

    numbers: Whole
    values: pa.Array

    @property
    def known(self) -> Mask:
        """Which rows have a value."""
        return np.not_equal(self.numbers, _NULL)

    def decode(self, numbers: Whole) -> pa.Array:
        """Turn ranks back into values, -1 into null."""
        return self.values.take(pa.array(numbers, mask=numbers == _NULL))


def rank(column: pa.ChunkedArray) -> Ranks:
    """Turn a column into the ranks of its values."""
    if not len(column):
        return Ranks(np.empty(0, np.int64), pa.array([], column.type))
    encoded = column.dictionary_encode().unify_dictionaries().combine_chunks()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    ranks = np.empty(len(order) + 1, np.int64)
    ranks[order] = np.arange(len(order))
    ranks[_NULL] = _NULL
    indices = pc.fill_null(encoded.indices, _NULL).to_numpy(zero_copy_only=False)
    return Ranks(ranks[indices], encoded.dictionary.take(pa.array(order)))


@dataclass(frozen=True, slots=True)
class Groups:
    """Which group each row is in.

    Attributes
    ----------
    ids
        Number of the group, 0 to `count` - 1, for each row.
    """

    ids: Whole
    count: int

    def sizes(self, rows: Mask | None = None) -> Whole:
        """Count the rows of each group, or those that `rows` marks."""
        return np.bincount(self.ids if rows is None else self.ids[rows], minlength=self.count)

    def any(self, rows: Mask) -> Mask:
        """Tell of each group whether a row of it is marked."""
        return self.sizes(rows) > 0

    def all(self, rows: Mask) -> Mask:
        """Tell of each group whether all its rows are marked; true of a group without rows."""
        return ~self.any(~rows)

    def minimum(self, ranks: Ranks) -> pa.Array:
        """Give each group's smallest value; null where it has none."""
        none = len(ranks.values)
        smallest = np.full(self.count, none)
        np.minimum.at(smallest, self.ids[ranks.known], ranks.numbers[ranks.known])
        return ranks.decode(np.where(smallest == none, _NULL, smallest))

    def most_common(self, ranks: Ranks) -> pa.Array:
        """Give the value that most rows of each group have, the smallest of equals; null where it has none."""
        groups, numbers = most_common(self.ids[ranks.known], ranks.numbers[ranks.known])
        chosen = np.full(self.count, _NULL)
        chosen[groups] = numbers
        return ranks.decode(chosen)

    def distinct(self, columns: Sequence[npt.NDArray[Any]], rows: Mask) -> Whole:
        """Count each group's different combinations of the columns' values among the rows marked."""
        groups = _combinations([self.ids[rows], *(column[rows] for column in columns)]).column(0)
        return np.bincount(groups.to_numpy(), minlength=self.count)

    def distinct_values(self, ranks: Ranks) -> pa.ListArray:
        """List each group's different values in ascending order, nulls left out."""
        pairs = _combinations([self.ids[ranks.known], ranks.numbers[ranks.known]])
        groups, numbers = (pairs.column(index).to_numpy() for index in (0, 1))
        order = np.lexsort((numbers, groups))
        ends = np.cumsum(np.bincount(groups, minlength=self.count))
        offsets = pa.array(np.concatenate(([0], ends)), pa.int32())
        return pa.ListArray.from_arrays(offsets, ranks.decode(numbers[order]))


def group_by(ranks: Ranks) -> Groups:
    """Make one group of each value of a column without nulls."""
    return Groups(ranks.numbers, len(ranks.values))


def most_common(groups: Whole, numbers: Whole) -> tuple[Whole, Whole]:
    """Give each group that occurs, ascending, and the number that occurs in it most, the smallest of equals."""
    counted = _combinations([groups, numbers], [([], "count_all")])
    found, values, counts = (counted.column(index).to_numpy() for index in range(3))
    order = np.lexsort((values, -counts, found))
    present, first = np.unique(found[order], return_index=True)
    return present, values[order][first]


def _combinations(columns: Sequence[npt.NDArray[Any]], aggregations: Sequence[Any] = ()) -> pa.Table:
    """Give the different rows of some columns, in no particular order."""
    names = [str(index) for index in range(len(columns))]
    rows = pa.Table.from_arrays([pa.array(column) for column in columns], names)
    return rows.group_by(names).aggregate(list(aggregations))
