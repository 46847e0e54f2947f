"""Made-up objects by the million through the verbs of a run that see all of them: discover, publish, emit.

    python -m tests.bench.scale 1000000 FOLDER

The source is a listing made up as it is asked for, and what workers would stage of a batch is a template under other
identities. All else is the real run: batches and their manifests, duplicates, decisions, rows in Delta tables, the
ledger, and a second night that must find nothing new. Left out are the workers, whose memory knows a batch only, and
the gate (`tests.bench.gate`). Each step runs in a child of its own, so that its peak is its own.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count as count_up
from pathlib import Path
from typing import Any

import pyarrow as pa

from expectations.contracts import FINDINGS
from expectations.outcomes import GateResult
from tasks import emit as emit_module
from tasks import layout, survey
from tasks.discover import discover
from tasks.layout import Staging
from tasks.ledger.batching import read_manifest
from tasks.ledger.objects import SourceObjects
from tasks.prepare import make_plan, new_run_id
from tasks.publish import publish
from tasks.records import AuditReport, BatchReport, RunPlan, SourceObject, utc_now
from tasks.session import Session
from tasks.settings import Settings
from tasks.staged import dump_record, load_record, scratch_folder, table_bytes
from tasks.storage.store import Store, open_store
from tests.bench.gate import BATCH_ROWS, Template, copy_rows, make_template
from tests.builders import KEY_TEXT

OBJECT_BYTES = 525_000
SEED = 20261122


def make_listing(count: int) -> Iterator[SourceObject]:
    """Make objects with URIs of 115 bytes, as those of an archive that is sorted by study."""
    for number in range(count):
        study, series = divmod(number, 300)[0], number // 100
        uri = f"s3://archive/landing/{2015 + study % 10}/{study:012d}/{series:030d}/{number:044d}.dcm"
        yield SourceObject(uri, OBJECT_BYTES, f"{number:032x}")


def simulate(count: int, folder: Path) -> dict[str, Any]:
    """Take `count` objects through two nights; what each step took, as `_in_child` gives it."""
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["DICOMFLOW_KEY"] = KEY_TEXT
    template = make_template(SEED, folder)
    settings = Settings(source=str(folder), target=str(folder.with_name(folder.name + "-target")))
    plan = replace(make_plan(settings), run_id=new_run_id(), attempt=new_run_id())
    steps: dict[str, Callable[[], None]] = {
        "nothing": lambda: None,  # what all children start with
        "discover": lambda: _discover(plan, settings, count),
        "stage": lambda: _stage(plan, template),
        "settle": lambda: _settle(plan),
        "publish": lambda: publish.fn(plan),
        "emit": lambda: _emit(plan, count),
        "second night": lambda: _look_again(replace(plan, run_id=new_run_id()), count),
    }
    taken = {}
    for name, step in steps.items():
        taken[name] = _in_child(step)
        sys.stderr.write(f"{name}: {taken[name]}\n")
    store = open_store(plan.target, {})
    bytes_of = {
        key: sum(size for _, size in store.list_sizes(key)) for key in (layout.LEDGER, layout.INSTANCES)
    }
    return {"objects": count, "steps": taken, "bytes": bytes_of}


def _in_child(step: Callable[[], None]) -> dict[str, float]:
    """Do a step in a fork; gives its seconds, seconds of processor time, and peaks in bytes.

    Pages of files that lie in memory count in "bytes with files" only: the system takes them back when it must.
    """
    started = time.perf_counter()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            step()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    own = 0
    while not (ended := os.wait4(child, os.WNOHANG))[0]:
        own = max(own, _own_bytes(child))
        time.sleep(0.02)
    _, status, used = ended
    if status:
        raise SystemExit("a step failed; see above")
    return {
        "s": time.perf_counter() - started,
        "cpu s": used.ru_utime + used.ru_stime,
        "bytes": own,
        "bytes with files": used.ru_maxrss * 1024,
    }


def _own_bytes(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def _discover(plan: RunPlan, settings: Settings, count: int) -> None:
    survey.list_objects = lambda *_: make_listing(count)  # type: ignore[attr-defined]
    found = discover.fn(plan, settings)
    assert (found.listing.pending, found.finished) == (count, 0)
    assert sum(batch.object_count for batch in found.batches) == count


def _stage(plan: RunPlan, template: Template) -> None:
    """Do what the workers would: stage rows for the objects of each manifest."""
    store, staging, units = open_store(plan.target, {}), Staging(plan.run_id), count_up()
    for key in sorted(store.list(staging.manifests)):
        objects = read_manifest(store.read(key))
        _stage_batch(
            store, staging, key.rsplit("/", 1)[-1].removesuffix(".parquet"), objects, template, units
        )


def _stage_batch(
    store: Store,
    staging: Staging,
    batch_id: str,
    objects: SourceObjects,
    template: Template,
    units: Iterator[int],
) -> None:
    tables: dict[str, list[pa.Table]] = {"staged": [], "instances": [], "changed": []}
    for start in range(0, len(objects), BATCH_ROWS):
        few, unit = objects[start : start + BATCH_ROWS], next(units)
        for name, parts in tables.items():
            parts.append(copy_rows(getattr(template, name).slice(0, len(few)), unit, batch_id))
        staged = tables["staged"][-1]
        for name, column in (("source_uri", "uri"), ("size_bytes", "size_bytes"), ("version", "version")):
            place = staged.schema.get_field_index(name)
            field = staged.schema.field(place)
            staged = staged.set_column(place, field, few.table[column].cast(field.type))
        tables["staged"][-1] = staged
    written = {name: pa.concat_tables(parts) for name, parts in tables.items()}
    changes = copy_rows(template.changes, 0, batch_id)
    findings = FINDINGS.arrow_schema().empty_table()
    written |= {"changes": changes, "tokens": template.tokens, "findings": findings}
    for name, table in written.items():
        store.write_unsynced(staging.part(batch_id, name), [table_bytes(table)])
    store.write_unsynced(staging.look(batch_id), [template.look])
    now, rows = utc_now(), len(objects)
    report = BatchReport(batch_id, rows, rows, {}, {}, 0, 0, 0.0, now, now)
    store.write_unsynced(staging.report(batch_id), [dump_record(report)])


def _settle(plan: RunPlan) -> None:
    """Find duplicates and write decisions, of a gate that has no rules."""
    store, staging = open_store(plan.target, {}), Staging(plan.run_id)
    with scratch_folder(store, staging) as scratch:
        session = Session.open(store, staging, Path(scratch), frozenset())
        session.settle()
    session.write_decisions(GateResult((), (), (), (), ""))
    store.write(staging.audit, dump_record(AuditReport(False, (), (), "")))


def _emit(plan: RunPlan, count: int) -> None:
    emit_module.leave_artifact = lambda report: None  # noqa: ARG005
    store = open_store(plan.target, {})
    verdict = load_record(AuditReport, store.read(Staging(plan.run_id).audit))
    report = emit_module.emit.fn(plan, verdict, {})
    assert (report.listed, report.published) == (count, count), report


def _look_again(plan: RunPlan, count: int) -> None:
    survey.list_objects = lambda *_: make_listing(count)  # type: ignore[attr-defined]
    found = survey.list_source(plan, open_store(plan.target, {}), kept=None).listing
    assert (found.listed, found.pending, found.settled) == (count, 0, {"published": count})


if __name__ == "__main__":
    sys.stdout.write(json.dumps(simulate(int(sys.argv[1]), Path(sys.argv[2]))) + "\n")
