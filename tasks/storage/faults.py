"""What an operating system or an S3 server says when it refuses, put into our words.

Their own words cannot be passed on: an `OSError` carries the path, S3's messages quote the key, and
both end up in a task's state. So a fault is reduced to its code, and the operator gets the next step
instead. The new error is raised outside the `except` block, for the reason `tasks.errors` gives.
"""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tasks.errors import ConfigurationError, PipelineError, TransientError

P = ParamSpec("P")
R = TypeVar("R")

READ_TARGET = "read from the target"
WRITE_TARGET = "write to the target"
MOVE_IN_TARGET = "move within the target"
DELETE_IN_TARGET = "delete from the target"
READ_SOURCE = "read from the source"

MISSING_CODES = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
"""S3's ways to say that there is no such object; a HEAD has no body, so only the status is left."""

DENIED_CODES = frozenset({"AccessDenied", "AllAccessDisabled", "403"})

_CHECK_CREDENTIALS = "check the credentials of the AWS chain (environment, profile, role)"
_CHECK_REGION = "check region and endpoint in the S3 options, and that the credentials are still valid"

# A full disk is transient on purpose: space is the one thing others free while we wait, and a run
# that gives up after its retries finds its finished batches again.
_ERRNO_STEPS: dict[int, tuple[type[PipelineError], str]] = {
    errno.ENOSPC: (TransientError, "the disk or its inodes are used up; free space and run again"),
    errno.EDQUOT: (TransientError, "the quota is used up; free space or raise it, and run again"),
    errno.EROFS: (ConfigurationError, "it is mounted read-only; mount it writable or choose another"),
    errno.EACCES: (ConfigurationError, "permission denied; check owner and mode of the folder"),
    errno.EPERM: (ConfigurationError, "not permitted; check the owner, and that hard links are allowed"),
    errno.EOPNOTSUPP: (ConfigurationError, "its file system lacks hard links; choose another"),
    errno.ENOLCK: (
        ConfigurationError,
        "its file system has no locks to give; start its lock daemon or choose another",
    ),
    errno.EXDEV: (
        ConfigurationError,
        "it spans two file systems; keep it on one, so that a rename is atomic",
    ),
    errno.ENAMETOOLONG: (ConfigurationError, "a path gets too long; choose a folder nearer to the root"),
    errno.ENOTDIR: (ConfigurationError, "a file stands where a folder is needed; move it away"),
    errno.EISDIR: (ConfigurationError, "a folder stands where a file is needed; move it away"),
    errno.EEXIST: (ConfigurationError, "a file stands where a folder is needed; move it away"),
}

_S3_STEPS: dict[str, tuple[type[PipelineError], str]] = {
    **dict.fromkeys(DENIED_CODES, (ConfigurationError, "access denied; check the policy of bucket and role")),
    **dict.fromkeys(
        (
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "InvalidToken",
            "NoCredentialsError",
            "PartialCredentialsError",
            "CredentialRetrievalError",
            "TokenRetrievalError",
            "UnauthorizedSSOTokenError",
            "SSOTokenLoadError",
            "ProfileNotFound",
            "ConfigParseError",
        ),
        (ConfigurationError, _CHECK_CREDENTIALS),
    ),
    **dict.fromkeys(
        (
            "NoRegionError",
            "InvalidRegionError",
            "AuthorizationHeaderMalformed",
            "PermanentRedirect",
            "IllegalLocationConstraintException",
            "301",
            "400",
        ),
        (ConfigurationError, _CHECK_REGION),
    ),
    "NoSuchBucket": (ConfigurationError, "the bucket does not exist; make it first"),
    "InvalidBucketName": (ConfigurationError, "the bucket's name is not a valid one"),
    "ParamValidationError": (ConfigurationError, "the bucket's name or a key is not a valid one"),
    "RequestTimeTooSkewed": (ConfigurationError, "the clock is wrong; set it"),
    "InvalidObjectState": (ConfigurationError, "the object is archived; restore it first"),
    "KMS.DisabledException": (ConfigurationError, "the KMS key is disabled"),
    "KMS.NotFoundException": (ConfigurationError, "the KMS key does not exist"),
}


class S3Fault(Exception):  # noqa: N818 - an answer of the server, not yet judged an error
    """What an S3 server or its client answered instead of a result.

    Attributes
    ----------
    code
        S3's error code (`NoSuchKey`), the HTTP status where there was no body (`404`), or the name of
        the client's exception (`ConnectTimeoutError`). The text is dropped: it quotes keys.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def explain(error: OSError | S3Fault, doing: str) -> PipelineError:
    """Say what could not be done, why in a code, and what to do next; never where.

    Unknown faults are transient: a retry that was not worth it costs seconds, a run given up costs a night.
    """
    if isinstance(error, S3Fault):
        name = error.code
        kind, step = _S3_STEPS.get(name, (TransientError, "run again"))
    else:
        name = errno.errorcode.get(error.errno or 0, type(error).__name__)
        kind, step = _ERRNO_STEPS.get(error.errno or 0, (TransientError, "run again"))
    return kind(f"cannot {doing} ({name}): {step}")


def explained(doing: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function fail in our words only; a missing object stays a `FileNotFoundError`, without its path."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except (OSError, S3Fault) as error:
                replacement = _missing_or(error, doing)
            raise replacement

        return guarded

    return decorate


def _missing_or(error: OSError | S3Fault, doing: str) -> Exception:
    missing = (
        error.code in MISSING_CODES if isinstance(error, S3Fault) else isinstance(error, FileNotFoundError)
    )
    return FileNotFoundError(f"cannot {doing}: no such object") if missing else explain(error, doing)
