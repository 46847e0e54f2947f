"""Names inside a store: a key becomes a path, so what is no plain name is refused here, once, for every kind."""

from __future__ import annotations

import os

from tasks.errors import ContractError

TEMPORARY_PREFIX = ".dicomflow-"
"""Begins the name of every unfinished local file, so that a sweep can tell them from anything else."""

PRIVATE_FOLDERS = ("restricted", "staging")
"""Top folders only their owner may enter: 0700, files below 0600."""


def check_key(key: str) -> str:
    """Return `key` if it names an object below the root and nothing else.

    Raises
    ------
    ContractError
        An empty, absolute or climbing key, or one that poses as a temporary file. Keys are made by
        us, from pseudonyms: a bad one is a defect, and could carry a value of the source.
    """
    for part in key.split("/"):
        if part in {"", ".", ".."} or part.startswith(TEMPORARY_PREFIX) or "\0" in part:
            raise ContractError("a storage key must be a relative path of plain names")
    return key


def is_private(key: str) -> bool:
    """Tell whether `key` lies in one of the `PRIVATE_FOLDERS`."""
    return key.split("/", 1)[0] in PRIVATE_FOLDERS


def make_temporary_name() -> str:
    """Name an unfinished file; random, because hosts that share a file system share no counter."""
    return TEMPORARY_PREFIX + os.urandom(8).hex()
