"""The child's own program: takes one object after another from the worker and says what its header holds.

It has no key, no environment of the worker's, and after its first line of work no way to open anything. An object's
bytes come from the worker, piece by piece, as the reader asks for them.
"""

from __future__ import annotations

import codecs
import gc
import importlib
import os
import socket
import warnings

from pydicom import charset

from tasks.dicom.buffer import read_span
from tasks.dicom.careful import read_carefully
from tasks.dicom.element import Header
from tasks.dicom.reader import Limits
from tasks.records import Reject
from tasks.sandbox import wire
from tasks.sandbox.limits import allow_cpu, shut_in, volunteer
from tasks.sandbox.wire import Answer, PixelSpan

_AHEAD = 1 << 16


class RemoteSource:
    """An object that the worker holds, as a `ByteSource`; read ahead, because asking takes longer than reading."""

    def __init__(self, stream: wire.Stream, size: int, first: bytes) -> None:
        self._stream = stream
        self.size = size
        self._start, self._held = 0, first

    def read(self, offset: int, length: int) -> bytes:
        """Read at most `length` bytes at `offset`."""
        length = max(0, min(length, self.size - offset))
        place = offset - self._start
        if place < 0 or place + length > len(self._held):
            wish = max(length, min(_AHEAD, self.size - offset))
            data = self._ask(offset, wish)
            if length > _AHEAD:
                return data[:length]
            self._start, self._held, place = offset, data, 0
        return self._held[place : place + length]

    def _ask(self, offset: int, length: int) -> bytes:
        pieces = []
        for start in range(offset, offset + length, wire.PIECE):
            wish = min(wire.PIECE, offset + length - start)
            wire.send(self._stream, wire.READ, wire.pack(start, wish))
            pieces.append(wire.receive(self._stream, wish)[1])
        return b"".join(pieces)


def serve(stream: wire.Stream, limits: Limits, cpu_seconds: int) -> None:
    """Read objects until the worker is gone."""
    wire.send(stream, wire.READY)
    while True:
        try:
            _, body = wire.receive(stream, 1 << 30)
        except EOFError:
            return
        size, pixels, first = wire.unpack(body)
        del body
        allow_cpu(cpu_seconds)
        source = RemoteSource(stream, size, first)
        try:
            _answer(stream, source, read_carefully(source, limits, pixels=pixels))
        except MemoryError:
            # At once: in the middle of a frame there is nothing to be said that would be understood.
            os._exit(wire.OUT_OF_MEMORY)
        except (EOFError, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - a native panic is no Exception; its text may quote the object
            wire.send(stream, wire.REJECT, wire.pack("INTERNAL_ERROR", ""))
        del source, first


def _answer(stream: wire.Stream, source: RemoteSource, header: Header | Reject) -> None:
    if isinstance(header, Reject):
        wire.send(stream, wire.REJECT, wire.pack(*header))
        return
    payload = header.payload
    undone = payload is not None and payload.source is not source
    span = None
    if payload is not None:
        offset = 0 if undone else payload.offset
        span = PixelSpan(payload.tag, payload.VR, offset, payload.length, payload.encapsulated, undone)
    answer = Answer(header.meta, header.dataset, header.transfer_syntax, header.findings, span)
    body = wire.pack_answer(answer)
    wire.send(stream, wire.HEADER, body)
    if payload is not None and undone:
        wire.send(stream, wire.PIXELS, read_span(payload.source, payload.offset, payload.length))


def prepare(limits: Limits, plugins: tuple[str, ...]) -> None:
    """Import whatever reading may ask for later, when nothing can be opened any more."""
    warnings.simplefilter("ignore")
    for name in {*charset.python_encoding.values(), "iso2022_jp", "iso2022_jp_2", "utf-8", "latin-1"}:
        codecs.lookup(name)
    if limits.check_pixels == "decode":
        importlib.import_module("tasks.dicom.decode").warm_up()
    for name in plugins:
        importlib.import_module(name)


def main() -> None:
    """Be the child of the worker at the other end of standard input."""
    stream = socket.socket(fileno=0)
    memory_bytes, cpu_seconds, parent, options, plugins = wire.unpack(wire.receive(stream, 1 << 16)[1])
    limits = Limits(**dict(options))
    volunteer()
    prepare(limits, plugins)
    shut_in(memory_bytes, parent)
    gc.freeze()
    serve(stream, limits, cpu_seconds)


if __name__ == "__main__":
    main()
