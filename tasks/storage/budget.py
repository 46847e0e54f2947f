"""How long one goes on asking what does not answer: the same budget for a server and for a disk.

A mount that is away for a moment, a controller that resets, a server that is busy: all of them mend themselves,
and none sooner for being asked in a tight loop. So there is a number of attempts, a deadline, and a pause that
grows and is never the same twice, so that a thousand workers do not come back together.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from tasks.errors import TransientError
from tasks.storage.requests import tally_of_thread

T = TypeVar("T")

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 10.0


class Budget(NamedTuple):
    """How often a call is made in total, and for how long it is begun anew."""

    attempts: int
    deadline_seconds: float


def choose_pause(attempt: int) -> float:
    """Choose the seconds to wait after a failed attempt, the first of which is 1."""
    return random.uniform(0, min(_FIRST_PAUSE_SECONDS * 2**attempt, _LONGEST_PAUSE_SECONDS))  # noqa: S311


class Patience:
    """What is left of a budget that many calls share; one thread's.

    A server fails whole, a disk in places. With a deadline for each call, a thousand bad sectors would cost a
    thousand deadlines; here they cost one, and what fails after it fails at once.
    """

    def __init__(self, budget: Budget) -> None:
        self._attempts = budget.attempts
        self._left_seconds = budget.deadline_seconds

    def insist(self, call: Callable[[], T]) -> T:
        """Make a call until it succeeds, fails for good, or the budget is used up.

        Raises
        ------
        TransientError
            What the last attempt met; anything else passes through at once.
        """
        for attempt in range(1, self._attempts):
            started = time.monotonic()
            try:
                return call()
            except TransientError:
                pause = choose_pause(attempt)
                self._left_seconds -= time.monotonic() - started + pause
                if self._left_seconds < 0:
                    raise
            time.sleep(pause)
            tally_of_thread().retries += 1
        return call()
