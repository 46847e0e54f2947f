"""`dicomflow identities`: what the store of a target knows, on the terminal or in a file of its owner's."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.table import Table

from tasks.errors import ConfigurationError
from tasks.reidentify import Vault, export
from tasks.settings import Settings
from tasks.vault.seal import Identity


def export_identities(settings: Settings, as_csv: Path | None, as_json: Path | None) -> None:
    """Write the whole store to one file.

    Raises
    ------
    ConfigurationError
        If no file is named, or two.
    """
    file = as_csv or as_json
    if file is None or (as_csv and as_json):
        raise ConfigurationError("Name one file to write: --csv FILE or --json FILE.")
    count = export(Vault(settings), file, as_csv=as_csv is not None)
    Console(stderr=True).print(
        f"{count} records written. They name people: delete the file when it has served."
    )


def look_up(settings: Settings, value: str | None, *, as_json: bool) -> None:
    """Print the records with a value; exit code 3 where there is none."""
    vault = Vault(settings)
    found = vault.look_up(_ask() if value is None else value)
    if as_json:
        sys.stdout.write(orjson.dumps([one._asdict() for one in found]).decode() + "\n")
    elif found:
        Console().print(_tabulate(found))
    else:
        Console(stderr=True).print("Nothing is recorded under this value.")
    if not found:
        raise typer.Exit(3)


def forget_patient(settings: Settings, pseudonym: str, *, as_json: bool) -> None:
    """Delete a patient's records, and say how many there were."""
    done = Vault(settings).forget(pseudonym)
    if as_json:
        sys.stdout.write(orjson.dumps(done._asdict()).decode() + "\n")
    elif done.records:
        Console().print(f"{done.records} records deleted, {done.files} files rewritten or removed.")
    else:
        Console().print("Nothing is recorded under this pseudonym; nothing was changed.")


def _ask() -> str:
    """Ask for the value without showing it, or take it from whoever pipes it in."""
    if sys.stdin.isatty():
        return str(typer.prompt("Value", hide_input=True))
    return sys.stdin.readline().strip("\r\n")


def _tabulate(found: list[Identity]) -> Table:
    table = Table(*Identity._fields)
    for one in found:
        table.add_row(*("" if value is None else str(value) for value in one))
    return table
