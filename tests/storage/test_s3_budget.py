from __future__ import annotations

import asyncio

import aiohttp
import pytest
from botocore.exceptions import ClientError, FlexibleChecksumError, NoCredentialsError, ReadTimeoutError

from tasks.storage.budget import Budget
from tasks.storage.faults import S3Fault
from tasks.storage.requests import Tally
from tasks.storage.s3_budget import MOST_AT_ONCE, Pace, Paces, insist


def answer(code: str, status: int) -> ClientError:
    response = {"Error": {"Code": code, "Message": "/a/key"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "GetObject")  # type: ignore[arg-type]


class Server:
    """Fails a number of times in one way, then answers."""

    def __init__(self, failure: Exception, times: int) -> None:
        self.failure, self.left = failure, times

    async def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise self.failure
        return "answer"


def ask(server: Server, tally: Tally, *, attempts: int = 3, seconds: float = 60) -> str:
    return asyncio.run(insist(server, Budget(attempts, seconds), Pace(), tally))


@pytest.mark.parametrize("failure", [
    answer("SlowDown", 503),
    answer("InternalError", 500),
    answer("Unheard-of", 507),
    answer("BadDigest", 400),
    ReadTimeoutError(endpoint_url="http://host/a/key"),
    ConnectionResetError(),
    aiohttp.ClientPayloadError(),
    FlexibleChecksumError(error_msg="of /a/key"),
    TimeoutError(),
    S3Fault("IncompleteBody"),
])  # fmt: skip
def test_what_may_pass_is_tried_again_and_counted(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.storage.budget._FIRST_PAUSE_SECONDS", 0)
    tally = Tally()
    assert ask(Server(failure, 2), tally) == "answer"
    assert (tally.requests, tally.retries) == (3, 2)


@pytest.mark.parametrize(("failure", "code"), [
    (answer("AccessDenied", 403), "AccessDenied"),
    (answer("PreconditionFailed", 412), "PreconditionFailed"),
    (NoCredentialsError(), "NoCredentialsError"),
    (S3Fault("PreconditionFailed"), "PreconditionFailed"),
])  # fmt: skip
def test_a_refusal_is_told_at_once_by_its_code_alone(failure: Exception, code: str) -> None:
    tally = Tally()
    with pytest.raises(S3Fault, match=f"^{code}$") as caught:
        ask(Server(failure, 1), tally)
    assert caught.value.__context__ is None
    assert (tally.requests, tally.retries) == (1, 0)


def test_a_budget_ends_with_its_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.storage.budget._FIRST_PAUSE_SECONDS", 0)
    tally = Tally()
    with pytest.raises(S3Fault, match="SlowDown"):
        ask(Server(answer("SlowDown", 503), 9), tally)
    assert (tally.requests, tally.retries) == (3, 2)


def test_a_budget_ends_with_its_time() -> None:
    tally = Tally()
    with pytest.raises(S3Fault, match="SlowDown"):
        ask(Server(answer("SlowDown", 503), 9), tally, attempts=9, seconds=0)
    assert tally.requests == 1


def test_a_server_that_asks_for_less_gets_half_once_a_round_and_more_again_later() -> None:
    async def check() -> None:
        pace = Pace()
        entered = [await pace.enter() for _ in range(MOST_AT_ONCE)]
        for time_of_entering in entered:
            pace.leave(time_of_entering, throttled=True)
        assert pace.limit == MOST_AT_ONCE / 2
        for _ in range(40):
            pace.leave(await pace.enter(), throttled=False)
        assert MOST_AT_ONCE / 2 + 2 < pace.limit < MOST_AT_ONCE
        for _ in range(20):
            pace.leave(await pace.enter(), throttled=True)
        assert pace.limit == 1

    asyncio.run(check())


def test_no_more_requests_are_under_way_than_the_pace_allows() -> None:
    most = 0

    async def check() -> None:
        nonlocal most
        pace, active = Pace(limit=3.0), 0

        async def request() -> None:
            nonlocal most, active
            entered = await pace.enter()
            active += 1
            most = max(most, active)
            assert active <= pace.limit
            await asyncio.sleep(0)
            active -= 1
            pace.leave(entered, throttled=False)

        await asyncio.gather(*(request() for _ in range(50)))
        assert active == 0

    asyncio.run(check())
    assert most >= 3


def test_a_busy_prefix_slows_down_no_other() -> None:
    paces = Paces()
    paces.of("target/staging/a").limit = 1
    assert paces.of("target/staging/b").limit == 1
    assert paces.of("target/published/a").limit == MOST_AT_ONCE
