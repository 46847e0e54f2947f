"""The end of a run, from staged rows to the report, over as many rows as one likes and no file.

The gate, the tables and the ledger see rows and not files, so a thousand files are cleaned once, and their rows
are staged again and again under other UIDs, as the batches of a run. Then a process of its own judges,
publishes and reports them, as the flow does, and the kernel tells the most memory each step had.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from expectations.contracts import FINDINGS
from expectations.rules import DEFAULT_RULES
from tasks import emit as emit_module
from tasks.audit import audit
from tasks.layout import Staging
from tasks.publish import publish
from tasks.records import BatchReport, Listing, Outcome, RunPlan, utc_now
from tasks.staged import dump_record, load_record, read_table, table_bytes
from tasks.storage.listing import list_objects
from tasks.storage.store import Store, open_store
from tests.bench.corpus import Kind, Recipe, make_corpus
from tests.bench.figures import Figure, Sample
from tests.bench.flow import Say, run_measured
from tests.bench.steps import plan_run, process_corpus

BATCH_ROWS = 1_000
_RUN_ID = "01a200a8-bd1a-7573-a9dd-dc8aa4883833"
STEPS = ("audit", "publish", "emit")
_UID_COLUMNS = ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "StudyInstanceUID")


class Template(NamedTuple):
    """One batch as a worker staged it; the tokens of its texts are the same in every copy."""

    staged: pa.Table
    instances: pa.Table
    tokens: pa.Table
    changes: pa.Table
    changed: pa.Table
    look: bytes


def measure_gate(
    sizes: Sequence[int], *, seed: int, repeat: int, scratch: Path, say: Say
) -> Iterator[Figure]:
    """Measure each size in processes of its own."""
    template = make_template(seed, scratch)
    for size in sizes:
        runs = []
        for number in range(repeat):
            say(f"gate, {size:,} rows: run {number + 1} of {repeat}")
            with tempfile.TemporaryDirectory(prefix="gate-", dir=scratch) as folder:
                stage_rows(Path(folder), template, size)
                _, said = run_measured(("-m", "tests.bench.gate", folder), dict(os.environ))
                runs.append(json.loads(said))
        yield from _figures(size, runs)


def _figures(size: int, runs: list[dict[str, Any]]) -> Iterator[Figure]:
    def figure(measure: str, unit: str, take: Callable[[dict[str, Any]], float]) -> Figure:
        return Figure(
            "from staged rows to report", f"{size:,} rows", measure, unit, Sample.of(map(take, runs))
        )

    def total(run: dict[str, Any], clock: str = "seconds") -> float:
        return float(sum(run[clock][step] for step in STEPS))

    yield figure("rows", "rows/s", lambda run: size / total(run))
    for step in STEPS:
        yield figure(f"  {step}", "s", lambda run, step=step: run["seconds"][step])  # type: ignore[misc]
    yield figure("cost per row", "µs", lambda run: total(run) / size * 1e6)
    yield figure("cost per row", "µs CPU", lambda run: total(run, "processor") / size * 1e6)
    yield figure("memory before", "MB", lambda run: run["peaks"]["imports"] / 1e6)
    for step in STEPS:
        yield figure(f"peak memory, {step}", "MB", lambda run, step=step: run["peaks"][step] / 1e6)  # type: ignore[misc]


def make_template(seed: int, scratch: Path) -> Template:
    """Clean a thousand small files once, without writing them."""
    corpus = make_corpus(Recipe(Kind.SMALL, BATCH_ROWS, seed), scratch)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        plan = plan_run(Path(folder), "metadata")
        report = process_corpus(list(list_objects(str(corpus.folder), {})), plan)
        store, staging = open_store(plan.target, {}), Staging(plan.run_id)
        tables = (read_table(store, staging.part(report.batch_id, name)) for name in Template._fields[:-1])
        return Template(*tables, store.read(staging.look(report.batch_id)))


def stage_rows(folder: Path, template: Template, count: int) -> RunPlan:
    """Stage `count` rows below `folder` as the batches of one run, all but audited."""
    plan = plan_run(folder, "metadata")
    plan = replace(plan, run_id=_RUN_ID, source_ref="0" * 32, started_at=utc_now())
    store, staging = open_store(plan.target, {}), Staging(plan.run_id)
    for number, start in enumerate(range(0, count, BATCH_ROWS)):
        _stage_batch(store, staging, template, number, min(BATCH_ROWS, count - start))
    store.write(staging.rules, DEFAULT_RULES.read_bytes())
    store.write(staging.listing, dump_record(Listing(count, count, 0, {}, {})))
    store.write(staging.run, dump_record(plan))
    (folder / "plan.json").write_bytes(dump_record(plan))
    return plan


def _stage_batch(store: Store, staging: Staging, template: Template, number: int, rows: int) -> None:
    batch_id = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    staged = copy_rows(template.staged.slice(0, rows), number, batch_id)
    refs = template.staged["source_ref"].slice(0, rows)
    mine = template.instances.filter(pc.is_in(template.instances["source_ref"], refs.combine_chunks()))
    tables = {
        "staged": staged,
        "instances": copy_rows(mine, number, batch_id),
        "findings": FINDINGS.arrow_schema().empty_table(),
        "tokens": template.tokens,
        "changes": copy_rows(template.changes, number, batch_id),
        "changed": copy_rows(template.changed.slice(0, rows), number, batch_id),
    }
    for name, table in tables.items():
        store.write_unsynced(staging.part(batch_id, name), [table_bytes(table)])
    store.write_unsynced(staging.look(batch_id), [template.look])
    now = utc_now()
    report = BatchReport(batch_id, rows, rows, {}, {}, 0, 0, 0.0, now, now)
    store.write_unsynced(staging.report(batch_id), [dump_record(report)])


def copy_rows(table: pa.Table, number: int, batch_id: str) -> pa.Table:
    """Give the rows other identities, the same for the same `number`; studies stay whole."""

    def renamed(name: str, rename: Callable[[str], str]) -> None:
        nonlocal table
        if name in table.column_names:
            values = table[name].combine_chunks().dictionary_encode()
            made = pa.array([rename(value) for value in values.dictionary.to_pylist()], pa.string())
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(place), made.take(values.indices))

    for name in _UID_COLUMNS:
        renamed(name, lambda uid: _make_uid(f"{number}/{uid}"))
    renamed("PatientID", lambda patient: f"{patient[:16]}{_LETTERS[number % 32]}{_digits(number)}")
    renamed("source_ref", lambda ref: hashlib.sha256(f"{number}/{ref}".encode()).hexdigest()[:32])
    renamed("source_uri", lambda uri: f"{uri.rsplit('/', 4)[0]}/{number:06d}/{uri}")
    renamed("batch_id", lambda _: batch_id)
    return table


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _digits(number: int) -> str:
    """Write a number in the seven characters that end a pseudonym of a patient."""
    return "".join(_LETTERS[number >> shift & 31] for shift in range(30, -1, -5))


def _make_uid(name: str) -> str:
    """Make a UID as de-identification does: a UUID of version 8."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16])
    number = number & ~(0xF << 76) | 8 << 76
    return f"2.25.{number & ~(0x3 << 62) | 2 << 62}"


def _peak_bytes() -> int:
    peak = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(peak[1]) * 1024 if peak else 0


def run_steps(folder: Path) -> dict[str, Any]:
    """Judge, publish and report what is staged in `folder`; gives seconds and peaks in bytes, by step."""
    import great_expectations

    plan = load_record(RunPlan, (folder / "plan.json").read_bytes())
    seconds, processor, peaks = {}, {}, {"imports": _peak_bytes()}
    # There is no Prefect to leave it with.
    emit_module.leave_artifact = lambda report: None  # noqa: ARG005

    def step(name: str, function: Callable[[], Any]) -> Any:
        # The kernel forgets the peak, so that each step has its own.
        Path("/proc/self/clear_refs").write_text("5")
        started, used = time.perf_counter(), time.process_time()
        result = function()
        seconds[name], peaks[name] = time.perf_counter() - started, _peak_bytes()
        processor[name] = time.process_time() - used
        return result

    verdicts = step("audit", lambda: audit.fn(plan))
    step("publish", lambda: publish.fn(plan))
    report = step("emit", lambda: emit_module.emit.fn(plan, verdicts, {}))
    if report.outcome != Outcome.PUBLISHED:
        raise AssertionError(f"{asdict(report)} by Great Expectations {great_expectations.__version__}")
    return {"seconds": seconds, "processor": processor, "peaks": peaks}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run_steps(Path(sys.argv[1]))) + "\n")
