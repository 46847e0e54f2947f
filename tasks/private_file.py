"""Makes the files that hold a secret: new ones, for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from tasks.errors import ConfigurationError


def create_private(file: Path, if_it_exists: str) -> IO[str]:
    """Make a new text file that only its owner can read; lone surrogates are written as they come.

    Parameters
    ----------
    if_it_exists
        What to tell the user then: the file there may be the only copy of something.

    Raises
    ------
    ConfigurationError
        If the file exists, or cannot be made.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ConfigurationError(if_it_exists) from None
    except OSError as error:
        raise ConfigurationError(
            f"The file cannot be written ({error.strerror}). Name another place."
        ) from None
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass", newline="")
