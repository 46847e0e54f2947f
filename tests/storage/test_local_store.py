"""What a store in a folder promises beyond the contract: modes, no partial file, a full disk."""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tasks.errors import ConfigurationError, TransientError
from tasks.storage import local_files
from tasks.storage.keys import TEMPORARY_PREFIX
from tasks.storage.store import Store, open_store


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("folder", ["restricted", "staging"])
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_private_folders_are_their_owners_only(tmp_path: Path, folder: str, umask: int) -> None:
    store = open_store(str(tmp_path / "target"), {})
    before = os.umask(umask)
    try:
        store.write(f"{folder}/a/b", b"1")
        store.write_unsynced(f"{folder}/a/c", [b"1"])
        store.write_create(f"{folder}/a/d", b"1")
    finally:
        os.umask(before)
    root = tmp_path / "target"
    assert [mode_of(root / folder), mode_of(root / folder / "a")] == [0o700, 0o700]
    assert {mode_of(path) for path in (root / folder / "a").iterdir()} == {0o600}


@pytest.mark.parametrize(("root_mode", "folder_mode", "file_mode"), [
    (0o755, 0o755, 0o644),
    (0o750, 0o750, 0o640),
    (0o700, 0o700, 0o600),
    (0o2775, 0o2775, 0o664),
    (0o777, 0o775, 0o664),
])  # fmt: skip
def test_what_is_published_is_as_open_as_the_root(
    tmp_path: Path, root_mode: int, folder_mode: int, file_mode: int
) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "target").chmod(root_mode)
    store = open_store(str(tmp_path / "target"), {})
    store.write("docs/index.html", b"1")
    store.write("staging/1/dicom/p/a.dcm", b"1")
    store.write("staging/1/b.dcm", b"1")
    store.move_tree("staging/1/dicom", "published/dicom")
    store.move("staging/1/b.dcm", "published/b.dcm")
    published = tmp_path / "target/published"
    assert mode_of(published) == mode_of(published / "dicom") == mode_of(published / "dicom/p") == folder_mode
    assert mode_of(published / "dicom/p/a.dcm") == mode_of(published / "b.dcm") == file_mode
    assert mode_of(tmp_path / "target/docs/index.html") == file_mode


def test_preparing_narrows_a_private_folder_that_stood_open(tmp_path: Path) -> None:
    (tmp_path / "restricted").mkdir(mode=0o755)
    open_store(str(tmp_path), {}).prepare()
    assert mode_of(tmp_path / "restricted") == mode_of(tmp_path / "staging") == 0o700


def test_preparing_tells_a_target_that_cannot_be_written(
    open_folder: Path, unprivileged: Callable[[], AbstractContextManager[None]]
) -> None:
    (open_folder / "target").mkdir(mode=0o555)
    store = open_store(str(open_folder / "target"), {})
    with unprivileged(), pytest.raises(ConfigurationError, match="check owner and mode") as caught:
        store.prepare()
    assert str(open_folder) not in str(caught.value)


def test_preparing_tells_a_target_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("not a folder")
    with pytest.raises(ConfigurationError, match="a file stands where a folder is needed"):
        open_store(str(tmp_path / "target"), {}).prepare()


def test_a_file_is_renamed_into_place_and_never_written_there(tmp_path: Path) -> None:
    store = open_store(str(tmp_path), {})
    store.write("a", b"first")
    with (tmp_path / "a").open("rb") as reader:
        store.write("a", b"second")
        assert reader.read() == b"first"


def test_a_reader_of_a_stream_under_way_sees_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path), {})
    seen: list[list[str]] = []

    def watch() -> Iterator[bytes]:
        yield bytes(2**20)
        seen.append(list(store.list()))
        yield b"1"

    store.write_unsynced("a", watch())
    assert seen == [[]]
    assert list(store.list()) == ["a"]


def test_content_is_on_the_disk_before_its_name_and_its_name_before_we_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []
    fsync = os.fsync

    def watch(descriptor: int) -> None:
        place = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append((place.relative_to(tmp_path).as_posix(), (tmp_path / "target/a/b").exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watch)
    open_store(str(tmp_path / "target"), {}).write("a/b", b"1")
    (content, named), *folders = synced
    assert content.startswith(f"target/a/{TEMPORARY_PREFIX}")
    assert not named
    assert folders == [("target/a", True), (".", True), ("target", True)]


def test_a_barrier_that_fails_is_an_error() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        local_files._sync_file_system(-1)


def test_unfinished_files_are_swept_when_they_are_old(tmp_path: Path) -> None:
    store = open_store(str(tmp_path), {})
    store.write("staging/1/a", b"1")
    unfinished = tmp_path / "staging/1" / f"{TEMPORARY_PREFIX}0123"
    unfinished.write_bytes(b"half")
    assert store.sweep("staging", older_than_seconds=3600) == 0
    os.utime(unfinished, (time.time() - 7200,) * 2)
    assert store.sweep("staging", older_than_seconds=3600, deep=False) == 0
    assert store.sweep("staging/1", older_than_seconds=3600, deep=False) == 1
    unfinished.write_bytes(b"half")
    assert store.sweep("staging", older_than_seconds=-10) == 1
    assert files_below(tmp_path) == ["staging/1/a"]


def test_unfinished_files_are_not_moved_along(tmp_path: Path) -> None:
    store = open_store(str(tmp_path), {})
    store.write("staging/1/p/a", b"1")
    (tmp_path / "staging/1/p" / f"{TEMPORARY_PREFIX}0123").write_bytes(b"half")
    store.move_tree("staging/1", "published")
    assert files_below(tmp_path) == ["published/p/a"]


def test_a_moved_tree_leaves_no_empty_folder(tmp_path: Path) -> None:
    store = open_store(str(tmp_path), {})
    for key in ("staging/1/p/s/a", "published/p/s/b"):
        store.write(key, b"1")
    store.move_tree("staging/1", "published")
    assert not (tmp_path / "staging/1").exists()


def test_a_tree_is_moved_by_a_rename_and_not_copied(tmp_path: Path) -> None:
    store = open_store(str(tmp_path), {})
    for key in ("staging/1/p/a", "staging/1/q/b", "published/q/c"):
        store.write(key, b"1")
    inodes = {(tmp_path / "staging/1" / name).stat().st_ino for name in ("p", "p/a", "q/b")}
    store.move_tree("staging/1", "published")
    assert {(tmp_path / "published" / name).stat().st_ino for name in ("p", "p/a", "q/b")} == inodes


def test_a_folder_for_a_table_is_made_before_deltalake_makes_it_open(tmp_path: Path) -> None:
    uri = open_store(str(tmp_path), {}).delta_uri("restricted/ledger")
    assert uri == str(tmp_path / "restricted/ledger")
    assert mode_of(tmp_path / "restricted") == mode_of(tmp_path / "restricted/ledger") == 0o700


def test_a_barrier_before_anything_was_written_is_nothing(tmp_path: Path) -> None:
    open_store(str(tmp_path / "not there"), {}).barrier()
    assert not (tmp_path / "not there").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 1 MiB and 32 inodes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=32", "tmpfs", str(folder)],
        check=False,
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("write", [
    lambda store: store.write("restricted/big", bytes(2**21)),
    lambda store: store.write_create("restricted/big", bytes(2**21)),
    lambda store: store.write_unsynced("restricted/big", [bytes(1000)] * 2000),
])  # fmt: skip
def test_a_full_disk_leaves_nothing_unfinished(small_disk: Path, write: Callable[[Store], object]) -> None:
    store = open_store(str(small_disk), {})
    store.write("restricted/small", b"1")
    with pytest.raises(TransientError, match=r"ENOSPC.*free space") as caught:
        write(store)
    assert str(small_disk) not in str(caught.value)
    assert caught.value.__context__ is None
    assert files_below(small_disk) == ["restricted/small"]
    store.write("restricted/other", b"2")
    assert store.read("restricted/other") == b"2"


def test_a_disk_without_inodes_is_a_full_disk(small_disk: Path) -> None:
    store = open_store(str(small_disk), {})
    for number in range(28):
        store.write_unsynced(f"staging/{number}", [b"1"])
    with pytest.raises(TransientError, match=r"ENOSPC.*inodes"):
        store.write_unsynced("staging/more/folders/a", [b"1"])


def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(ConfigurationError, match="read-only"):
        open_store(str(small_disk), {}).prepare()


def test_a_target_on_two_disks_is_told(small_disk: Path) -> None:
    store = open_store(str(small_disk.parent), {})
    store.write("disk/1/a", b"1")
    with pytest.raises(ConfigurationError, match="two file systems"):
        store.move_tree("disk/1", "published")
    store.barrier()
