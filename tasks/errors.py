"""The exception tree: a broken world. Bad data is never an exception, it is a `Reject` (see `records`).

    PipelineError
     ├ TransientError      retried: storage time-out, lost worker
     ├ ConfigurationError  the operator acts; raised before any input is read
     ├ ContractError       we act: code and contract disagree
     └ PrivacyError        an identifying value is left; never retried, nothing is published

Messages reach Prefect's database, Dask's logs and the terminal, so they never hold a value or a
path of the source: a code, the place in our code, and the next step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import PurePath
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class PipelineError(Exception):
    """Anything dicomflow itself raises on purpose."""


class TransientError(PipelineError):
    """The world may be better in a moment: storage timed out, a worker was lost."""


class ConfigurationError(PipelineError):
    """The operator must change a setting; raised before any input is read."""


class ContractError(PipelineError):
    """Our code and our contract disagree; a defect of ours."""


class PrivacyError(PipelineError):
    """An identifying value would leave; nothing is published and nothing is retried."""


def value_free(function: Callable[P, R]) -> Callable[P, R]:
    """Let no foreign exception out of `function`: its text, traceback and context may quote patient data.

    Our own errors pass unchanged. Others become `TransientError` (the operating system or the
    network failed) or `ContractError` (anything else), naming the type and the place only. The
    new error is raised outside the `except` block: inside it, even `from None` keeps the
    original as `__context__`, and Prefect's logged traceback would print it.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except PipelineError as error:
            replacement: PipelineError = type(error)(*error.args)
        except (OSError, TimeoutError) as error:
            replacement = TransientError(place_of(error))
        except Exception as error:  # noqa: BLE001 - the boundary at which foreign text must stop
            replacement = ContractError(place_of(error))
        raise replacement

    return guarded


def place_of(error: BaseException) -> str:
    """Say what broke and where in our code, as `OSError(28) at list.py:41`, without the error's text."""
    traceback = error.__traceback__
    place = "unknown place"
    while traceback is not None:
        filename = PurePath(traceback.tb_frame.f_code.co_filename)
        if {"tasks", "flows", "expectations"} & set(filename.parts):
            place = f"{filename.name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    number = f"({error.errno})" if isinstance(error, OSError) and error.errno else ""
    return f"{type(error).__name__}{number} at {place}"
