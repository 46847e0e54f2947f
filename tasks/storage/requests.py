"""What was asked of S3, counted where it is asked for, and told in the report of a run.

Kept apart from the requests themselves, so that a run between folders can say "none" without importing a client.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Requests made, and how many of them repeated one that had failed."""

    requests: int = 0
    retries: int = 0

    def __sub__(self, before: Tally) -> Tally:
        return Tally(self.requests - before.requests, self.retries - before.retries)


_own = threading.local()
_tallies: list[Tally] = []


def tally_of_thread() -> Tally:
    """Give the count that grows with what this thread asks for."""
    tally: Tally | None = getattr(_own, "tally", None)
    if tally is None:
        tally = _own.tally = Tally()
        _tallies.append(tally)
    return tally


def count_requests() -> Tally:
    """Say what this thread has asked for so far; a worker's batch is one thread's work."""
    return tally_of_thread() - Tally()


def count_requests_of_process() -> Tally:
    """Say what all threads of this process have asked for so far."""
    return Tally(sum(one.requests for one in _tallies), sum(one.retries for one in _tallies))
