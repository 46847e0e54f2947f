"""Batches are dealt out in shares, so that a task run's price is paid a few times and no worker waits at the end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import dask_runner
from flows.dask_runner import cut_shares
from tasks import process
from tasks.errors import TransientError
from tasks.ledger.batching import read_manifest
from tasks.process import process_batches
from tasks.records import Batch, BatchReport, RunPlan
from tasks.staged import batch_ids, parts
from tasks.storage.store import open_store
from tests.builders import write_study
from tests.plain import PlainRun


def _batches(count: int) -> list[Batch]:
    return [Batch(f"{number:032x}", f"manifests/{number}.parquet", 1, 1) for number in range(count)]


@given(st.integers(0, 1500), st.integers(1, 300))
def test_every_batch_is_in_one_share_and_in_order(count: int, threads: int) -> None:
    batches = _batches(count)
    shares = cut_shares(batches, threads)
    assert [batch for share in shares for batch in share] == batches
    assert all(shares)


@given(st.integers(1, 1500), st.integers(1, 300))
def test_the_last_shares_are_single_batches_and_none_is_larger_than_one_before(
    count: int, threads: int
) -> None:
    sizes = [len(share) for share in cut_shares(_batches(count), threads)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-min(len(sizes), threads) :] == [1] * min(len(sizes), threads)


def test_large_batches_are_not_put_together() -> None:
    large = [
        Batch(f"{number:032x}", f"manifests/{number}.parquet", 133_512, 66 << 30) for number in range(700)
    ]
    assert all(len(share) == 1 for share in cut_shares(large, 2))


def test_a_long_run_takes_few_task_runs() -> None:
    assert len(cut_shares(_batches(1000), 2)) < 80


def test_what_fails_in_a_later_batch_leaves_the_finished_ones_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=6)
    with PlainRun(tmp_path, monkeypatch, batch_objects=2) as run:
        batches = run.discover().batches
        fails = batches[1].batch_id
        _fail_at(monkeypatch, fails)
        done = process_batches.fn(batches, run.plan)
        assert [report.batch_id for report in done] == [batches[0].batch_id]
        with pytest.raises(TransientError):
            process_batches.fn(batches[1:], run.plan)
        _fail_at(monkeypatch, "")
        rest = process_batches.fn(batches, run.plan)
        assert [report.object_count for report in rest] == [2, 2, 2]
        assert rest[0] == done[0], "a finished batch is not processed again"


def test_what_ended_another_task_run_counts_as_a_retry_of_its_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=16)
    with PlainRun(tmp_path, monkeypatch, batch_objects=1) as run:
        batches = list(run.discover().batches)
        ids = [batch.batch_id for batch in batches]
        # In the second round one stands first in its share and the other third, and most had no turn in the first.
        fails = [ids[1], ids[9]]

        def reports_of(parameters: dict[str, Any]) -> list[BatchReport]:
            _fail_at(monkeypatch, fails.pop(0) if fails else "")
            return process_batches.fn(**parameters)

        monkeypatch.setattr(dask_runner, "_reports_of", reports_of)
        reports = dask_runner._run_until_done(run.plan, batches, 1, Submitted())
    assert {report.batch_id: report.retries for report in reports if report.retries} == {ids[1]: 1, ids[9]: 1}
    assert len(reports) == 16


class Submitted:
    """Stands for a cluster whose futures are what was asked for."""

    def submit(self, _task: object, parameters: dict[str, Any]) -> dict[str, Any]:
        return parameters


class Workers:
    """Stands for a cluster: does shares one after the other, and dies of one object and of whom it is told to."""

    status = "running"

    def __init__(self, plan: RunPlan, poison: str, dies_after: tuple[str, ...] = ()) -> None:
        self.client, self.plan, self.poison, self.task_runs = self, plan, poison, 0
        self._dies_after = list(dies_after)

    def submit(self, _task: object, parameters: dict[str, Any]) -> list[Batch]:
        self.task_runs += 1
        return parameters["batches"]

    def do(self, share: list[Batch]) -> list[BatchReport] | None:
        store, done = open_store(self.plan.target, {}), []
        for batch in share:
            objects = read_manifest(store.read(batch.manifest))
            if any(self.poison in obj.uri for obj in objects):
                return None
            done.append(process.process_batch(batch, self.plan))
            if batch.batch_id in self._dies_after:
                self._dies_after.remove(batch.batch_id)
                return None
        return done


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_whoever_takes_workers_along_every_object_is_staged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    write_study(tmp_path / "source", instances=16)
    with PlainRun(tmp_path, monkeypatch, batch_objects=2) as run:
        batches = list(run.discover().batches)
        innocent = (batches[0].batch_id, batches[5].batch_id)
        workers = Workers(run.plan, "i7.dcm", dies_after=innocent * 2)
        monkeypatch.setattr(dask_runner, "_reports_of", workers.do)
        reports = dask_runner._run_until_done(run.plan, batches, threads, workers)
        assert sum(report.object_count for report in reports) == 16
        assert sum((Counter(report.rejects) for report in reports), Counter[str]()) == {"PARSER_CRASH": 1}
        staged = pa.concat_tables(parts(run.store, run.staging, "staged"))
        assert len(staged) == len(set(staged["source_uri"].to_pylist())) == 16
        assert {report.batch_id for report in reports} == set(batch_ids(run.store, run.staging))
        assert batches[0].batch_id in {report.batch_id for report in reports}, (
            "it was done, so it is not halved"
        )


def _fail_at(monkeypatch: pytest.MonkeyPatch, batch_id: str) -> None:
    def process_objects(
        objects: object, batch: Batch, plan: RunPlan, *rest: object, **options: object
    ) -> BatchReport:
        if batch.batch_id == batch_id:
            raise TransientError("the storage is away")
        return _PROCESS_OBJECTS(objects, batch, plan, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "process_objects", process_objects)


_PROCESS_OBJECTS = process.process_objects
