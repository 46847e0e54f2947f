"""What every store promises, tried on a folder and on S3."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, ContractError, TransientError
from tasks.storage.probe import PROBES
from tasks.storage.store import Move, Store, open_store


def test_what_is_written_is_read(store: Store) -> None:
    store.write("docs/runs/1/index.html", b"<p>")
    assert store.read("docs/runs/1/index.html") == b"<p>"
    assert store.exists("docs/runs/1/index.html")


def test_a_second_write_replaces_the_first(store: Store) -> None:
    store.write("a", b"a long first content")
    store.write("a", b"second")
    assert store.read("a") == b"second"


def test_a_missing_object_is_told_without_its_name(store: Store) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        store.read("published/dicom/ALICE.dcm")
    assert "ALICE" not in str(caught.value)
    assert caught.value.__context__ is None
    assert not store.exists("published/dicom/ALICE.dcm")


def test_folders_are_those_just_below_a_prefix(store: Store) -> None:
    for key in ("staging/b/x/1", "staging/a/1", "staging/file", "docs/c/1"):
        store.write(key, b"1")
    assert store.list_folders("staging") == ("a", "b")
    assert store.list_folders("published") == ()


def test_sizes_and_parts_are_those_of_the_object(store: Store) -> None:
    content = bytes(range(256)) * 40_000
    store.write("staging/a", content)
    store.write("staging/b", b"")
    assert dict(store.list_sizes("staging")) == {"staging/a": len(content), "staging/b": 0}
    parts = list(store.read_parts("staging/a"))
    assert b"".join(parts) == content
    assert max(map(len, parts)) < len(content)
    with pytest.raises(FileNotFoundError):
        list(store.read_parts("staging/c"))


def test_a_folder_is_no_object(store: Store) -> None:
    store.write("a/b", b"1")
    assert not store.exists("a")


@pytest.mark.parametrize(
    "key", ["", "/etc/passwd", "../a", "a/../../b", "a//b", "a/", ".", "a\0b", ".dicomflow-1"]
)
def test_a_key_that_leaves_the_root_or_poses_as_unfinished_is_refused(store: Store, key: str) -> None:
    with pytest.raises(ContractError):
        store.write(key, b"1")
    with pytest.raises(ContractError):
        store.read(key)


def test_only_the_first_of_two_creators_gets_the_name(store: Store) -> None:
    assert store.write_create("staging/lease", b"run 1")
    assert not store.write_create("staging/lease", b"run 2")
    assert store.read("staging/lease") == b"run 1"


def test_creating_again_what_we_created_is_success(store: Store) -> None:
    assert store.write_create("staging/lease", b"run 1")
    assert store.write_create("staging/lease", b"run 1")


@pytest.mark.parametrize("sizes", [[], [0], [1, 2, 3], [100_000] * 3, [17 * 2**20, 1, 20 * 2**20]])
def test_a_stream_arrives_whole(store: Store, sizes: list[int]) -> None:
    parts = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    assert store.write_unsynced("staging/1/part.parquet", iter(parts)) == sum(sizes)
    store.barrier()
    assert store.read("staging/1/part.parquet") == b"".join(parts)


@pytest.mark.parametrize("size", [1, 40 * 2**20])
def test_a_stream_that_fails_leaves_nothing(store: Store, size: int) -> None:
    def fail() -> Iterator[bytes]:
        yield bytes(size)
        raise TransientError("the source failed")

    with pytest.raises(TransientError, match="the source failed"):
        store.write_unsynced("staging/1/a.dcm", fail())
    assert not store.exists("staging/1/a.dcm")
    assert list(store.list()) == []
    assert store.sweep(older_than_seconds=-10) == 0


def test_a_moved_object_is_at_its_new_place_only(store: Store) -> None:
    store.write("staging/a", b"1")
    store.move("staging/a", "published/b/c")
    assert list(store.list()) == ["published/b/c"]
    assert store.read("published/b/c") == b"1"


def test_moving_twice_is_moving_once(store: Store) -> None:
    store.write("staging/a", b"1")
    store.move("staging/a", "b")
    store.move("staging/a", "b")
    assert store.read("b") == b"1"
    with pytest.raises(FileNotFoundError):
        store.move("staging/a", "c")


def test_a_tree_moves_where_nothing_is(store: Store) -> None:
    for key in ("staging/1/p/a.dcm", "staging/1/p/s/b.dcm", "staging/10/c.dcm"):
        store.write(key, key.encode())
    store.move_tree("staging/1", "published/dicom")
    assert list(store.list()) == ["published/dicom/p/a.dcm", "published/dicom/p/s/b.dcm", "staging/10/c.dcm"]
    assert store.read("published/dicom/p/s/b.dcm") == b"staging/1/p/s/b.dcm"


def test_a_tree_moves_into_what_is_there(store: Store) -> None:
    for key in ("staging/1/p/a", "staging/1/p/s/b", "staging/1/q/c"):
        store.write(key, b"new")
    for key in ("published/p/a", "published/p/s/z"):
        store.write(key, b"old")
    store.move_tree("staging/1", "published")
    contents = {key: store.read(key) for key in store.list()}
    assert contents == {
        "published/p/a": b"new",
        "published/p/s/b": b"new",
        "published/p/s/z": b"old",
        "published/q/c": b"new",
    }


def test_objects_move_in_one_go_and_what_has_moved_before_is_passed_over(store: Store) -> None:
    for key in ("staging/a", "staging/b/c", "staging/d"):
        store.write(key, key.encode())
    store.write("elsewhere/c", b"old")
    moves = [Move("staging/a", 9, "published/a"), Move("staging/b/c", 11, "elsewhere/c")]
    for _ in range(2):
        store.move_all(iter([*moves, Move("staging/never", 1, "published/never")]))
    assert {key: store.read(key) for key in store.list()} == {
        "published/a": b"staging/a",
        "elsewhere/c": b"staging/b/c",
        "staging/d": b"staging/d",
    }


def test_moving_a_tree_twice_is_moving_it_once(store: Store) -> None:
    store.write("staging/1/a", b"1")
    for _ in range(2):
        store.move_tree("staging/1", "published")
    assert list(store.list()) == ["published/a"]


def test_deleting_is_the_same_twice(store: Store) -> None:
    for key in ("staging/1/a", "staging/1/b/c", "staging/10/d", "e"):
        store.write(key, b"1")
    for _ in range(2):
        store.delete("e")
        store.delete_tree("staging/1")
    assert list(store.list()) == ["staging/10/d"]


def test_the_root_is_not_deleted_as_a_tree(store: Store) -> None:
    with pytest.raises(ContractError):
        store.delete_tree("")


def test_a_listing_holds_the_keys_below_a_folder_only(store: Store) -> None:
    for key in ("a/b/1", "a/b/2", "a/bc", "d"):
        store.write(key, b"1")
    assert list(store.list("a/b")) == ["a/b/1", "a/b/2"]
    assert list(store.list("a/b/")) == ["a/b/1", "a/b/2"]
    assert list(store.list()) == ["a/b/1", "a/b/2", "a/bc", "d"]
    assert list(store.list("nothing")) == []


def test_an_uploaded_tree_is_there_with_its_folders(store: Store, tmp_path: Path) -> None:
    (tmp_path / "site/static").mkdir(parents=True)
    (tmp_path / "site/index.html").write_text("<p>")
    (tmp_path / "site/static/a.css").write_text("p {}")
    store.upload_tree(tmp_path / "site", "docs/runs/1")
    assert list(store.list("docs")) == ["docs/runs/1/index.html", "docs/runs/1/static/a.css"]
    assert store.read("docs/runs/1/static/a.css") == b"p {}"


def test_preparing_leaves_no_object_behind(store: Store) -> None:
    store.prepare()
    store.prepare()
    assert list(store.list()) == []


def test_a_probe_that_another_run_sweeps_away_is_made_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept: list[str] = []
    write = type(store).write_create

    def write_and_lose(self: Store, key: str, data: bytes) -> bool:
        ours = write(self, key, data)
        if not swept:
            swept.extend(store.list(PROBES))
            store.delete(key)
        return ours

    monkeypatch.setattr(type(store), "write_create", write_and_lose)
    store.prepare()
    assert len(swept) == 1
    assert list(store.list()) == []


def test_a_store_travels_to_another_process(store: Store) -> None:
    store.write("a", b"1")
    assert pickle.loads(pickle.dumps(store)).read("a") == b"1"  # noqa: S301


@pytest.mark.parametrize("uri", ["", "gs://bucket/a", "s3://", "s3:///a", "http://host/a"])
def test_an_unknown_kind_of_place_is_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError):
        open_store(uri, {})


def test_a_url_names_the_object(local_store: Store, s3_store: Store, tmp_path: Path, bucket: str) -> None:
    assert local_store.url("docs/a b.html") == f"file://{tmp_path}/target/docs/a%20b.html"
    assert s3_store.url("docs/a b.html") == f"s3://{bucket}/a/target/docs/a b.html"


def test_only_a_local_store_has_paths(local_store: Store, s3_store: Store, tmp_path: Path) -> None:
    assert local_store.local_path("a/b") == tmp_path / "target/a/b"
    assert s3_store.local_path("a/b") is None
