"""Taking again what was set aside: by the ledger, under today's rules, with the published left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from expectations.outcomes import GateResult
from tasks import emit as emit_module
from tasks import layout
from tasks.emit import emit
from tasks.errors import ConfigurationError
from tasks.prepare import make_plan
from tasks.publish import publish
from tasks.records import AuditReport, RunKind, RunReport, Selection
from tasks.session import Session
from tasks.settings import Settings
from tasks.target import stored
from tests.builders import KEY_TEXT, ROOT, ct_instance, part10, write_study
from tests.plain import PlainRun

ALL = Selection()


@pytest.fixture(autouse=True)
def _without_prefect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit_module, "leave_artifact", lambda report: None)  # noqa: ARG005


def end(run: PlainRun, withheld_by: tuple[str, ...] = ()) -> RunReport:
    """Take a run to its end under a gate that lets everything pass, or under one that holds all of it back."""
    run.process(run.discover())
    session = Session.open(run.store, run.staging, run.root / "scratch", frozenset())
    session.settle()
    session.write_decisions(GateResult((), (), withheld_by, (), ""))
    publish.fn(run.plan)
    return emit.fn(run.plan, AuditReport(bool(withheld_by), withheld_by, (), ""), {})


def files(root: Path, folder: str) -> dict[str, bytes]:
    place = root / "target" / folder
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*.dcm")}


def last_endings(run: PlainRun) -> dict[str, tuple[str, str | None, str | None]]:
    rows = stored(run.store, layout.LEDGER).read().sort_by("recorded_at").to_pylist()
    return {
        row["source_uri"].rsplit("/", 1)[-1]: (row["state"], row["reason"], row["run_kind"]) for row in rows
    }


def test_what_is_replayed_ends_anew_and_what_is_published_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    write_study(source, instances=2)
    write_study(source, study=2, patient=2, instances=1, BurnedInAnnotation="YES")
    (source / "text.txt").write_bytes(b"not DICOM, and will never be")
    (source / "mended.dcm").write_bytes(b"cut off")
    with PlainRun(tmp_path, monkeypatch) as run:
        end(run)
    before = files(tmp_path, "published/dicom")
    assert len(before) == 2
    (source / "mended.dcm").write_bytes(part10(ct_instance(instance=3)))

    with PlainRun(tmp_path, monkeypatch, selection=Selection(reasons=("NOT_DICOM", "EMPTY_FILE"))) as run:
        report = end(run)
    assert (report.kind, report.listed, report.published, report.quarantined) == (RunKind.REPLAY, 2, 1, 1)
    after = files(tmp_path, "published/dicom")
    assert after.items() > before.items()
    assert last_endings(run) == {
        "s1-i1.dcm": ("published", None, "clean"),
        "s1-i2.dcm": ("published", None, "clean"),
        "s2-i1.dcm": ("withheld", "PIXEL_REVIEW", "clean"),
        "text.txt": ("quarantined", "NOT_DICOM", "replay"),
        "mended.dcm": ("published", None, "replay"),
    }
    (series,) = stored(run.store, layout.SERIES).read().to_pylist()
    assert series["instance_count"] == 3

    with PlainRun(tmp_path, monkeypatch) as run:
        assert run.discover().listing.pending == 0


def test_a_study_that_was_withheld_moves_to_the_published_when_it_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "source", instances=2)
    write_study(tmp_path / "source", study=2, patient=2, instances=1)
    with PlainRun(tmp_path, monkeypatch) as run:
        end(run, withheld_by=("R092",))
    withheld = files(tmp_path, layout.WITHHELD_DICOM)
    assert (len(withheld), files(tmp_path, "published/dicom")) == (3, {})
    with PlainRun(tmp_path, monkeypatch, selection=Selection(("R092",), (f"{ROOT}.1",))) as run:
        report = end(run)
    assert report.published == 2
    published = files(tmp_path, "published/dicom")
    assert published.items() < withheld.items()
    assert files(tmp_path, layout.WITHHELD_DICOM) == {
        path: data for path, data in withheld.items() if path not in published
    }


def test_an_object_that_has_gone_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").mkdir()
    for name in ("gone.txt", "here.txt"):
        (tmp_path / "source" / name).write_bytes(b"not DICOM")
    with PlainRun(tmp_path, monkeypatch) as run:
        end(run)
    (tmp_path / "source" / "gone.txt").unlink()
    with PlainRun(tmp_path, monkeypatch, selection=ALL) as run:
        end(run)
    assert last_endings(run) == {
        "gone.txt": ("quarantined", "SOURCE_UNREADABLE", "replay"),
        "here.txt": ("quarantined", "NOT_DICOM", "replay"),
    }
    (tmp_path / "source" / "here.txt").unlink()
    with (
        PlainRun(tmp_path, monkeypatch, selection=ALL) as run,
        pytest.raises(ConfigurationError, match="None of the 2 objects"),
    ):
        run.discover()


def test_a_replay_of_nothing_is_refused_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMFLOW_KEY", KEY_TEXT)
    settings = Settings(target=str(tmp_path / "mistyped"))
    with pytest.raises(ConfigurationError, match="nothing to replay"):
        make_plan(settings, ALL)
    with pytest.raises(ConfigurationError, match="neither a reason code nor the id of a rule"):
        make_plan(settings, Selection(reasons=("PIXEL_REVEIW",)))
    assert not (tmp_path / "mistyped").exists()
