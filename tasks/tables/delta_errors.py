"""What deltalake raises, put into our words: its own text prints the rows it complains about.

The kind decides what happens next. A conflict or a failing disk is worth a retry, rows that break their
contract are not, and deltalake tells them apart by type only in part: a full disk arrives as the general
`DeltaError` or as one of Arrow's, known by its text alone.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import pyarrow as pa
from deltalake.exceptions import CommitFailedError, DeltaError

from tasks.errors import ConfigurationError, PipelineError, TransientError, value_free

P = ParamSpec("P")
R = TypeVar("R")

CONFLICT = "other writers kept changing a Delta table; run again when they are done"
_STORAGE_FAILED = "storage failed under a Delta table; check space and connection, then run again"

_DENIED = "access to a Delta table is denied; check the credentials, and the policy of bucket and role"

_STORAGE_DENIES = re.compile(
    r"operation lacked (?:the necessary privileges|valid authentication credentials)"
)
_STORAGE_FAULT = re.compile(r"Object Store error|Generic (?:LocalFileSystem|S3) error|\(os error \d+\)")
"""What object_store, deltalake's storage layer, has in its messages (deltalake 1.6.6)."""


def guarded(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function fail with errors of ours only, without deltalake's text (see `value_free`)."""

    @value_free
    @functools.wraps(function)
    def translated(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except CommitFailedError as error:
            raise TransientError(CONFLICT) from error
        except OSError as error:
            # Of the files we write ourselves: its text has their path.
            raise _explain(error) from error
        except (DeltaError, pa.ArrowException) as error:
            if _STORAGE_FAULT.search(str(error)) or _STORAGE_DENIES.search(str(error)):
                raise _explain(error) from error
            raise

    return translated


def _explain(error: Exception) -> PipelineError:
    denied = _STORAGE_DENIES.search(str(error)) is not None
    return ConfigurationError(_DENIED) if denied else TransientError(_STORAGE_FAILED)
