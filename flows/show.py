"""`dicomflow show`: the last runs of a target, and how its objects ended and why; `docs`: the same as pages."""

from __future__ import annotations

import sys
from typing import NamedTuple

import orjson
from rich.console import Console
from rich.table import Table

from tasks import layout
from tasks.attempts import Ended, read_attempts
from tasks.errors import ConfigurationError
from tasks.history import read_reports
from tasks.hold import is_held
from tasks.ledger.ledger import Ledger
from tasks.records import RunKind, RunPlan, RunReport, State
from tasks.settings import Settings
from tasks.staged import load_record
from tasks.storage.store import Store
from tasks.target import open_target, stored


def print_history(settings: Settings, last: int, *, as_json: bool) -> None:
    """Print the newest `last` runs, unfinished ones too, and the ledger's states with their reasons."""
    store = open_target(settings)
    runs = read_reports(store)[-last:]
    unfinished = find_unfinished(store)
    states = count_states(store)
    if not runs and not unfinished and not states:
        raise ConfigurationError(
            "This target has seen no run. Check the path, or run `dicomflow clean SOURCE TARGET`."
        )
    if as_json:
        _print_json(runs, unfinished, states)
        return
    console = Console()
    console.print(_list_of_runs(runs, unfinished), "")
    console.print(_table_of_states(states))


def print_docs(settings: Settings, *, as_json: bool) -> None:
    """Write every page of the target again, and say where they begin."""
    from tasks.docs import rewrite_docs

    store = open_target(settings)
    runs = rewrite_docs(store)
    index = store.url(f"{layout.DOCS}/index.html")
    if as_json:
        sys.stdout.write(orjson.dumps({"runs": runs, "docs": index}).decode() + "\n")
        return
    Console().print(f"The pages of {runs} runs are written; they begin at {index}", highlight=False)


class Unfinished(NamedTuple):
    """A run that has staged something and no report yet: how its last attempt stands, and the kind of its error."""

    run_id: str
    started_at: str
    state: str
    error: str = ""


RUNNING = "running"


def find_unfinished(store: Store) -> list[Unfinished]:
    """Find the runs that are not at their end, the oldest first; one of them may be running."""
    plans = [load_record(RunPlan, store.read(key)) for key in store.list(layout.STAGED_RUNS)]
    if not plans:
        return []
    running = is_held(store)
    last = {attempt.begun.run_id: attempt.end for attempt in read_attempts(store, _ATTEMPTS)}
    found = []
    for plan in sorted(plans, key=lambda plan: plan.started_at):
        end = last.get(plan.run_id)
        if end is None:
            # Nobody has buried it yet; without a hold on the target there is nobody who could be at work.
            found.append(Unfinished(plan.run_id, plan.started_at, RUNNING if running else Ended.DIED.value))
        else:
            found.append(Unfinished(plan.run_id, plan.started_at, end.state.value, end.error))
    return found


_ATTEMPTS = 100
"""Attempts that are looked through for those of unfinished runs, the newest first."""


def count_states(store: Store) -> dict[tuple[str, str], int]:
    """Count the ledger's objects by state and reason; the newest row of an object's version counts."""
    if not any(store.list(layout.LEDGER)):
        return {}
    endings = Ledger(stored(store, layout.LEDGER)).settled().count()
    return {(ending.state, ending.reason or ""): count for ending, count in endings.items()}


def _print_json(
    runs: list[RunReport], unfinished: list[Unfinished], states: dict[tuple[str, str], int]
) -> None:
    document = {
        "runs": [
            {
                "run_id": run.run_id,
                "kind": run.kind,
                "outcome": run.outcome,
                "started_at": run.started_at,
                "listed": run.listed,
                **{str(state): getattr(run, state) for state in State},
            }
            for run in runs
        ],
        "unfinished": [run._asdict() for run in unfinished],
        "objects": [
            {"state": state, "reason": reason or None, "count": count}
            for (state, reason), count in sorted(states.items())
        ],
    }
    sys.stdout.write(orjson.dumps(document).decode() + "\n")


def _list_of_runs(runs: list[RunReport], unfinished: list[Unfinished]) -> Table:
    """Tell each run in two lines: eight columns would not fit into a terminal of eighty."""
    table = Table(title="Runs", title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for run in runs:
        kind = " (replay)" if run.kind == RunKind.REPLAY else ""
        counts = ", ".join(f"{getattr(run, state):,} {state}" for state in State)
        told = f"[bold]{run.outcome}[/]{kind}  {run.run_id}\n{run.listed:,} listed: {counts}"
        table.add_row(_moment(run), told)
    for left in unfinished:
        table.add_row(_moment(left), f"[bold]{_tell(left)}[/]  {left.run_id}")
    return table


def _moment(run: RunReport | Unfinished) -> str:
    return run.started_at[:16].replace("T", " ")


def _tell(run: Unfinished) -> str:
    if run.state == RUNNING:
        return RUNNING
    return f"{run.state}{f' ({run.error})' if run.error else ''}: run it again to resume"


def _table_of_states(states: dict[tuple[str, str], int]) -> Table:
    table = Table(title="Objects of the ledger", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("objects", justify="right")
    table.add_column("state")
    table.add_column("reason", style="bold")
    for (state, reason), count in sorted(states.items(), key=lambda item: -item[1]):
        table.add_row(f"{count:,}", state, reason)
    return table
