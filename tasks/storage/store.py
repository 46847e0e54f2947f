"""One place to write to, whatever it is made of: a target is a `Store`, and nothing above knows which kind.

The contract is what both kinds can promise: an object is there whole or not at all, a call that failed
may be made again, and a move or deletion that was killed may be run again and ends as if it had run once.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from tasks.storage.local_store import LocalStore
from tasks.storage.s3_options import parse_options
from tasks.storage.uris import S3Place, parse_place


class Move(NamedTuple):
    """An object that is to get another key; its size decides how it is copied."""

    source_key: str
    size_bytes: int
    destination_key: str


class Store(Protocol):
    """Objects by key, a relative path such as `published/dicom/a/b.dcm`.

    Methods raise `ContractError` for a key that is no plain relative path, `FileNotFoundError` for an
    object that is not there, `TransientError` where a retry may help (a full disk, a slow server) and
    `ConfigurationError` where the operator must act (permission, credentials). No message holds a path.

    A store is a frozen value without a connection in it, so it may be sent to a worker.
    """

    def prepare(self) -> None:
        """Make the private folders and try a write: an impossible target fails before anything is read."""
        ...

    def read(self, key: str) -> bytes:
        """Read an object whole."""
        ...

    def read_parts(self, key: str) -> Iterator[bytes]:
        """Read an object in parts of a MiB or a few, so that its size does not matter."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Write an object, replacing it if it is there; it is durable when this returns."""
        ...

    def write_create(self, key: str, data: bytes) -> bool:
        """Write an object unless its name is taken; durable when this returns.

        Returns
        -------
        bool
            True if the object is there with our `data`, also if an earlier try of ours put it there and
            its answer was lost. False if something else has the name. Contenders for a name must
            therefore write different data, such as their run's id.
        """
        ...

    def write_unsynced(self, key: str, parts: Iterable[bytes | memoryview]) -> int:
        """Write an object from a stream in bounded memory, durable only after `barrier`; return its bytes.

        If `parts` raises, nothing is written and its exception passes through (an `OSError` in our words).
        """
        ...

    def barrier(self) -> None:
        """Wait until everything written or moved before is durable."""
        ...

    def move(self, source_key: str, destination_key: str) -> None:
        """Give an object another key, replacing what is there; if it is already moved, do nothing."""
        ...

    def move_tree(self, source_prefix: str, destination_prefix: str) -> None:
        """Move everything below a prefix into another, replacing what is there; a missing one is empty.

        Unfinished files are not moved but removed, so nobody may be writing below `source_prefix`.
        """
        ...

    @property
    def renames_trees(self) -> bool:
        """Tell whether `move_tree` costs the same however much it moves; where not, `move_all` costs less."""
        ...

    def move_all(self, moves: Iterable[Move]) -> None:
        """Move objects, each as by `move`, many at a time; one that is in neither place is passed over."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether there is an object of this key; a prefix of others is none."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; if it is not there, do nothing."""
        ...

    def delete_tree(self, prefix: str) -> None:
        """Remove everything below a prefix; a missing one is empty."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys below a prefix (the whole store by default), always in the same order."""
        ...

    def list_folders(self, prefix: str) -> tuple[str, ...]:
        """Give the names of the folders just below a prefix, ascending; of very many the first thousand."""
        ...

    def list_sizes(self, prefix: str = "") -> Iterator[tuple[str, int]]:
        """Yield what `list` yields, each key with its size in bytes."""
        ...

    def upload_tree(self, folder: Path, prefix: str) -> None:
        """Write the files of a local folder below a prefix, with media types where the store keeps them."""
        ...

    def sweep(self, prefix: str = "", *, older_than_seconds: float, deep: bool = True) -> int:
        """Remove what writers left unfinished before that many seconds; return how many.

        Not `deep`, only what lies in the very folder, and what took no more than one request, is looked for.
        """
        ...

    def url(self, key: str) -> str:
        """Name an object for people and for lineage, as `file:///…` or `s3://…`."""
        ...

    def delta_uri(self, key: str) -> str:
        """Name a table as deltalake takes it."""
        ...

    def delta_options(self) -> dict[str, str] | None:
        """Give deltalake's `storage_options`, with this moment's credentials; never keep or send them."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Give the path of an object in a local store, for libraries that want one; else None."""
        ...


def open_store(uri: str, options: Mapping[str, object]) -> Store:
    """Open a place to write to; nothing is touched yet.

    Parameters
    ----------
    uri
        A folder, `file:///folder` or `s3://bucket/prefix`.
    options
        S3 options, see `tasks.storage.s3_options.S3Options`; ignored for a folder.

    Raises
    ------
    ConfigurationError
        Another kind of place, or impossible options.
    """
    match parse_place(uri):
        case S3Place(bucket, prefix):
            # Importing s3fs takes most of a second, which a local run need not wait for.
            from tasks.storage.s3_bucket import Bucket
            from tasks.storage.s3_store import S3Store

            return S3Store(Bucket(bucket, parse_options(options)), prefix)
        case path:
            return LocalStore(Path(os.fsdecode(path)))
