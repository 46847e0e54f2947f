from __future__ import annotations

import pickle
import traceback

import pytest

from tasks.errors import ConfigurationError, ContractError, PipelineError, TransientError, value_free

SECRET = "Doerfler^Janette"


@value_free
def fail(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError(SECRET), ContractError),
        (KeyError(SECRET), ContractError),
        (OSError(28, "No space left on device", f"/data/{SECRET}"), TransientError),
        (TimeoutError(SECRET), TransientError),
        (UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET), ContractError),
    ],
)
def test_foreign_errors_leave_without_their_text(error: Exception, kind: type[PipelineError]) -> None:
    with pytest.raises(kind) as raised:
        fail(error)
    assert SECRET not in "".join(traceback.format_exception(raised.value))
    assert raised.value.__context__ is None
    assert raised.value.__cause__ is None
    assert SECRET.encode() not in pickle.dumps(raised.value)


def test_the_number_of_a_system_error_and_its_place_are_told() -> None:
    with pytest.raises(TransientError, match=r"OSError\(28\) at errors\.py:\d+"):
        fail(OSError(28, "No space left on device"))


def test_our_own_errors_pass_with_their_message() -> None:
    with pytest.raises(ConfigurationError, match="Name a source"):
        fail(ConfigurationError("Name a source."))


def test_interrupts_pass() -> None:
    with pytest.raises(KeyboardInterrupt):
        fail(KeyboardInterrupt())
