"""Trying a store out before anything is read: a target that fails at the first commit wastes the night."""

from __future__ import annotations

import secrets
from typing import Protocol

from tasks.errors import ConfigurationError


class Probed(Protocol):
    """As much of a `Store` as a probe needs."""

    def write_create(self, key: str, data: bytes) -> bool:
        """Write an object unless its name is taken."""
        ...

    def read(self, key: str) -> bytes:
        """Read an object whole."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        ...


def probe_store(store: Probed) -> None:
    """Write, read and delete one small object, and see that a name that is taken is refused.

    The last point is not politeness: Delta's commits rely on it, and some S3 servers take
    `If-None-Match` and ignore it, so that of two commits one would vanish.

    Raises
    ------
    ConfigurationError
        The store cannot be written, or does not keep its word.
    """
    key = f"staging/probe-{secrets.token_hex(8)}"
    try:
        kept = store.write_create(key, b"first") and not store.write_create(key, b"second")
        if not kept or store.read(key) != b"first":
            raise ConfigurationError(
                "the target does not refuse to overwrite (If-None-Match); choose an S3 server that does"
            )
    finally:
        store.delete(key)
