"""The commit path meets every fault at every system call: killed there, or refused by a full or failing disk.

After each, the same command is run again and must leave what an undisturbed run leaves: the same files and rows,
nothing lost, nothing twice, nothing left over. strace does the harm, in a child that has its imports done.
"""

from __future__ import annotations

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tasks.storage.store import open_store
from tasks.verify import verify
from tests.builders import KEY_TEXT, ct_instance, part10, write_study
from tests.e2e.crash_driver import FAILED_CLEANLY
from tests.e2e.runs import files_of, rows_of
from tests.programs import need

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
TABLES = ("published/instances", "published/series", "published/studies")
SETTLED = ("source_uri", "version", "sha256", "state", "reason", "batch_id", "SOPInstanceUID")
CALLS = (
    *("openat", "write", "writev", "pwrite64", "fsync", "fdatasync", "syncfs"),
    *("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat"),
    *("rmdir", "chmod", "fchmod", "flock", "ftruncate", "copy_file_range", "sendfile"),
)
SEED = 20261122
SHORT = 8
STUCK_SECONDS = 240
WAKES = r'"\1\0\0\0\0\0\0\0", 8'
"""What is written to wake a thread (eventfd(2)), as strace shows it."""


class Fault(NamedTuple):
    """What is done to a run: at the n-th call of a name, by any one of its threads."""

    call: str
    number: int
    harm: str

    @property
    def injection(self) -> str:
        """Say it as strace wants it."""
        return f"inject={self.call}:{self.harm}:when={self.number}"


class Driver:
    """A process that forks one run after the other."""

    def __init__(self, folder: Path, source: str = "") -> None:
        self.folder = folder
        self.source = source or str(folder / "source")
        self.calls: dict[str, int] = {}
        self.stuck = 0
        self.strace = need("strace")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DICOMFLOW_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.crash_driver"],
            cwd=ROOT,
            env={**environment, "DICOMFLOW_KEY": KEY_TEXT, "HOME": str(folder), "PREFECT_HOME": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / "said").open("wb"),
            text=True,
        )

    def run(self, target: Path | str, *tracing: str) -> dict[str, Any]:
        """Run once over the source, under a tracer if it has something to do."""
        pid = self._ask({"source": self.source, "target": str(target)})["pid"]
        _wait_until_stopped(pid)
        tracer = self._trace(pid, *tracing) if tracing else None
        os.kill(pid, signal.SIGCONT)
        explained = True
        if tracer is not None and not self._answers():
            # No disk is asked here, so none can refuse it, and delta-rs never wakes up again: killed, it is a crash.
            explained = self._refused_to_wake()
            self.stuck += 1
            os.kill(pid, signal.SIGKILL)
        ended = self._read()
        if tracer is not None:
            tracer.communicate()
        assert explained, f"the run was stuck; see {self.folder / 'calls'}"
        return ended

    def _trace(self, pid: int, *tracing: str) -> subprocess.Popen[str]:
        tracer = subprocess.Popen(
            # The trace goes to a file: a pipe that nobody empties would fill, and stop the tracer and the run.
            [self.strace, "-f", "-p", str(pid), "-o", str(self.folder / "calls"), *tracing],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tracer.stderr is not None
        said = tracer.stderr.readline()
        if "attached" not in said:
            tracer.kill()
            os.kill(pid, signal.SIGKILL)
            pytest.skip("strace may not trace here")
        return tracer

    def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _answers(self) -> bool:
        return bool(select.select([self.process.stdout], [], [], STUCK_SECONDS)[0])

    def _refused_to_wake(self) -> bool:
        """Tell whether a call was refused by which one thread wakes another."""
        last: dict[str, str] = {}
        for line in (self.folder / "calls").read_text().splitlines():
            thread, _, call = line.partition(" ")
            if "(INJECTED)" in call and WAKES in (last.get(thread, "") if "resumed>" in call else call):
                return True
            last[thread] = call
        return False

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (self.folder / "said").read_text()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def _wait_until_stopped(pid: int) -> None:
    """Wait for a process that is not our child to stop itself."""
    while " T " not in Path(f"/proc/{pid}/stat").read_text().partition(")")[2][:4]:
        os.sched_yield()


def fill(source: Path) -> None:
    """Write a source of several batches with something of every fate that needs no rules."""
    for study in (1, 2):
        write_study(source, study=study, patient=study, instances=3)
    (source / "copy.dcm").write_bytes((source / "s1-i1.dcm").read_bytes())
    (source / "rival.dcm").write_bytes(part10(ct_instance(study=2, patient=2, KVP="80")))
    (source / "notes.txt").write_text("not DICOM")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    folder = tmp_path_factory.mktemp("crash")
    fill(folder / "source")
    driver = Driver(folder)
    try:
        assert driver.run(folder / "undisturbed") == {"killed": False, "code": 0}
        driver.calls = count_calls(driver, folder / "counted", CALLS)
        yield driver
    finally:
        driver.close()


def contents(target: Path) -> dict[str, object]:
    """Everything that must be the same whatever happened on the way."""
    ledger = rows_of(target, "restricted/ledger")
    return {
        "files": files_of(target),
        "withheld": sorted(str(path) for path in (target / "restricted" / "withheld").rglob("*.dcm")),
        **{table: rows_of(target, table) for table in TABLES},
        "ledger": sorted(tuple(str(row[name]) for name in SETTLED) for row in ledger),
        "audit": sorted(str({**row}) for row in rows_of(target, "restricted/audit")),
        "quarantine": sorted(
            json.loads(line)["source_uri"]
            for path in (target / "restricted" / "quarantine").glob("*.ndjson")
            for line in path.read_text().splitlines()
        ),
        "reports": len(list((target / "docs" / "runs").glob("*/report.json"))),
        "lineage": len(list((target / "lineage").glob("*.ndjson"))),
    }


def check_visible(target: Path, reference: Path) -> None:
    """Hold what a disturbed run left to what may be seen: whole files of the undisturbed run, or nothing."""
    assert files_of(target).items() <= files_of(reference).items()
    rows = rows_of(target, "published/instances")
    assert all(row in rows_of(reference, "published/instances") for row in rows)
    assert {row["file_path"].removeprefix("published/dicom/") for row in rows} <= set(files_of(target))


def meet(driver: Driver, fault: Fault) -> dict[str, Any]:
    """Do harm to a run, run it again undisturbed, and compare; gives how the harmed one ended."""
    target = driver.folder / "disturbed"
    shutil.rmtree(target, ignore_errors=True)
    ended = driver.run(target, "-e", f"trace={fault.call}", "-e", fault.injection)
    said = (driver.folder / "said").read_text()
    assert ended["killed"] or ended["code"] in (0, FAILED_CLEANLY), (fault, said[-2000:])
    if target.exists():
        check_visible(target, driver.folder / "undisturbed")
    again = driver.run(target)
    assert again == {"killed": False, "code": 0}, (fault, (driver.folder / "said").read_text()[-2000:])
    assert contents(target) == contents(driver.folder / "undisturbed"), fault
    found = verify(open_store(str(target), {}), hashed=True, threads=2, progress=lambda _files, _bytes: None)
    assert not found.problems, (fault, found.named)
    left = [path for path in (target / "staging", target / "restricted" / "staging") if path.exists()]
    assert not [path for folder in left for path in folder.rglob("*") if path.is_file()], fault
    assert not list(target.rglob(".dicomflow-*")), fault
    return ended


def count_calls(driver: Driver, target: Path | str, names: Sequence[str]) -> dict[str, int]:
    """Count how often one thread, the busiest, makes each call in an undisturbed run into a new target."""
    calls = driver.folder / "calls"
    traced = ",".join(f"?{name}" for name in names)
    assert driver.run(target, "-e", f"trace={traced}")["code"] == 0
    each = Counter(
        match.groups()
        for line in calls.read_text().splitlines()
        if (match := re.match(r"(\d+) +(\w+)\(", line))
    )
    most: dict[str, int] = {}
    for (_thread, call), count in each.items():
        most[call] = max(count, most.get(call, 0))
    return most


def all_points(driver: Driver) -> list[tuple[str, int]]:
    return [(call, number) for call, count in sorted(driver.calls.items()) for number in range(1, count + 1)]


def choose(points: list[tuple[str, int]], count: int) -> list[tuple[str, int]]:
    """Choose points by a fixed seed, each call about as often as the others: renames are rarer than writes."""
    dice = random.Random(SEED)  # noqa: S311
    by_call = {call: [point for point in points if point[0] == call] for call in {call for call, _ in points}}
    chosen: list[tuple[str, int]] = []
    while len(chosen) < min(count, len(points)):
        for call in sorted(by_call):
            if by_call[call] and len(chosen) < count:
                chosen.append(by_call[call].pop(dice.randrange(len(by_call[call]))))
    return chosen


def test_a_run_killed_at_any_system_call_ends_as_if_undisturbed(driver: Driver) -> None:
    points = choose(all_points(driver), SHORT)
    ended = [meet(driver, Fault(call, number, "signal=KILL")) for call, number in points]
    assert sum(end["killed"] for end in ended) > len(points) * 2 // 3


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_a_disk_that_refuses_costs_a_try_and_no_data(driver: Driver, error: str) -> None:
    points = choose(
        [
            point
            for point in all_points(driver)
            if point[0] in ("writev", "write", "fsync", "rename", "linkat", "openat")
        ],
        3,
    )
    for call, number in points:
        meet(driver, Fault(call, number, f"error={error}"))


@pytest.mark.parametrize(
    ("call", "name", "failures"),
    [
        ("pread64", "s1-i2.dcm", 2),
        ("openat", "s2-i1.dcm", 1),
        ("openat", "", 2),
        ("newfstatat", "notes.txt", 3),
    ],
    ids=["read", "open", "list", "look"],
)
def test_a_source_that_fails_for_a_moment_is_asked_again_and_that_is_counted(
    driver: Driver, call: str, name: str, failures: int
) -> None:
    target = driver.folder / "patient"
    shutil.rmtree(target, ignore_errors=True)
    place = driver.folder / "source" / name
    fault = f"inject={call}:error=EIO:when=1..{failures}"
    ended = driver.run(target, "-P", str(place), "-e", f"trace={call}", "-e", fault)
    assert ended == {"killed": False, "code": 0}, (driver.folder / "said").read_text()[-2000:]
    assert contents(target) == contents(driver.folder / "undisturbed")
    (report,) = (target / "docs" / "runs").glob("*/report.json")
    assert json.loads(report.read_text())["retries"] > 0


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_run_killed_at_every_system_call_ends_as_if_undisturbed(driver: Driver) -> None:
    points = choose(all_points(driver), 400)
    ended = [meet(driver, Fault(call, number, "signal=KILL")) for call, number in points]
    assert sum(end["killed"] for end in ended) > len(points) * 2 // 3


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_a_disk_that_refuses_any_call_costs_a_try_and_no_data(driver: Driver) -> None:
    for number, (call, place) in enumerate(choose(all_points(driver), 150)):
        meet(driver, Fault(call, place, f"error={('ENOSPC', 'EIO')[number % 2]}"))
    assert driver.stuck <= 3


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[None]:
    """Mount a small file system in memory."""
    place.mkdir()
    mounted = os.geteuid() == 0 and not mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place))
    if not mounted:
        pytest.skip("a file system can be mounted by root alone")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


def mount(*arguments: str) -> int:
    return subprocess.run(["mount", *arguments], check=False, stderr=subprocess.DEVNULL).returncode


@pytest.mark.parametrize("kilobytes", [60])
def test_a_full_disk_fails_the_run_cleanly_and_space_lets_it_go_on(driver: Driver, kilobytes: int) -> None:
    place = driver.folder / f"disk-{kilobytes}"
    target = place / "target"
    reference = driver.folder / "undisturbed"
    with small_disk(place, kilobytes):
        assert driver.run(target) == {"killed": False, "code": FAILED_CLEANLY}
        check_visible(target, reference)
        assert mount("-o", "remount,size=64m", str(place)) == 0
        assert driver.run(target) == {"killed": False, "code": 0}
        assert contents(target) == contents(reference)
        assert not list(target.rglob(".dicomflow-*"))


def test_a_target_that_is_read_only_is_refused_with_the_next_step(driver: Driver) -> None:
    place = driver.folder / "read-only"
    with small_disk(place, 4096):
        assert mount("-o", "remount,ro", str(place)) == 0
        assert driver.run(place / "target") == {"killed": False, "code": FAILED_CLEANLY}
    said = (driver.folder / "said").read_text().splitlines()[-1]
    assert "ConfigurationError" in said
    assert "mounted read-only" in said
