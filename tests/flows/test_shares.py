"""Batches are dealt out in shares, so that a task run's price is paid a few times and no worker waits at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.dask_runner import cut_shares
from tasks import process
from tasks.errors import TransientError
from tasks.process import process_batches
from tasks.records import Batch, BatchReport, RunPlan
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
def test_no_share_is_more_than_half_of_an_even_part_of_what_is_left(count: int, threads: int) -> None:
    left = count
    for share in cut_shares(_batches(count), threads):
        assert len(share) <= max(1, -(-left // (2 * threads)))
        left -= len(share)


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


def _fail_at(monkeypatch: pytest.MonkeyPatch, batch_id: str) -> None:
    def process_objects(
        objects: object, batch: Batch, plan: RunPlan, *rest: object, **options: object
    ) -> BatchReport:
        if batch.batch_id == batch_id:
            raise TransientError("the storage is away")
        return _PROCESS_OBJECTS(objects, batch, plan, *rest, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(process, "process_objects", process_objects)


_PROCESS_OBJECTS = process.process_objects
