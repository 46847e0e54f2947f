"""What a source holds, one object at a time: ten million files must not need ten million records in memory.

Everything that is found is yielded, also what can never be an object (a symbolic link, a FIFO, an empty
folder named like a file), because the counts of a run must add up. What cannot be looked into, on the
other hand, stops the run: behind a locked folder lies a number nobody could account for.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tasks.errors import ConfigurationError, PipelineError, TransientError
from tasks.records import SourceObject
from tasks.storage.budget import Patience
from tasks.storage.faults import MISSING_CODES, READ_SOURCE, S3Fault, explain
from tasks.storage.s3_options import parse_options
from tasks.storage.uris import S3Place, file_uri, parse_place

if TYPE_CHECKING:
    from tasks.storage.s3_bucket import Bucket, Listed
    from tasks.storage.store import Store

T = TypeVar("T")


class KeptPlace(NamedTuple):
    """Where the parts of long listings are kept: a folder of a target that the caller holds."""

    store: Store
    folder: str

    def drop(self) -> None:
        """Forget what was kept: it is settled, or in the manifests of a run."""
        if self.store.list_folders(self.folder):
            self.store.delete_tree(self.folder)


def list_objects(
    uri: str, options: Mapping[str, object], listing: str = "", kept: KeptPlace | None = None
) -> Iterator[SourceObject]:
    """List a source, which may be a folder, a single file, or an S3 prefix; in no particular order.

    A local source is named by its real path, whatever link the operator came by: one file, one URI.
    Links found inside are never followed.

    Parameters
    ----------
    options
        S3 options, see `tasks.storage.s3_options.S3Options`; of these the budget holds for a folder too.
    listing
        A list of the objects to take instead of all (`tasks.storage.listing_file`); for S3 only.
    kept
        Where a bucket's listing is kept as it goes on, and gone on with (`tasks.storage.kept_listing`).

    Raises
    ------
    ConfigurationError
        The source is not there, or part of it cannot be read. The message never holds a name of it.
    TransientError
        Disk or server failed for the moment.
    """
    match parse_place(uri):
        case S3Place(bucket, key):
            return _list_bucket(bucket, key, options, listing, kept)
        case path:
            if listing:
                raise ConfigurationError(
                    "The setting listing is for a source on S3; a folder is read as it is."
                )
            return _list_local(os.path.realpath(path), Patience(parse_options(options).budget))


def version_of(status: os.stat_result) -> str:
    """Tell one content of a local file from the next: modification and change time, in ns.

    The modification time alone is not enough: it can be set, and exporters set it, often to the study's
    date, so that a corrected file looks as old, and is as long, as the wrong one. The change time cannot
    be set; rewriting, replacing by rename and moving a file into place all advance it. So do `chmod` and
    restoring from a backup, which costs a second reading with the same result: the cheap mistake of the
    two. The inode would add nothing, and on FUSE and some SMB mounts every mount deals new ones.
    """
    return f"{status.st_mtime_ns}-{status.st_ctime_ns}"


def _list_local(source: bytes, patience: Patience) -> Iterator[SourceObject]:
    try:
        status = os.lstat(source)
    except OSError:
        status = None
    if status is None:
        raise ConfigurationError("SOURCE is not there or cannot be read; check its path and permissions")
    return _walk(source, patience) if stat.S_ISDIR(status.st_mode) else iter([describe_local(source, status)])


def _walk(root: bytes, patience: Patience) -> Iterator[SourceObject]:
    """Walk with a stack of folders: no recursion limit, and one open descriptor whatever the depth."""
    pending = [(root, 0)]
    while pending:
        folder, depth = pending.pop()
        is_empty = True
        for path, status in _scan(folder, depth, patience):
            is_empty = False
            if stat.S_ISDIR(status.st_mode):
                pending.append((path, depth + 1))
            else:
                yield describe_local(path, status)
        if is_empty and folder.lower().endswith(b".dcm"):
            yield SourceObject(file_uri(folder), 0, "", "special")


def _scan(folder: bytes, depth: int, patience: Patience) -> Iterator[tuple[bytes, os.stat_result]]:
    """Yield the entries of one folder; what vanishes meanwhile was never here, the next run may find it."""
    fault: PipelineError | None = None
    try:
        with patience.insist(lambda: _ask(lambda: os.scandir(folder))) as entries:
            for entry in entries:
                status = _look_at(entry, patience)
                if status is not None:
                    yield entry.path, status
    except (FileNotFoundError, NotADirectoryError):
        fault = _explain_folder(depth) if depth == 0 else None
    except PermissionError:
        fault = _explain_folder(depth)
    except OSError as error:
        fault = explain(error, READ_SOURCE)
    if fault is not None:
        raise fault


def _look_at(entry: os.DirEntry[bytes], patience: Patience) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError:
        pass  # asked again below: most entries must not pay for the few
    return patience.insist(lambda: _ask(lambda: entry.stat(follow_symlinks=False)))


def _ask(call: Callable[[], T]) -> T:
    """Make a call; what may be otherwise in a moment is told in our words, what may not as it is."""
    try:
        return call()
    except OSError as error:
        fault = explain(error, READ_SOURCE)
        if not isinstance(fault, TransientError) or isinstance(error, FileNotFoundError):
            raise
    raise fault


def _explain_folder(depth: int) -> ConfigurationError:
    place = "SOURCE itself" if depth == 0 else f"a folder of SOURCE, {depth} levels down,"
    return ConfigurationError(f"{place} cannot be read; permit it or move it away, then run again")


def describe_local(path: bytes, status: os.stat_result) -> SourceObject:
    """Describe a path by what `lstat` says of it."""
    if stat.S_ISREG(status.st_mode):
        kind = "file"
    elif stat.S_ISLNK(status.st_mode):
        kind = "symlink"
    else:
        kind = "special"
    return SourceObject(file_uri(path), status.st_size, version_of(status), kind)


def _list_bucket(
    name: str, key: str, options: Mapping[str, object], listing: str, kept: KeptPlace | None
) -> Iterator[SourceObject]:
    """List a prefix. An object's version is its ETag: listings do not give version ids."""
    from tasks.storage.s3_bucket import Bucket  # most of a second, for S3 only

    bucket = Bucket(name, parse_options(options))
    return _list_keys(bucket, key, kept) if not listing else _take_list(bucket, key, listing)


def _take_list(bucket: Bucket, key: str, listing: str) -> Iterator[SourceObject]:
    """Take a list of somebody else's: those of its keys that lie in SOURCE."""
    from tasks.storage.listing_file import complete, read_entries  # with Parquet, which few need

    prefix = f"{key}/" if key else ""
    inside = (
        entry
        for entry in read_entries(listing, bucket.options, bucket.name)
        if (entry.key.startswith(prefix) or entry.key == key) and not entry.key.endswith("/")
    )
    for entry in complete(inside, bucket):
        yield SourceObject(f"s3://{bucket.name}/{entry.key}", entry.size_bytes or 0, entry.etag or "")


def _list_keys(bucket: Bucket, key: str, kept: KeptPlace | None) -> Iterator[SourceObject]:
    is_empty = True
    for listed in _take_listed(bucket, f"{key}/" if key else "", kept):
        is_empty = False
        # Consoles draw folders by empty objects whose key ends in a slash; like folders they are not counted.
        if not (listed.key.endswith("/") and listed.size_bytes == 0):
            yield SourceObject(f"s3://{bucket.name}/{listed.key}", listed.size_bytes, listed.etag)
    if is_empty and key:
        yield from _list_one(bucket, key)


def _take_listed(bucket: Bucket, prefix: str, kept: KeptPlace | None) -> Iterator[Listed]:
    from tasks.storage.kept_listing import list_kept
    from tasks.storage.s3_listing import ShardedListing

    pages = ShardedListing(bucket, prefix).pages() if kept is None else list_kept(bucket, prefix, kept)
    while True:
        try:
            page = next(pages, None)
        except S3Fault as error:
            fault = explain(error, READ_SOURCE)
        else:
            if page is None:
                return
            yield from page
            continue
        raise fault


def _list_one(bucket: Bucket, key: str) -> Iterator[SourceObject]:
    """Yield the one object that SOURCE names, if it is no prefix."""
    try:
        head = bucket.call("head_object", Key=key)
    except S3Fault as error:
        if error.code in MISSING_CODES:
            return
        fault = explain(error, READ_SOURCE)
    else:
        yield SourceObject(f"s3://{bucket.name}/{key}", head["ContentLength"], head["ETag"].strip('"'))
        return
    raise fault
