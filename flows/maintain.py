"""`dicomflow maintain`, and the flow that does it on a schedule: one after the other, nothing to spread."""

from __future__ import annotations

import sys

import orjson
from prefect import flow
from rich.console import Console
from rich.table import Table

from flows.upkeep_parameters import MaintainParameters
from tasks.errors import value_free
from tasks.maintain import Retention, Upkeep, maintain
from tasks.settings import Settings, active_settings
from tasks.target import open_target


@flow(name="dicomflow-maintain", persist_result=False)
def maintain_target(parameters: MaintainParameters | None = None) -> None:
    """Maintain the target of this process's settings."""
    chosen = parameters or MaintainParameters()
    value_free(run_upkeep)(active_settings(), chosen.retention(), dry_run=chosen.dry_run)


def run_upkeep(settings: Settings, retention: Retention, *, dry_run: bool) -> Upkeep:
    """Maintain the target that the settings name."""
    store = open_target(settings)
    return maintain(store, retention, dry_run=dry_run)


def print_upkeep(done: Upkeep, *, dry_run: bool, as_json: bool) -> None:
    """Print the counts."""
    if as_json:
        sys.stdout.write(orjson.dumps({"dry_run": dry_run, "upkeep": done}).decode() + "\n")
        return
    table = Table(show_edge=False, pad_edge=False)
    for name in ("table", "files put together", "files deleted"):
        table.add_column(name, justify="left" if name == "table" else "right")
    for key, count in done.compacted.items():
        table.add_row(key, f"{count:,}", f"{done.vacuumed[key]:,}")
    console = Console()
    console.print(table, "")
    console.print(f"{done.dead_runs:,} dead runs swept, pages of {done.old_docs:,} runs removed.")
    if dry_run:
        console.print("Nothing was done: this was a dry run.")
