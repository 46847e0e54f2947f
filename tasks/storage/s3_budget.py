"""One budget for whatever goes wrong between us and S3, and a pace that a server asking for less gets.

botocore, s3fs and aiohttp each retry some failures and not others, and on top of each other: a body that breaks
off is nobody's, a throttled request everybody's. So they are told not to, and a call is repeated here, whole,
its body included: with jitter, so that a thousand workers do not come back together, up to a number of attempts
and a deadline. Requests and repetitions are counted, because a run that was slow should say why.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    ResponseStreamingError,
)
from botocore.exceptions import (
    ConnectionError as NoConnection,
)
from s3fs.core import S3_RETRYABLE_ERRORS

from tasks.storage.budget import Budget, choose_pause
from tasks.storage.faults import S3Fault
from tasks.storage.requests import Tally

T = TypeVar("T")

FOREIGN = (OSError, BotoCoreError, ClientError, aiohttp.ClientError, *S3_RETRYABLE_ERRORS)
"""Everything that a request may raise."""

THROTTLED = frozenset(
    {
        "SlowDown",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "503",
        "429",
    }
)
_PASSING = THROTTLED | {
    *("InternalError", "OperationAborted", "RequestTimeout", "BadDigest", "IncompleteBody"),
    *("XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "500", "502", "504", "507"),
}
"""Codes of an answer that another request may not get; digests that differ mean bytes that broke on their way."""
_BROKEN = (
    *(aiohttp.ClientError, HTTPClientError, NoConnection, IncompleteReadError, ResponseStreamingError),
    *(FlexibleChecksumError, OSError, *S3_RETRYABLE_ERRORS),
)
"""No answer, or half of one; sockets fail with an `OSError`."""

MOST_AT_ONCE = 32
_PACES = 256
_PREFIX_PARTS = 2


@dataclass(slots=True)
class Pace:
    """How many requests one part of a bucket gets at once; belongs to one event loop.

    One more for each round that goes well, half of them when the server asks for less.
    """

    limit: float = float(MOST_AT_ONCE)
    _active: int = 0
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    _slowed: float = 0.0

    async def enter(self) -> float:
        """Wait for a place; gives the time of entering."""
        while self._active >= int(self.limit):
            place = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self._active += 1
        return time.monotonic()

    def leave(self, entered: float, *, throttled: bool) -> None:
        """Give the place back; answers to requests older than the last cut say nothing about the new limit."""
        self._active -= 1
        if not throttled:
            self.limit = min(MOST_AT_ONCE, self.limit + 1 / self.limit)
        elif entered >= self._slowed:
            self.limit, self._slowed = max(1.0, self.limit / 2), time.monotonic()
        free = int(self.limit) - self._active
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1


class Paces:
    """The pace of each prefix: S3 splits a bucket by keys, and throttles the part that is too busy."""

    def __init__(self) -> None:
        self._paces: OrderedDict[str, Pace] = OrderedDict()

    def of(self, key: str) -> Pace:
        """Give the pace of the folder at the top of the bucket that a key is in."""
        prefix = "/".join(key.split("/")[:_PREFIX_PARTS])
        pace = self._paces.get(prefix)
        if pace is None:
            pace = self._paces[prefix] = Pace()
            if len(self._paces) > _PACES:
                self._paces.popitem(last=False)
        self._paces.move_to_end(prefix)
        return pace


async def insist(call: Callable[[], Awaitable[T]], budget: Budget, pace: Pace, tally: Tally) -> T:
    """Make a call until it succeeds, fails for good, or the budget is used up.

    Raises
    ------
    S3Fault
        What the last attempt met.
    """
    deadline = time.monotonic() + budget.deadline_seconds
    attempt = 1
    while True:
        entered, throttled = await pace.enter(), False
        tally.requests += 1
        try:
            return await call()
        except S3Fault as fault:
            code, again = fault.code, fault.code in _PASSING
        except FOREIGN as error:
            code = code_of(error)
            again = is_passing(error, code)
            throttled = code in THROTTLED
        finally:
            pace.leave(entered, throttled=throttled)
        pause = choose_pause(attempt)
        if not again or attempt == budget.attempts or time.monotonic() + pause > deadline:
            break
        await asyncio.sleep(pause)
        attempt += 1
        tally.retries += 1
    raise S3Fault(code)


def is_passing(error: BaseException, code: str) -> bool:
    """Tell whether another attempt may fare better."""
    response = _response_of(error)
    if response is None:
        return isinstance(error, _BROKEN)
    return code in _PASSING or response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500


def code_of(error: BaseException) -> str:
    """Find S3's error code, or name what the client met instead of an answer."""
    response = _response_of(error)
    if response is not None:
        return str(response.get("Error", {}).get("Code", "Unknown"))
    return type(error).__name__


def _response_of(error: BaseException) -> Mapping[str, dict[str, int]] | None:
    response = getattr(error, "response", None)
    return response if isinstance(response, Mapping) else None
