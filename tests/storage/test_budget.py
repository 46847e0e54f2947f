from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.errors import ConfigurationError, TransientError
from tasks.storage.budget import Budget, Patience, choose_pause
from tasks.storage.requests import count_requests


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.storage.budget._FIRST_PAUSE_SECONDS", 0)


def failing(error: Exception, times: int) -> Callable[[], str]:
    left = [error] * times

    def call() -> str:
        if left:
            raise left.pop()
        return "answer"

    return call


def test_what_may_pass_is_asked_for_again_and_counted() -> None:
    before = count_requests()
    assert Patience(Budget(3, 60)).insist(failing(TransientError("busy"), 2)) == "answer"
    assert (count_requests() - before).retries == 2


def test_a_refusal_is_told_at_once() -> None:
    before = count_requests()
    with pytest.raises(ConfigurationError):
        Patience(Budget(3, 60)).insist(failing(ConfigurationError("no"), 1))
    assert (count_requests() - before).retries == 0


def test_a_call_ends_with_its_attempts() -> None:
    call = failing(TransientError("busy"), 3)
    with pytest.raises(TransientError):
        Patience(Budget(3, 60)).insist(call)
    assert call() == "answer"


def test_calls_share_the_time_and_what_fails_after_it_fails_at_once() -> None:
    patience = Patience(Budget(5, 0))
    for _ in range(2):
        call = failing(TransientError("busy"), 1)
        with pytest.raises(TransientError):
            patience.insist(call)
        assert call() == "answer"
    assert patience.insist(failing(TransientError("busy"), 0)) == "answer"


def test_pauses_grow_to_a_limit_and_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.storage.budget._FIRST_PAUSE_SECONDS", 0.1)
    for attempt, longest in ((1, 0.2), (3, 0.8), (30, 10.0)):
        pauses = {choose_pause(attempt) for _ in range(50)}
        assert len(pauses) > 40
        assert 0 <= min(pauses) < longest / 2 < max(pauses) <= longest
