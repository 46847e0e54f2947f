"""How one local file comes to be: written whole under a temporary name in its own folder, then renamed.

A reader sees the old file, the new file or none, never a part, whenever the writer dies. Killed
writers leave temporary files behind, which a sweep removes: only the name is missing, not the proof.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tasks.storage.keys import make_temporary_name


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Offer a name in the folder of `path` to write to; whatever still has it at the end is removed."""
    temporary = path.with_name(make_temporary_name())
    try:
        yield temporary
    finally:
        remove_unfinished(temporary)


def remove_unfinished(temporary: Path | str) -> None:
    """Remove a file that was not renamed; it may have been, or be lost, and no error here may hide another."""
    with contextlib.suppress(OSError):
        os.unlink(temporary)  # noqa: PTH108 - a path object would be half of the cost


def write_file(path: Path | str, parts: Iterable[bytes | memoryview], *, mode: int, synced: bool) -> int:
    """Write a new file and return its size in bytes.

    Parameters
    ----------
    mode
        Permission bits, set as given: the umask of a worker is not what decides who may read.
    synced
        Wait until the content is on the disk.

    Raises
    ------
    OSError
        Among others `ENOSPC`, which a buffered write may report only when the file is closed.
    """
    descriptor = os.open(path, _NEW_FILE, 0o600)
    try:
        if mode != _OWNERS:
            os.fchmod(descriptor, mode)
        size = 0
        for batch in _gather(parts):
            size += _write_all(descriptor, batch)
        if synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return size


_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_OWNERS = 0o600


def _gather(parts: Iterable[bytes | memoryview]) -> Iterator[list[bytes | memoryview]]:
    """Give parts in batches that go to the kernel together: a header and what is around the pixels are short."""
    batch: list[bytes | memoryview] = []
    waiting = 0
    for part in parts:
        batch.append(part)
        waiting += len(part)
        if waiting >= _BUFFER_BYTES or len(batch) >= _MOST_PARTS:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch


def _write_all(descriptor: int, batch: list[bytes | memoryview]) -> int:
    size = sum(map(len, batch))
    written = os.writev(descriptor, batch)
    if written < size:
        # A full disk or a signal cut it short; what is left is written, or says why it cannot be.
        left = memoryview(b"".join(batch))[written:]
        while left:
            left = left[os.write(descriptor, left) :]
    return size


_MOST_PARTS = 256
"""Well below what one call takes everywhere (IOV_MAX, 1024 on Linux)."""
_BUFFER_BYTES = 256 * 1024


def sync_folder(folder: Path) -> None:
    """Wait until the names in `folder` are on the disk; a renamed file may else vanish with the power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Network and FUSE file systems answer so: they have nothing to sync for a folder.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(descriptor)


def sync_file_systems(root: Path) -> None:
    """Wait until everything written below `root` is on the disk, in one go.

    `syncfs` rather than `sync`: it touches our file systems only and, since Linux 5.8, reports that
    writing back failed, which `sync` never does. A top folder may be a mount of its own (an encrypted
    `restricted/`), so each device among them is synced once.
    """
    with os.scandir(root) as entries:
        folders = [root, *(Path(entry) for entry in entries if entry.is_dir())]
    for folder in {folder.stat().st_dev: folder for folder in folders}.values():
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync_file_system(descriptor)
        finally:
            os.close(descriptor)


def _find_syncfs() -> Callable[[int], int] | None:
    function = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return None if function is None else lambda descriptor: int(function(descriptor))


_syncfs = _find_syncfs()


def _sync_file_system(descriptor: int) -> None:
    if _syncfs is None:
        os.sync()
    elif _syncfs(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
