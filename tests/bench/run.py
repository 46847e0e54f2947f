"""The benchmark: engine and whole flow beside pydicom and other libraries, and where the time of a file goes.

    python -m tests.bench.run                 everything, an hour or more
    python -m tests.bench.run --short         200 files at most, once: proves that the benchmark works
    python -m tests.bench.run --parts steps   without starting the flow
    python -m tests.bench.run --parts engine  one process beside the libraries that are installed
    python -m tests.bench.run --parts gate    what judging, publishing and reporting cost by the row
    python -m tests.bench.run --parts s3      headers out of a bucket beside s3fs, on a server that it starts
    python -m tests.bench.run --parts memory  what the flow needs for few files and for many
    python -m tests.bench.run --markdown      what counts, as a table for the README, on standard output

Peers besides pydicom: pip install python-gdcm fastdicom dicognito dicom-anonymizer

A goal that is not reached is shown and fails nothing: a slow or busy machine is no defect.
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

from tests.bench import engine
from tests.bench.corpus import DEFAULT_SEED, Kind
from tests.bench.engine import measure_engine
from tests.bench.figures import Figure, machine
from tests.bench.flow import PEER_OF, measure_flow, measure_memory, warm_up
from tests.bench.gate import measure_gate
from tests.bench.report import make_markdown, make_table
from tests.bench.s3 import measure_s3
from tests.bench.steps import measure_steps, warm_up_steps

PARTS = ("engine", "steps", "gate", "s3", "flow", "memory")
TABLE_WIDTH = 160
"""Columns of the table where no terminal says how many there are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, over how many files, how often."""

    parts: tuple[str, ...]
    sizes: tuple[int, ...]
    outputs: tuple[str, ...]
    slice_sizes: tuple[int, ...]
    step_files: int
    step_slices: int
    gate_rows: tuple[int, ...]
    s3_objects: int
    memory_sizes: tuple[int, ...]
    engine: engine.Plan
    repeat: int
    seed: int
    warm: bool


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    options = _parse(arguments)
    aside = options.json or options.markdown
    console = Console(stderr=aside)
    if not console.is_terminal:
        console = Console(stderr=aside, width=TABLE_WIDTH)
    plan = make_plan(options)
    facts = {**machine(plan.seed, plan.repeat), "rounds": plan.engine.rounds}
    with _scratch(options.scratch) as scratch:
        figures = list(measure(plan, scratch, console))
    console.print(make_table(figures, facts))
    if options.markdown:
        sys.stdout.write(make_markdown(figures, facts))
    if options.json:
        sys.stdout.write(
            orjson.dumps({**facts, "figures": [figure.as_json() for figure in figures]}).decode() + "\n"
        )


def measure(plan: Plan, scratch: Path, console: Console) -> Iterator[Figure]:
    """Measure what the plan asks for."""

    def say(what: str) -> None:
        console.print(f"[dim]{what}[/]", highlight=False)

    if "engine" in plan.parts:
        yield from measure_engine(plan.engine, seed=plan.seed, scratch=scratch, say=say)
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
    if "gate" in plan.parts:
        yield from measure_gate(plan.gate_rows, seed=plan.seed, repeat=plan.repeat, scratch=scratch, say=say)
    if "s3" in plan.parts:
        yield from measure_s3(plan.s3_objects, seed=plan.seed, repeat=plan.repeat, scratch=scratch, say=say)
    if plan.warm and not {"flow", "memory"}.isdisjoint(plan.parts):
        say("warming up")
        warm_up(scratch, plan.seed)
    if "flow" in plan.parts:
        runs = [(Kind.SMALL, plan.sizes, outputs) for outputs in plan.outputs]
        for kind, sizes, outputs in (*runs, (Kind.SLICE, plan.slice_sizes, "dicom,metadata")):
            yield from measure_flow(
                kind, sizes, outputs, seed=plan.seed, repeat=plan.repeat, scratch=scratch, say=say
            )
    if "memory" in plan.parts:
        yield from measure_memory(
            plan.memory_sizes, seed=plan.seed, repeat=plan.repeat, scratch=scratch, say=say
        )


def make_plan(options: argparse.Namespace) -> Plan:
    """Turn options into a plan; the short one is the same with little of everything.

    There the flow starts once for files, and once for rows alone, to see its memory: starting is most of it.
    """
    parts = tuple(part for part in PARTS if part in options.parts)
    if options.short:
        few = engine.Plan(small=20, slices=2, enhanced=1, rounds=1)
        return Plan(
            parts, (200,), ("dicom,metadata",), (), 30, 3, (200,), 60, (50,), few, 1, options.seed, warm=False
        )
    return Plan(
        parts,
        options.sizes,
        tuple(PEER_OF),
        options.slice_sizes,
        options.step_files,
        options.step_slices,
        options.gate_rows,
        options.s3_objects,
        options.memory_sizes,
        engine.Plan(options.engine_files, options.engine_slices, options.engine_enhanced, options.rounds),
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
        "--parts", type=_words, default=PARTS, help=f"{', '.join(PARTS)}, separated by commas"
    )
    parser.add_argument(
        "--sizes", type=_numbers, default=(2_000, 20_000), help="files of the whole flow, small CT"
    )
    parser.add_argument("--slice-sizes", type=_numbers, default=(200, 1_000), help="the same, 525 kB slices")
    parser.add_argument("--step-files", type=int, default=1_000, help="small files of the one-process part")
    parser.add_argument("--step-slices", type=int, default=200, help="slices of the one-process part")
    parser.add_argument(
        "--gate-rows",
        type=_numbers,
        default=(10_000, 100_000, 1_000_000),
        help="rows from the gate to the report; a million take some minutes to make",
    )
    parser.add_argument("--s3-objects", type=int, default=1_000, help="525 kB slices in a bucket")
    parser.add_argument(
        "--memory-sizes", type=_numbers, default=(1_000, 100_000), help="files of the flow, headers only"
    )
    parser.add_argument(
        "--engine-files", type=int, default=2_000, help="small files of a round of the engine"
    )
    parser.add_argument("--engine-slices", type=int, default=200, help="the same, 525 kB slices")
    parser.add_argument("--engine-enhanced", type=int, default=50, help="the same, 300 frames")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the engine, each over other files")
    parser.add_argument("--repeat", type=int, default=3, help="runs of the others, in turns with the peer")
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, help=f"seed of the files (default {DEFAULT_SEED})"
    )
    parser.add_argument(
        "--scratch", type=Path, help="keep and reuse files here (default: a temporary folder)"
    )
    parser.add_argument("--short", action="store_true", help="200 files at most, once: to see that it works")
    parser.add_argument(
        "--markdown",
        action="store_true",
        help="what counts as Markdown on standard output, the table beside it",
    )
    parser.add_argument(
        "--json", action="store_true", help="one JSON object on standard output, the table beside it"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
