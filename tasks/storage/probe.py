"""Trying a store out before anything is read: a target that fails at the first commit wastes the night."""

from __future__ import annotations

import secrets
from typing import Protocol

from tasks.errors import ConfigurationError

PROBES = "staging/probes"
"""Where probes lie; whoever holds the target next removes those that killed runs left."""
_TRIES = 3


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
    # A run that has just taken hold of the target may sweep a probe away, but it sweeps once.
    if not any(_keeps_its_word(store, f"{PROBES}/{secrets.token_hex(8)}") for _ in range(_TRIES)):
        raise ConfigurationError(
            "the target does not refuse to overwrite (If-None-Match); choose an S3 server that does"
        )


def _keeps_its_word(store: Probed, key: str) -> bool:
    """Tell whether a name can be taken once, and what was written first is what is there."""
    try:
        kept = store.write_create(key, b"first") and not store.write_create(key, b"second")
        return kept and store.read(key) == b"first"
    except FileNotFoundError:
        return False
    finally:
        store.delete(key)
