from __future__ import annotations

import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments, generate_frames

from expectations.contracts import INSTANCES
from tasks.deid.deidentify import Deidentifier
from tasks.deid.key import load_key
from tasks.deid.profile import load_profile
from tasks.dicom.buffer import Buffer
from tasks.dicom.element import Header
from tasks.dicom.reader import read_header
from tasks.recall.cleaner import Cleaner
from tasks.records import Reject
from tasks.storage.listing import list_objects
from tasks.tables.rows import compile_extractors, extract
from tests.bench import peers
from tests.bench.agreement import Done, check_files
from tests.bench.corpus import ENHANCED, INSTANCES_A_SERIES, Corpus, Kind, Recipe, make_corpus, make_files
from tests.bench.engine import OURS, check_contest, list_contests
from tests.bench.figures import PEERS, Figure, Fit, Goal, Sample, machine
from tests.bench.flow import MAIN, WORKER, Run, _of_memory
from tests.bench.named import NAMED, NAMED_ENHANCED
from tests.bench.ours import name_values
from tests.bench.report import make_markdown
from tests.bench.rivals import Rival, tags_of
from tests.bench.run import main
from tests.bench.steps import Stopwatch, plan_run, process_corpus, time_ours
from tests.builders import KEY_TEXT

RECIPE = Recipe(Kind.SMALL, INSTANCES_A_SERIES + 5, seed=7)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return make_corpus(RECIPE, tmp_path_factory.mktemp("scratch"))


def elements(ds: Dataset) -> Iterator[str]:
    return (str(element.tag) for element in ds.iterall())


def test_a_seed_decides_every_byte(corpus: Corpus) -> None:
    again = dict(make_files(RECIPE))
    other = dict(make_files(Recipe(Kind.SMALL, RECIPE.count, seed=8)))
    made = {str(path.relative_to(corpus.folder)): path.read_bytes() for path in corpus.paths()}
    assert made == again
    assert made.keys() == other.keys()
    assert not set(made.values()) & set(other.values())


def test_a_corpus_of_the_same_recipe_is_used_again_and_no_other(tmp_path: Path) -> None:
    few, more = Recipe(Kind.SMALL, 2, 1), Recipe(Kind.SMALL, 3, 1)
    times = [path.stat().st_mtime_ns for path in make_corpus(few, tmp_path).paths()]
    assert [path.stat().st_mtime_ns for path in make_corpus(few, tmp_path).paths()] == times
    assert len(make_corpus(more, tmp_path).paths()) == more.count


def test_an_unfinished_corpus_is_made_again(tmp_path: Path) -> None:
    recipe = Recipe(Kind.SMALL, 2, 1)
    made = make_corpus(recipe, tmp_path)
    made.paths()[0].unlink()
    next(tmp_path.glob("corpora/*.json")).unlink()
    assert len(make_corpus(recipe, tmp_path).paths()) == recipe.count


def test_headers_are_as_long_as_those_of_a_scanner(corpus: Corpus) -> None:
    found = list(elements(dcmread(corpus.paths()[0])))
    assert 120 <= len(found) <= 200
    assert any(int(tag[1:5], 16) % 2 for tag in found)
    assert 12_000 < corpus.size_bytes / RECIPE.count < 16_000


def test_instances_differ_where_those_of_a_series_do(corpus: Corpus) -> None:
    read = [dcmread(path) for path in corpus.paths()]
    assert len({ds.SOPInstanceUID for ds in read}) == RECIPE.count
    assert len({ds.SeriesInstanceUID for ds in read}) == 2
    assert all(ds.SOPInstanceUID == ds.file_meta.MediaStorageSOPInstanceUID for ds in read)
    for _, series in itertools.groupby(read, key=lambda ds: ds.SeriesInstanceUID):
        positions = [float(ds.ImagePositionPatient[2]) for ds in series]
        steps = {after - before for before, after in itertools.pairwise(positions)}
        assert steps == {float(read[0].SpacingBetweenSlices)}


def test_a_slice_has_the_pixels_of_a_slice(tmp_path: Path) -> None:
    corpus = make_corpus(Recipe(Kind.SLICE, 1, 1), tmp_path)
    ds = dcmread(corpus.paths()[0])
    assert ds.Rows * ds.Columns * 2 == len(ds.PixelData)
    assert 520_000 < corpus.size_bytes < 540_000


def test_kinds_of_single_frames_differ_in_encoding_and_pixels_alone(tmp_path: Path) -> None:
    small, implicit, compressed, header = (
        dcmread(make_corpus(Recipe(kind, 1, 1), tmp_path).paths()[0])
        for kind in (Kind.SMALL, Kind.IMPLICIT, Kind.COMPRESSED, Kind.HEADER)
    )
    public = [str(element) for element in small.iterall() if not element.tag.is_private]
    assert [str(element) for element in implicit.iterall() if not element.tag.is_private] == public
    assert [element.tag for element in compressed.iterall()] == [element.tag for element in small.iterall()]
    assert [str(element) for element in header.iterall()] == public[:-1]
    assert not small.original_encoding[0]
    assert implicit.original_encoding[0]
    assert compressed.file_meta.TransferSyntaxUID.is_compressed
    (frame,) = generate_frames(compressed.PixelData, number_of_frames=1)
    assert frame.startswith(b"\xff\x4f\xff\x51")
    assert len(list(generate_fragments(compressed.PixelData))) == 1 + 2


def test_a_header_alone_is_a_few_kilobytes(tmp_path: Path) -> None:
    corpus = make_corpus(Recipe(Kind.HEADER, 3, 1), tmp_path)
    assert 2_000 < corpus.size_bytes / 3 < 6_000


@pytest.mark.parametrize(("kind", "undefined"), [(Kind.ENHANCED_CT, False), (Kind.ENHANCED_MR, True)])
def test_a_multi_frame_image_says_of_every_frame_where_it_is(
    tmp_path: Path, kind: Kind, undefined: bool
) -> None:
    few = [dcmread(path) for path in make_corpus(Recipe(kind, 2, 1), tmp_path).paths()]
    assert len({ds.SOPInstanceUID for ds in few}) == 2
    for ds in few:
        frames = ds.PerFrameFunctionalGroupsSequence
        assert ds["PerFrameFunctionalGroupsSequence"].is_undefined_length == undefined
        assert ds.NumberOfFrames == len(frames) == 300
        places = {float(frame.PlanePositionSequence[0].ImagePositionPatient[2]) for frame in frames}
        assert len(places) == 300
        assert len(ds.PixelData) == 300 * ds.Rows * ds.Columns * 2


@pytest.mark.parametrize("kind", list(Kind))
def test_no_file_of_any_kind_is_refused_or_left_to_the_careful_way(tmp_path: Path, kind: Kind) -> None:
    cleaner = Cleaner(Deidentifier(load_key(text=KEY_TEXT), load_profile("research")))
    for path in make_corpus(Recipe(kind, 1 if kind in ENHANCED else 3, 1), tmp_path).paths():
        source = Buffer(path.read_bytes())
        cleaned = cleaner.clean_plain(source, pixels=kind != Kind.HEADER)
        assert not isinstance(cleaned, Reject)


def test_the_peer_reads_into_its_columns_what_we_read_into_ours(corpus: Corpus) -> None:
    extractors = [each for each in compile_extractors(INSTANCES) if each.column in peers.COLUMNS]
    for path in corpus.paths(3):
        header = read_header(Buffer(path.read_bytes()))
        assert isinstance(header, Header)
        assert peers.read_row(path) == extract(header.dataset, header.encodings, extractors)


def test_the_peer_writes_a_row_for_every_file(tmp_path: Path, corpus: Corpus) -> None:
    peers.PEERS["metadata"](corpus.folder, tmp_path, 2)
    rows = pq.read_table(tmp_path / "instances.parquet")
    assert rows.num_rows == len(set(rows["SOPInstanceUID"].to_pylist())) == RECIPE.count


def test_the_peer_changes_every_element_that_it_says(tmp_path: Path, corpus: Corpus) -> None:
    path = corpus.paths()[0]
    peers.edit_file(path, tmp_path)
    before, after = dcmread(path), dcmread(next(tmp_path.iterdir()))
    assert 50 <= len(peers.ACTIONS) <= 70
    assert not any(int(tag[1:5], 16) % 2 for tag in elements(after))
    kept = {str(element) for element in after.iterall()}
    treated = [element for element in before.iterall() if element.tag in peers.ACTIONS]
    assert len(treated) > 40
    assert not kept & {str(element) for element in treated}
    assert after.PixelData == before.PixelData


def test_the_stopwatches_change_nothing_of_what_a_worker_stages(tmp_path: Path, corpus: Corpus) -> None:
    timed, plain = tmp_path / "timed", tmp_path / "plain"
    timed.mkdir()
    plain.mkdir()
    watch = time_ours(corpus, timed, "dicom,metadata")
    process_corpus(list(list_objects(str(corpus.folder), {})), plan_run(plain, "dicom,metadata"))
    assert staged_files(timed) == staged_files(plain)
    assert len(staged_files(timed)) == RECIPE.count
    assert all(seconds > 0 for seconds in watch.wall.values())


def staged_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.dcm")}


def test_a_step_within_a_step_is_counted_once() -> None:
    watch = Stopwatch()
    with watch.step("outer"), watch.step("inner"):
        time.sleep(0.02)
    assert watch.wall["inner"] > 0.02 > watch.wall["outer"]


def test_a_line_through_sizes_parts_fixed_cost_from_cost_per_file() -> None:
    assert Fit.of({1_000: 12.0, 10_000: 21.0}) == pytest.approx((11.0, 0.001))
    assert Fit.of({1_000: 12.0}) is None


def test_less_time_and_more_speed_are_better() -> None:
    few, many = Sample.of([1.0, 2.0, 90.0]), Sample.of([8.0, 8.0, 8.0])
    assert Figure("", "", "", "s", few, many).times == 4
    assert Figure("", "", "", "files/s", few, many).times == 0.25
    assert Figure("", "", "", "s", few).times is None


def test_a_ratio_is_taken_in_each_round_before_the_median_is() -> None:
    figure = Figure("", "", "", "s", Sample.of([1.0, 10.0, 1.0]), Sample.of([8.0, 40.0, 2.0]))
    assert figure.ratios == Sample.of([8.0, 4.0, 2.0])
    assert figure.times == 4


def test_a_goal_is_reached_or_not_and_never_by_a_peer_that_is_not_there() -> None:
    ours, peer = Sample.of([2.0]), Sample.of([16.0])
    assert Figure("", "", "", "s", ours, peer, goal=Goal(times=8)).reached
    assert Figure("", "", "", "s", ours, peer, goal=Goal(times=8.1)).reached is False
    assert Figure("", "", "", "s", ours, goal=Goal(times=8), absent="pip install it").reached is None
    assert Figure("", "", "", "s", ours, peer, goal=Goal(most=2)).reached
    assert Figure("", "", "", "%", Sample.of([-12.0]), goal=Goal(most=10)).reached
    assert Figure("", "", "", "s", ours, peer).reached is None


def test_the_short_steps_print_their_table_and_their_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--short", "--parts", "steps", "--scratch", str(tmp_path), "--json"])
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert said["cores"] >= 1
    assert said["versions"]["pydicom"]
    measured = {(figure["work"], figure["measure"]) for figure in said["figures"]}
    for outputs in ("metadata", "dicom,metadata"):
        for step in ("open", "learn a template", "match the template", "self-check", "row", "table", "total"):
            assert (f"one process, {outputs}", step) in measured
    assert not any(step == "careful way" for _, step in measured)
    assert all(figure["unit"] and figure["dicomflow"]["median"] > 0 for figure in said["figures"])
    assert all(name in printed.err for name in ("times better", "self-check", "µs a file", said["date"]))


@pytest.mark.e2e
def test_the_short_s3_part_reads_headers_only_beside_who_reads_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--short", "--parts", "s3", "--scratch", str(tmp_path), "--json"])
    figures = json.loads(capsys.readouterr().out)["figures"]
    work = {figure["work"] for figure in figures}
    assert work <= {"headers from S3, Ceph", "headers from S3, moto, a mock"}
    share = next(figure for figure in figures if figure["measure"] == "bytes read")
    assert 0 < share["dicomflow"]["median"] <= 5


@pytest.mark.e2e
def test_the_short_engine_holds_every_contest_and_names_who_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--short", "--parts", "engine", "--scratch", str(tmp_path), "--markdown"])
    printed = capsys.readouterr().out
    rows = [line for line in printed.splitlines() if line.startswith("| ")][2:]
    for contest in list_contests():
        for match in contest.matches:
            (row,) = (
                row
                for row in rows
                if row.startswith(f"| {contest.work} | {contest.kind},")
                and f" | {match.rival.name} | " in row
            )
            assert ("not installed" in row) == bool(match.rival.absent)
            assert ("≥" in row) == (match.times is not None)
    absent = {name for name in PEERS if find_spec(MODULE_OF[name]) is None}
    assert all(name in printed.splitlines()[-1].partition("Not installed")[2] for name in absent)
    assert not list(tmp_path.glob("engine-*"))


MODULE_OF = {
    "python-gdcm": "gdcm",
    "fastdicom": "fastdicom",
    "dicognito": "dicognito",
    "dicom-anonymizer": "dicomanonymizer",
}


def test_a_peer_that_is_not_installed_is_said_to_be_and_how_to_get_it() -> None:
    rival = Rival("one that is not", name_values(NAMED), "no_such_module", "no-such-package")
    assert rival.absent == "pip install no-such-package"
    figure = Figure("work", "files", "", "s", Sample.of([1.0]), goal=Goal(times=2), absent=rival.absent)
    facts = {**machine(1, 1), "rounds": 1}
    assert "| not installed |  | ≥ 2 x not measured |" in make_markdown([figure], facts)


@pytest.mark.parametrize("defect", ["value", "count"])
def test_a_program_that_does_not_do_the_work_is_no_measure(
    tmp_path: Path, corpus: Corpus, defect: str
) -> None:
    contest = next(list_contests())

    def prepare(paths: Sequence[Path], target: Path) -> Callable[[], Any]:
        values = name_values(NAMED)(paths, target)()
        return lambda: [[*values[0][:-1], "other"], *values[1:]] if defect == "value" else values[1:]

    with pytest.raises(AssertionError, match="cheat does something else"):
        check_contest(contest, {OURS: contest.program, "cheat": prepare}, corpus, tmp_path)


def test_a_copy_is_no_cleaned_file(tmp_path: Path, corpus: Corpus) -> None:
    paths = corpus.paths(2)
    copied = Done(None, [path.read_bytes() for path in paths])
    with pytest.raises(AssertionError):
        check_files(paths, copied, copied)


def test_forty_attributes_are_asked_for_and_every_file_has_them(tmp_path: Path) -> None:
    for kind, keywords in ((Kind.SMALL, NAMED), (Kind.ENHANCED_CT, NAMED_ENHANCED)):
        assert len(set(keywords)) == len(tags_of(keywords)) == 40
        ds = dcmread(make_corpus(Recipe(kind, 1, 1), tmp_path).paths()[0])
        assert all(ds.get(keyword) not in (None, "") for keyword in keywords)


def test_growth_of_memory_is_held_against_its_goal() -> None:
    def run(megabytes: float) -> Run:
        return Run(peaks=Counter({MAIN: 10**8, WORKER: int(megabytes * 1e6)}))

    last = list(_of_memory({10: [run(100), run(100)], 1_000: [run(105), run(125)]}))[-1]
    assert last.ours is not None
    assert last.ours.runs == pytest.approx((5, 25))
    assert last.reached is False


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_the_short_flow_runs_beside_its_peer_and_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--short", "--parts", "flow,memory", "--scratch", str(tmp_path)])
    printed = capsys.readouterr().out
    for name in (
        "whole flow, dicom,metadata",
        "audit",
        "peak memory, largest worker",
        "memory of the flow",
    ):
        assert name in printed
    assert not list(tmp_path.glob("target-*"))
