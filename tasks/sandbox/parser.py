"""The worker's side: hands an object that is not plain to the child, and outlives whatever becomes of it.

The child is started when the first such object is met and kept for the next ones. One that dies, hangs or outgrows
its limits is killed and replaced; the object that did it gets a reason code, and nothing else is lost. So that
an outcome depends on the object and never on what was read before it, a crash counts only in a fresh child.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from threading import Lock

from tasks.dicom.buffer import Buffer
from tasks.dicom.element import ByteSource, Header, Payload
from tasks.dicom.reader import Limits
from tasks.dicom.values import encodings_of
from tasks.errors import ConfigurationError
from tasks.records import Reject
from tasks.sandbox import wire
from tasks.sandbox.limits import SandboxLimits
from tasks.sandbox.wire import Untrue

_FIRST_BYTES = 1 << 16
_START_SECONDS = 60.0
_INHERITED = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "SYSTEMROOT")
"""What of the environment the child is given: how to find Python and its libraries, and no secret."""


class _Lost(Exception):  # noqa: N818 - ends as a reason code
    """The child gave no answer; carries the reason code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class _Timed:
    """The stream while one object is read: no longer in all than the wall time the child has for it."""

    stream: socket.socket
    left: float

    def recv_into(self, buffer: memoryview) -> int:
        with self._running():
            return self.stream.recv_into(buffer)

    def sendall(self, data: bytes | memoryview) -> None:
        with self._running():
            self.stream.sendall(data)

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        if self.left <= 0:
            raise _Lost("PARSER_TIMEOUT")
        self.stream.settimeout(self.left)
        started = time.monotonic()
        try:
            yield
        except TimeoutError:
            raise _Lost("PARSER_TIMEOUT") from None
        finally:
            self.left -= time.monotonic() - started


class Parser:
    """Reads what is not plain in a child process; a `CarefulReader`.

    Parameters
    ----------
    limits
        What an object may ask of its reader.
    sandbox
        What the child may use.
    """

    def __init__(self, limits: Limits = Limits(), sandbox: SandboxLimits | None = None) -> None:
        self._limits = limits
        self._sandbox = sandbox or SandboxLimits()
        self._lock = Lock()
        self._child: _Child | None = None

    def __call__(self, source: ByteSource, *, pixels: bool) -> Header | Reject:
        """Read a header, and where the pixels are, if they are wanted and can be trusted.

        Returns
        -------
        Header or Reject
            As `read_carefully`; `PARSER_CRASH`, `PARSER_TIMEOUT` or `PARSER_MEMORY` for an object that took the child
            with it.

        Raises
        ------
        ConfigurationError
            If no child can be started at all.
        """
        with self._lock:
            return self._read(source, pixels)

    def close(self) -> None:
        """End the child, if there is one; the next object gets another."""
        with self._lock:
            self._drop()

    @property
    def pid(self) -> int | None:
        """Process id of the child; None without one."""
        return None if self._child is None else self._child.process.pid

    def _read(self, source: ByteSource, pixels: bool) -> Header | Reject:
        used = self._child is not None
        child = self._child = self._child or _Child(self._limits, self._sandbox)
        answered = False
        try:
            result = child.read(source, pixels=pixels)
            answered = True
        except _Lost as lost:
            code = lost.code
        finally:
            if not answered:
                self._drop()
        if answered:
            return result
        if used and code != "PARSER_TIMEOUT":
            return self._read(source, pixels)
        return Reject(code)

    def _drop(self) -> None:
        if self._child is not None:
            self._child.end()
        self._child = None


class _Child:
    """One child process."""

    def __init__(self, limits: Limits, sandbox: SandboxLimits) -> None:
        self._limits = limits
        self._sandbox = sandbox
        self._stream, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tasks.sandbox.child"],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # a native library's last words may quote the object
                env={name: os.environ[name] for name in _INHERITED if name in os.environ},
                close_fds=True,
            )
        self.end = weakref.finalize(self, _end, self.process, self._stream)
        self._start()

    def _start(self) -> None:
        self._stream.settimeout(_START_SECONDS)
        sandbox = self._sandbox
        setup = wire.pack(
            sandbox.memory_bytes,
            sandbox.cpu_seconds,
            os.getpid(),
            list(asdict(self._limits).items()),
            sandbox.plugins,
        )
        try:
            wire.send(self._stream, wire.JOB, setup)
            kind, _ = wire.receive(self._stream, 0)
        except (OSError, EOFError, Untrue):
            kind = b""
        if kind != wire.READY:
            self.end()
            raise ConfigurationError(
                "The process that reads unusual files does not start. Raise parser.memory_bytes, and check that the "
                "modules of parser.plugins can be imported."
            )

    def read(self, source: ByteSource, *, pixels: bool) -> Header | Reject:
        """Have one object read.

        Raises
        ------
        _Lost
            If the child gave no answer.
        """
        stream = _Timed(self._stream, self._sandbox.wall_seconds)
        try:
            return self._converse(source, stream, pixels)
        except (EOFError, ConnectionError):
            raise _Lost(self._cause_of_death()) from None
        except Untrue:
            raise _Lost("PARSER_CRASH") from None

    def _converse(self, source: ByteSource, stream: _Timed, pixels: bool) -> Header | Reject:
        wire.send(stream, wire.JOB, wire.pack(source.size, pixels, source.read(0, _FIRST_BYTES)))
        while True:
            kind, body = wire.receive(stream, self._longest_answer)
            if kind == wire.READ:
                wire.send(stream, wire.BYTES, _serve_read(source, body))
            elif kind == wire.REJECT:
                return wire.unpack_reject(body)
            elif kind == wire.HEADER:
                return self._take_header(source, stream, body)
            else:
                raise Untrue

    @property
    def _longest_answer(self) -> int:
        return self._limits.header_bytes + 64 * self._limits.most_elements

    def _take_header(self, source: ByteSource, stream: _Timed, body: bytearray) -> Header:
        answer = wire.unpack_answer(body)
        payload, span = None, answer.payload
        if span is not None and span.undone:
            if span.length > self._limits.inflate_bytes:
                raise _Lost("PARSER_MEMORY")
            kind, data = wire.receive(stream, span.length)
            if kind != wire.PIXELS or len(data) != span.length:
                raise Untrue
            source = Buffer(bytes(data))
        if span is not None:
            if span.offset + span.length > source.size:
                raise Untrue
            payload = Payload(span.tag, span.VR, source, span.offset, span.length, span.encapsulated)
        encodings = encodings_of(answer.dataset)
        return Header(
            answer.meta, answer.dataset, answer.transfer_syntax, payload, answer.findings, encodings
        )

    def _cause_of_death(self) -> str:
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "PARSER_CRASH"
        if status == -signal.SIGXCPU:
            return "PARSER_TIMEOUT"
        # Nobody but the kernel, out of memory, kills the child while it works.
        return "PARSER_MEMORY" if status in (wire.OUT_OF_MEMORY, -signal.SIGKILL) else "PARSER_CRASH"


def _serve_read(source: ByteSource, body: bytearray) -> bytes:
    try:
        offset, length = wire.unpack(body)
    except ValueError:
        raise Untrue from None
    if type(offset) is not int or type(length) is not int or offset < 0 or not 0 <= length <= wire.PIECE:
        raise Untrue
    return source.read(offset, length)


def _end(process: subprocess.Popen[bytes], stream: socket.socket) -> None:
    stream.close()
    with contextlib.suppress(OSError):
        process.kill()
    process.wait()
