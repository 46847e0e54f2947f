from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from expectations.outcomes import GateResult
from tasks import layout
from tasks.prepare import remove_staging
from tasks.publish import publish
from tasks.session import Session
from tasks.staged import decided_parts
from tasks.storage.local_store import LocalStore
from tasks.target import stored
from tests.builders import ct_instance, part10, write_study
from tests.plain import PlainRun


@pytest.fixture(autouse=True, params=[True, False], ids=["by folder", "by file"])
def renames(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publish as to a disk, and as to a bucket, where a folder is no more than a name."""
    monkeypatch.setattr(LocalStore, "renames_trees", request.param)


def decide(run: PlainRun) -> pa.Table:
    """Write the decisions as the audit does, with a gate that lets everything pass."""
    session = Session.open(run.store, run.staging, run.root / "scratch", frozenset())
    session.settle()
    session.write_decisions(GateResult((), (), (), (), ""))
    return pa.concat_tables(decided_parts(run.store, run.staging))


def published(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "target" / "published" / "dicom").rglob("*.dcm"))


def rows(run: PlainRun) -> list[str]:
    table = stored(run.store, layout.INSTANCES).read(["SOPInstanceUID"])
    return sorted(f"{uid}.dcm" for uid in table["SOPInstanceUID"].to_pylist())


def test_publishing_twice_is_publishing_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "source", instances=3)
    with PlainRun(tmp_path, monkeypatch) as run:
        run.process(run.discover())
        decide(run)
        publish.fn(run.plan)
        once = published(tmp_path), rows(run), stored(run.store, layout.LEDGER).read().num_rows
        publish.fn(run.plan)
        assert (published(tmp_path), rows(run), stored(run.store, layout.LEDGER).read().num_rows) == once
        assert (len(once[0]), once[2]) == (3, 3)
        assert once[0] == once[1]


def test_a_file_that_no_row_stands_for_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=2)
    with PlainRun(tmp_path, monkeypatch) as run:
        run.process(run.discover())
        study = next(path for path in run.store.list(run.staging.dicom)).rsplit("/", 1)[0]
        run.store.write(f"{study}/2.25.1.dcm", b"left by a run that died")
        decide(run)
        publish.fn(run.plan)
        assert len(published(tmp_path)) == 2
        assert published(tmp_path) == rows(run)


def test_instances_in_conflict_leave_their_study_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=2)
    (tmp_path / "source" / "rival.dcm").write_bytes(part10(ct_instance(instance=1, KVP="80")))
    with PlainRun(tmp_path, monkeypatch) as run:
        run.process(run.discover())
        decided = decide(run)
        publish.fn(run.plan)
        assert sorted(decided["state"].to_pylist()) == ["published", "quarantined", "quarantined"]
        assert len(published(tmp_path)) == 1
        assert published(tmp_path) == rows(run)


def test_a_changed_source_object_replaces_its_row_and_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, *_ = write_study(tmp_path / "source", instances=2)
    for change in (None, "80"):
        if change:
            path.write_bytes(part10(ct_instance(instance=1, KVP=change)))
        with PlainRun(tmp_path, monkeypatch) as run:
            found = run.discover()
            run.process(found)
            decide(run)
            publish.fn(run.plan)
            remove_staging(run.store, run.plan.run_id)
            kvps = stored(run.store, layout.INSTANCES).read(["KVP"])["KVP"].to_pylist()
    assert found.listing.pending == 1
    assert sorted(kvps) == [80.0, 120.0]
    assert len(published(tmp_path)) == 2


def test_finished_batches_of_a_dead_run_are_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=4)
    with PlainRun(tmp_path, monkeypatch, batch_objects=2) as dead:
        found = dead.discover()
        done = dead.process(found)[0]
        dead.store.delete(dead.staging.report(found.batches[1].batch_id))
    with PlainRun(tmp_path, monkeypatch, batch_objects=2) as run:
        assert run.plan.resumed
        assert run.plan.run_id == dead.plan.run_id
        again = run.discover()
    assert (again.finished, [batch.batch_id for batch in again.batches]) == (2, [found.batches[1].batch_id])
    assert done.batch_id == found.batches[0].batch_id


def test_metadata_alone_publishes_rows_without_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "source", instances=2)
    with PlainRun(tmp_path, monkeypatch, outputs="metadata") as run:
        (report,) = run.process(run.discover())
        decide(run)
        publish.fn(run.plan)
        assert len(rows(run)) == 2
        assert published(tmp_path) == []
        assert report.bytes_written == 0
