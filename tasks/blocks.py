"""Secrets that Prefect keeps in Secret blocks: read by name, in the process that needs them, and by no other way."""

from __future__ import annotations

import orjson

from tasks.errors import ConfigurationError
from tasks.storage.s3_credentials import read_blocks_with


def read_secret(name: str, setting: str) -> str:
    """Read a Secret block; what was saved as JSON is given as its text.

    Parameters
    ----------
    setting
        Who named it, for the message if there is none.

    Raises
    ------
    ConfigurationError
        Prefect has no block of that name.
    """
    from prefect.blocks.system import Secret

    try:
        value = Secret.load(name).get()  # type: ignore[union-attr]
    except ValueError:
        raise ConfigurationError(
            f"Prefect has no Secret block of that name. Make it in Prefect's UI under Blocks, or correct {setting}."
        ) from None
    return orjson.dumps(value).decode() if isinstance(value, dict) else str(value)


read_blocks_with(lambda name: read_secret(name, "s3.credentials_block"))
