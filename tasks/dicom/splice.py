"""Edits a file without rewriting it: what is not edited is copied, the pixel data by the kernel.

An edit names an element by its path and gives what takes its place, or nothing. Only the elements on that
path are encoded anew, and only the lengths around it are corrected; every other span of the header is
copied as it was, and pixel data goes from file to file without passing through Python where the
system can do that. Preamble and file meta information are written anew, as the edited data set says.

A file that is not plain (`locate`) has no spans to be believed. It is read the careful way, edited and
encoded as a whole, if it can be read at all.
"""

from __future__ import annotations

import errno
import os
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.dicom.element import ByteSource, DataSet, Element, Header, Payload
from tasks.dicom.encode import (
    IMPLICIT_LITTLE_ENDIAN,
    encode_dataset,
    encode_element,
    encode_meta,
    encode_payload,
    split_at_payload,
)
from tasks.dicom.locate import (
    LONG_HEADS,
    NeedMore,
    Spans,
    Unusual,
    element_of,
    end_of_item,
    locate_elements,
    locate_meta,
    place_of,
    read_window,
)
from tasks.dicom.payload import locate_payload
from tasks.dicom.reader import UNCOMPRESSED, Limits, read_header
from tasks.dicom.walk import UNDEFINED
from tasks.records import Reject

Path = tuple[int, ...]
"""Where an element is: its tag, after the tag of each sequence around it and the number of the item, from 0."""
Edits = Mapping[Path, Element | None]
"""What takes an element's place, or is inserted where there is none: another one, maybe empty; None removes it."""

_SOP_CLASS_UID, _SOP_INSTANCE_UID = 0x00080016, 0x00080018
_ITEM, _ITEM_END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_COPIED = 1 << 30
_CANNOT = frozenset({errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF})
_PADDING = b"\0 "
_FIRST_GROUP = 0x0008


@dataclass(frozen=True, slots=True, repr=False)
class Spliced:
    """An edited file before it is written.

    Attributes
    ----------
    head
        Preamble, file meta information and the elements before the pixel data.
    source
        What the rest is copied from.
    copied
        Offset and length in bytes of the span of the source that follows `head`: the pixel data element and what
        is behind it.
    rest
        What is left to write by pieces, where nothing can be copied.
    """

    head: bytes
    source: ByteSource
    copied: tuple[int, int] = (0, 0)
    rest: tuple[bytes | Payload, ...] = ()
    explicit: bool = True

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Give the file in pieces of 1 MiB at most behind the header."""
        yield self.head
        offset, length = self.copied
        for start in range(offset, offset + length, 1 << 20):
            yield self.source.read(start, min(1 << 20, offset + length - start))
        for part in self.rest:
            if isinstance(part, Payload):
                yield from encode_payload(part, explicit=self.explicit)
            elif part:
                yield part

    def write(self, target: int, source: int | None = None) -> int:
        """Write to an open file; returns its size in bytes.

        Parameters
        ----------
        target
            Descriptor of an empty file.
        source
            Descriptor of the source, if it is a file: then the kernel copies from one to the other.
        """
        if source is None:
            return sum(_write_all(target, piece) for piece in self.pieces())
        size = _write_all(target, self.head) + _copy(source, target, *self.copied)
        rest = Spliced(b"", self.source, (0, 0), self.rest, self.explicit)
        return size + sum(_write_all(target, piece) for piece in rest.pieces())


def splice(source: ByteSource, edits: Edits, limits: Limits = Limits()) -> Spliced | Reject:
    """Edit a file.

    Parameters
    ----------
    source
        The file's bytes; must stay open until the result is written.
    edits
        By path. Elements that are to be inserted need an item to be inserted into.

    Returns
    -------
    Spliced or Reject
        `Reject` as `read_header` refuses a file.

    Raises
    ------
    KeyError
        If a path leads through a sequence or an item that is not there.
    """
    try:
        return _splice_plain(source, edits, limits)
    except Unusual:
        header = read_header(source, limits)
        return header if isinstance(header, Reject) else _splice_carefully(header, edits)


# -- plain files ------------------------------------------------------------------------------------------


def _splice_plain(source: ByteSource, edits: Edits, limits: Limits) -> Spliced:
    window = source.read(0, limits.window_bytes)
    while True:
        meta = locate_meta(window)
        try:
            spans = locate_elements(window, meta.end, source.size, explicit=meta.explicit)
        except NeedMore as need:
            window = read_window(source, need.upto, limits.header_bytes)
            continue
        break
    tags, cut = _edit_spans(spans.tags, spans.cut(window), edits, meta.explicit)
    named = {
        tag: cut[place]
        for tag in (_SOP_CLASS_UID, _SOP_INSTANCE_UID)
        if (place := place_of(tags, tag)) is not None
    }
    if len(named) < 2 or any(path[0] >= 0x7FE00000 for path in edits):
        raise Unusual
    class_uid, instance_uid = (
        _uid_of(element_of(named[tag], explicit=meta.explicit)) for tag in (_SOP_CLASS_UID, _SOP_INSTANCE_UID)
    )
    head = encode_meta(class_uid, instance_uid, meta.transfer_syntax) + b"".join(cut)
    end = _end_of_pixels(source, spans, meta.transfer_syntax)
    start = spans.ends[-1] if spans.ends else meta.end
    return Spliced(head, source, (start, end - start), (), meta.explicit)


def _end_of_pixels(source: ByteSource, spans: Spans, transfer_syntax: str) -> int:
    """Find the end of the data set; what is appended to it is not copied."""
    if spans.payload is None:
        return spans.ends[-1]
    located = locate_payload(source, spans.payload, transfer_syntax not in UNCOMPRESSED, walk=True)
    if located.findings or located.end is None:
        raise Unusual
    length = source.size - located.end
    window = source.read(located.end, length) if 0 < length < 1 << 20 else b""
    if not length:
        return located.end
    behind = locate_elements(
        window, 0, length, explicit=transfer_syntax != IMPLICIT_LITTLE_ENDIAN, after=spans.payload.tag
    )
    if behind.payload is not None:
        raise Unusual
    return source.size


def _edit_spans(
    tags: list[int], cut: list[bytes], edits: Edits, explicit: bool
) -> tuple[list[int], list[bytes]]:
    """Put edited elements in the place of spans."""
    tags, cut = list(tags), list(cut)
    for path, element in edits.items():
        if len(path) == 1:
            place = bisect_left(tags, path[0])
            there = place < len(tags) and tags[place] == path[0]
            tags[place : place + there] = [] if element is None else [path[0]]
            cut[place : place + there] = (
                [] if element is None else [encode_element(element, explicit=explicit)]
            )
            continue
        around = place_of(tags, path[0])
        if around is None:
            raise KeyError("no such sequence")
        cut[around] = _edit_sequence(cut[around], path[1], path[2:], element, explicit)
    return tags, cut


def _edit_sequence(span: bytes, number: int, path: Path, element: Element | None, explicit: bool) -> bytes:
    """Edit one item of the sequence that `span` holds; the others are copied, lengths corrected."""
    start = _start_of_value(span, explicit)
    undefined = int.from_bytes(span[start - 4 : start], "little") == UNDEFINED
    position, end = start, len(span) - (8 if undefined else 0)
    for _ in range(number):
        position = _end_of_item_at(span, position, end, explicit)
    item_end = _end_of_item_at(span, position, end, explicit)
    item = _edit_item(span[position:item_end], path, element, explicit)
    items = span[start:position] + item + span[item_end:end]
    if undefined:
        return span[:start] + items + _SEQUENCE_END
    return span[: start - 4] + len(items).to_bytes(4, "little") + items


def _start_of_value(span: bytes, explicit: bool) -> int:
    if not explicit:
        return 8
    if span[4:6] != b"SQ":
        # Under VR UN a sequence is in implicit syntax, and what is put in would have to be too.
        raise Unusual
    return 12 if span[4:6] in LONG_HEADS else 8


def _end_of_item_at(span: bytes, position: int, end: int, explicit: bool) -> int:
    if position >= end:
        raise KeyError("no such item")
    if span[position : position + 4] != _ITEM:
        raise Unusual
    length = int.from_bytes(span[position + 4 : position + 8], "little")
    if length == UNDEFINED:
        return end_of_item(span, position + 8, explicit, 0)
    return position + 8 + length


def _edit_item(span: bytes, path: Path, element: Element | None, explicit: bool) -> bytes:
    undefined = int.from_bytes(span[4:8], "little") == UNDEFINED
    body = span[8:-8] if undefined else span[8:]
    spans = locate_elements(body, 0, len(body), explicit=explicit)
    if spans.payload is not None:
        raise Unusual
    edited = b"".join(_edit_spans(spans.tags, spans.cut(body), {path: element}, explicit)[1])
    if undefined:
        return span[:8] + edited + _ITEM_END
    return span[:4] + len(edited).to_bytes(4, "little") + edited


def _uid_of(element: Element) -> str:
    """Read a UID for the file meta information, which holds ASCII and nothing else (PS3.5 section 9.1)."""
    return element.value.strip(_PADDING).decode("ascii", "ignore")


# -- any other file ---------------------------------------------------------------------------------------


def _splice_carefully(header: Header, edits: Edits) -> Spliced:
    # Groups below 0008 belong to messages, files and directories (PS3.5 section 7.1): at the front of a data set
    # they would be taken for its file meta information, or for no DICOM at all.
    dataset = DataSet((tag, element) for tag, element in header.dataset.items() if tag >> 16 >= _FIRST_GROUP)
    for path, element in edits.items():
        dataset = _edit_dataset(dataset, path, element)
    explicit = header.transfer_syntax != IMPLICIT_LITTLE_ENDIAN
    class_uid, instance_uid = (
        _uid_of(dataset[tag]) if tag in dataset else "" for tag in (_SOP_CLASS_UID, _SOP_INSTANCE_UID)
    )
    before, after = split_at_payload(dataset, header.payload)
    head = encode_meta(class_uid, instance_uid, header.transfer_syntax) + encode_dataset(
        before, explicit=explicit
    )
    rest = (header.payload, encode_dataset(after, explicit=explicit)) if header.payload else ()
    source = header.payload.source if header.payload else _NO_SOURCE
    return Spliced(head, source, (0, 0), rest, explicit)


def _edit_dataset(dataset: DataSet, path: Path, element: Element | None) -> DataSet:
    edited = dict(dataset)
    if len(path) == 1:
        edited.pop(path[0], None)
        if element is not None:
            edited[path[0]] = element
    else:
        around = dataset.get(path[0])
        if around is None or not 0 <= path[1] < len(around.items or ()):
            raise KeyError("no such sequence or item")
        items = list(around.items or ())
        items[path[1]] = _edit_dataset(items[path[1]], path[2:], element)
        edited[path[0]] = around._replace(items=tuple(items))
    return DataSet(sorted(edited.items()))


class _Nothing:
    size = 0

    def read(self, offset: int, length: int) -> bytes:  # noqa: ARG002 - as a source is read
        return b""


_NO_SOURCE: ByteSource = _Nothing()


# -- writing ----------------------------------------------------------------------------------------------


def _write_all(target: int, data: bytes | memoryview) -> int:
    left = memoryview(data)
    while left:
        left = left[os.write(target, left) :]
    return len(data)


def _copy(source: int, target: int, offset: int, length: int) -> int:
    """Copy a span between files by the quickest call that both file systems have.

    Raises
    ------
    OSError
        `EIO` if the source ends before the span does, so that nothing cut short passes for a copy.
    """
    for call in (_copy_range, _send, _copy_by_pieces):
        try:
            done = call(source, target, offset, length)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            continue
        if done == length:
            return done
        break
    raise OSError(errno.EIO, "the source became shorter while it was copied")


def _copy_range(source: int, target: int, offset: int, length: int) -> int:
    if not hasattr(os, "copy_file_range"):
        raise OSError(errno.ENOSYS, "")
    done = 0
    while done < length:
        copied = os.copy_file_range(source, target, min(_COPIED, length - done), offset + done)
        if not copied:
            # Some file systems answer so instead of refusing; others have lost their file's end.
            return done + _copy_by_pieces(source, target, offset + done, length - done)
        done += copied
    return done


def _send(source: int, target: int, offset: int, length: int) -> int:
    done = 0
    while done < length:
        sent = os.sendfile(target, source, offset + done, min(_COPIED, length - done))
        if not sent:
            break
        done += sent
    return done


def _copy_by_pieces(source: int, target: int, offset: int, length: int) -> int:
    done = 0
    while done < length:
        piece = os.pread(source, min(1 << 20, length - done), offset + done)
        if not piece:
            break
        done += _write_all(target, piece)
    return done
