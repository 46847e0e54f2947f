"""The header engine beside the libraries that one could use instead: one process, the same files, in turns.

In every round all programs work on the same files, none of which was in a round before, so that what a program
remembers is worth no more than on a real source. Who begins changes from round to round. Before anything is
timed, all programs work on a few files, and what they give is compared: a program that did not do its work is
no measure.
"""

from __future__ import annotations

import gc
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.bench import agreement, ours
from tests.bench.corpus import ENHANCED, Corpus, Kind, Recipe, make_corpus
from tests.bench.figures import Figure, Goal, Sample
from tests.bench.flow import Say
from tests.bench.named import NAMED, NAMED_ENHANCED
from tests.bench.rivals import (
    COPYFILE,
    CP,
    DICOGNITO,
    DICOM_ANONYMIZER,
    EDIT_BY_PYDICOM,
    JSON_BY_PYDICOM,
    Program,
    Rival,
    name_with_fastdicom,
    name_with_gdcm,
    name_with_pydicom,
)

CHECKED = 3
"""Files on which the programs must agree; of multi-frame images one is enough."""


class Plan(NamedTuple):
    """How many files a round takes, by their size, and how many rounds there are."""

    small: int
    slices: int
    enhanced: int
    rounds: int

    def files_of(self, kind: Kind) -> int:
        """Give the files of one round."""
        return {
            Kind.SLICE: self.slices,
            Kind.ENHANCED_CT: self.enhanced,
            Kind.ENHANCED_MR: self.enhanced,
        }.get(kind, self.small)


@dataclass(frozen=True, slots=True)
class Match:
    """A rival, and how much better than it we should be."""

    rival: Rival
    times: float | None = None
    unit: str = "µs a file"

    @property
    def goal(self) -> Goal | None:
        """The same as a goal."""
        return None if self.times is None else Goal(times=self.times)


@dataclass(frozen=True, slots=True)
class Contest:
    """One work over one kind of files.

    Attributes
    ----------
    check
        Raises unless what a rival gave for some files, or wrote for them, agrees with what we did.
    """

    work: str
    kind: Kind
    program: Program
    matches: tuple[Match, ...]
    check: Callable[[Sequence[Path], agreement.Done, agreement.Done], None]


def list_contests() -> Iterator[Contest]:
    """Give everything that is measured, with the goals."""
    for kind in (Kind.SMALL, Kind.IMPLICIT, Kind.COMPRESSED):
        yield _name_values(kind, NAMED, of_pydicom=15, of_gdcm=6)
    # Where functional groups have a length, pydicom skips them as we do, and what is left to save is its own cost
    # for a short header; the goal is for those without, which most readers walk through.
    yield _name_values(Kind.ENHANCED_MR, NAMED_ENHANCED, of_pydicom=100)
    yield _name_values(Kind.ENHANCED_CT, NAMED_ENHANCED)
    for kind, times in ((Kind.SMALL, 20), (Kind.ENHANCED_CT, None)):
        matches = (Match(JSON_BY_PYDICOM, times),)
        yield Contest("header to DICOM JSON", kind, ours.write_json, matches, agreement.check_json)
    for kind, times, more in (
        (Kind.SMALL, 8, ()),
        (Kind.SLICE, 5, (Match(COPYFILE, 1 / 3, "MB/s"), Match(CP, 1 / 3, "MB/s"))),
    ):
        matches = (Match(EDIT_BY_PYDICOM, times), Match(DICOGNITO, 15), Match(DICOM_ANONYMIZER, 15), *more)
        yield Contest("full clean", kind, ours.clean_files, matches, agreement.check_files)
    for kind in (Kind.SMALL, Kind.SLICE):
        # The options may cost half as much again as the Basic Profile, no more.
        matches = (Match(ours.BASIC_PROFILE, 1 / 1.5),)
        yield Contest("research profile", kind, ours.clean_files, matches, agreement.check_counts)
    for kind in (Kind.SMALL, Kind.SLICE):
        # What is done against damaged and hostile files may cost good ones a tenth, no more.
        matches = (Match(ours.UNGUARDED, 1 / 1.1),)
        yield Contest("guarded clean", kind, ours.clean_guarded, matches, agreement.check_same)


def _name_values(
    kind: Kind, keywords: tuple[str, ...], *, of_pydicom: float | None = None, of_gdcm: float | None = None
) -> Contest:
    matches = (
        Match(name_with_pydicom(keywords), of_pydicom),
        Match(name_with_gdcm(keywords), of_gdcm),
        Match(name_with_fastdicom(keywords)),
    )
    return Contest(
        f"{len(keywords)} named values", kind, ours.name_values(keywords), matches, agreement.check_values
    )


def measure_engine(plan: Plan, *, seed: int, scratch: Path, say: Say) -> Iterator[Figure]:
    """Hold all contests."""
    for contest in list_contests():
        yield from measure_contest(contest, plan, seed=seed, scratch=scratch, say=say)


def measure_contest(contest: Contest, plan: Plan, *, seed: int, scratch: Path, say: Say) -> Iterator[Figure]:
    """Check that all programs do the work, then time them."""
    programs = {OURS: contest.program}
    programs |= {match.rival.name: match.rival.program for match in contest.matches if not match.rival.absent}
    checked = 1 if contest.kind in ENHANCED else CHECKED
    check_contest(contest, programs, make_corpus(Recipe(contest.kind, checked, seed + 1), scratch), scratch)
    count = plan.files_of(contest.kind)
    corpus = make_corpus(Recipe(contest.kind, count * plan.rounds, seed), scratch)
    paths, order = corpus.paths(), list(programs)
    runs: dict[str, list[Spent]] = {name: [] for name in order}
    # Files are emptied at once, so that their memory is used again, and removed in the end: ext4 looks past inodes
    # that were freed a moment ago, one by one, whenever it makes a new file.
    with tempfile.TemporaryDirectory(prefix="engine-", dir=scratch) as outputs:
        for number in range(plan.rounds):
            say(f"{contest.work}, {contest.kind}, {count:,} files: round {number + 1} of {plan.rounds}")
            files = paths[number * count : (number + 1) * count]
            for path in files:
                path.read_bytes()  # nobody is to wait for the disk, whoever comes first
            for name in order:
                runs[name].append(_time(programs[name], files, Path(outputs)))
            order.append(order.pop(0))
    yield from _figures(contest, corpus, count, runs)


OURS = "dicomflow"


def check_contest(contest: Contest, programs: dict[str, Program], corpus: Corpus, scratch: Path) -> None:
    """Raise unless all programs do the same work; also loads what they load at first.

    Raises
    ------
    AssertionError
        With the name of the program that did something else.
    """
    paths = corpus.paths()
    done = {name: _do(program, paths, scratch) for name, program in programs.items()}
    for name, theirs in done.items():
        if name == OURS:
            continue
        try:
            contest.check(paths, done[OURS], theirs)
        except AssertionError as error:
            raise AssertionError(f"{contest.work}, {contest.kind}: {name} does something else") from error


def _do(program: Program, paths: list[Path], scratch: Path) -> agreement.Done:
    with tempfile.TemporaryDirectory(prefix="engine-", dir=scratch) as folder:
        given = program(paths, Path(folder))()
        written = [path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()]
    return agreement.Done(given, written)


class Spent(NamedTuple):
    """Seconds on the wall, and of the processor, children included."""

    wall: float
    processor: float


def _time(program: Program, files: Sequence[Path], outputs: Path) -> Spent:
    folder = Path(tempfile.mkdtemp(dir=outputs))
    work = program(files, folder)
    gc.collect()
    used, started = _processor_seconds(), time.perf_counter()
    given = work()
    spent = Spent(time.perf_counter() - started, _processor_seconds() - used)
    del given
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)
    return spent


def _processor_seconds() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _figures(contest: Contest, corpus: Corpus, count: int, runs: dict[str, list[Spent]]) -> Iterator[Figure]:
    files = f"{contest.kind}, {count:,} files"
    megabytes = corpus.size_bytes / corpus.recipe.count * count / 1e6

    def sample(name: str, unit: str, *, processor: bool = False) -> Sample:
        seconds = [spent.processor if processor else spent.wall for spent in runs[name]]
        if unit == "MB/s":
            return Sample.of(megabytes / one for one in seconds)
        return Sample.of(one / count * 1e6 for one in seconds)

    for match in contest.matches:
        yield from _against(match, contest.work, files, sample, here=match.rival.name in runs)


def _against(
    match: Match, work: str, files: str, sample: Callable[..., Sample], *, here: bool
) -> Iterator[Figure]:
    rival = match.rival

    def figure(measure: str, unit: str, goal: Goal | None, *, processor: bool) -> Figure:
        theirs = sample(rival.name, unit, processor=processor) if here else None
        mine = sample(OURS, unit, processor=processor)
        return Figure(work, files, measure, unit, mine, theirs, rival.name, goal, rival.absent)

    yield figure("", match.unit, match.goal, processor=False)
    if here:
        yield figure("processor", "µs CPU a file", None, processor=True)
