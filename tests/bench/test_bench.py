from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from expectations.contracts import INSTANCES
from tasks.dicom.buffer import Buffer
from tasks.dicom.element import Header
from tasks.dicom.reader import read_header
from tasks.storage.listing import list_objects
from tasks.tables.rows import compile_extractors, extract
from tests.bench import peers
from tests.bench.corpus import INSTANCES_A_SERIES, Corpus, Kind, Recipe, make_corpus, make_files
from tests.bench.figures import Figure, Fit, Sample
from tests.bench.run import main
from tests.bench.steps import Stopwatch, plan_run, process_corpus, time_ours

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


def test_the_peer_reads_into_its_columns_what_we_read_into_ours(corpus: Corpus) -> None:
    extractors = [each for each in compile_extractors(INSTANCES) if each.column in peers.COLUMNS]
    for path in corpus.paths(3):
        header = read_header(Buffer(path.read_bytes()))
        assert isinstance(header, Header)
        assert peers.read_row(path) == extract(header.dataset, header.encodings, extractors)


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
    few, many = Sample.of([1.0, 2.0, 90.0]), Sample.of([8.0])
    assert Figure("", "", "", "s", few, many).times == 4
    assert Figure("", "", "", "files/s", few, many).times == 0.25
    assert Figure("", "", "", "s", few).times is None


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
        for step in ("read_header", "repair", "deidentify", "encode", "self-check", "row", "JSON", "total"):
            assert (f"one process, {outputs}", step) in measured
    assert all(figure["unit"] and figure["dicomflow"]["median"] > 0 for figure in said["figures"])
    assert all(name in printed.err for name in ("times better", "read_header", "µs a file", said["date"]))


@pytest.mark.e2e
@pytest.mark.timeout(600)
def test_the_short_flow_runs_beside_its_peer_and_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--short", "--parts", "flow", "--scratch", str(tmp_path)])
    printed = capsys.readouterr().out
    for name in (
        "whole flow, metadata",
        "whole flow, dicom,metadata",
        "audit",
        "peak memory, largest worker",
    ):
        assert name in printed
    assert not list(tmp_path.glob("target-*"))
