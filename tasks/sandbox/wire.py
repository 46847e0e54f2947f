"""What worker and child say to each other: short frames over one socket, in MessagePack, never in pickles.

The child reads hostile bytes, so it is believed no more than they are. What it sends is data only, of the shapes
written here and within the limits the worker set, or it counts as a crash.
"""

from __future__ import annotations

import re
import struct
from typing import Any, NamedTuple, Protocol

import msgpack

from tasks.dicom.dictionary import ALL_VRS, is_registered_uid
from tasks.dicom.element import PIXEL_TAGS, DataSet, Element
from tasks.reasons import REASONS
from tasks.records import Finding, Reject

READY, JOB, BYTES, READ, HEADER, PIXELS, REJECT = b"+", b"J", b"B", b"R", b"H", b"P", b"X"
"""Kinds of frames: the child is up; a job; bytes of its object; a wish for them; the answer, its undone pixel data,
or why there is none."""
OUT_OF_MEMORY = 12
"""Exit status of a child whose memory was not enough, as `ENOMEM`."""

_HEAD = struct.Struct("<cQ")
PIECE = 1 << 20
"""Most bytes of an object that the child may ask for at once: the worker has to hold them too."""
_PATH = re.compile(r"[0-9A-F(),.\[\]]*")
_RULE = re.compile(r"[a-z-]{1,40}")


class Untrue(Exception):  # noqa: N818 - it ends as a reason code, not as an error
    """The child sent something that it cannot have meant."""


class Stream(Protocol):
    """As much of a socket as is used."""

    def recv_into(self, buffer: memoryview) -> int:
        """Receive into a buffer."""
        ...

    def sendall(self, data: bytes | memoryview) -> None:
        """Send all of it."""
        ...


class Job(NamedTuple):
    """One object to read: its size in bytes, what is wanted of it, and its first bytes."""

    size: int
    pixels: bool
    first: bytes


class PixelSpan(NamedTuple):
    """Where the child found the pixel data; `undone` where it lies in what the child made of the object."""

    tag: int
    VR: str
    offset: int
    length: int
    encapsulated: bool
    undone: bool


class Answer(NamedTuple):
    """A header as the child read it."""

    meta: DataSet
    dataset: DataSet
    transfer_syntax: str
    findings: tuple[Finding, ...]
    payload: PixelSpan | None


def send(stream: Stream, kind: bytes, body: bytes | memoryview = b"") -> None:
    """Send one frame."""
    stream.sendall(_HEAD.pack(kind, len(body)))
    if body:
        stream.sendall(body)


def receive(stream: Stream, most: int) -> tuple[bytes, bytearray]:
    """Receive one frame of at most `most` bytes.

    Raises
    ------
    EOFError
        If the other side is gone.
    Untrue
        If the frame is longer.
    """
    kind, length = _HEAD.unpack(_receive_exactly(stream, _HEAD.size))
    if length > most:
        raise Untrue
    return kind, _receive_exactly(stream, length)


def _receive_exactly(stream: Stream, length: int) -> bytearray:
    # Grown with what comes, not with what is claimed: a frame's length is a claim too.
    data = bytearray()
    while len(data) < length:
        start = len(data)
        data += bytes(min(PIECE, length - start))
        view = memoryview(data)
        while start < len(data):
            got = stream.recv_into(view[start:])
            if not got:
                raise EOFError
            start += got
        view.release()
    return data


def pack(*parts: Any) -> bytes:
    """Encode what both sides have agreed on."""
    packed: bytes = msgpack.packb(parts)
    return packed


def unpack(body: bytes | bytearray) -> tuple[Any, ...]:
    """Decode what `pack` encoded.

    Raises
    ------
    Untrue
        If it is nothing of the kind.
    """
    try:
        parts = msgpack.unpackb(body, use_list=False)
    except (ValueError, msgpack.UnpackException, RecursionError):
        raise Untrue from None
    if not isinstance(parts, tuple):
        raise Untrue
    return parts


def pack_answer(answer: Answer) -> bytes:
    """Encode a header."""
    return pack(
        _pack_dataset(answer.meta),
        _pack_dataset(answer.dataset),
        answer.transfer_syntax,
        [(finding.rule, finding.path, finding.code) for finding in answer.findings],  # no reader tells a form
        answer.payload,
    )


def _pack_dataset(dataset: DataSet) -> list[Any]:
    return [
        (*element[:3],) if element.items is None else (*element[:3], [*map(_pack_dataset, element.items)])
        for element in dataset.values()
    ]


def unpack_answer(body: bytes | bytearray) -> Answer:
    """Decode a header, and hold it to being one.

    Raises
    ------
    Untrue
        If any part is not what a header consists of.
    """
    try:
        meta, dataset, syntax, findings, payload = unpack(body)
        answer = Answer(
            _unpack_dataset(meta),
            _unpack_dataset(dataset),
            syntax,
            tuple(_check_finding(*finding) for finding in findings),
            None if payload is None else _check_span(PixelSpan(*payload)),
        )
    except (TypeError, ValueError):
        raise Untrue from None
    if not isinstance(syntax, str) or not is_registered_uid(syntax):
        raise Untrue
    return answer


def _unpack_dataset(rows: tuple[Any, ...]) -> DataSet:
    dataset, last = DataSet(), -1
    for tag, VR, value, *items in rows:
        if (
            type(tag) is not int
            or not last < tag <= 0xFFFFFFFF
            or VR not in ALL_VRS
            or type(value) is not bytes
        ):
            raise Untrue
        nested = tuple(_unpack_dataset(item) for item in items[0]) if items else None
        dataset[tag] = Element(tag, VR, value, nested)
        last = tag
    return dataset


def _check_finding(rule: str, path: str, code: str) -> Finding:
    if not _RULE.fullmatch(rule) or not _PATH.fullmatch(path) or code not in REASONS:
        raise Untrue
    return Finding(rule, path, code)


def _check_span(span: PixelSpan) -> PixelSpan:
    whole = all(type(number) is int and 0 <= number < 1 << 62 for number in (span.offset, span.length))
    if not whole or span.tag not in PIXEL_TAGS or span.VR not in ALL_VRS:
        raise Untrue
    return span


def unpack_reject(body: bytes | bytearray) -> Reject:
    """Decode why there is no header.

    Raises
    ------
    Untrue
        If the code is none of ours.
    """
    try:
        code, path = unpack(body)
        if code not in REASONS or not _PATH.fullmatch(path):
            raise Untrue
    except (TypeError, ValueError):
        raise Untrue from None
    return Reject(code, path)
