"""A Redis server of the test session, as compose.yaml starts it: on loopback, with a password, keeping nothing."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThere

from tests.peers.ceph import free_port
from tests.programs import need

PASSWORD = "not-a-secret"
_START_SECONDS = 30


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[Redis]:
    """Start a server in `folder`, and end it; gives a client of it."""
    port = free_port()
    settings = ("--requirepass", PASSWORD, "--save", "", "--maxmemory-policy", "noeviction")
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(
            [need("redis-server"), "--bind", "127.0.0.1", "--port", str(port), *settings],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        client = Redis("127.0.0.1", port, password=PASSWORD)
        _wait_until_up(client, process)
        yield client
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_up(client: Redis, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.ping()
        except NotThere:
            time.sleep(0.1)
        else:
            return
    pytest.fail("Redis did not come up")
