"""A listing in runs is the listing sorted whole, in the memory of a run, and leaves no file behind."""

from __future__ import annotations

import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import TransientError
from tasks.ledger.batching import write_manifest
from tasks.ledger.sorting import sort_objects
from tasks.records import SourceObject
from tests.ledger.listings import an_object

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
OBJECTS = st.builds(SourceObject, NAMES, st.integers(0, 9), st.sampled_from(["", "v1", "v2"]))


@given(st.lists(OBJECTS, max_size=40, unique_by=lambda found: (found.uri, found.version)), st.integers(1, 12))
def test_runs_merged_are_the_whole_sorted(objects: list[SourceObject], run_objects: int) -> None:
    merged = sort_objects(objects, run_objects=run_objects)
    assert list(merged) == list(sort_objects(objects))
    assert list(merged) == sorted(objects, key=lambda found: (found.uri.encode(), found.version.encode()))
    assert merged.total_bytes == sum(found.size_bytes for found in objects)


@pytest.mark.parametrize(
    "listed", [range(1000), reversed(range(1000)), [n * 617 % 1000 for n in range(1000)]]
)
def test_what_comes_in_order_and_what_does_not_ends_in_order(listed: range) -> None:
    merged = sort_objects((an_object(f"{number:04d}") for number in listed), run_objects=64)
    assert list(merged) == [an_object(f"{number:04d}") for number in range(1000)]
    assert list(merged[500:502]) == [an_object("0500"), an_object("0501")]


def test_twice_the_same_stays_twice() -> None:
    assert list(sort_objects([an_object("b"), an_object("a"), an_object("b")], run_objects=1)) == [
        an_object("a"),
        an_object("b"),
        an_object("b"),
    ]


def test_no_name_of_a_source_is_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    merged = sort_objects((an_object(f"{number:04d}") for number in range(100)), run_objects=10)
    assert not list(tmp_path.iterdir())
    assert len(merged) == 100


def test_temporary_files_lie_where_the_caller_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    folder = tmp_path / "restricted" / "staging"
    merged = sort_objects((an_object(f"{number:04d}") for number in range(100)), folder, run_objects=10)
    assert len(merged) == 100
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not list(folder.iterdir())
    with pytest.raises(TransientError):
        sort_objects((an_object(f"{number:04d}") for number in range(100)), run_objects=10)


def test_however_a_listing_was_sorted_its_manifests_are_the_same_bytes() -> None:
    listed = [an_object(f"{number * 7919 % 20_011:06d}") for number in range(20_000)]
    whole, merged = sort_objects(listed), sort_objects(listed, run_objects=6_000)
    assert write_manifest(merged) == write_manifest(whole)


def test_a_full_temporary_folder_says_what_to_do() -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(
            TransientError, match="Make room in the target, or for a bucket where TMPDIR says"
        ):
            sort_objects((an_object(f"{number:04d}") for number in range(1000)), run_objects=100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


CHILD = """
import sys
from tasks.ledger.batching import write_manifest
from tasks.ledger.sorting import sort_objects
from tasks.records import SourceObject

def own_bytes():
    lines = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(lines["RssAnon"].split()[0]) * 1024

def objects(count):
    most = 0
    for number in range(count):
        yield SourceObject(f"s3://archive/landing/{number * 617 % count:080d}.dcm", 1, f"{number:032x}")

def sorted_bytes(count):
    listing = sort_objects(objects(count), run_objects=20_000)
    return own_bytes(), listing

sorted_bytes(40_000)
before = own_bytes()
after, listing = sorted_bytes(400_000)
print(after - before, len(listing))
"""


def test_what_a_sorted_listing_holds_is_on_disk() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], check=True, capture_output=True, text=True)
    grown, objects = map(int, done.stdout.split())
    assert objects == 400_000
    assert grown < 400_000 * 40, "in memory it would be 190 bytes an object"
