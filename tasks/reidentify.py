"""Go back from pseudonyms to people, for whoever holds the project's key: list, look up, forget.

Nothing here writes what it reads anywhere but where it was told to, and nothing is logged. To forget a patient
is to rewrite each file of the store that holds a record of it without those records, or to remove the file; an
object store with versions keeps the old ones as long as its own rules say.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tasks import layout
from tasks.errors import ConfigurationError
from tasks.hold import hold
from tasks.private_file import create_private
from tasks.project_key import load_project_key
from tasks.settings import Settings
from tasks.storage.store import Store
from tasks.target import open_target
from tasks.vault.seal import Identity, Seal
from tasks.vault.segments import of_patient, read_segment, with_value, write_segment


class Forgotten(NamedTuple):
    """What was deleted: records, and files that were rewritten or removed."""

    records: int
    files: int


class Vault:
    """The identity store of a target, opened with the target's key.

    Raises
    ------
    ConfigurationError
        If there is no key, or the target was made with another one.
    """

    def __init__(self, settings: Settings) -> None:
        self._store = open_target(settings)
        key = load_project_key(settings)
        check_key(self._store, key.check_value)
        self._seal = Seal(key.subkey)

    def stream(self) -> Iterator[Identity]:
        """Give every record, those of a file and patient together."""
        for key in self._segments():
            yield from self._open(read_segment(self._store.read(key)))

    def look_up(self, value: str) -> list[Identity]:
        """Find the records with a value, original or pseudonym, and those of whom they speak."""
        wanted = self._seal.value_key(value)
        found = [one for key in self._segments() for one in self._find(key, wanted)]
        patients = {self._seal.value_key(one.patient) for one in found if one.kind != "patient"}
        owners = [
            one
            for key in self._segments()
            for patient in sorted(patients)
            for one in self._find(key, patient)
        ]
        return list(dict.fromkeys([*found, *(one for one in owners if one.kind == "patient")]))

    def forget(self, pseudonym: str) -> Forgotten:
        """Delete all records of a patient; done again, it finds nothing left to do.

        Raises
        ------
        ConfigurationError
            If a run holds the target: it may be writing records of the patient.
        """
        patient = self._seal.patient_key(pseudonym.strip())
        records = files = 0
        with hold(self._store):
            for key in (*self._segments(), *self._staged()):
                table = read_segment(self._store.read(key))
                left = table.filter(pc.invert(of_patient(table, patient)))
                if len(left) == len(table):
                    continue
                records, files = records + len(table) - len(left), files + 1
                if len(left) or key.startswith(layout.STAGING):
                    self._store.write(key, write_segment(left))
                else:
                    self._store.delete(key)
        return Forgotten(records, files)

    def _segments(self) -> list[str]:
        return list(self._store.list(layout.IDENTITIES))

    def _staged(self) -> list[str]:
        """Give the records of runs that died: whoever finishes them must not bring the patient back."""
        return [key for key in self._store.list(layout.STAGING) if key.endswith("/identities.parquet")]

    def _find(self, key: str, wanted: bytes) -> Iterator[Identity]:
        data = self._store.read(key)
        if len(with_value(read_segment(data, ["keys"]), wanted)):
            yield from self._open(with_value(read_segment(data), wanted))

    def _open(self, table: pa.Table) -> Iterator[Identity]:
        for record, sealed in zip(table["record"].to_pylist(), table["sealed"].to_pylist(), strict=True):
            yield self._seal.open(record, sealed)


def check_key(store: Store, check_value: str) -> None:
    """Refuse a target that was not made with this key.

    Raises
    ------
    ConfigurationError
        If it was made with another, or with none.
    """
    if not store.exists(layout.KEY_CHECK):
        raise ConfigurationError(
            "This is no target: no run has written to it. Check the path or the address."
        )
    if orjson.loads(store.read(layout.KEY_CHECK)) != {"key_check": check_value}:
        raise ConfigurationError(
            "This target was started with another key. Give that key: no other opens its identity store."
        )


def export(vault: Vault, file: Path, *, as_csv: bool) -> int:
    """Write every record to a new file that only its owner can read; returns their number.

    Raises
    ------
    ConfigurationError
        If the file exists, or cannot be made.
    """
    with create_private(file, "The file exists already. Name another, or remove it.") as handle:
        return _write_csv(vault, handle) if as_csv else _write_json(vault, handle)


def _write_csv(vault: Vault, handle: IO[str]) -> int:
    writer, count = csv.writer(handle), 0
    writer.writerow(Identity._fields)
    for identity in vault.stream():
        writer.writerow(identity)
        count += 1
    return count


def _write_json(vault: Vault, handle: IO[str]) -> int:
    count = 0
    handle.write("[")
    for identity in vault.stream():
        handle.write(("," if count else "") + "\n" + orjson.dumps(identity._asdict()).decode())
        count += 1
    handle.write("\n]\n")
    return count
