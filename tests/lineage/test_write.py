"""The file is always complete; sending is asked for, bounded, and never stops a run."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar
from unittest.mock import patch

import pytest
from openlineage.client.event_v2 import RunEvent, RunState

from tasks.lineage import events
from tasks.lineage.events import LineageRun
from tasks.lineage.write import Delivery, send_events, write_events
from tests.lineage.openlineage_shapes import read_event

AT = "2026-11-21T22:00:00+00:00"
KEY_CANARY = "c0ffee" * 10


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """OpenLineage's client answers a variable that names a receiver by setting others, which would stay."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(name="two_events")
def make_events(run: LineageRun) -> list[RunEvent]:
    return [events.run_started(run, AT), events.run_failed(run, AT, "INTERNAL_ERROR")]


class Receiver(BaseHTTPRequestHandler):
    """Takes lineage over a real socket, as a real receiver does, and answers after `delay` seconds."""

    bodies: ClassVar[list[bytes]] = []
    status: ClassVar[int] = 201
    delay: ClassVar[float] = 0.0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.delay)
        self.bodies.append(body)
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""


@contextmanager
def receiver(status: int = 201, delay: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """Serve on a free loopback port; give the address and what arrives."""

    class Handler(Receiver):
        pass

    Handler.bodies, Handler.status, Handler.delay = [], status, delay
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", Handler.bodies
    finally:
        server.shutdown()
        server.server_close()


def test_the_file_holds_one_event_a_line(tmp_path: Path, two_events: list[RunEvent]) -> None:
    path = tmp_path / "run.ndjson"
    assert write_events(two_events, path) == 2
    lines = path.read_text().splitlines()
    states = [read_event(json.loads(line)).eventType for line in lines]
    assert states == [RunState.START, RunState.FAIL]


def test_writing_again_replaces_and_does_not_append(tmp_path: Path, two_events: list[RunEvent]) -> None:
    path = tmp_path / "run.ndjson"
    write_events(two_events, path)
    first = path.read_bytes()
    write_events(two_events, path)
    assert path.read_bytes() == first


def test_disabled_means_no_file_and_nothing_sent(
    tmp_path: Path, two_events: list[RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as (url, bodies):
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        monkeypatch.setenv("OPENLINEAGE_DISABLED", "True")
        assert write_events(two_events, tmp_path / "run.ndjson") == 0
        assert send_events(two_events) == Delivery(0)
    assert not bodies
    assert not list(tmp_path.iterdir())


def test_nothing_is_sent_or_printed_unless_configured(
    two_events: list[RunEvent],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert send_events(two_events) == Delivery(0)
    assert not caplog.records
    assert not capsys.readouterr().out


def test_a_receiver_in_the_environment_gets_what_the_file_has(
    tmp_path: Path, two_events: list[RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_events(two_events, tmp_path / "run.ndjson")
    written = [json.loads(line) for line in (tmp_path / "run.ndjson").read_text().splitlines()]
    with receiver() as (url, bodies):
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        assert send_events(two_events) == Delivery(2)
    received = [json.loads(body) for body in bodies]
    for event in received:
        event["run"]["facets"].pop("tags")  # the client adds its own version
    assert received == written


def test_a_receiver_in_a_configuration_file_is_found(
    tmp_path: Path, two_events: list[RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as (url, bodies):
        config = tmp_path / "openlineage.yml"
        config.write_text(f"transport:\n  type: http\n  url: {url}\n")
        monkeypatch.setenv("OPENLINEAGE_CONFIG", str(config))
        assert send_events(two_events) == Delivery(2)
    assert len(bodies) == 2


def test_an_environment_variable_never_travels(
    two_events: list[RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver() as (url, bodies):
        monkeypatch.setenv("DICOMFLOW_KEY", KEY_CANARY)
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        monkeypatch.setenv("OPENLINEAGE__FACETS__ENVIRONMENT_VARIABLES", '["DICOMFLOW_KEY"]')
        assert send_events(two_events) == Delivery(2)
    assert bodies
    assert KEY_CANARY.encode() not in b"".join(bodies)


def test_a_receiver_that_refuses_is_left_alone_after_the_first_event(
    two_events: list[RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(status=400) as (url, bodies):
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        delivery = send_events(two_events)
    assert delivery.sent == 0
    assert delivery.error == "HTTPError"
    assert len(bodies) == 1


def test_a_receiver_that_hangs_costs_no_more_than_its_time(
    two_events: list[RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiver(delay=1.0) as (url, _):
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        started = time.monotonic()
        assert send_events(two_events, seconds=0.2) == Delivery(0, "TimeoutError")
        assert time.monotonic() - started < 0.9


def test_a_configuration_that_cannot_be_read_stops_nothing(
    two_events: list[RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "no.such.Transport")
    delivery = send_events(two_events)
    assert delivery.sent == 0
    assert delivery.error is not None


def test_a_receiver_that_is_named_gets_them_though_it_is_busy_at_first(
    two_events: list[RunEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "a-key-of-the-receiver")
    seen: list[str] = []
    left = [503, 503]

    class Busy(Receiver):
        bodies: ClassVar[list[bytes]] = []

        def do_POST(self) -> None:
            seen.append(self.headers["Authorization"])
            Busy.status = left.pop() if left else 201
            super().do_POST()

    server = HTTPServer(("127.0.0.1", 0), Busy)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        assert send_events(two_events, url=f"http://127.0.0.1:{server.server_port}") == Delivery(2)
    finally:
        server.shutdown()
        server.server_close()
    assert [json.loads(body)["eventType"] for body in Busy.bodies] == ["START", "START", "START", "FAIL"]
    assert set(seen) == {"Bearer a-key-of-the-receiver"}


def test_a_receiver_that_is_named_and_not_there_stops_nothing(two_events: list[RunEvent]) -> None:
    delivery = send_events(two_events, url="http://127.0.0.1:9", seconds=20)
    assert delivery.sent == 0
    assert delivery.error
