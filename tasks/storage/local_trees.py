"""What is done to whole local folders: walking, moving, settling modes, sweeping.

Every function here may be killed anywhere and run again, and ends as if it had run once. That is why
a move never copies: each step is one rename, so a file is at its old place or at its new one.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from tasks.storage.faults import READ_TARGET, explained
from tasks.storage.keys import TEMPORARY_PREFIX


@explained(READ_TARGET)
def scan_folder(folder: Path) -> list[os.DirEntry[str]]:
    """List one folder by name, so that a walk is the same everywhere; a missing folder is an empty one."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def walk_files(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """Yield every finished and unfinished file below `folder`, one folder in memory at a time."""
    for entry in scan_folder(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from walk_files(Path(entry)) if deep else ()
        else:
            yield Path(entry)


def merge_tree(source: Path, destination: Path) -> None:
    """Move `source` to `destination`: one rename if nothing is there, else folder by folder, file by file.

    A file that is at both places is replaced by the one that moves.
    """
    if _rename_folder(source, destination):
        return
    for entry in scan_folder(source):
        if entry.is_dir(follow_symlinks=False):
            merge_tree(Path(entry), destination / entry.name)
        else:
            Path(entry).replace(destination / entry.name)
    source.rmdir()


def _rename_folder(source: Path, destination: Path) -> bool:
    """Rename onto nothing or an empty folder; False if the destination has something in it."""
    try:
        source.rename(destination)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            return False
        raise
    return True


def settle_tree(folder: Path, *, folder_mode: int, file_mode: int) -> None:
    """Make `folder` fit to be moved: permission bits as at its new place, nothing unfinished in it.

    Done before the move, so that nothing appears at the new place which its readers cannot open, nor
    a part of a file that a killed writer left.
    """
    for entry in scan_folder(folder):
        if entry.is_dir(follow_symlinks=False):
            settle_tree(Path(entry), folder_mode=folder_mode, file_mode=file_mode)
        elif entry.name.startswith(TEMPORARY_PREFIX):
            Path(entry).unlink()
        else:
            Path(entry).chmod(file_mode)
    folder.chmod(folder_mode)


def sweep_tree(folder: Path, *, before: float, deep: bool = True) -> int:
    """Remove unfinished files last written before `before` (seconds since 1970); return how many."""
    count = 0
    for path in walk_files(folder, deep=deep):
        if path.name.startswith(TEMPORARY_PREFIX) and _is_older(path, before):
            path.unlink(missing_ok=True)
            count += 1
    return count


def _is_older(path: Path, before: float) -> bool:
    try:
        return path.stat(follow_symlinks=False).st_mtime < before
    except FileNotFoundError:
        return False
