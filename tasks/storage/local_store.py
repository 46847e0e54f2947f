"""A store in a local folder, by the operating system's own calls: fsspec's local files are never synced.

Permission bits follow the place, not the worker's umask. Below `restricted/` and `staging/` only the
owner may enter; elsewhere folders and files are as open as the root folder itself, but never writable
for the world, so whoever sets the root's mode decides who reads what is published.
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.storage.faults import DELETE_IN_TARGET, MOVE_IN_TARGET, READ_TARGET, WRITE_TARGET, explained
from tasks.storage.keys import (
    PRIVATE_FOLDERS,
    TEMPORARY_PREFIX,
    check_key,
    is_private,
    make_temporary_name,
)
from tasks.storage.local_files import (
    remove_unfinished,
    sync_file_systems,
    sync_folder,
    temporary_beside,
    write_file,
)
from tasks.storage.local_trees import merge_tree, scan_folder, settle_tree, sweep_tree, walk_files
from tasks.storage.probe import probe_store
from tasks.storage.uris import file_uri

if TYPE_CHECKING:
    from tasks.storage.store import Move

_COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A `Store` whose root is a folder, made when first written to."""

    root: Path

    def prepare(self) -> None:
        """Make the private folders, narrow those that are not private, and try a write."""
        self._make_private_folders()
        probe_store(self)

    @explained(READ_TARGET)
    def read(self, key: str) -> bytes:
        """Read an object whole."""
        return self._path(key).read_bytes()

    def read_parts(self, key: str) -> Iterator[bytes]:
        """Read an object a MiB at a time."""
        parts = _read_parts(self._path(key))
        take = explained(READ_TARGET)(lambda: next(parts, None))
        while (part := take()) is not None:
            yield part

    @explained(WRITE_TARGET)
    def write(self, key: str, data: bytes) -> None:
        """Write an object that is on the disk, name and content, when this returns."""
        path = self._path(key)
        changed = self._make_folders(path.parent)
        with temporary_beside(path) as temporary:
            write_file(temporary, (data,), mode=self._file_mode(key), synced=True)
            temporary.replace(path)
        _sync_folders(path.parent, *changed)

    @explained(WRITE_TARGET)
    def write_create(self, key: str, data: bytes) -> bool:
        """Write by a hard link, which unlike a rename refuses a name that is taken."""
        path = self._path(key)
        changed = self._make_folders(path.parent)
        with temporary_beside(path) as temporary:
            write_file(temporary, (data,), mode=self._file_mode(key), synced=True)
            try:
                os.link(temporary, path)
                ours = True
            except FileExistsError:
                ours = path.read_bytes() == data
        _sync_folders(path.parent, *changed)
        return ours

    @explained(WRITE_TARGET)
    def write_unsynced(self, key: str, parts: Iterable[bytes | memoryview]) -> int:
        """Write and rename without waiting for the disk; `barrier` waits once for many."""
        # Plain strings and five system calls: of a small file, anything more would be most of its cost.
        path = f"{self.root}/{check_key(key)}"
        folder = path[: path.rindex("/")]
        temporary = f"{folder}/{make_temporary_name()}"
        try:
            size = self._write_or_remove(temporary, parts, self._file_mode(key))
        except FileNotFoundError:
            self._make_folders(Path(folder))
            size = self._write_or_remove(temporary, parts, self._file_mode(key))
        try:
            os.rename(temporary, path)  # noqa: PTH104 - plain strings, as said above
        except BaseException:
            remove_unfinished(temporary)
            raise
        return size

    def _write_or_remove(self, temporary: str, parts: Iterable[bytes | memoryview], mode: int) -> int:
        try:
            return write_file(temporary, parts, mode=mode, synced=False)
        except BaseException:
            remove_unfinished(temporary)
            raise

    @explained(WRITE_TARGET)
    def barrier(self) -> None:
        """Wait until all that was written or moved is on the disk."""
        if self.root.is_dir():
            sync_file_systems(self.root)

    @explained(MOVE_IN_TARGET)
    def move(self, source_key: str, destination_key: str) -> None:
        """Move by one rename."""
        source, destination = self._path(source_key), self._path(destination_key)
        self._make_folders(destination.parent)
        try:
            source.chmod(self._file_mode(destination_key))
            source.replace(destination)
        except FileNotFoundError:
            if not destination.is_file():
                raise

    @explained(MOVE_IN_TARGET)
    def move_tree(self, source_prefix: str, destination_prefix: str) -> None:
        """Move by one rename where nothing is in the way, else file by file."""
        source, destination = self._path(source_prefix), self._path(destination_prefix)
        if not source.is_dir():
            return
        folder_mode, file_mode = self._folder_mode(destination_prefix), self._file_mode(destination_prefix)
        settle_tree(source, folder_mode=folder_mode, file_mode=file_mode)
        self._make_folders(destination.parent)
        merge_tree(source, destination)

    @property
    def renames_trees(self) -> bool:
        """A folder of any size moves by one rename."""
        return True

    def move_all(self, moves: Iterable[Move]) -> None:
        """Rename one after the other."""
        for one in moves:
            with suppress(FileNotFoundError):
                self.move(one.source_key, one.destination_key)

    @explained(READ_TARGET)
    def exists(self, key: str) -> bool:
        """Tell whether there is an object of this name; a folder is none."""
        return self._path(key).is_file()

    @explained(DELETE_IN_TARGET)
    def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        self._path(key).unlink(missing_ok=True)

    @explained(DELETE_IN_TARGET)
    def delete_tree(self, prefix: str) -> None:
        """Remove a folder with all that is in it, if it is there."""
        folder = self._path(prefix)
        if folder.is_dir():
            shutil.rmtree(folder)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys below a folder in order, unfinished files left out."""
        for path in walk_files(self._folder(prefix)):
            if not path.name.startswith(TEMPORARY_PREFIX):
                yield path.relative_to(self.root).as_posix()

    def list_folders(self, prefix: str) -> tuple[str, ...]:
        """Give the names of the folders in a folder."""
        entries = scan_folder(self._folder(prefix))
        return tuple(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))

    def list_sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yield keys with their sizes; what vanishes meanwhile was not there."""
        for key in self.list(prefix):
            size = explained(READ_TARGET)(self._size)(key)
            if size is not None:
                yield key, size

    def _size(self, key: str) -> int | None:
        try:
            return (self.root / key).lstat().st_size
        except FileNotFoundError:
            return None

    def upload_tree(self, folder: Path, prefix: str) -> None:
        """Copy the files of a folder; front pages last, so that they never link to what is not there."""
        for path in sorted(walk_files(folder), key=lambda path: path.name == "index.html"):
            self.write_unsynced(f"{prefix}/{path.relative_to(folder).as_posix()}", _read_parts(path))

    @explained(DELETE_IN_TARGET)
    def sweep(self, prefix: str = "", *, older_than_seconds: float, deep: bool = True) -> int:
        """Remove what killed writers left unfinished."""
        return sweep_tree(self._folder(prefix), before=time.time() - older_than_seconds, deep=deep)

    def url(self, key: str) -> str:
        """Name an object for a report or an event."""
        return file_uri(os.fsencode(self._path(key)))

    @explained(WRITE_TARGET)
    def delta_uri(self, key: str) -> str:
        """Name a table for deltalake, and make its folder, because deltalake would by the umask."""
        folder = self._path(key)
        self._make_folders(folder)
        return str(folder)

    def delta_options(self) -> None:
        """Need none: deltalake takes a local path as it is."""

    def local_path(self, key: str) -> Path:
        """Give the path of an object, for a library that can only work on files."""
        return self._path(key)

    def _path(self, key: str) -> Path:
        return self.root / check_key(key)

    def _folder(self, prefix: str) -> Path:
        return self._path(prefix.rstrip("/")) if prefix else self.root

    def _file_mode(self, key: str) -> int:
        return 0o600 if is_private(key) else self._root_mode() & 0o664

    def _folder_mode(self, key: str) -> int:
        return 0o700 if is_private(key) else self._root_mode() & 0o2775

    def _root_mode(self) -> int:
        return stat.S_IMODE(self.root.stat().st_mode)

    def _make_folders(self, folder: Path) -> tuple[Path, ...]:
        """Make a folder and those above it; return the folders that got a new name in them."""
        if folder.is_dir():
            return ()
        if folder == self.root:
            folder.mkdir(parents=True, exist_ok=True)
            return (folder.parent,)
        changed = self._make_folders(folder.parent)
        mode = self._folder_mode(folder.relative_to(self.root).as_posix())
        folder.mkdir(mode, exist_ok=True)
        folder.chmod(mode)  # What the umask took away.
        return (*changed, folder.parent)

    @explained(WRITE_TARGET)
    def _make_private_folders(self) -> None:
        for name in PRIVATE_FOLDERS:
            self._make_folders(self.root / name)
            (self.root / name).chmod(0o700)


def _sync_folders(*folders: Path) -> None:
    for folder in dict.fromkeys(folders):
        sync_folder(folder)


def _read_parts(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from iter(partial(file.read, _COPY_BYTES), b"")
