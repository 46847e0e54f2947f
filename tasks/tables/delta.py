"""Delta tables, as little of them as we need: read, append, upsert, each of a run's commits once.

A publish that is killed between Delta's commit and our own note of it is run again, and Delta would take
the same rows a second time without a word. So every commit carries its run as an application transaction,
and whoever writes asks for it first. Tables are made by an empty write, because deltalake's CREATE TABLE
(1.6.6) records the table's absolute path, which on many machines names the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Field, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from expectations.contracts import Contract
from tasks.errors import ConfigurationError, ContractError, TransientError
from tasks.tables.delta_errors import CONFLICT, guarded
from tasks.tables.file_format import (
    FILE_BYTES,
    row_schema,
    table_configuration,
    writer_properties,
)
from tasks.tables.parquet_files import Put, put_files, write_files
from tasks.tables.sieve import Sieve

_CONFLICT_TRIES = 8

_LISTED_KEYS = 5000
"""Up to here an upsert lists its keys in a predicate, which is parsed by recursion: 100,000 overflow the stack."""

_FIRST_OR_NOT_AT_ALL = CommitProperties(max_commit_retries=0)
"""Retried, the creation of a table that another writer made meanwhile would land as a second one on top."""

_UNADDRESSABLE = re.compile(r"[\[\]^|\\?\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")
"""What deltalake 1.6.6 mistakes in a table's place: it panics, or decodes the escape and looks elsewhere."""


Where = Mapping[str, pa.Array | pa.ChunkedArray]
"""Columns and the values they may have."""


class Commit(NamedTuple):
    """What one run's commits to one table added.

    Attributes
    ----------
    version
        Delta version of the newest of them.
    rows
        Rows appended or upserted.
    files, size_bytes
        Parquet files added and their size; a file that an upsert rewrote counts in full.
    """

    version: int
    rows: int
    files: int
    size_bytes: int


def check_address(place: str) -> None:
    """Refuse a place that deltalake cannot address tables in.

    Raises
    ------
    ConfigurationError
        If its name holds such characters.
    """
    if _UNADDRESSABLE.search(place):
        raise ConfigurationError(
            "the target's path holds a character that Delta tables cannot be addressed with "
            "(one of [ ] ^ | \\ ?, a control character, or % before two hex digits); choose another target"
        )


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A contract's table at its place, whether or not it exists yet.

    Attributes
    ----------
    uri
        Absolute path, or `s3://bucket/key`.
    storage_options
        What deltalake needs to reach S3; never shown, it may hold credentials.
    put
        Copies a file into the table; needed to append where the table is no folder.

    Raises
    ------
    ConfigurationError
        If deltalake cannot address a table of this name.
    """

    uri: str
    storage_options: Mapping[str, str] | None = field(repr=False)
    contract: Contract = field(repr=False)
    put: Put | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_address(self.uri)

    def read(self, columns: Sequence[str] | None = None, where: Where | None = None) -> pa.Table:
        """Read rows; none where the table does not exist yet.

        Parameters
        ----------
        columns
            Those to read, or all.
        where
            Columns and the values they may have, such as the UIDs of some studies; all rows without it.

        Returns
        -------
        pa.Table
            In the contract's types; null where an older version of ours wrote a row without the
            column. In no particular order.
        """
        return pa.Table.from_batches(self.stream(columns, where), row_schema(self.contract, columns))

    def stream(
        self, columns: Sequence[str] | None = None, where: Where | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Read as `read` does, in record batches and in the memory of a few row groups."""
        schema = row_schema(self.contract, columns)
        wanted = row_schema(self.contract, tuple(dict.fromkeys([*schema.names, *(where or ())])))
        batches = self._scan(wanted.names)
        while (batch := _next_batch(batches)) is not None:
            yield _choose(_conform(batch, wanted), where or {}).select(schema.names)

    @guarded
    def append(self, rows: pa.Table | Iterable[pa.Table], run_id: str) -> bool:
        """Add a run's rows in one commit, and make the table where there is none.

        Parameters
        ----------
        rows
            One table, or many that are taken one by one, so that they need not fit into memory.
            Without rows, the commit still says that the run was here.

        Returns
        -------
        bool
            False where the run's append is already in: nothing was written.

        Raises
        ------
        ContractError
            If the rows are not the contract's.
        TransientError
            If storage failed or another writer changed the table meanwhile.
        """
        app_id = _transaction_id("append", run_id)
        table = self._open_for_writing()
        if table.transaction_version(app_id) is not None:
            return False
        tables = [rows] if isinstance(rows, pa.Table) else rows
        commit = _commit_properties(app_id)
        schema = row_schema(self.contract)
        taken = (one.select(schema.names).cast(schema) for one in tables)
        if self.put is None:
            files = write_files(Path(self.uri), taken, self.contract)
        else:
            files = put_files(self.put, taken, self.contract)
        table.create_write_transaction(files, "append", table.schema(), commit_properties=commit)
        return True

    @guarded
    def upsert(self, rows: pa.Table | Iterable[pa.Table], run_id: str) -> bool:
        """Put a run's rows in the place of those with the same key, and add the others.

        Parameters
        ----------
        rows
            One table, or many that share no key and are taken one by one: rows with a new key are then added
            as they come, in a commit before the one that replaces, and only the others must fit into memory.

        Returns
        -------
        bool
            False where the run's upsert is already in: nothing was written.

        Raises
        ------
        ContractError
            If the rows are not the contract's, or a key occurs twice in a table.
        TransientError
            If storage failed, or other writers changed the table again and again.
        """
        if isinstance(rows, pa.Table):
            return self._upsert(rows, run_id)
        if self._open_for_writing().transaction_version(_transaction_id("upsert", run_id)) is not None:
            return False
        sieve = Sieve(self.contract, self.stream(self.contract.key), map(self.check_keys, rows))
        self.append(sieve.new, run_id)
        return self._upsert(sieve.known(), run_id)

    def _upsert(self, rows: pa.Table, run_id: str) -> bool:
        self.check_keys(rows)
        source = rows.select(self.contract.names).cast(row_schema(self.contract))
        few = 0 < len(source) <= _LISTED_KEYS and len(self.contract.key) == 1
        replace = self._overwrite if few else self._merge
        app_id = _transaction_id("upsert", run_id)
        for _ in range(_CONFLICT_TRIES):
            table = self._open_for_writing()
            if table.transaction_version(app_id) is not None:
                return False
            try:
                replace(table, source, _commit_properties(app_id, len(source)))
            except CommitFailedError:
                continue
            return True
        raise TransientError(CONFLICT)

    @guarded
    def find_commit(self, run_id: str) -> Commit | None:
        """Sum up what a run committed, for lineage; a retried publish finds its first try's commits too."""
        found = [self._find_transaction(_transaction_id(kind, run_id)) for kind in ("append", "upsert")]
        commits = [commit for commit in found if commit is not None]
        if not commits:
            return None
        return Commit(
            max(commit.version for commit in commits),
            sum(commit.rows for commit in commits),
            sum(commit.files for commit in commits),
            sum(commit.size_bytes for commit in commits),
        )

    @guarded
    def files(self) -> dict[str, int]:
        """Give the files that the table is made of now, by their keys in its folder, with their sizes in bytes."""
        table = self._open()
        return {} if table is None else {path: size for path, (_, size) in _files(table).items()}

    def _find_transaction(self, app_id: str) -> Commit | None:
        """Go back to the version that brought the transaction, and compare it with the one before.

        `DeltaTable.history` would tell directly, but holds Python's lock while it reads from storage.
        """
        table = self._open()
        upserted = None if table is None else table.transaction_version(app_id)
        if table is None or upserted is None:
            return None
        while table.transaction_version(app_id) is not None:
            version, files = table.version(), _files(table)
            table.load_as_version(version - 1)
        before = _files(table)
        added = [file for path, file in files.items() if path not in before]
        rows = upserted or sum(rows for rows, _ in added)
        return Commit(version, rows, len(added), sum(size_bytes for _, size_bytes in added))

    def _overwrite(self, table: DeltaTable, source: pa.Table, commit: CommitProperties) -> None:
        """Rewrite the files that hold one of the keys, in memory that does not grow with the table."""
        (key,) = self.contract.key
        listed = ", ".join("'{}'".format(value.replace("'", "''")) for value in source[key].to_pylist())
        write_deltalake(
            table,
            source,
            mode="overwrite",
            predicate=f"{key} IN ({listed})",
            target_file_size=FILE_BYTES,
            writer_properties=writer_properties(self.contract),
            commit_properties=commit,
        )

    def _merge(self, table: DeltaTable, source: pa.Table, commit: CommitProperties) -> None:
        """Join with the whole table: slower and hungrier, but no limit to the number of keys."""
        merger = table.merge(
            source,
            " AND ".join(f"target.{name} = source.{name}" for name in self.contract.key),
            source_alias="source",
            target_alias="target",
            writer_properties=writer_properties(self.contract),
            commit_properties=commit,
        )
        merger.when_matched_update_all().when_not_matched_insert_all().execute()

    def check_keys(self, rows: pa.Table) -> pa.Table:
        """Give the rows back; doubled keys are refused, which a merge would insert without complaint.

        Raises
        ------
        ContractError
            If a key occurs twice.
        """
        if rows.group_by(list(self.contract.key)).aggregate([]).num_rows != rows.num_rows:
            raise ContractError(f"rows for {self.contract.name} hold the same key twice")
        return rows

    @guarded
    def _scan(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read with deltalake's own engine.

        Arrow's reads through a file system written in Python, whose threads may still be about when the
        interpreter ends: one process in ten then died with SIGABRT (deltalake 1.6.6, pyarrow 26).
        """
        table = self._open()
        if table is None:
            return iter(())
        present = {known.name for known in table.schema().fields}
        # Batches without any column would not say how many rows they have; the key is always there.
        names = [name for name in columns if name in present] or list(self.contract.key)
        return iter(pa.RecordBatchReader.from_stream(table.scan(columns=names)))

    def open(self) -> DeltaTable | None:
        """Open the table as it is now; None where there is none."""
        return self._open()

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Give the rows and the bytes of each of the table's files."""
        table = self._open()
        return {} if table is None else _files(table)

    def _open(self) -> DeltaTable | None:
        try:
            return DeltaTable(self.uri, storage_options=self._options())
        except TableNotFoundError:
            return None

    def _options(self) -> dict[str, str] | None:
        return None if self.storage_options is None else dict(self.storage_options)

    def _open_for_writing(self) -> DeltaTable:
        """Open the table with every column of the contract, whoever made it and when."""
        for _ in range(_CONFLICT_TRIES):
            table = self._open()
            try:
                if table is None:
                    self._create()
                elif missing := self._missing_fields(table):
                    table.alter.add_columns(missing)
                else:
                    if table.version() == 0:
                        # Readers ask for a checkpoint first. Where they may not list the whole bucket, S3 answers
                        # "forbidden" for one that is missing, and they give up.
                        table.create_checkpoint()
                    return table
            except CommitFailedError:
                continue
        raise TransientError(CONFLICT)

    def _create(self) -> None:
        try:
            write_deltalake(
                self.uri,
                self.contract.arrow_schema().empty_table(),
                mode="ignore",
                name=self.contract.name,
                configuration=table_configuration(self.contract),
                commit_properties=_FIRST_OR_NOT_AT_ALL,
                storage_options=self._options(),
            )
        except TableNotFoundError as error:
            raise ConfigurationError(
                "the target's folder cannot be made or written; check its path and permissions"
            ) from error

    def _missing_fields(self, table: DeltaTable) -> list[Field]:
        present = {known.name for known in table.schema().fields}
        missing = [column for column in self.contract.columns if column.name not in present]
        if not all(column.nullable for column in missing):
            # delta-rs would take the column and show nulls in it ever after.
            raise ContractError(
                f"contract {self.contract.name} has a new column that may not be null; old rows have no value"
            )
        return [Field.from_arrow(column.arrow_field()) for column in missing]


@guarded
def _next_batch(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    return next(batches, None)


def _conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a batch the contract's types and columns, null where the stored table has no such column."""
    stored = set(batch.schema.names)
    columns = [
        batch[wanted.name].cast(wanted.type) if wanted.name in stored else pa.nulls(len(batch), wanted.type)
        for wanted in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _choose(batch: pa.RecordBatch, where: Where) -> pa.RecordBatch:
    for name, values in where.items():
        batch = batch.filter(pc.is_in(batch[name], value_set=values))
    return batch


def _transaction_id(kind: str, run_id: str) -> str:
    """Name a run's commit; a run may append to a table and upsert into it, each once."""
    return f"dicomflow/{kind}/{run_id}"


def _commit_properties(app_id: str, rows: int = 0) -> CommitProperties:
    """Mark a commit as a run's. The number is the application's own: ours says how many rows were upserted."""
    return CommitProperties(app_transactions=[Transaction(app_id, rows)])


def _files(table: DeltaTable) -> dict[str, tuple[int, int]]:
    """Give the rows and the bytes of each file of a table."""
    files = pa.table(table.get_add_actions())
    facts = (files[name].to_pylist() for name in ("path", "num_records", "size_bytes"))
    return {path: (rows, size_bytes) for path, rows, size_bytes in zip(*facts, strict=True)}
