"""Finds the project's secret key: in the environment, a file, or a Prefect Secret block; never in a parameter.

The flow and every worker look for themselves, so the key travels through no task, no database and no
scheduler; what travels is where to look, and the check value that proves both found the same one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.blocks import read_secret
from tasks.deid.key import Key, load_key
from tasks.errors import ConfigurationError
from tasks.private_file import create_private

if TYPE_CHECKING:
    from tasks.settings import Settings

ENVIRONMENT_NAME = "DICOMFLOW_KEY"


def find_key(*, file: str | Path | None = None, block: str | None = None) -> Key:
    """Load the key from the first place that has one: a given file, a given block, the environment.

    Raises
    ------
    ConfigurationError
        If there is none, or it is not a key. A run never makes one up.
    """
    if file is not None:
        return load_key(file=Path(file))
    if block is not None:
        return load_key(text=read_secret(block, "--key-block"))
    text = os.environ.get(ENVIRONMENT_NAME)
    if text:
        return load_key(text=text)
    raise ConfigurationError(
        "There is no key. Make one with `dicomflow keygen --file KEYFILE`, keep it safe, and give it with "
        "--key-file, DICOMFLOW_KEY_FILE, DICOMFLOW_KEY or a Prefect Secret block (--key-block)."
    )


def load_project_key(settings: Settings) -> Key:
    """Load the key that settings name.

    Raises
    ------
    ConfigurationError
        As `find_key`.
    """
    with key_in_environment(settings):
        return find_key(file=settings.key_file, block=settings.key_block)


@contextmanager
def key_in_environment(settings: Settings) -> Iterator[None]:
    """Hold the settings' own key where `find_key` looks, and put back what was there.

    Local workers inherit the environment; that is how such a key reaches them without being sent.
    """
    before = os.environ.get(ENVIRONMENT_NAME)
    if settings.key is not None:
        os.environ[ENVIRONMENT_NAME] = settings.key.get_secret_value()
    try:
        yield
    finally:
        if before is not None:
            os.environ[ENVIRONMENT_NAME] = before
        else:
            os.environ.pop(ENVIRONMENT_NAME, None)


def write_key_file(file: Path, text: str) -> None:
    """Write a key to a new file that only its owner can read.

    Raises
    ------
    ConfigurationError
        If the file exists, since the key in it may be the only copy, or cannot be made.
    """
    with create_private(file, "The key file exists already. Keep it, or name another file.") as handle:
        handle.write(text + "\n")
        handle.flush()
        os.fsync(handle.fileno())
