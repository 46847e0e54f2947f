"""Move files within a target: in this process, or a share of them in a worker's.

On S3 to move is to copy on the server and to delete: a request an object, and however many are under way, one
process signs and sends some hundreds a second. Shares know nothing of each other, and what has moved before is
passed over, so they may go wherever there is a processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from tasks.errors import value_free
from tasks.storage.requests import Tally, count_requests
from tasks.storage.store import Move, Store, open_store

SHARE = 2000
"""Objects of a share: some seconds of work, and two deletions of as many as one request takes."""

Mover = Callable[[Store, Iterator[Sequence[Move]]], None]
"""Moves all shares of a store's objects; what has gone before is passed over."""


def move_here(store: Store, shares: Iterator[Sequence[Move]]) -> None:
    """Move all shares, one after the other."""
    for share in shares:
        store.move_all(share)


@value_free
def move_share(target: str, s3: Mapping[str, object], moves: Sequence[Move]) -> Tally:
    """Move a share of the objects of a target; gives the requests it took.

    Raises
    ------
    PipelineError
        As `Store.move_all`.
    """
    before = count_requests()
    open_store(target, dict(s3)).move_all(moves)
    return count_requests() - before
