"""Events leave: into the run's own file, and to a receiver where OpenLineage's configuration names one.

The two are kept apart rather than joined in OpenLineage's composite transport, which sends each event to all
before it turns to the next: a dead receiver would cost its retries once per event, and an hour for a run of
a thousand batches. Here the file is complete before anything is sent, and sending gives up at the first
failure or when its time is over. A lost event is a gap in somebody's graph; a stuck run is a night's work.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import RunEvent
from openlineage.client.transport.file import FileConfig, FileTransport
from openlineage.client.transport.noop import NoopConfig, NoopTransport

SEND_SECONDS = 30.0

_NO_FOREIGN_FACETS = {"facets": {"environment_variables": [], "source_code_location": {"disabled": True}}}
"""OpenLineage can be told to copy environment variables into events; one of ours may hold the key."""


class Delivery(NamedTuple):
    """What became of sending.

    Attributes
    ----------
    sent
        Number of events the receiver took.
    error
        Name of the exception's type, `TimeoutError` where time ran out; None where nothing went wrong,
        which includes that nothing is configured.
    """

    sent: int
    error: str | None = None


def write_events(events: Iterable[RunEvent], path: Path) -> int:
    """Write events as newline-delimited JSON, in place of what an earlier try left at `path`.

    Returns
    -------
    int
        Number of events written; 0, and no file, where `OPENLINEAGE_DISABLED` is true.
    """
    path.unlink(missing_ok=True)
    if _is_disabled():
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    transport = FileTransport(FileConfig(log_file_path=str(path.absolute()), append=True))
    written = 0
    for event in events:
        transport.emit(event)
        written += 1
    return written


def send_events(events: Sequence[RunEvent], *, url: str = "", seconds: float = SEND_SECONDS) -> Delivery:
    """Send events to `url`, or where OpenLineage's own environment or configuration file says, or nowhere.

    Never raises and never takes longer than `seconds`: what happened is the result. They go in the order
    given, so what matters most comes first: receivers order events by their times.
    """
    post = _Post(events, url)
    thread = threading.Thread(target=post.deliver, name="lineage", daemon=True)
    thread.start()
    thread.join(seconds)
    post.over.set()
    return Delivery(post.sent, "TimeoutError" if thread.is_alive() else post.error)


class _Post:
    """One delivery: its thread fills in `sent` and `error`, and looks at `over` between two events."""

    def __init__(self, events: Sequence[RunEvent], url: str) -> None:
        self.events, self.url = events, url
        self.over = threading.Event()
        self.sent = 0
        self.error: str | None = None

    def deliver(self) -> None:
        try:
            client = _open_client(self.url)
            if client is not None:
                self._send(client)
        except Exception as error:  # noqa: BLE001 - whatever a receiver does, the run has its data
            self.error = type(error).__name__

    def _send(self, client: OpenLineageClient) -> None:
        try:
            for event in self.events:
                if self.over.is_set():
                    return
                client.emit(event)
                self.sent += 1
        finally:
            client.close()


def _open_client(url: str) -> OpenLineageClient | None:
    """Open the configured client; None where none is: OpenLineage itself would print to the console."""
    if _is_disabled():
        return None
    if url:
        return OpenLineageClient(config={**_NO_FOREIGN_FACETS, "transport": _describe_receiver(url)})
    probe = OpenLineageClient(transport=NoopTransport(NoopConfig()))
    return OpenLineageClient(config=_NO_FOREIGN_FACETS) if probe.config.transport else None


def _describe_receiver(url: str) -> dict[str, Any]:
    """Configure OpenLineage's HTTP transport; a key comes by its own environment variable, never by a setting."""
    key = os.environ.get("OPENLINEAGE_API_KEY", "")
    retry = {"total": 4, "backoff_factor": 0.3, "status_forcelist": [429, 500, 502, 503, 504]}
    return {
        "type": "http",
        "url": url,
        "retry": {**retry, "allowed_methods": ["POST"]},
        **({"auth": {"type": "api_key", "apiKey": key}} if key else {}),
    }


def _is_disabled() -> bool:
    """Read the switch as OpenLineage does."""
    return os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true"
