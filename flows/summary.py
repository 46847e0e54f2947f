"""How a run is told at its end: a table for a person, one JSON object for a machine."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks import layout
from tasks.lineage.names import name_events_file
from tasks.reasons import REASONS
from tasks.records import Listing, Outcome, RunKind, RunReport, State

_STYLES = {
    Outcome.PUBLISHED: "bold green",
    Outcome.NOTHING_NEW: "bold green",
    Outcome.PARTLY_WITHHELD: "bold yellow",
    Outcome.WITHHELD: "bold red",
}

_KINDS = {RunKind.CLEAN: "Run", RunKind.REPLAY: "Replay"}

JSON_FIELDS = (
    "run_id",
    "kind",
    "outcome",
    "listed",
    "published",
    "withheld",
    "quarantined",
    "duplicate",
    "unchanged",
    "reasons",
    "seconds",
    "bytes_read",
    "bytes_in_source",
    "requests",
    "retries",
    "docs",
    "target",
)


def print_json(report: RunReport) -> None:
    """Print one line of JSON on standard output."""
    sys.stdout.write(orjson.dumps({name: getattr(report, name) for name in JSON_FIELDS}).decode() + "\n")
    sys.stdout.flush()


def print_summary(report: RunReport, console: Console) -> None:
    """Print how the objects ended, why some were held back, and where to look."""
    console.print(
        f"\n{_KINDS[report.kind]} [bold]{report.run_id}[/]  [{_STYLES[report.outcome]}]{report.outcome}[/]"
    )
    for code in sorted(report.reasons):
        if code in REASONS and REASONS[code].alert:
            console.print(f"[bold red]ALERT[/] {code}: {escape(REASONS[code].message)}")
    console.print(_states(report), "")
    if report.reasons:
        console.print(_reasons(report), "")
    if report.outcome != Outcome.NOTHING_NEW:
        console.print(_places(report))


def _states(report: RunReport) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(justify="right")
    table.add_column()
    table.add_row(f"{report.listed:,}", _listed(report))
    for state in State:
        table.add_row(f"{getattr(report, state):,}", str(state))
    if report.young:
        table.add_row(f"{report.young:,}", "not listed: changed a moment ago, left to the next run")
    return table


def _listed(report: RunReport) -> str:
    if not report.unchanged:
        return f"listed, in {_seconds(report)}"
    return f"listed, of which {report.unchanged:,} were settled by earlier runs"


def _seconds(report: RunReport) -> str:
    """Tell how long the run took, and of what: `12.0 s (process 5.1, start 4.6, …)`."""
    phases = sorted(report.seconds.items(), key=lambda item: -item[1])
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in phases if seconds >= 0.05)
    return f"{sum(report.seconds.values()):.1f} s ({parts})"


def _reasons(report: RunReport) -> Table:
    table = Table(title="Held back, and why", title_justify="left", show_edge=False, pad_edge=False)
    table.add_column("objects", justify="right")
    table.add_column("reason", style="bold")
    table.add_column("what it means, and what to do")
    for code, count in sorted(report.reasons.items(), key=lambda item: (-item[1], item[0])):
        table.add_row(f"{count:,}", escape(code), escape(_message(code, report)))
    return table


def _message(code: str, report: RunReport) -> str:
    reason = REASONS.get(code)
    if reason is not None:
        return reason.message
    rule = next((rule for rule in report.rules if rule.rule_id == code), None)
    return "" if rule is None else f"{rule.description} ({rule.severity} rule; see the validation docs)"


def _places(report: RunReport) -> Table:
    root = _shown(report.target)
    table = Table(title="Where to look", title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")  # a path that ends in an ellipsis leads nowhere
    for what, key in (
        ("docs", f"{layout.DOCS}/index.html"),
        ("tables", f"{layout.INSTANCES}  {layout.SERIES}  {layout.STUDIES}"),
        ("files", layout.PUBLISHED_DICOM),
        ("lineage", name_events_file(report.run_id)),
        ("ledger", layout.LEDGER),
    ):
        table.add_row(what, escape("  ".join(f"{root}/{part}" for part in key.split("  "))))
    return table


def _shown(target: str) -> str:
    """Give a local target below the working folder as a person would type it."""
    place = Path(target)
    if not target.startswith("s3://") and place.is_relative_to(Path.cwd()):
        return str(place.relative_to(Path.cwd()))
    return target


def print_dry_run(listing: Listing, *, as_json: bool) -> None:
    """Print what a run would do, in counts: names of objects may name patients."""
    if as_json:
        sys.stdout.write(orjson.dumps(listing).decode() + "\n")
        return
    console = Console()
    console.print(
        f"{listing.listed:,} objects listed, {sum(listing.settled.values()):,} settled by earlier runs."
    )
    console.print(
        f"[bold]{listing.pending:,}[/] would be processed ({listing.pending_bytes / 1e6:,.1f} MB). Nothing was done."
    )
