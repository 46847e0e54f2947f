"""Credentials of S3 that an orchestrator keeps under a name, where the AWS chain has none.

Each process that makes requests asks for them itself, so they travel through no task and no option; what travels
is the name. Storage knows no orchestrator: whoever does says how such a name is read.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NoReturn

import orjson

from tasks.errors import ConfigurationError, ContractError

_NAMES = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


class Credentials:
    """A key of S3 with its secret, and a session's token where it is of one; prints none of them."""

    __slots__ = ("access_key", "secret_key", "token")

    def __init__(self, access_key: str, secret_key: str, token: str | None = None) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse to be pickled into a task."""
        raise ContractError("credentials are not sent anywhere; send the name of their block")


class _Reader:
    """How a block is read; nobody's until somebody says."""

    read: Callable[[str], str] | None = None


def read_blocks_with(read: Callable[[str], str]) -> None:
    """Say how the text of a block is had by its name."""
    _Reader.read = read


@functools.lru_cache(maxsize=16)
def credentials_of(block: str) -> Credentials:
    """Read a block, once a process.

    Raises
    ------
    ConfigurationError
        There is none of that name, or it does not hold credentials. No message shows what it holds.
    """
    if _Reader.read is None:
        raise ContractError("nobody said how credentials are read")
    text = _Reader.read(block)
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError:
        values = None
    given = [values.get(name) for name in _NAMES] if isinstance(values, dict) else []
    match given:
        case [str(access_key), str(secret_key), str() | None as token] if access_key and secret_key:
            return Credentials(access_key, secret_key, token)
    raise ConfigurationError(
        "The block of s3.credentials_block does not hold credentials. Give it a JSON object with aws_access_key_id and "
        "aws_secret_access_key, and aws_session_token where there is one."
    )
