"""The benchmark: what the whole flow costs, where the time of a file goes, and what plain pydicom needs for it.

    python -m tests.bench.run                 everything, some minutes
    python -m tests.bench.run --short         200 files at most, once: proves that the benchmark works
    python -m tests.bench.run --parts steps   without starting the flow

Nothing is compared with a limit: a slow or busy machine is no defect.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
from rich.console import Console

from tests.bench.corpus import DEFAULT_SEED, Kind
from tests.bench.figures import Figure, machine, make_table
from tests.bench.flow import PEER_OF, measure_flow, warm_up
from tests.bench.steps import measure_steps, warm_up_steps

PARTS = ("steps", "flow")
TABLE_WIDTH = 132
"""Columns of the table where no terminal says how many there are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, over how many files, how often."""

    parts: tuple[str, ...]
    sizes: tuple[int, ...]
    slice_sizes: tuple[int, ...]
    step_files: int
    step_slices: int
    repeat: int
    seed: int
    warm: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    console = Console(stderr=options.json)
    if not console.is_terminal:
        console = Console(stderr=options.json, width=TABLE_WIDTH)
    plan = make_plan(options)
    facts = machine(plan.seed, plan.repeat)
    with _scratch(options.scratch) as scratch:
        figures = list(measure(plan, scratch, console))
    console.print(make_table(figures, facts))
    if options.json:
        sys.stdout.write(
            orjson.dumps({**facts, "figures": [figure.as_json() for figure in figures]}).decode() + "\n"
        )


def measure(plan: Plan, scratch: Path, console: Console) -> Iterator[Figure]:
    """Measure what the plan asks for."""

    def say(what: str) -> None:
        console.print(f"[dim]{what}[/]", highlight=False)

    if "steps" in plan.parts:
        yield warm_up_steps(plan.seed, scratch)
        for kind, count, outputs in (
            (Kind.SMALL, plan.step_files, "metadata"),
            (Kind.SMALL, plan.step_files, "dicom,metadata"),
            (Kind.SLICE, plan.step_slices, "dicom,metadata"),
        ):
            yield from measure_steps(
                kind, count, outputs, seed=plan.seed, repeat=plan.repeat, scratch=scratch, say=say
            )
    if "flow" in plan.parts:
        if plan.warm:
            say("warming up")
            warm_up(scratch, plan.seed)
        runs = [(Kind.SMALL, plan.sizes, outputs) for outputs in PEER_OF]
        for kind, sizes, outputs in (*runs, (Kind.SLICE, plan.slice_sizes, "dicom,metadata")):
            yield from measure_flow(
                kind, sizes, outputs, seed=plan.seed, repeat=plan.repeat, scratch=scratch, say=say
            )


def make_plan(options: argparse.Namespace) -> Plan:
    """Turn options into a plan; the short one is the same with little of everything."""
    parts = tuple(part for part in PARTS if part in options.parts)
    if options.short:
        return Plan(parts, (200,), (), 30, 3, 1, options.seed, warm=False)
    return Plan(
        parts,
        options.sizes,
        options.slice_sizes,
        options.step_files,
        options.step_slices,
        options.repeat,
        options.seed,
        warm=True,
    )


@contextmanager
def _scratch(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="dicomflow-bench-") as temporary:
        yield Path(temporary)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(",") if part)


def _words(text: str) -> tuple[str, ...]:
    words = tuple(text.split(","))
    if unknown := set(words) - set(PARTS):
        raise argparse.ArgumentTypeError(
            f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}"
        )
    return words


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.run", description="Measure dicomflow and pydicom."
    )
    parser.add_argument(
        "--parts", type=_words, default=PARTS, help="steps, flow or both, separated by commas"
    )
    parser.add_argument(
        "--sizes", type=_numbers, default=(1_000, 10_000), help="files of the whole flow, small CT"
    )
    parser.add_argument("--slice-sizes", type=_numbers, default=(200, 1_000), help="the same, 525 kB slices")
    parser.add_argument("--step-files", type=int, default=1_000, help="small files of the one-process part")
    parser.add_argument("--step-slices", type=int, default=200, help="slices of the one-process part")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, in turns with the peer")
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, help=f"seed of the files (default {DEFAULT_SEED})"
    )
    parser.add_argument(
        "--scratch", type=Path, help="keep and reuse files here (default: a temporary folder)"
    )
    parser.add_argument("--short", action="store_true", help="200 files at most, once: to see that it works")
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, the table beside it"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
