"""`dicomflow release` and `dicomflow rules diff`, for a person or a machine."""

from __future__ import annotations

import sys
from dataclasses import asdict

import orjson
from rich.console import Console
from rich.table import Table

from expectations.rules import RuleTable
from tasks.release import Released
from tasks.rules_diff import Count, Difference, diff_rules
from tasks.settings import Settings
from tasks.target import open_target

_SHOWN = 20


def print_released(done: Released, *, as_json: bool) -> None:
    """Say what was released."""
    if as_json:
        sys.stdout.write(orjson.dumps(asdict(done)).decode() + "\n")
        return
    console = Console()
    if done.studies:
        console.print(
            f"{len(done.studies):,} studies with {done.instances:,} instances released ({done.release_id})."
        )
    if done.unchanged:
        console.print(f"{len(done.unchanged):,} studies are published already; nothing was done to them.")


def print_difference(settings: Settings, new: RuleTable, *, as_json: bool) -> None:
    """Compare the rules in force with others over what a target holds, and say what would change."""
    store = open_target(settings)
    found = diff_rules(store, new)
    if as_json:
        sys.stdout.write(orjson.dumps(asdict(found)).decode() + "\n")
        return
    console = Console()
    if found.repairs:
        console.print(f"Repairs act on what is cleaned from now on: {', '.join(found.repairs)}")
    if not found.rules and not found.not_judged and not found.repairs:
        console.print("The tables say the same.")
        return
    if found.rules:
        console.print(_table_of_rules(found))
    if found.not_judged:
        console.print(f"About runs, so not judged here: {', '.join(found.not_judged)}")
    if not found.verdicts:
        console.print(f"{found.rows:,} instances judged: no study changes its verdict.")
        return
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(found.verdicts.items()))
    console.print(f"{found.rows:,} instances judged; studies that change: {kinds}")
    console.print(_table_of_studies(found))


def _table_of_rules(found: Difference) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for name in ("rule", "rows before", "rows after", "studies before", "studies after"):
        table.add_column(name, justify="left" if name == "rule" else "right")
    for rule_id, count in found.rules.items():
        table.add_row(rule_id, *map(_say, _numbers(count)))
    return table


def _numbers(count: Count) -> tuple[int | None, ...]:
    return count.rows_before, count.rows_after, count.studies_before, count.studies_after


def _say(number: int | None) -> str:
    return "no rule" if number is None else f"{number:,}"


def _table_of_studies(found: Difference) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for name in ("study", "before", "after", "broken no more", "newly broken"):
        table.add_column(name)
    for study in found.studies[:_SHOWN]:
        row = (study.StudyInstanceUID, study.before, study.after)
        table.add_row(*row, " ".join(study.no_more), " ".join(study.newly))
    return table
