"""A server between us and S3 that watches, and fails on purpose: before a request arrives, or after."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

Rule = Callable[[str, str], str | None]
"""Of method and path: a request's fate (`500`, `503`, `lost`, `cut`, or the XML of an answer), or None."""

_ERRORS = {"503": b"SlowDown", "500": b"InternalError"}
_UNCHANGED = {"transfer-encoding", "connection", "server", "date"}


class FaultyProxy:
    """Passes requests on to `target` and does to them what `rule` says, and remembers them."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        self.rule: Rule = obey
        self.requests: list[tuple[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.drop_headers: set[str] = set()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                proxy.handle(self)

            do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_request

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in self.drop_headers
        }
        self.requests.append((request.command, request.path))
        self.headers.append(headers)
        fate = self.rule(request.command, request.path)
        if fate in _ERRORS:
            self._answer(request, int(fate), {}, b"<Error><Code>%s</Code></Error>" % _ERRORS[fate])
            return
        if fate is not None and fate.startswith("<"):
            self._answer(request, 200, {}, fate.encode())
            return
        connection = HTTPConnection(self.target, timeout=10)
        connection.request(request.command, request.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if fate == "lost":
            request.close_connection = True
            return
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _UNCHANGED}
        self._answer(request, answer.status, kept, data, cut=fate == "cut")

    def _answer(
        self,
        request: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        data: bytes,
        *,
        cut: bool = False,
    ) -> None:
        request.send_response(status)
        if request.command != "HEAD":
            headers = {**headers, "Content-Length": str(len(data))}
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data[: len(data) // 2] if cut else data)
        request.close_connection |= cut


def obey(method: str, path: str) -> str | None:
    """Let every request through."""


def always(fate: str, *, path_end: str = "") -> Rule:
    """Make every request fail whose path ends so."""
    return lambda _, path: fate if path.endswith(path_end) else None


def first(count: int, fate: str, *, method: str) -> Rule:
    """Make the first `count` requests of a method fail and let the others through."""
    left = [count]

    def rule(command: str, path: str) -> str | None:
        if command != method or left[0] == 0:
            return None
        left[0] -= 1
        return fate

    return rule
