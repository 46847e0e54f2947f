"""Which rows on their way into a table are there already: by hashes of their keys, since there may be millions.

A row that is taken for known by chance does no harm: it waits for the commit that replaces, and is added by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from expectations.contracts import Contract
from tasks.tables.buckets import Distinct, Hashes, contains, hash_column
from tasks.tables.file_format import row_schema


class Sieve:
    """Tables on their way into a stored one: what has a new key passes, the rest stays behind.

    Attributes
    ----------
    new
        The rows that pass, table by table; to be taken once.
    """

    def __init__(
        self, contract: Contract, stored: Iterable[pa.RecordBatch], tables: Iterable[pa.Table]
    ) -> None:
        self._contract = contract
        keys = Distinct()
        for batch in stored:
            keys.add(self._hash(pa.Table.from_batches([batch])))
        self._keys = keys.sorted()
        self._known = [row_schema(contract).empty_table()]
        self.new = self._sift(tables)

    def known(self) -> pa.Table:
        """Give what stayed behind; what has not passed yet, because a crash came after it had, is taken here."""
        for _ in self.new:
            pass
        return pa.concat_tables(self._known)

    def _sift(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        for table in tables:
            rows = table.select(self._contract.names).cast(row_schema(self._contract))
            known = contains(self._hash(rows), self._keys)
            self._known.append(rows.filter(pa.array(known)))
            yield rows.filter(pa.array(~known))

    def _hash(self, rows: pa.Table) -> Hashes:
        keys = [rows[name].cast(pa.string()) for name in self._contract.key]
        return hash_column(pc.binary_join_element_wise(*keys, "\0"))
