"""The whole flow as its user starts it, a command in a process of its own, beside the peer's command.

Time is the wall's, from start to exit, imports included. Memory is the kernel's own record of each
process's peak, so no moment is missed between two looks at the tree of processes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import IO, Any

import psutil

from tests.bench.corpus import Corpus, Kind, Recipe, make_corpus
from tests.bench.figures import Figure, Fit, Goal, Sample
from tests.builders import KEY_TEXT

ROOT = Path(__file__).resolve().parents[2]
WORKERS = 2
FIXED_SECONDS = 20.0
"""Most that a run may take for what does not grow with the files, on two cores."""
TIMES = {"metadata": 8.0, "dicom,metadata": 6.0}
"""How much less than the peer a further small file should cost, by outputs."""
MEMORY_PERCENT = 10.0
"""Most that a worker's memory may grow from the fewest files to the most."""
PEER_OF = {"metadata": "metadata", "dicom,metadata": "dicom"}
"""Our outputs, and the work of the peer's that comes nearest."""

MAIN, WORKER, SERVER, HELPER = "main process", "workers", "Prefect's server", "helpers"
ROLES = (MAIN, WORKER, SERVER)
_PEAKS = ((MAIN, "main process"), (WORKER, "largest worker"))
"""Processes whose memory is compared between sizes."""

REST = "start and end of Python"
"""Whatever of a run is in none of the phases it reports."""

_LOOK_SECONDS = 0.1
_PEAK = re.compile(r"^VmHWM:\s*(\d+) kB", re.MULTILINE)
_HELPERS = ("resource_tracker", "semaphore_tracker")
_SERVER = ("uvicorn", "prefect.server", "flows.temporary_server")
_ANCESTOR = "multiprocessing.forkserver"

Say = Callable[[str], None]


class RunFailed(Exception):  # noqa: N818 - it ends the benchmark
    """A program under measurement did not do its work, so that its time means nothing."""


@dataclass(slots=True)
class Run:
    """One program from start to exit.

    Attributes
    ----------
    processor_seconds
        Processor time of all its processes.
    peaks
        Most memory in bytes that one process of a role had resident.
    shares
        Processor time by role, as last seen: a tenth of a second before a process ended, or less.
    """

    seconds: float = 0.0
    processor_seconds: float = 0.0
    peaks: Counter[str] = field(default_factory=Counter)
    shares: dict[int, tuple[str, float]] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)

    def share(self, role: str) -> float:
        """Give the processor time of all processes of a role."""
        return sum(seconds for found, seconds in self.shares.values() if found == role)


@dataclass(slots=True)
class Pair:
    """Our runs and the peer's, over one corpus."""

    corpus: Corpus
    ours: list[Run] = field(default_factory=list)
    peer: list[Run] = field(default_factory=list)


def measure_flow(
    kind: Kind, sizes: Sequence[int], outputs: str, *, seed: int, repeat: int, scratch: Path, say: Say
) -> list[Figure]:
    """Run both programs over corpora of each size, in turn, and compare."""
    pairs = {size: Pair(make_corpus(Recipe(kind, size, seed), scratch)) for size in sizes}
    with _targets_kept(scratch):
        for number in range(repeat):
            for size, pair in pairs.items():
                say(f"{kind}, {size:,} files, {outputs}: run {number + 1} of {repeat}")
                pair.ours.append(run_clean(pair.corpus, outputs, scratch))
                pair.peer.append(run_peer(pair.corpus, PEER_OF[outputs], scratch))
    of_sizes = [figure for pair in pairs.values() for figure in _of_one_size(pair, outputs)]
    return [*of_sizes, *_of_all_sizes(pairs, outputs)]


def measure_memory(sizes: Sequence[int], *, seed: int, repeat: int, scratch: Path, say: Say) -> list[Figure]:
    """Run over headers without pixels, so that a hundred thousand files fit on the disk, and compare peaks."""
    runs: dict[int, list[Run]] = {size: [] for size in sorted(sizes)}
    with _targets_kept(scratch):
        for number in range(repeat):
            for size, of_size in runs.items():
                say(f"memory, {size:,} files: run {number + 1} of {repeat}")
                of_size.append(
                    run_clean(make_corpus(Recipe(Kind.HEADER, size, seed), scratch), "metadata", scratch)
                )
    return list(_of_memory(runs))


def _of_memory(runs: dict[int, list[Run]]) -> Iterator[Figure]:
    work, sizes = "memory of the flow, metadata", list(runs)
    for role, name in _PEAKS:
        for size in sizes:
            peaks = Sample.of(run.peaks[role] / 1e6 for run in runs[size])
            yield Figure(work, f"{Kind.HEADER}, {size:,} files", f"peak, {name}", "MB", peaks)
    if len(sizes) < 2:
        return
    span = f"{Kind.HEADER}, {sizes[0]:,} to {sizes[-1]:,} files"
    for role, name in _PEAKS:
        grown = _growth(runs[sizes[0]], runs[sizes[-1]], role)
        goal = Goal(most=MEMORY_PERCENT) if role == WORKER else None
        yield Figure(work, span, f"growth of the peak, {name}", "%", grown, goal=goal)


def warm_up(scratch: Path, seed: int) -> None:
    """Let Prefect make its database and Python compile what it imports, as after an installation."""
    with _targets_kept(scratch):
        run_clean(make_corpus(Recipe(Kind.SMALL, 10, seed), scratch), "metadata", scratch)


# -- figures ----------------------------------------------------------------------------------------------


def _of_one_size(pair: Pair, outputs: str) -> Iterator[Figure]:
    recipe, corpus = pair.corpus.recipe, pair.corpus
    work, files = f"whole flow, {outputs}", f"{recipe.kind}, {recipe.count:,} files"

    def figure(measure: str, unit: str, take: Callable[[Run], float]) -> Figure:
        return Figure(
            work, files, measure, unit, Sample.of(map(take, pair.ours)), Sample.of(map(take, pair.peer))
        )

    yield figure("whole run", "s", lambda run: run.seconds)
    yield figure("files", "files/s", lambda run: recipe.count / run.seconds)
    yield figure("bytes", "MB/s", lambda run: corpus.size_bytes / run.seconds / 1e6)
    for phase in pair.ours[0].phases:
        yield Figure(work, files, f"  {phase}", "s", _phase(pair, phase))
    yield figure("processor time", "s", lambda run: run.processor_seconds)
    for role in ROLES:
        yield Figure(work, files, f"  {role}", "s", Sample.of(run.share(role) for run in pair.ours))
    yield figure("peak memory, main process", "MB", lambda run: run.peaks[MAIN] / 1e6)
    yield figure("peak memory, largest worker", "MB", lambda run: run.peaks[WORKER] / 1e6)
    yield Figure(
        work,
        files,
        "peak memory, Prefect's server",
        "MB",
        Sample.of(run.peaks[SERVER] / 1e6 for run in pair.ours),
    )


def _phase(pair: Pair, name: str) -> Sample:
    return Sample.of(run.phases.get(name, 0.0) for run in pair.ours)


def _of_all_sizes(pairs: dict[int, Pair], outputs: str) -> Iterator[Figure]:
    sizes = sorted(pairs)
    if len(sizes) < 2:
        return
    smallest, largest = pairs[sizes[0]], pairs[sizes[-1]]
    work = f"growth of the flow, {outputs}"
    span = f"{smallest.corpus.recipe.kind}, {sizes[0]:,} to {sizes[-1]:,} files"

    def fits(runs_of: Callable[[Pair], list[Run]], seconds: Callable[[Run], float]) -> list[Fit]:
        rounds = range(len(smallest.ours))
        found = (Fit.of({size: seconds(runs_of(pairs[size])[n]) for size in sizes}) for n in rounds)
        return [fit for fit in found if fit is not None]

    ours = fits(lambda pair: pair.ours, lambda run: run.seconds)
    peer = fits(lambda pair: pair.peer, lambda run: run.seconds)
    small = smallest.corpus.recipe.kind == Kind.SMALL
    fixed = Goal(most=FIXED_SECONDS) if small else None
    yield Figure(work, span, "fixed cost", "s", _fixed(ours), _fixed(peer), goal=fixed)
    phases = list(largest.ours[0].phases)
    of_phase = {
        name: fits(lambda pair: pair.ours, lambda run, name=name: run.phases.get(name, 0.0))  # type: ignore[misc]
        for name in phases
    }
    for name in phases:
        yield Figure(work, span, f"  {name}", "s", _fixed(of_phase[name]))
    cheaper = Goal(times=TIMES[outputs]) if small else None
    yield Figure(work, span, "cost per file", "µs", _slope(ours), _slope(peer), goal=cheaper)
    for name in phases:
        yield Figure(work, span, f"  {name}", "µs", _slope(of_phase[name]))
    yield Figure(
        work,
        span,
        "processor time per file",
        "µs",
        _slope(fits(lambda pair: pair.ours, lambda run: run.processor_seconds)),
        _slope(fits(lambda pair: pair.peer, lambda run: run.processor_seconds)),
    )
    for role, name in _PEAKS:
        yield Figure(
            work,
            span,
            f"growth of peak memory, {name}",
            "%",
            _growth(smallest.ours, largest.ours, role),
            _growth(smallest.peer, largest.peer, role),
        )


def _fixed(fits: list[Fit]) -> Sample:
    return Sample.of(fit.fixed for fit in fits)


def _slope(fits: list[Fit]) -> Sample:
    return Sample.of(fit.per_file * 1e6 for fit in fits)


def _growth(few: list[Run], many: list[Run], role: str) -> Sample:
    both = zip(few, many, strict=True)
    return Sample.of(100 * (after.peaks[role] / before.peaks[role] - 1) for before, after in both)


# -- programs ---------------------------------------------------------------------------------------------


def run_clean(corpus: Corpus, outputs: str, scratch: Path) -> Run:
    """Run `dicomflow clean` into a new target.

    Raises
    ------
    RunFailed
        If not every file was published.
    """
    target = _new_target(scratch)
    key_file = target.parent / "key"
    key_file.touch(mode=0o600)
    key_file.write_text(KEY_TEXT)
    command = ("-m", "flows.cli", "clean", str(corpus.folder), str(target), "--json")
    options = ("--outputs", outputs, "--workers", str(WORKERS), "--key-file", str(key_file))
    run, said = run_measured((*command, *options), _environment(scratch))
    report: dict[str, Any] = json.loads(said)
    if report["published"] != corpus.recipe.count:
        raise RunFailed(
            f"{report['published']} of {corpus.recipe.count} files were published: {report['reasons']}"
        )
    run.phases = dict(report["seconds"])
    run.phases[REST] = run.seconds - sum(run.phases.values())
    return run


def run_peer(corpus: Corpus, work: str, scratch: Path) -> Run:
    """Run the peer into a new target."""
    target = _new_target(scratch)
    command = (
        "-m",
        "tests.bench.peers",
        work,
        str(corpus.folder),
        str(target),
        "--workers",
        str(WORKERS),
    )
    return run_measured(command, _environment(scratch))[0]


@contextmanager
def _targets_kept(scratch: Path) -> Iterator[None]:
    """Keep what programs write until all have run.

    For minutes after a file is deleted, ext4 gives its inode to no other and looks past it for every new file: a
    target that is removed between two runs would cost the second one half a millisecond a file.
    """
    try:
        yield
    finally:
        for folder in scratch.glob("target-*"):
            shutil.rmtree(folder)


def _new_target(scratch: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="target-", dir=scratch))
    os.sync()  # what the last run left to be written is not this one's to wait for
    return folder / "target"


def _environment(scratch: Path) -> dict[str, str]:
    """Give a program a Prefect home of its own, and none of our settings or the user's.

    An installation has compiled files. Where Python is told not to write any, every process would compile
    whatever it imports, for half a minute a run; so they are then kept in `scratch`.
    """
    others = ("DICOMFLOW_", "PREFECT_", "DASK_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    compiled = {"PYTHONPYCACHEPREFIX": str(scratch / "pycache")} if sys.dont_write_bytecode else {}
    return {**compiled, **kept, "PREFECT_HOME": str(scratch / "prefect")}


def run_measured(arguments: Sequence[str], environment: dict[str, str]) -> tuple[Run, str]:
    """Run a Python program to its end; returns what it took, and its standard output.

    Raises
    ------
    RunFailed
        If it failed; with the end of what it complained about.
    """
    run = Run()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        started = time.monotonic()
        with subprocess.Popen(
            (sys.executable, *arguments), stdout=said, stderr=complained, env=environment, cwd=ROOT
        ) as process:
            with _watched(process.pid, run):
                _, status, used = os.wait4(process.pid, 0)
            run.seconds = time.monotonic() - started
            run.processor_seconds = used.ru_utime + used.ru_stime
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RunFailed(f"{arguments[1]} ended with {process.returncode}: {_end_of(complained)}")
        return run, _end_of(said)


def _end_of(file: IO[str], characters: int = 4000) -> str:
    file.seek(0)
    return file.read()[-characters:]


@contextmanager
def _watched(pid: int, run: Run) -> Iterator[None]:
    """Note the peaks of a process and of those it starts, until the context ends."""
    done = Event()
    watcher = Thread(target=_watch, args=(pid, run, done))
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(pid: int, run: Run, done: Event) -> None:
    roles = {pid: MAIN}
    while not done.wait(_LOOK_SECONDS):
        for process in _tree_of(pid):
            role = roles.get(process.pid) or _role_of(process)
            roles[process.pid] = role
            if role:
                run.peaks[role] = max(run.peaks[role], _peak_of(process.pid))
                run.shares[process.pid] = (role, _used_by(process))


def _tree_of(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _used_by(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _role_of(process: psutil.Process) -> str:
    """Tell workers from Prefect's server and from helpers; empty while a child is still its parent's copy."""
    try:
        words, parent = _words_of(process), process.parent()
        ancestors = "" if parent is None else _words_of(parent)
    except psutil.Error:
        return ""
    if any(name in words for name in _HELPERS):
        return HELPER
    if any(name in words for name in _SERVER):
        return SERVER
    if _ANCESTOR in words:  # those that are forked from it keep its command
        return WORKER if _ANCESTOR in ancestors else HELPER
    return "" if "flows.cli" in words else WORKER


def _words_of(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


def _peak_of(pid: int) -> int:
    """Read the most memory a process ever had resident, in bytes."""
    try:
        peak = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(peak[1]) * 1024 if peak else 0
