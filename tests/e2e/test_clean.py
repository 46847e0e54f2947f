"""The command as it is used: run, run again, kill, resume; whatever happens, the target is the same."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pydicom
import pytest

from tests.builders import OTHER_KEY_TEXT, ct_instance, part10, write_study
from tests.corpus import BUNDLED
from tests.e2e.runs import Place, clean, command, files_of, rows_of, states_of
from tests.programs import need

pytestmark = pytest.mark.e2e

TABLES = ("published/instances", "published/series", "published/studies")
SETTLED = ("source_uri", "version", "sha256", "state", "reason", "batch_id", "SOPInstanceUID")


def fill(source: Path) -> None:
    """Write a source with something of every fate: studies, a duplicate, a conflict, junk, a real corpus file."""
    for study in range(1, 7):
        write_study(source / f"ward{study % 2}", study=study, patient=study, instances=4)
    (source / "ward1" / "s1-i1-copy.dcm").write_bytes((source / "ward1" / "s1-i1.dcm").read_bytes())
    (source / "other.dcm").write_bytes(part10(ct_instance(study=2, patient=2, KVP="80")))
    (source / "notes.txt").write_text("not DICOM at all")
    (source / "empty.dcm").write_bytes(b"")
    (source / "real.dcm").write_bytes((BUNDLED / "test_files" / "CT_small.dcm").read_bytes())
    os.mkfifo(source / "pipe.dcm")
    (source / "link.dcm").symlink_to(source / "real.dcm")


EXPECTED = {"published": 24, "duplicate": 1, "quarantined": 6}
"""25 slices less one in conflict; its rival, text, empty file, FIFO and link are refused."""


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, prefect_server: str) -> Place:
    """An undisturbed run on one worker, in batches of four."""
    place = Place(tmp_path_factory.mktemp("clean"))
    place.source.mkdir()
    fill(place.source)
    report = clean(place, "--workers", "1", "--batch-objects", "4", "--identities")
    assert report["exit_code"] == 3, report
    return place


def settled(target: Path) -> list[tuple[Any, ...]]:
    return sorted(tuple(row[name] for name in SETTLED) for row in rows_of(target, "restricted/ledger"))


def assert_same_target(target: Path, reference: Path) -> None:
    assert files_of(target) == files_of(reference)
    for table in TABLES:
        assert rows_of(target, table) == rows_of(reference, table)
    assert settled(target) == settled(reference)


def test_every_object_ends_in_one_state_with_its_reason(reference: Place) -> None:
    assert states_of(reference.target) == EXPECTED
    reasons = {
        Path(row["source_uri"]).name: row["reason"] for row in rows_of(reference.target, "restricted/ledger")
    }
    assert {name: code for name, code in reasons.items() if code} == {
        "s1-i1.dcm": "DUPLICATE_EXACT",
        "other.dcm": "DUPLICATE_UID_CONFLICT",
        "s2-i1.dcm": "DUPLICATE_UID_CONFLICT",
        "notes.txt": "NOT_DICOM",
        "empty.dcm": "EMPTY_FILE",
        "pipe.dcm": "NOT_A_FILE",
        "link.dcm": "SYMLINK",
    }


def test_published_files_rows_and_ledger_agree(reference: Place) -> None:
    rows = rows_of(reference.target, "published/instances")
    published = files_of(reference.target)
    assert {row["file_path"].removeprefix("published/dicom/") for row in rows} == set(published)
    ledger = rows_of(reference.target, "restricted/ledger")
    assert {row["SOPInstanceUID"] for row in rows} == {
        row["SOPInstanceUID"] for row in ledger if row["state"] == "published"
    }
    assert sum(row["instance_count"] for row in rows_of(reference.target, "published/series")) == len(rows)


def test_pixels_are_those_of_the_source_byte_for_byte(reference: Place) -> None:
    originals = {
        pydicom.dcmread(path).PixelData
        for path in reference.source.rglob("*.dcm")
        if path.is_file() and not path.is_symlink() and path.stat().st_size
    }
    for data in files_of(reference.target).values():
        assert pydicom.dcmread(pydicom.filebase.DicomBytesIO(data)).PixelData in originals


def test_staging_is_gone_and_docs_and_lineage_are_there(reference: Place) -> None:
    target = reference.target
    assert not [path for path in (target / "staging").rglob("*") if path.is_file()]
    assert (target / "docs" / "index.html").is_file()
    assert len(list((target / "lineage").glob("*.ndjson"))) == 1


def test_a_second_run_reads_nothing_and_changes_nothing(reference: Place) -> None:
    before = {path: path.read_bytes() for path in reference.target.rglob("*") if path.is_file()}
    report = clean(reference)
    assert (report["exit_code"], report["outcome"], report["bytes_read"]) == (0, "nothing new", 0)
    assert report["listed"] == report["unchanged"] == sum(EXPECTED.values())
    assert {path: path.read_bytes() for path in reference.target.rglob("*") if path.is_file()} == before


def test_two_workers_make_the_same_target_as_one(reference: Place, tmp_path: Path) -> None:
    clean(reference, "--workers", "2", "--batch-objects", "4", "--identities", target=tmp_path / "target")
    assert_same_target(tmp_path / "target", reference.target)
    for table in ("restricted/changes", "restricted/changed", "restricted/audit"):
        assert rows_of(tmp_path / "target", table) == rows_of(reference.target, table)
    for read, files in ((Path.read_bytes, "restricted/identities/*"), (review_of, "docs/runs/*/review.json")):
        ours, theirs = (
            [read(path) for path in sorted(target.glob(files))]
            for target in (tmp_path / "target", reference.target)
        )
        assert ours == theirs
        assert ours


def review_of(path: Path) -> Any:
    """Read what a reviewer is shown; when each run of a trend began is not the same in any two."""
    review = json.loads(path.read_bytes())
    for trend in review["trends"]:
        trend["points"] = [values for _began, *values in trend["points"]]
    return review


def test_every_changed_element_is_accounted_for(reference: Place) -> None:
    changes = {
        (row["batch_id"], row["change"]): row for row in rows_of(reference.target, "restricted/changes")
    }
    staged = rows_of(reference.target, "restricted/changed")
    assert {row["source_ref"] for row in staged} >= {
        row["source_ref"] for row in rows_of(reference.target, "published/instances")
    }

    def paths_of(row: Mapping[str, Any]) -> set[str]:
        return {changes[row["batch_id"], number]["path"] for number in row["changes"]}

    for row in staged:
        paths = paths_of(row)
        assert {"(0010,0010)", "(0010,0020)", "(0008,0018)"} <= paths
        assert len(paths) == len(row["changes"])
    nested = [row for row in staged if "(0008,1140)[0].(0008,1155)" in paths_of(row)]
    assert len(nested) == len(staged) - 1  # the real file refers to no other


def test_a_new_file_is_processed_alone_and_joins_its_study(reference: Place, tmp_path: Path) -> None:
    place = Place(tmp_path)
    write_study(place.source, study=1, instances=3)
    clean(place)
    before = files_of(place.target)
    (place.source / "late.dcm").write_bytes(part10(ct_instance(instance=4)))
    report = clean(place)
    assert (report["listed"], report["unchanged"], report["published"]) == (4, 3, 4)
    after = files_of(place.target)
    assert {path: after[path] for path in before} == before
    assert [row["instance_count"] for row in rows_of(place.target, "published/series")] == [4]


def start(place: Place, target: Path, *options: str, under: Sequence[str] = ()) -> subprocess.Popen[bytes]:
    arguments = ["clean", str(place.source), str(target), "--json", "--batch-objects", "4", *options]
    return subprocess.Popen(
        [*under, *command(*arguments)],
        env=place.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(target: Path, pattern: str, run: subprocess.Popen[bytes]) -> None:
    """Wait until the run has written what `pattern` names."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and run.poll() is None:
        if any(target.glob(pattern)):
            return
        time.sleep(0.005)
    pytest.fail(f"the run ended before it wrote {pattern}")


def kill_all(run: subprocess.Popen[bytes]) -> None:
    """Kill the run and everything it started, as a power cut would."""
    family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=20)
    run.wait()


MOMENTS = {
    "listed": "restricted/staging/*/manifests/*",
    "first batch done": "staging/*/reports/*",
    "judged": "staging/*/audit.json",
    "first study published": "published/dicom/*/*",
    "ledger begun": "restricted/ledger/*",
    "docs begun": "docs/runs/*/report.json",
}
"""What a run has just written when it is killed, in the order of its steps."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("moments", [list(MOMENTS)[::2], list(MOMENTS)[1::2]], ids=", ".join)
def test_a_run_killed_again_and_again_ends_as_if_nothing_had_happened(
    reference: Place, tmp_path: Path, moments: list[str]
) -> None:
    target = tmp_path / "target"
    for moment in moments:
        run = start(reference, target, "--identities")
        wait_for(target, MOMENTS[moment], run)
        kill_all(run)
        assert files_of(target).items() <= files_of(reference.target).items()
    resume_and_compare(reference, target)


def test_a_run_killed_while_it_reads_an_object_resumes_and_ends_as_if_nothing_had_happened(
    reference: Place, tmp_path: Path
) -> None:
    target, calls, strace = tmp_path / "target", tmp_path / "calls", need("strace")
    if subprocess.run([strace, "-o", os.devnull, "true"], check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("strace may not trace here")
    # The first read of each object begins, and does not end before the kill.
    held = ("-e", "trace=pread64", "-e", "inject=pread64:delay_enter=300000000")
    objects = [argument for path in reference.source.rglob("*.dcm") for argument in ("-P", str(path))]
    tracer = (strace, "-f", "--seccomp-bpf", "-qq", "-o", str(calls), *objects, *held)
    run = start(reference, target, "--identities", under=tracer)
    wait_for(tmp_path, "calls", run)
    while "pread64(" not in calls.read_text():
        assert run.poll() is None
        time.sleep(0.05)
    kill_all(run)
    assert not list(target.glob("staging/*/dicom"))
    assert list(target.glob("restricted/staging/*/manifests/*"))
    resume_and_compare(reference, target)


def resume_and_compare(reference: Place, target: Path) -> None:
    """Run the same command again, and hold what is there to what an undisturbed run leaves."""
    report = clean(reference, "--batch-objects", "4", "--identities", target=target)
    assert report["exit_code"] in (0, 3), report
    assert_same_target(target, reference.target)
    assert states_of(target) == EXPECTED


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_run_killed_at_any_time_ends_as_if_nothing_had_happened(reference: Place, tmp_path: Path) -> None:
    dice = random.Random(20261122)  # noqa: S311
    for number in range(25):
        target = tmp_path / str(number)
        run = start(reference, target, "--identities")
        wait_for(target, "restricted/lock", run)
        time.sleep(dice.uniform(0, 20))
        if run.poll() is None:
            kill_all(run)
        assert files_of(target).items() <= files_of(reference.target).items()
        resume_and_compare(reference, target)


def test_of_two_commands_at_once_one_is_refused_and_nothing_is_done_twice(
    reference: Place, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    runs = [start(reference, target, "--identities") for _ in range(2)]
    ended = [(run.communicate(timeout=280)[0], run.returncode) for run in runs]
    refused, done = sorted(ended, key=lambda end: end[1])
    assert (refused[1], done[1]) == (2, 3), ended
    assert b"Another run holds this target" in refused[0]
    assert_same_target(target, reference.target)
    assert states_of(target) == EXPECTED


def runs(module: str, process: psutil.Process) -> bool:
    return module in " ".join(process.cmdline())


def test_a_worker_killed_in_mid_run_costs_nothing(reference: Place, tmp_path: Path) -> None:
    target = tmp_path / "target"
    run = start(reference, target, "--workers", "2", "--identities")
    wait_for(target, "restricted/staging/*/manifests/*", run)
    wait_for(target, "staging/*/dicom/*", run)
    workers = [
        process
        for process in psutil.Process(run.pid).children(recursive=True)
        if runs("multiprocessing.forkserver", process)
        and all(runs("tasks.sandbox.child", child) for child in process.children())
    ]
    assert len(workers) == 2
    os.kill(workers[0].pid, signal.SIGKILL)
    out, _ = run.communicate(timeout=280)
    assert run.returncode == 3, out
    assert_same_target(target, reference.target)


def test_another_key_is_refused_before_anything_is_read(reference: Place) -> None:
    report = clean(reference, DICOMFLOW_KEY=OTHER_KEY_TEXT)
    assert report["exit_code"] == 2
    assert "another key" in report["error"]
    assert "no key" in clean(reference, DICOMFLOW_KEY="")["error"]


def test_an_unknown_setting_is_refused(reference: Place) -> None:
    report = clean(reference, DICOMFLOW_PROFIL="basic")
    assert report["exit_code"] == 2
    assert "DICOMFLOW_PROFIL" in report["error"]
