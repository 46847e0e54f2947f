"""haproxy between us and S3: it answers with S3's own errors, hangs up or keeps silent, as often as it is told.

What share of the requests fails, and how, is switched while it runs, through maps, by its own socket.
Signatures pass through it, as it keeps the name of the host it was asked for.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.peers.ceph import free_port
from tests.programs import need

FAULTS = ("slow_down", "internal_error", "reset", "stall", "lost")
"""503 with SlowDown; 500; the connection ends; silence for as long as a client waits; done, but the answer is
500: what S3 has carried out and we do not know of."""

_CONFIGURATION = """
global
  stats socket {folder}/admin.sock mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tarpit {stall}s
  option redispatch
frontend s3
  bind 127.0.0.1:{port}
{rolls}
  http-request return status 503 content-type application/xml \
string "<?xml version=\\"1.0\\"?><Error><Code>SlowDown</Code><Message>Slow down.</Message></Error>" \
if {{ var(txn.slow_down) -m bool }}
  http-request return status 500 content-type application/xml \
string "<?xml version=\\"1.0\\"?><Error><Code>InternalError</Code><Message>Error.</Message></Error>" \
if {{ var(txn.internal_error) -m bool }}
  http-request reject if {{ var(txn.reset) -m bool }}
  http-request tarpit deny_status 504 if {{ var(txn.stall) -m bool }}
  http-response deny deny_status 500 if {{ var(txn.lost) -m bool }}
  default_backend gateway
backend gateway
  server one {server}
"""
_ROLL = """\
  http-request set-var(txn.share) str({fault}),map({folder}/faults.map,0)
  http-request set-var(txn.roll) rand(100)
  http-request set-var(txn.{fault}) bool(true) if {{ var(txn.roll),sub(txn.share) lt 0 }}\
"""


@dataclass(frozen=True)
class FaultProxy:
    """A server that fails on purpose in front of one that does not."""

    endpoint: str
    folder: Path

    def fail(self, **percent: int) -> None:
        """Let that share of the requests fail in that way (`FAULTS`), and none in the others."""
        assert percent.keys() <= set(FAULTS)
        for fault in FAULTS:
            self._tell(f"set map {self.folder}/faults.map {fault} {percent.get(fault, 0)}")

    def requests(self) -> dict[str, int]:
        """Count the answers given so far by kind: `2xx`, `4xx`, `5xx`."""
        lines = self._tell("show stat s3 1 -1").splitlines()
        names, values = (line.lstrip("# ").split(",") for line in lines[:2])
        found = dict(zip(names, values, strict=True))
        return {kind: int(found[f"hrsp_{kind}"]) for kind in ("2xx", "4xx", "5xx")}

    def _tell(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "admin.sock"))
            admin.sendall(f"{command}\n".encode())
            answer = b"".join(iter(lambda: admin.recv(65536), b"")).decode()
        assert "ermission" not in answer, answer
        assert "nknown" not in answer, answer
        return answer


@contextlib.contextmanager
def fault_proxy(folder: Path, endpoint: str, *, stall_seconds: int = 3) -> Iterator[FaultProxy]:
    """Start a proxy in front of `endpoint` that does no harm yet, and end it."""
    program = need("haproxy")
    port = free_port()
    (folder / "faults.map").write_text("".join(f"{fault} 0\n" for fault in FAULTS), encoding="utf-8")
    rolls = "\n".join(_ROLL.format(fault=fault, folder=folder) for fault in FAULTS)
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder, port=port, rolls=rolls, stall=stall_seconds, server=urlsplit(endpoint).netloc
        ),
        encoding="utf-8",
    )
    with (folder / "haproxy.out").open("wb") as log:
        process = subprocess.Popen([program, "-db", "-f", str(configuration)], stdout=log, stderr=log)
        try:
            _wait_until_up(process, port, folder)
            yield FaultProxy(f"http://127.0.0.1:{port}", folder)
        finally:
            process.kill()
            process.wait(10)


def _wait_until_up(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail(f"haproxy did not come up: {(folder / 'haproxy.out').read_text()[-2000:]}")
