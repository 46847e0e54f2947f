from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tasks import process
from tasks.dicom.locate import Meta, MetaLocator
from tasks.errors import ConfigurationError, TransientError
from tasks.ledger.batching import read_manifest
from tasks.records import BatchReport, Reject
from tasks.staged import finished_reports
from tasks.storage.byte_source import LocalSource
from tasks.tables.rows import Row
from tests.builders import OTHER_KEY_TEXT, ct_instance, part10, write_study
from tests.plain import PlainRun
from tests.reasons.damage import with_value


def run_batch(run: PlainRun, *, last_try: bool = False) -> BatchReport:
    (batch,) = run.discover().batches
    objects = read_manifest(run.store.read(batch.manifest))
    return process.process_objects(
        objects, batch, run.plan, run.store, lambda _objects, _bytes: None, last_try=last_try
    )


@pytest.mark.parametrize("kind", [BaseException, SystemExit, RecursionError, StopIteration])
def test_whatever_one_object_does_the_others_are_staged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: type[BaseException],
) -> None:
    paths = write_study(tmp_path / "source", instances=3)
    poison = paths[1].read_bytes()
    real = MetaLocator.locate

    def locate(locator: MetaLocator, window: bytes) -> Meta:
        if poison.startswith(window):
            raise kind("Doerfler^Janette")
        return real(locator, window)

    monkeypatch.setattr(MetaLocator, "locate", locate)
    with PlainRun(tmp_path, monkeypatch) as run:
        report = run_batch(run)
    assert (report.staged, report.rejects) == (2, {"INTERNAL_ERROR": 1})
    assert f"INTERNAL_ERROR: {kind.__name__} at " in caplog.text
    assert "Janette" not in caplog.text


def test_an_object_that_fits_in_no_table_costs_no_other_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_study(tmp_path / "source", instances=5)
    real = process.instance_row

    def make_row(columns: Mapping[str, object], **named: Any) -> Row:
        unfit = {"pixel_bytes": 2**70} if columns["InstanceNumber"] == 3 else {}
        row = real(columns, **named)
        return Row(row.common, row.own | unfit)

    monkeypatch.setattr(process, "instance_row", make_row)
    with PlainRun(tmp_path, monkeypatch) as run:
        report = run_batch(run)
        staged = pq.read_table(run.store.local_path(run.staging.part(report.batch_id, "instances")))
    assert (report.object_count, report.staged, report.rejects) == (5, 4, {"INTERNAL_ERROR": 1})
    assert sorted(staged["InstanceNumber"].to_pylist()) == [1, 2, 4, 5]
    assert "INTERNAL_ERROR: ContractError at " in caplog.text


def test_a_header_that_promises_more_pixels_than_a_column_can_say_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=1)
    (tmp_path / "source" / "frames.dcm").write_bytes(with_value("NumberOfFrames", b"9" * 20, "IS"))
    (tmp_path / "source" / "rows.dcm").write_bytes(with_value("Rows", b"ab" * 300, "FD"))
    with PlainRun(tmp_path, monkeypatch) as run:
        report = run_batch(run)
    assert (report.staged, report.rejects) == (3, {})


def test_a_source_that_fails_is_tried_again_before_its_objects_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=2)

    def read(_source: LocalSource, _offset: int, _length: int) -> bytes:
        raise TransientError("the disk does not answer")

    monkeypatch.setattr(LocalSource, "read", read)
    with PlainRun(tmp_path, monkeypatch) as run:
        with pytest.raises(TransientError):
            run_batch(run)
        report = run_batch(run, last_try=True)
    assert (report.staged, report.rejects) == (0, {"SOURCE_UNREADABLE": 2})


def test_images_that_may_show_identity_are_withheld_only_where_pixels_would_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=1, BurnedInAnnotation="YES")
    with PlainRun(tmp_path, monkeypatch) as run:
        assert run_batch(run).rejects == {"PIXEL_REVIEW": 1}
    (tmp_path / "other").mkdir()
    write_study(tmp_path / "other" / "source", instances=1, BurnedInAnnotation="YES")
    with PlainRun(tmp_path / "other", monkeypatch, outputs="metadata") as run:
        assert run_batch(run).staged == 1


def test_an_identifier_left_in_the_pixels_refuses_the_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ds = ct_instance()
    ds.PixelData = b"Doerfler^Janettea".ljust(512, b"\0")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "one.dcm").write_bytes(part10(ds))
    with PlainRun(tmp_path, monkeypatch) as run:
        assert run_batch(run).rejects == {"IDENTIFIER_LEFT": 1}


def test_reading_metadata_leaves_the_pixels_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = bytes(2 * 1024 * 1024)
    write_study(tmp_path / "source", instances=2, Rows=1024, Columns=1024, PixelData=pixels)
    with PlainRun(tmp_path, monkeypatch, outputs="metadata") as run:
        report = run_batch(run)
    assert report.staged == 2
    assert report.bytes_read < 200_000


def test_no_staged_table_outside_the_restricted_part_names_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=2)
    with PlainRun(tmp_path, monkeypatch) as run:
        run.process(run.discover())
    columns = {
        path.relative_to(tmp_path / "target").parts[0]: set(pq.read_schema(path).names)
        for path in (tmp_path / "target").rglob("*.parquet")
        if path.name in ("staged.parquet", "instances.parquet")
    }
    assert "source_uri" in columns["restricted"]
    assert not {"source_uri", "uri"} & columns["staging"]
    name = str(tmp_path / "source").encode()
    staged = [path.read_bytes() for path in (tmp_path / "target" / "staging").rglob("*.json")]
    assert staged
    assert not any(name in data for data in staged)


def test_the_record_of_a_batch_that_was_there_first_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=2)
    with PlainRun(tmp_path, monkeypatch) as run:
        found = run.discover()
        first, second = run.process(found), run.process(found)
        assert second == first
        assert finished_reports(run.store, run.staging) == first


def test_a_worker_with_another_key_refuses_to_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_study(tmp_path / "source", instances=1)
    with PlainRun(tmp_path, monkeypatch) as run:
        monkeypatch.setenv("DICOMFLOW_KEY", OTHER_KEY_TEXT)
        process.worker_of.cache_clear()
        with pytest.raises(ConfigurationError, match="another key"):
            run_batch(run)


def test_a_reject_names_a_code_and_a_place_and_nothing_else() -> None:
    assert Reject._fields == ("code", "path")


@pytest.mark.parametrize(
    ("options", "published", "rejects"),
    [
        ({}, 2, {}),
        ({"salvage": "strict"}, 0, {"BAD_DATE": 1, "BAD_AGE": 1}),
        ({"salvage": "strict", "salvage_codes": {"BAD_AGE": "salvage"}}, 1, {"BAD_DATE": 1}),
        ({"salvage_codes": {"BAD_AGE": "quarantine"}}, 1, {"BAD_AGE": 1}),
    ],
)
def test_the_salvage_policy_decides_what_becomes_of_damage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, object],
    published: int,
    rejects: dict[str, int],
) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "date.dcm").write_bytes(with_value("StudyDate", b"20230230"))
    (tmp_path / "source" / "age.dcm").write_bytes(with_value("PatientAge", b"62"))
    with PlainRun(tmp_path, monkeypatch, options=options) as run:
        report = run_batch(run)
    assert (report.staged, report.rejects) == (published, rejects)
    assert any((tmp_path / "target").rglob("*.dcm")) == (published > 0)
