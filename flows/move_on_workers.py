"""Have Dask's workers move what is published: one process alone would take a day for a hundred million copies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from flows.workers import dask_scheduler
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
"""Shares for each thread of a worker that are under way or wait for it; no more of a run is in memory."""


def move_on_workers(plan: RunPlan, settings: Settings) -> Mover:
    """Give what moves the shares of a run by the workers that processed it."""

    def move(store: Store, shares: Iterator[Sequence[Move]]) -> None:
        few = list(islice(shares, _ALONE + 1))
        if len(few) <= _ALONE:
            move_here(store, iter(few))
            return
        from distributed import Client

        with (
            dask_scheduler(settings) as address,
            Client(address, set_as_default=False) as client,  # type: ignore[no-untyped-call]
        ):
            _move_by(client, plan, store, chain(few, shares))

    return move


def _move_by(client: Client, plan: RunPlan, store: Store, shares: Iterator[Sequence[Move]]) -> None:
    under_way: deque[tuple[Sequence[Move], Any]] = deque()
    most = _WAITING * max(1, sum(client.nthreads().values()))  # type: ignore[no-untyped-call]
    for share in shares:
        if len(under_way) >= most:
            _finish(store, *under_way.popleft())
        submitted = client.submit(move_share, plan.target, dict(plan.s3), share, pure=False)
        under_way.append((share, submitted))
    while under_way:
        _finish(store, *under_way.popleft())


def _finish(store: Store, share: Sequence[Move], submitted: Any) -> None:
    """Wait for a share; where its worker died, or all of them, move here what is left of it."""
    from distributed import CancelledError
    from distributed.scheduler import KilledWorker, NoWorkerError

    try:
        taken = submitted.result()
    except (KilledWorker, NoWorkerError, CancelledError):
        store.move_all(share)
        return
    ours = tally_of_thread()
    ours.requests += taken.requests
    ours.retries += taken.retries
