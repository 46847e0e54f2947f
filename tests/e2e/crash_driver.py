"""Runs the verbs of a run in forked children, without Prefect, Dask and the gate: what is left is what commits.

Imports are paid once; each line of JSON on standard input ({"source": …, "target": …}) forks a child that stops
itself, so that a tracer can be attached, and does the run when it is told to continue. A line of JSON answers
with its pid, and another with how it ended.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from expectations.outcomes import GateResult
from tasks import emit as emit_module
from tasks import hold, process
from tasks.discover import discover
from tasks.emit import emit
from tasks.errors import PipelineError
from tasks.layout import Staging
from tasks.prepare import open_run
from tasks.publish import publish
from tasks.records import AuditReport, RunPlan
from tasks.session import Session
from tasks.settings import Settings
from tasks.staged import dump_record, scratch_folder
from tasks.storage.lease import Lease
from tasks.storage.store import open_store

FAILED_CLEANLY = 3


def main() -> None:
    """Answer requests until standard input ends."""
    process.report_progress = lambda _objects, _bytes: None
    emit_module.leave_artifact = lambda _report: None
    # After a kill, a bucket is free when its lease has stood still: half a minute, which many kills cannot wait.
    hold.Lease = functools.partial(Lease, beat_seconds=0.2, silent_seconds=1.5)  # type: ignore[assignment, misc]
    if os.environ.get("AWS_ENDPOINT_URL"):
        import_module("tasks.storage.s3_bucket")
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run_child(request)
        _say({"pid": child})
        status = os.waitpid(child, 0)[1]
        _say(
            {
                "killed": os.WIFSIGNALED(status),
                "code": -1 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
            }
        )


def _run_child(request: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)
    code = 1
    try:
        run(Settings(source=request["source"], target=request["target"], batch_objects=4))
        code = 0
    except PipelineError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        code = FAILED_CLEANLY
    finally:
        sys.stderr.flush()
        os._exit(code)


def run(settings: Settings) -> None:
    """Do what the flow does, one batch after the other."""
    with open_run(settings) as opened:
        for plan in opened.to_finish:
            finish(plan)
        found = discover.fn(opened.plan, settings)
        if found.listing.pending:
            for batch in found.batches:
                process.process_batch(batch, opened.plan)
            finish(opened.plan)


def finish(plan: RunPlan) -> None:
    """Judge without rules, publish, and say so."""
    store, staging = open_store(plan.target, {}), Staging(plan.run_id)
    verdict = AuditReport(run_withheld=False, run_failed_rules=(), rules=(), rules_digest="")
    if not store.exists(staging.audit):
        with scratch_folder(store, staging) as scratch:
            session = Session.open(store, staging, Path(scratch), frozenset())
            session.settle()
        session.write_decisions(GateResult((), (), (), (), ""))
        store.write(staging.audit, dump_record(verdict))
    publish.fn(plan)
    emit.fn(plan, verdict, {})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
