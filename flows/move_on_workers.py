"""Have Dask's workers move what is published: one process alone would take a day for a hundred million copies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from flows.workers import scheduler_at_hand, worker_losses
from tasks.move import Mover, move_here, move_share
from tasks.records import RunPlan
from tasks.settings import Settings
from tasks.storage.requests import tally_of_thread
from tasks.storage.store import Move, Store

if TYPE_CHECKING:
    from distributed import Client

_ALONE = 2
"""Shares that are moved here: to ask workers would take as long."""
_WAITING = 2
"""Shares for each thread of a worker that are under way or wait for it."""
_LEAST_WAITING = 64
"""Shares under way at least, some 30 MB: a cluster that grows with its work must see some."""


def move_on_workers(plan: RunPlan, settings: Settings) -> Mover:
    """Give what moves the shares of a run by the workers that processed it, and by this process without them.

    A Secret block is read in the context of a task, which shares do not have: with credentials of one, all is
    moved here.
    """

    def move(store: Store, shares: Iterator[Sequence[Move]]) -> None:
        few = list(islice(shares, _ALONE + 1))
        shares = chain(few, shares)
        if len(few) > _ALONE and settings.s3.credentials_block is None:
            address = scheduler_at_hand(settings)
            if address is not None:
                _move_by(address, plan, store, shares)
        move_here(store, shares)

    return move


def _move_by(address: str, plan: RunPlan, store: Store, shares: Iterator[Sequence[Move]]) -> None:
    """Hand out shares until none is left, or the scheduler is lost."""
    from distributed import Client

    try:
        client = Client(address, set_as_default=False)  # type: ignore[no-untyped-call]
    except OSError:  # which is what distributed raises, and also when time is up
        return
    with client:
        under_way: deque[tuple[Sequence[Move], Any]] = deque()
        while client.status == "running" and (share := next(shares, None)) is not None:
            submitted = _submit(client, plan, share)
            under_way.append((share, submitted))
            if len(under_way) >= max(_LEAST_WAITING, _WAITING * _threads(client)):
                _finish(store, *under_way.popleft())
        while under_way:
            _finish(store, *under_way.popleft())


def _submit(client: Client, plan: RunPlan, share: Sequence[Move]) -> Any:
    """Send a share out; None where the scheduler was lost that moment."""
    from distributed.client import ClosedClientError

    try:
        return client.submit(move_share, plan.target, dict(plan.s3), share, pure=False)
    except (ClosedClientError, OSError):
        return None


def _threads(client: Client) -> int:
    from distributed.client import ClosedClientError

    try:
        return sum(client.nthreads().values())  # type: ignore[no-untyped-call]
    except (ClosedClientError, OSError):
        return 0


def _finish(store: Store, share: Sequence[Move], submitted: Any) -> None:
    """Wait for a share; where its worker died, or all of them, move here what is left of it."""
    try:
        taken = submitted.result() if submitted is not None else None
    except worker_losses():
        taken = None
    if taken is None:
        store.move_all(share)
        return
    ours = tally_of_thread()
    ours.requests += taken.requests
    ours.retries += taken.retries
