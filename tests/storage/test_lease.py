"""One holder at a time, on a folder and on S3, between threads of a made-up clock and between real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import uuid4

import boto3
import pytest

from tasks.errors import ConfigurationError, TransientError
from tasks.storage.lease import Lease, check_fence
from tasks.storage.store import Store
from tests.peers.ceph import Gateway

FOLDER = "restricted/lease"

HOLDER = """
import sys, time
from tasks.errors import PipelineError
from tasks.storage.lease import Lease, check_fence
from tasks.storage.store import open_store
store = open_store(sys.argv[1], {"endpoint_url": sys.argv[2]} if sys.argv[2] else {})
try:
    with Lease(store, "restricted/lease", beat_seconds=0.2, silent_seconds=1.5).held() as fence:
        print(fence, flush=True)
        sys.stdin.readline()
        check_fence(store, "restricted/lease", fence)
        print("still ours", flush=True)
except PipelineError as error:
    print(type(error).__name__, flush=True)
"""


@pytest.fixture(params=["local", "moto", "ceph"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """How a process opens a store: in a folder, on a mock of S3, and on a server whose conditions are real."""
    if request.param == "local":
        return (str(request.getfixturevalue("tmp_path") / "target"), "")
    if request.param == "moto":
        return (f"s3://{request.getfixturevalue('bucket')}/target", request.getfixturevalue("s3_endpoint"))
    gateway: Gateway = request.getfixturevalue("gateway")
    for name, value in gateway.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"lease-{uuid4()}"
    boto3.Session().client("s3").create_bucket(Bucket=bucket)
    return (f"s3://{bucket}/target", gateway.endpoint)


class Process:
    """A process that takes the lease, says so, and gives it back when it is told to."""

    def __init__(self, place: tuple[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, *place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        said = self.said()
        self.close()
        return said

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def holding(place: tuple[str, str]) -> Iterator[Process]:
    process = Process(place)
    try:
        yield process
    finally:
        process.close()


@pytest.mark.e2e
def test_a_second_process_is_refused_and_the_next_gets_the_next_number(place: tuple[str, str]) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(holding(place))
        assert first.said() == "1"
        assert stack.enter_context(holding(place)).said() == "ConfigurationError"
        assert first.end() == "still ours"
        third = stack.enter_context(holding(place))
        assert third.said() == "2"
        assert third.end() == "still ours"


@pytest.mark.e2e
def test_of_many_processes_one_gets_a_free_lease(place: tuple[str, str]) -> None:
    with ExitStack() as stack:
        contenders = [stack.enter_context(holding(place)) for _ in range(3)]
        said = sorted(contender.said() for contender in contenders)
    assert said == ["1", "ConfigurationError", "ConfigurationError"]


@pytest.mark.e2e
def test_a_killed_holder_is_replaced_and_one_that_slept_stops(place: tuple[str, str]) -> None:
    with ExitStack() as stack:
        killed = stack.enter_context(holding(place))
        assert killed.said() == "1"
        killed.process.kill()
        asleep = stack.enter_context(holding(place))
        assert asleep.said() == "2"
        os.kill(asleep.process.pid, signal.SIGSTOP)
        third = stack.enter_context(holding(place))
        assert third.said() == "3"
        os.kill(asleep.process.pid, signal.SIGCONT)
        assert asleep.end() == "TransientError"
        assert third.end() == "still ours"


class Clock:
    """A clock that its own sleep moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def waiting(store: Store, clock: Clock, **options: float) -> Lease:
    return Lease(store, FOLDER, clock=clock.read, sleep=clock.sleep, **options)


def test_a_silent_holder_is_given_a_whole_period(local_store: Store) -> None:
    local_store.write(f"{FOLDER}/0000000007.claim", b"somebody")
    local_store.write(f"{FOLDER}/0000000007.beat", b"41")
    clock = Clock()
    with waiting(local_store, clock, beat_seconds=5, silent_seconds=30).held() as fence:
        assert fence == 8
        assert 30 <= clock.now - 1000 <= 35
        # The number only grows, and what is below it is cleared away.
        assert not [key for key in local_store.list(FOLDER) if "0007" in key]
        check_fence(local_store, FOLDER, 8)
        with pytest.raises(TransientError, match="taken over"):
            check_fence(local_store, FOLDER, 7)


def test_a_beat_that_moves_at_the_last_moment_is_a_sign_of_life(local_store: Store) -> None:
    local_store.write(f"{FOLDER}/0000000007.claim", b"somebody")
    clock = Clock()

    def sleep(seconds: float) -> None:
        clock.now += seconds
        if clock.now > 1028:
            local_store.write(f"{FOLDER}/0000000007.beat", b"1")

    lease = Lease(local_store, FOLDER, beat_seconds=5, silent_seconds=30, clock=clock.read, sleep=sleep)
    with pytest.raises(ConfigurationError, match="Another run holds this target"), lease.held():
        pass
    assert local_store.read(f"{FOLDER}/0000000007.claim") == b"somebody"


def test_one_that_looked_long_ago_does_not_get_a_number_that_was_passed(local_store: Store) -> None:
    class Late:
        """A store that answers the first look with what was there before."""

        def __init__(self) -> None:
            self.looks = 0

        def list(self, prefix: str = "") -> Iterator[str]:
            self.looks += 1
            return iter(()) if self.looks == 1 else local_store.list(prefix)

        def __getattr__(self, name: str) -> object:
            return getattr(local_store, name)

    local_store.write(f"{FOLDER}/0000000009.claim", b"somebody")
    lease = Lease(Late(), FOLDER, beat_seconds=0.01, silent_seconds=60)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="Another run"), lease.held():
        pass


def test_a_free_store_is_taken_at_once(store: Store) -> None:
    clock = Clock()
    for expected in (1, 2):
        with waiting(store, clock).held() as fence:
            assert fence == expected
    assert clock.now == 1000


def test_life_is_told_by_the_beat(local_store: Store) -> None:
    lease = Lease(local_store, FOLDER, beat_seconds=0.05, silent_seconds=60)
    assert not lease.is_alive()
    with lease.held():
        deadline = time.monotonic() + 10
        while not lease.is_alive():
            assert time.monotonic() < deadline
    assert not lease.is_alive()
    local_store.write(f"{FOLDER}/0000000009.claim", b"dead")
    assert not lease.is_alive()
