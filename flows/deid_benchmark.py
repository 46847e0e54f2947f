"""`dicomflow deid-benchmark`: what each cleaner leaves and keeps, as tables for people or as JSON."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
from rich.console import Console
from rich.table import Table

from tasks.benchmark.score import Count, Score
from tasks.deid_benchmark import TARGETS, Result, run_benchmark
from tasks.errors import ConfigurationError

Counts = Callable[[Score], Mapping[str, Count]]
"""Picks what of a score a table shows."""
_MEANINGS = {
    "text_removed": "identifiers removed where they stood",
    "gone_from_file": "identifiers gone from the whole file",
    "date_shifted": "dates moved, intervals kept",
    "uid_changed": "UIDs new",
    "uid_consistent": "UIDs the same in all references",
    "patid_consistent": "one pseudonym a patient",
    "tag_retained": "useful elements kept",
    "text_notnull": "identity of objects not empty",
    "text_retained": "clinical words beside identifiers kept",
    "pixels_retained": "pixels unchanged",
}


def measure(out: Path | None, *, seed: int, files: int, profile: str, peers: bool) -> tuple[Result, ...]:
    """Run the benchmark; leave corpus, key and outputs in `out`, or nothing.

    Raises
    ------
    ConfigurationError
        If `out` holds something already.
    """
    if out is None:
        with TemporaryDirectory(prefix="dicomflow-benchmark-") as folder:
            return run_benchmark(Path(folder), seed=seed, files=files, profile=profile, peers=peers)
    if out.exists() and any(out.iterdir()):
        raise ConfigurationError("The folder of --out is not empty. Name a new one.")
    return run_benchmark(out, seed=seed, files=files, profile=profile, peers=peers)


def print_results(results: Sequence[Result], console: Console) -> None:
    """Print what was reached: measures, then kinds and places of what is gone, a column a cleaner."""
    console.print(
        _table(
            results, "Reached, in % of the key's rows", list(_MEANINGS.items()), lambda score: score.measures
        )
    )
    kinds = sorted({name for result in results for name in result.score.categories}, key=_place_last)
    console.print(
        _table(
            results,
            "Gone from the whole file",
            [(kind, kind) for kind in kinds],
            lambda score: score.categories,
        )
    )
    for result in results:
        refused = ", ".join(f"{count} {reason}" for reason, count in sorted(result.refused.items()))
        console.print(
            f"{result.cleaner}: {result.score.files - result.score.missing} of {result.score.files} files came out"
            + (f"; not cleaned: {refused}" if refused else "")
        )
    if results[0].missed:
        console.print(f"[bold red]below target:[/] {', '.join(results[0].missed)}")


def print_json(results: Sequence[Result]) -> None:
    """Print one JSON object."""
    document = {"targets": TARGETS, "results": [_as_json(result) for result in results]}
    sys.stdout.write(orjson.dumps(document).decode() + "\n")


def _as_json(result: Result) -> dict[str, object]:
    score = result.score
    return {
        "cleaner": result.cleaner,
        "files": score.files,
        "missing": score.missing,
        "refused": dict(result.refused),
        "missed": result.missed,
        **{
            part: {
                str(name): {"passed": count.passed, "total": count.total}
                for name, count in sorted(counts.items())
            }
            for part, counts in (("measures", score.measures), ("gone_from_file", score.categories))
        },
    }


def _table(results: Sequence[Result], title: str, rows: list[tuple[str, str]], counts_of: Counts) -> Table:
    table = Table(title=title, title_justify="left", box=None)
    table.add_column("")
    table.add_column("rows", justify="right")
    for result in results:
        table.add_column(result.cleaner, justify="right")
    for name, words in rows:
        counts = [counts_of(result.score).get(name) for result in results]
        first = counts[0]
        if first is not None and first.total:
            table.add_row(words, f"{first.total:,}", *map(_percent, counts))
    return table


def _percent(count: Count | None) -> str:
    if count is None or not count.total:
        return "–"
    # Rounded down: 99.99 % is not all of it.
    return f"{int(1000 * count.passed / count.total) / 10:.1f}"


def _place_last(name: str) -> tuple[bool, str]:
    return name.startswith("in "), name
