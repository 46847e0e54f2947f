"""One process, no Prefect server, no Dask: where the time of a file goes, step by step.

The worker's own function, `process_objects`, runs over a batch while stopwatches sit around the functions it
calls. So nothing is timed that a worker does not do, and what is in no step shows as the rest. pydicom does
the nearest thing over the same files in turns with us. Steps are told in processor time, which whoever else
uses the machine changes least; what the disk makes us wait for is the difference in the total.
"""

from __future__ import annotations

import functools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread

from tasks.deid.key import load_key
from tasks.recall import cleaner
from tasks.recall.cleaner import Cleaner
from tasks.recall.memory import Memory
from tasks.recall.template import Template
from tasks.records import Batch, BatchReport, RunPlan, SourceObject
from tasks.sandbox.parser import Parser
from tasks.storage.byte_source import Sources
from tasks.storage.listing import list_objects
from tasks.storage.local_store import LocalStore
from tasks.storage.store import open_store
from tasks.tables.rows import Gathered
from tests.bench.corpus import Corpus, Kind, Recipe, make_corpus
from tests.bench.figures import Figure, Sample
from tests.bench.flow import Say
from tests.bench.ours import Refused
from tests.bench.peers import edit_file, row_of
from tests.builders import KEY_TEXT

REST = "rest"
"""What a worker does in no step, and what the stopwatches cost: some 50 µs a file."""

_STEPS_OF_CLEANING: tuple[tuple[str, Any, str], ...] = (
    ("careful way", cleaner, "clean_instance"),
    ("read in the child", Parser, "__call__"),
    ("learn a template", Cleaner, "_learn"),
    ("match the template", Template, "match"),
    ("treat elements", Memory, "treat"),
    ("judge", Cleaner, "_judge"),
    ("check pixels", Cleaner, "_check_pixels"),
    ("put together", Template, "write"),
    ("self-check", Cleaner, "_holds_identifiers"),
    ("clean, the rest", Cleaner, "clean"),
)
"""By step, who has the function, and its name; one that calls another is told without it."""
_STEPS_OF_PROCESS = {
    "hash source": ("sha256",),
    "row": ("instance_row",),
    "table": ("rows_to_table", "table_bytes"),
}
"""By step, the functions that `tasks.process` calls."""

_PEER_STEPS: dict[str, dict[str, tuple[str, ...]]] = {"metadata": {"row": ("row",)}, "dicom,metadata": {}}
"""Our steps that pydicom has too, by what its stopwatch calls them."""
_PEER_TOTAL = {"metadata": ("dcmread", "row"), "dicom,metadata": ("read, edit, save",)}
"""What `tests.bench.peers` does to a file; it writes no JSON of the header, which our row has."""


class Stopwatch:
    """Adds up the time of steps, in seconds on the wall and of the processor; a step in a step is not counted twice."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.processor: defaultdict[str, float] = defaultdict(float)
        self._inner = [(0.0, 0.0)]

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what is done within the context, without the steps in it."""
        started = self._start()
        try:
            yield
        finally:
            self._stop(name, *started)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Give a function that is timed; without a context, which would cost more than some steps do."""

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            started = self._start()
            try:
                return function(*arguments, **named)
            finally:
                self._stop(name, *started)

        return timed

    def _start(self) -> tuple[float, float]:
        self._inner.append((0.0, 0.0))
        return time.perf_counter(), time.process_time()

    def _stop(self, name: str, started: float, used: float) -> None:
        processor, wall = time.process_time() - used, time.perf_counter() - started
        inner, outer = self._inner.pop(), self._inner[-1]
        self.wall[name] += wall - inner[0]
        self.processor[name] += processor - inner[1]
        self._inner[-1] = (outer[0] + wall, outer[1] + processor)


def measure_steps(
    kind: Kind, count: int, outputs: str, *, seed: int, repeat: int, scratch: Path, say: Say
) -> list[Figure]:
    """Time each step over the same files, with pydicom in between."""
    corpus = make_corpus(Recipe(kind, count, seed), scratch)
    ours, peer = [], []
    for number in range(repeat):
        say(f"steps, {kind}, {count:,} files, {outputs}: run {number + 1} of {repeat}")
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            ours.append(time_ours(corpus, Path(folder), outputs))
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            peer.append(time_peer(corpus.paths(), Path(folder), pixels="dicom" in outputs))
    return list(_figures(corpus, outputs, ours, peer))


def warm_up_steps(seed: int, scratch: Path) -> Figure:
    """Take a few files through once, so that no table is loaded while we measure; gives what that took."""
    corpus = make_corpus(Recipe(Kind.SMALL, 10, seed), scratch)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        started = time.perf_counter()
        time_ours(corpus, Path(folder), "dicom,metadata")
        taken = Sample.of([time.perf_counter() - started])
        time_peer(corpus.paths(), Path(folder), pixels=True)
        time_peer(corpus.paths(), Path(folder), pixels=False)
    return Figure("one process, its first files", f"{Kind.SMALL}, 10 files", "once a process", "s", taken)


def _figures(corpus: Corpus, outputs: str, ours: list[Stopwatch], peer: list[Stopwatch]) -> Iterator[Figure]:
    recipe, peer_steps, peer_total = corpus.recipe, _PEER_STEPS[outputs], _PEER_TOTAL[outputs]
    work, files = f"one process, {outputs}", f"{recipe.kind}, {recipe.count:,} files"
    steps = tuple(ours[0].wall)

    def a_file(runs: list[Stopwatch], of: Sequence[str], *, wall: bool = False) -> Sample | None:
        clocks = [run.wall if wall else run.processor for run in runs]
        microseconds = (sum(clock[step] for step in of) / recipe.count * 1e6 for clock in clocks)
        return Sample.of(microseconds) if of else None

    for step in steps:
        yield Figure(
            work, files, step, "µs CPU a file", a_file(ours, [step]), a_file(peer, peer_steps.get(step, ()))
        )
    for unit, wall in (("µs CPU a file", False), ("µs a file", True)):
        yield Figure(
            work, files, "total", unit, a_file(ours, steps, wall=wall), a_file(peer, peer_total, wall=wall)
        )


# -- ours -------------------------------------------------------------------------------------------------


def time_ours(corpus: Corpus, folder: Path, outputs: str) -> Stopwatch:
    """Process a corpus as one batch into `folder`, as a worker does.

    Raises
    ------
    Refused
        If not every file was staged.
    """
    from tasks.process import worker_of

    watch, plan = Stopwatch(), plan_run(folder, outputs)
    objects = list(list_objects(str(corpus.folder), {}))
    worker_of(plan)  # once a process, not once a file
    with _timed_functions(watch), watch.step(REST):
        report = process_corpus(objects, plan)
    if report.staged != len(objects):
        raise Refused(f"{report.staged} of {len(objects)} files were staged: {report.rejects}")
    watch.wall[REST] = watch.wall.pop(REST)
    return watch


def plan_run(folder: Path, outputs: str) -> RunPlan:
    """Plan a run into `folder`."""
    key_file = folder / "key"
    key_file.touch(mode=0o600)
    key_file.write_text(KEY_TEXT)
    return RunPlan(
        run_id="benchmark",
        source="",
        source_ref="",
        target=str(folder / "target"),
        outputs=tuple(outputs.split(",")),
        profile="research",
        fingerprint="",
        key_check=load_key(text=KEY_TEXT).check_value,
        started_at="",
        key_file=str(key_file),
    )


def process_corpus(objects: list[SourceObject], plan: RunPlan) -> BatchReport:
    """Stage objects as one batch of a run."""
    from tasks.process import process_objects

    batch = Batch("benchmark", "", len(objects), sum(obj.size_bytes for obj in objects))
    return process_objects(objects, batch, plan, open_store(plan.target, {}), lambda _objects, _bytes: None)


@contextmanager
def _timed_functions(watch: Stopwatch) -> Iterator[None]:
    """Put a stopwatch around the functions of each step, and take it off again."""
    from tasks import process

    places: list[tuple[str, Any, str]] = [("open", Sources, "open")]
    places += [(step, process, name) for step, names in _STEPS_OF_PROCESS.items() for name in names]
    places += [
        *_STEPS_OF_CLEANING,
        ("table", Gathered, "_settle"),
        ("write", LocalStore, "write_unsynced"),
        ("barrier", LocalStore, "barrier"),
    ]
    with ExitStack() as stack:
        for step, owner, name in places:
            original = getattr(owner, name)
            setattr(owner, name, watch.around(step, original))
            stack.callback(setattr, owner, name, original)
        yield


# -- pydicom ----------------------------------------------------------------------------------------------


def time_peer(paths: Sequence[Path], folder: Path, *, pixels: bool) -> Stopwatch:
    """Take all files through what pydicom has of our steps."""
    watch = Stopwatch()
    for path in paths:
        if pixels:
            with watch.step("read, edit, save"):
                edit_file(path, folder)
            continue
        with watch.step("dcmread"):
            ds = dcmread(path, stop_before_pixels=True)
        with watch.step("row"):
            row_of(ds)
    return watch
