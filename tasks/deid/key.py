"""The project's secret, from which every pseudonym, UID and date shift is derived.

A public hash of a patient ID is no pseudonym: all eight-digit numbers are hashed in seconds. What
stands between a pseudonym and a name is this key alone, so it is refused where it could be guessed
or read by others, it never shows in a repr, and it never travels: every process loads its own.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
import stat
from functools import cached_property
from pathlib import Path
from typing import NoReturn

from tasks.errors import ConfigurationError

KEY_BYTES = 32
_LABEL = b"dicomflow/v1/"
_PERIODS = (1, 2, 4, 8, 16)
"""A key that repeats a block of so many bytes was typed, not drawn: all zero, all one, a word over and over."""
_LARGEST_KEY_FILE = 4096
_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_NEXT_STEP = "Make a key with `dicomflow keygen` and keep it: without it, nothing can be matched again."


class Key:
    """A 256-bit root key; only sub-keys of it are ever used.

    Parameters
    ----------
    root
        32 secret random bytes.

    Raises
    ------
    ConfigurationError
        If `root` has another length or is plainly not random.
    """

    def __init__(self, root: bytes) -> None:
        if len(root) != KEY_BYTES:
            raise ConfigurationError(
                f"The key is {len(root)} bytes long, it must be {KEY_BYTES}. {_NEXT_STEP}"
            )
        if _repeats(root):
            raise ConfigurationError(f"The key repeats itself and could be guessed. {_NEXT_STEP}")
        self._root = bytes(root)

    def subkey(self, purpose: str) -> bytes:
        """Derive the 32-byte key of one purpose: HMAC-SHA-256 of a versioned label under the root key."""
        return hmac.digest(self._root, _LABEL + purpose.encode(), "sha256")

    @cached_property
    def check_value(self) -> str:
        """Tell two keys apart without telling either: 32 hex digits, safe to store beside the output."""
        return self.subkey("check-value")[:16].hex()

    def __repr__(self) -> str:
        return "Key(<secret>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key is never pickled or copied: each process loads its own")


def generate_key_text() -> str:
    """Draw a new key from the operating system's randomness, as 64 hexadecimal digits."""
    return secrets.token_hex(KEY_BYTES)


def load_key(*, text: str | None = None, file: Path | None = None) -> Key:
    """Load the project's key from its text or from a file that holds the text.

    Parameters
    ----------
    text
        64 hexadecimal digits, or base64 of 32 bytes; white space around it is ignored.
    file
        A file with that text, readable by its owner only.

    Raises
    ------
    ConfigurationError
        If there is no key, or two; if it is malformed, short or guessable; if the file cannot be
        read or others could read it. The message names the next step and nothing of the key.
    """
    if text is not None and file is not None:
        raise ConfigurationError("Both a key and a key file are given. Give one.")
    if file is not None:
        text = _read_key_file(file)
    if text is None or not text.strip():
        raise ConfigurationError(f"There is no key. {_NEXT_STEP}")
    return Key(_decode(text.strip()))


def _repeats(root: bytes) -> bool:
    return any(root == root[:period] * (len(root) // period) for period in _PERIODS)


def _decode(text: str) -> bytes:
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        return base64.b64decode(text.translate(_URL_SAFE), validate=True)
    except (binascii.Error, ValueError):
        pass
    # Outside the handler: the handled error's text must not travel along as context.
    raise ConfigurationError(f"The key is neither 64 hexadecimal digits nor base64. {_NEXT_STEP}")


_URL_SAFE = str.maketrans("-_", "+/")


def _read_key_file(file: Path) -> str:
    """Read the file through one descriptor, so that what was checked is what is read."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigurationError(f"The key file cannot be opened ({error.strerror}). {_NEXT_STEP}") from None
    with os.fdopen(descriptor, "rb") as handle:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ConfigurationError(
                "The key file is not a file. Name the file that `dicomflow keygen` wrote."
            )
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError("Others than its owner may use the key file. Run `chmod 600` on it.")
        return handle.read(_LARGEST_KEY_FILE).decode("ascii", "replace")
