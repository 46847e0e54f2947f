"""What is published already of the studies and instances that were staged.

The published tables may be far larger than a run, so they are streamed, and of what the run holds only
hashes are compared: a row more than is asked for does no harm, since whoever asked looks at the values too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import layout
from tasks.identities import CLAIMS, PUBLISHED_BEFORE
from tasks.staged import content_of_header
from tasks.storage.store import Store
from tasks.tables.buckets import Hashes, contains, hash_column
from tasks.target import stored

_NONE = np.empty(0, np.uint64)


class Neighbours:
    """The published instances beside those of a run.

    Attributes
    ----------
    exist
        Whether anything is published at all.
    rows
        Number of published instances of the run's studies, as far as `claims` has been through.
    """

    def __init__(self, store: Store) -> None:
        self._table = stored(store, layout.INSTANCES)
        self.exist = next(self._table.stream(["SOPInstanceUID"]), None) is not None
        self.rows = 0
        self._uids, self._studies = _NONE, _NONE

    def choose(self, uids: Hashes, studies: Hashes) -> None:
        """Say which instances and studies the run holds, by ascending hashes."""
        self._uids, self._studies = uids, studies

    def claims(self) -> Iterator[pa.Table]:
        """Give rows of `CLAIMS` for what is published of the run's instances."""
        without_file: list[Hashes] = []
        columns = ["SOPInstanceUID", "StudyInstanceUID", "source_ref", "sha256"]
        for rows in self._stream(columns):
            self.rows += int(contains(hash_column(rows["StudyInstanceUID"]), self._studies).sum())
            found = rows.filter(pa.array(contains(hash_column(rows["SOPInstanceUID"]), self._uids)))
            lacking = found["sha256"].is_null()
            without_file.append(hash_column(found["SOPInstanceUID"].filter(lacking)))
            yield _make_claims(found.filter(pc.invert(lacking)), "sha256")
        lacking_content = np.unique(np.concatenate([_NONE, *without_file]))
        if len(lacking_content):
            yield from self._claims_by_header(lacking_content)

    def _claims_by_header(self, uids: Hashes) -> Iterator[pa.Table]:
        """Digest the headers of instances of which no file was written."""
        for rows in self._stream(["SOPInstanceUID", "source_ref", "sha256", "header"]):
            wanted = contains(hash_column(rows["SOPInstanceUID"]), uids) & rows["sha256"].is_null().to_numpy()
            found = rows.filter(pa.array(wanted))
            digests = [content_of_header(header) for header in found["header"].to_pylist()]
            yield _make_claims(found.append_column("digest", pa.array(digests, pa.string())), "digest")

    def instances(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Give some columns of the published instances of the run's studies, each numbered as published."""
        for rows in self._stream(columns):
            found = rows.filter(pa.array(contains(hash_column(rows["StudyInstanceUID"]), self._studies)))
            yield _number(found)

    def _stream(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        for batch in self._table.stream(columns):
            yield pa.Table.from_batches([batch])


def _make_claims(rows: pa.Table, content: str) -> pa.Table:
    rows = _number(rows)
    columns = {name: rows[name] for name in ("number", "SOPInstanceUID", "source_ref")}
    columns |= {"source_uri": pa.nulls(len(rows), pa.string()), "content": rows[content]}
    return pa.table({name: columns[name] for name in CLAIMS.names})


def _number(rows: pa.Table) -> pa.Table:
    return rows.append_column("number", pa.array(np.full(len(rows), PUBLISHED_BEFORE)))
