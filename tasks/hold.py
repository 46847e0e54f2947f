"""One run at a time for a target: the kernel's lock where it is a folder, a lease where it is a bucket."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tasks import layout
from tasks.errors import ConfigurationError
from tasks.records import RunPlan
from tasks.storage.faults import WRITE_TARGET, explained
from tasks.storage.lease import Lease, check_fence
from tasks.storage.store import Store


@contextmanager
def hold(store: Store) -> Iterator[int]:
    """Keep every other run from a target, and give the fencing token: 0 for a lock that ends with its process.

    Raises
    ------
    ConfigurationError
        If another run holds it.
    """
    path = store.local_path(layout.LOCK)
    if path is None:
        with Lease(store, layout.LEASE).held() as fence:
            yield fence
        return
    with _open_lock(path) as lock:
        if not _lock(lock.fileno()):
            raise ConfigurationError(
                "Another run holds this target. Wait until it has ended (`dicomflow show TARGET`), then try again."
            )
        yield 0


@explained(WRITE_TARGET)
def _open_lock(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path.open("ab")


def is_held(store: Store) -> bool:
    """Tell whether a run is under way; asking a bucket takes some seconds, in which a run shows that it lives."""
    path = store.local_path(layout.LOCK)
    if path is None:
        return Lease(store, layout.LEASE).is_alive()
    return path.exists() and not _try(path)


def check_held(store: Store, plan: RunPlan) -> None:
    """See, before something is committed, that the target is still this run's.

    Raises
    ------
    TransientError
        If another run has taken it over.
    """
    check_fence(store, layout.LEASE, plan.fence)


def _try(path: Path) -> bool:
    with path.open("rb") as lock:
        return _lock(lock.fileno(), shared=True)


@explained(WRITE_TARGET)
def _lock(descriptor: int, *, shared: bool = False) -> bool:
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
