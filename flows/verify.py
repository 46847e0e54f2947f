"""`dicomflow verify`: what is missing, altered or extra, for a person or a machine."""

from __future__ import annotations

import sys

import orjson
from rich.console import Console
from rich.table import Table

from flows.progress import RunProgress
from tasks.settings import Settings
from tasks.target import open_target
from tasks.verify import Verified, verify


def verify_target(settings: Settings, console: Console, *, hashed: bool) -> Verified:
    """Verify a target while nobody writes to it, and show how far it is."""
    store = open_target(settings)
    progress = RunProgress(console)
    with progress.shown(), progress.phase("verify", total=None):
        return verify(store, hashed=hashed, threads=2 * settings.workers, progress=progress.advance)


def print_verified(found: Verified, *, as_json: bool) -> None:
    """Print the counts, and the names of what is wrong as far as they are ours."""
    if as_json:
        document = {
            "intact": not found.problems,
            "hashed": found.hashed,
            "files": found.files,
            "bytes": found.size_bytes,
            "rows": found.rows,
            "unused_files": found.unused_files,
            "problems": {str(problem): count for problem, count in sorted(found.problems.items())},
            "named": {str(problem): names for problem, names in sorted(found.named.items())},
        }
        sys.stdout.write(orjson.dumps(document).decode() + "\n")
        return
    console = Console()
    how = (
        f"{found.files:,} files ({found.size_bytes / 1e6:,.1f} MB) read" if found.hashed else "sizes compared"
    )
    console.print(
        f"{found.rows:,} rows, {how}: "
        + ("[bold green]intact[/]" if not found.problems else "[bold red]damaged[/]")
    )
    if found.problems:
        console.print(_table(found))
    if found.unused_files:
        console.print(
            f"{found.unused_files:,} files in the tables' folders belong to no table; they do no harm."
        )


def _table(found: Verified) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("count", justify="right")
    table.add_column("what", style="bold")
    table.add_column("the first of them")
    for problem, count in sorted(found.problems.items(), key=lambda item: -item[1]):
        table.add_row(f"{count:,}", str(problem), "\n".join(found.named[problem][:5]))
    return table
