"""Opening an object of the source, which may be anything: a link, a FIFO that blocks, a file being written.

An object that cannot be read is no error of ours but a fact about the source, so it is told as a reason
code (`tasks.reasons`). Only what may pass, such as a disk or a server failing for the moment, is an error.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from tasks.dicom.buffer import read_span
from tasks.dicom.element import ByteSource
from tasks.errors import PipelineError
from tasks.records import SourceObject
from tasks.storage.budget import Patience
from tasks.storage.faults import READ_SOURCE, explain
from tasks.storage.listing import version_of
from tasks.storage.readiness import LINK
from tasks.storage.s3_options import parse_options
from tasks.storage.uris import path_of

if TYPE_CHECKING:
    from tasks.storage.s3_ahead import ReadAhead

_HASH_BYTES = 1024 * 1024
_WINDOW_BYTES = 16 * 1024 * 1024
_HEADER_WINDOW_BYTES = 64 * 1024

_LOCAL_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NOCTTY
"""`O_NONBLOCK`, because opening a FIFO waits for a writer; on a regular file it changes nothing."""

_ERRNO_CODES = {
    errno.EACCES: "PERMISSION",
    errno.EPERM: "PERMISSION",
    errno.ELOOP: "SYMLINK",
    errno.ENOENT: "CHANGED_WHILE_READING",
    errno.ENOTDIR: "CHANGED_WHILE_READING",
    errno.ENXIO: "NOT_A_FILE",
    errno.ENODEV: "NOT_A_FILE",
    errno.EISDIR: "NOT_A_FILE",
    errno.ENAMETOOLONG: "SOURCE_UNREADABLE",
}

_KIND_CODES = {"symlink": "SYMLINK", "special": "NOT_A_FILE", "missing": "SOURCE_UNREADABLE"}


class Unreadable(Exception):  # noqa: N818 - a fact about the source, told as a value
    """An object that cannot be read.

    Attributes
    ----------
    code
        `PERMISSION`, `NOT_A_FILE`, `SYMLINK`, `EMPTY_FILE`, `CHANGED_WHILE_READING` (gone, too) or
        `SOURCE_UNREADABLE`.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class OpenSource(ByteSource, Protocol):
    """The bytes of an object that is open, and whether they are still those that were listed."""

    @property
    def at_hand(self) -> int:
        """Bytes from the beginning that are read already; 0 where reading them costs little."""
        ...

    @property
    def fetched(self) -> int:
        """Bytes that came over the network so far."""
        ...

    def changed(self) -> bool:
        """Tell whether the object is another one than was listed; ask after the last read."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...


class Sources:
    """The objects of a batch, opened one after the other.

    Parameters
    ----------
    objects
        As `list_objects` gave them, in the order in which they will be opened.
    options
        S3 options, see `tasks.storage.s3_options.S3Options`; of these the budget holds for local files too.
    window
        Says how many bytes to read first of the next object, where a read costs a request.
    headers_only
        Expect the pixels to be left unread.
    """

    def __init__(
        self,
        objects: Sequence[SourceObject],
        options: Mapping[str, object],
        *,
        window: Callable[[], int],
        headers_only: bool = False,
    ) -> None:
        self._headers_only = headers_only
        self._patience = Patience(parse_options(options).budget)
        self._ahead: ReadAhead | None = None
        if any(listed.uri.startswith("s3://") for listed in objects[:1]):
            from tasks.storage.s3_ahead import ReadAhead  # imports s3fs: most of a second, for S3 only

            self._ahead = ReadAhead(objects, parse_options(options), window, headers_only=headers_only)

    def open(self, listed: SourceObject) -> OpenSource:
        """Open an object for reading, in a `with` that closes it.

        Raises
        ------
        Unreadable
            The object cannot be read, or is not the one listed any more; also from `read`.
        TransientError
            Disk or server failed, and went on doing so for as long as the budget lasts; also from `read`.
        """
        if listed.kind not in ("file", LINK):
            raise Unreadable(_KIND_CODES[listed.kind])
        if listed.size_bytes == 0:
            raise Unreadable("EMPTY_FILE")
        if self._ahead is not None:
            return self._ahead.open(listed)
        source = self._patience.insist(lambda: _open_local(listed, self._patience))
        try:
            source.check(headers_only=self._headers_only)
        except BaseException:
            os.close(source.descriptor)
            raise
        return source

    def close(self) -> None:
        """Let go of what was read ahead and is not wanted any more."""
        if self._ahead is not None:
            self._ahead.close()


@contextlib.contextmanager
def open_source(
    listed: SourceObject, options: Mapping[str, object], *, headers_only: bool = False
) -> Iterator[OpenSource]:
    """Open one object of the source, as `Sources` does many."""
    window = _HEADER_WINDOW_BYTES if headers_only else _WINDOW_BYTES
    sources = Sources([listed], options, window=lambda: window, headers_only=headers_only)
    with contextlib.closing(sources), sources.open(listed) as source:
        yield source


def sha256(source: ByteSource) -> str:
    """Hash a whole source, a MiB at a time, to hexadecimal digits."""
    digest = hashlib.sha256()
    for offset in range(0, source.size, _HASH_BYTES):
        digest.update(read_span(source, offset, _HASH_BYTES))
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A regular file, read by position: the descriptor has no offset to share, so threads may.

    Attributes
    ----------
    descriptor
        Good for `os.copy_file_range` as long as the source is open.
    """

    descriptor: int
    listed: SourceObject
    patience: Patience

    @property
    def size(self) -> int:
        """Size in bytes, as listed."""
        return self.listed.size_bytes

    @property
    def at_hand(self) -> int:
        """Nothing: reading costs little."""
        return 0

    @property
    def fetched(self) -> int:
        """Nothing."""
        return 0

    def read(self, offset: int, length: int) -> bytes:
        """Read at most `length` bytes; the size is the limit, as a header may claim any length at all."""
        length = max(0, min(length, self.size - offset))
        return self.patience.insist(lambda: _read_span(self.descriptor, offset, length))

    def changed(self) -> bool:
        """Compare size and times with the listing."""
        return self._differs(os.fstat(self.descriptor))

    def _differs(self, status: os.stat_result) -> bool:
        return (status.st_size, version_of(status)) != (self.size, self.listed.version)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.descriptor)

    def check(self, *, headers_only: bool) -> None:
        """Refuse what is no regular file or not the one listed, before anything is read."""
        status = os.fstat(self.descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("NOT_A_FILE")
        if self._differs(status):
            raise Unreadable("CHANGED_WHILE_READING")
        if headers_only and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self.descriptor, 0, 0, os.POSIX_FADV_RANDOM)


def _open_local(listed: SourceObject, patience: Patience) -> LocalSource:
    try:
        flags = _LOCAL_FLAGS & ~os.O_NOFOLLOW if listed.kind == LINK else _LOCAL_FLAGS
        return LocalSource(os.open(path_of(listed.uri), flags), listed, patience)
    except OSError as error:
        problem = _explain_local(error)
    raise problem


def _read_span(descriptor: int, offset: int, length: int) -> bytes:
    try:
        data = os.pread(descriptor, length, offset)
        # Linux reads at most 2 GiB at a time, and a network file system may give less.
        while len(data) < length and (more := os.pread(descriptor, length - len(data), offset + len(data))):
            data += more
    except OSError as error:
        problem = _explain_local(error)
    else:
        return data
    raise problem


def _explain_local(error: OSError) -> Unreadable | PipelineError:
    code = _ERRNO_CODES.get(error.errno or 0)
    return explain(error, READ_SOURCE) if code is None else Unreadable(code)
