"""One writer at a time for a store without locks: a lease made of objects that are created and never replaced.

Who holds the store is the newest *claim*: claims are numbered, and S3 lets only one of two create the next
number. The holder rewrites a *beat* every few seconds. Whoever comes later watches it on a clock of its own: a
beat that moves is a run that lives, one that stands still for a whole period is a dead one, and the next number
may be claimed. No two clocks are ever compared, so none of them need be right.

A holder that was only asleep wakes up to a claim above its own. Its number is therefore its fencing token: it
looks for a higher one before every commit (`check_fence`), and stops.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import NamedTuple, Protocol

from tasks.errors import ConfigurationError, PipelineError, TransientError

BEAT_SECONDS = 5.0
SILENT_SECONDS = 30.0
"""A beat that stands still so long is a dead holder's. Six beats, so that a slow server is not taken for a death."""

_HELD = "Another run holds this target. Wait until it has ended (`dicomflow show TARGET`), then try again."
_LOST = (
    "Another run has taken over this target, because this one showed no sign of life for a while. Look at "
    "`dicomflow show TARGET` before anything else"
)


class Objects(Protocol):
    """As much of a `Store` as a lease needs."""

    def read(self, key: str) -> bytes:
        """Read an object whole."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Write an object."""
        ...

    def write_create(self, key: str, data: bytes) -> bool:
        """Write an object unless its name is taken."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys below a prefix."""
        ...


class Seen(NamedTuple):
    """The newest claim as it was seen: its number (0 for none), whether it was given back, and its beat."""

    fence: int
    released: bool
    beat: bytes

    @property
    def is_free(self) -> bool:
        """Tell whether anybody may claim the next number."""
        return self.fence == 0 or self.released


class Lease:
    """A lease in a folder of a store.

    Parameters
    ----------
    beat_seconds, silent_seconds
        How often the holder writes its beat, and how long one must stand still to be a dead holder's.
    """

    def __init__(
        self,
        store: Objects,
        folder: str,
        *,
        beat_seconds: float = BEAT_SECONDS,
        silent_seconds: float = SILENT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store = store
        self._folder = folder
        self._beat_seconds = beat_seconds
        self._silent_seconds = silent_seconds
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def held(self) -> Iterator[int]:
        """Hold the lease, and give the fencing token.

        Raises
        ------
        ConfigurationError
            If somebody else holds it and lives.
        """
        fence = self._take()
        stopped = Event()
        beating = Thread(target=self._beat, args=(fence, stopped), daemon=True, name="lease")
        beating.start()
        try:
            yield fence
        finally:
            stopped.set()
            beating.join(self._beat_seconds)
            with contextlib.suppress(PipelineError):  # then it runs out instead
                self._store.write(self._key(fence, "released"), b"1")

    def is_alive(self) -> bool:
        """Watch for two beats whether a holder lives."""
        seen = self.look()
        if seen.is_free:
            return False
        self._sleep(2 * self._beat_seconds)
        now = self.look()
        return now != seen and not now.is_free

    def look(self) -> Seen:
        """See the newest claim."""
        names = [key.removeprefix(f"{self._folder}/") for key in self._store.list(self._folder)]
        fences = [int(name.partition(".")[0]) for name in names if name.endswith(".claim")]
        fence = max(fences, default=0)
        if fence == 0 or f"{fence:010d}.released" in names:
            return Seen(fence, fence != 0, b"")
        try:
            return Seen(fence, released=False, beat=self._store.read(self._key(fence, "beat")))
        except FileNotFoundError:
            return Seen(fence, released=False, beat=b"")

    def _take(self) -> int:
        seen, since = self.look(), self._clock()
        while True:
            if seen.is_free or self._clock() - since >= self._silent_seconds:
                if self._claim(seen.fence + 1):
                    return seen.fence + 1
            else:
                self._sleep(self._beat_seconds / 2)
            now = self.look()
            if now != seen and not now.is_free:
                raise ConfigurationError(_HELD)
            seen, since = now, since if now == seen else self._clock()

    def _claim(self, fence: int) -> bool:
        """Create the claim of a number; true if it is ours and the newest."""
        if not self._store.write_create(self._key(fence, "claim"), secrets.token_hex(16).encode()):
            return False
        # One that looked long ago may create a number that has been passed and cleared away.
        if self.look().fence != fence:
            return False
        for key in list(self._store.list(self._folder)):
            if int(key.removeprefix(f"{self._folder}/").partition(".")[0]) < fence:
                self._store.delete(key)
        return True

    def _beat(self, fence: int, stopped: Event) -> None:
        count = 0
        while True:
            count += 1
            with contextlib.suppress(PipelineError):  # the check before a commit tells whether it mattered
                self._store.write(self._key(fence, "beat"), str(count).encode())
            if stopped.wait(self._beat_seconds):
                return

    def _key(self, fence: int, what: str) -> str:
        return f"{self._folder}/{fence:010d}.{what}"


def check_fence(store: Objects, folder: str, fence: int) -> None:
    """See that no later claim exists; nothing to see for a store that is locked otherwise (token 0).

    Raises
    ------
    TransientError
        If the target was taken over: this process must not write to it any more.
    """
    if fence and Lease(store, folder).look().fence != fence:
        raise TransientError(_LOST)
