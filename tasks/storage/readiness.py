"""Which listed files a run takes: whether links count as the files they point at, and how long a file must have rested.

A file that is still being written looks like one that was cut short. Its time of change cannot be set, so a file
that has not changed for a while is taken to be whole. On S3 an object appears whole or not at all, and neither
question comes up.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace

from tasks.records import SourceObject
from tasks.storage.listing import version_of
from tasks.storage.uris import is_local, path_of

LINK = "link"
"""Kind of a symbolic link to a regular file where links are followed; its size and version are the file's."""


def follow_links(objects: Iterable[SourceObject]) -> Iterator[SourceObject]:
    """Take each link to a regular file for that file; other links stay what they are, and so are refused.

    Links to folders are not followed: they may lead around in circles, and to what nobody meant to release.
    """
    for found in objects:
        yield _follow(found) if found.kind == "symlink" else found


def _follow(found: SourceObject) -> SourceObject:
    try:
        status = os.stat(path_of(found.uri))  # noqa: PTH116 - a path of bytes
    except OSError:
        return found
    if not stat.S_ISREG(status.st_mode):
        return found
    return replace(found, size_bytes=status.st_size, version=version_of(status), kind=LINK)


def has_rested(uri: str, version: str, since_ns: int) -> bool:
    """Tell whether a file has not changed since then; what has no time of change has.

    Parameters
    ----------
    uri, version
        As listed.
    since_ns
        Time in nanoseconds since 1970.
    """
    if not is_local(uri):
        return True
    changed = version.rpartition("-")[2]
    return not changed.isdigit() or int(changed) <= since_ns
