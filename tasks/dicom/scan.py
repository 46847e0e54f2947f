"""Named values out of many headers: the shortest way from a file to forty of its attributes.

One small read, one loop over the element headers that ends at the last attribute wanted, and values
decoded only once for as long as they repeat, which in a series most of them do. A header that is not
plain is read by the careful way (`reader`), so the answer never depends on which way was taken.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from tasks.dicom.element import PIXEL_TAGS, ByteSource, DataSet, Element
from tasks.dicom.locate import (
    LONG_HEADS,
    NESTABLE,
    SHORT_HEADS,
    Meta,
    MetaLocator,
    NeedMore,
    Unusual,
    element_of,
    end_of_items,
    read_window,
)
from tasks.dicom.reader import PIXEL_REPRESENTATION, Limits, read_header
from tasks.dicom.values import (
    BINARY_NUMBER_VRS,
    DEFAULT_ENCODINGS,
    SPECIFIC_CHARACTER_SET,
    STRING_VRS,
    encodings_of,
    numbers_of,
    texts_of,
)
from tasks.dicom.walk import UNDEFINED
from tasks.records import Reject

Value = str | int | float | bytes | tuple[str | int | float, ...] | tuple[DataSet, ...] | None
"""A value of one attribute: one of several is a tuple, and of none None; bytes of VRs that hold no text or numbers."""

_EXPLICIT = struct.Struct("<HH2sH").unpack_from
_IMPLICIT = struct.Struct("<HHL").unpack_from
_LENGTH = struct.Struct("<L").unpack_from
_LEAST_WINDOW, _SPARE = 1 << 12, 512
_MEMO_ENTRIES, _MEMO_VALUE = 1 << 14, 512
_SOP_INSTANCE_UID = 0x00080018


class Scanner:
    """Reads the same attributes from one object after another.

    Parameters
    ----------
    tags
        Attributes of the main data set, as `0xGGGGEEEE`; not pixel data.
    limits
        What an object may ask of us.

    Notes
    -----
    Not to be shared between threads: it remembers values and how long headers are.
    """

    def __init__(self, tags: Iterable[int], limits: Limits = Limits()) -> None:
        self.tags: Final = tuple(tags)
        self._limits = limits
        self._wanted = frozenset(
            {*self.tags, SPECIFIC_CHARACTER_SET, _SOP_INSTANCE_UID, PIXEL_REPRESENTATION}
        )
        self._last = max({*self.tags, SPECIFIC_CHARACTER_SET})
        self._window = limits.window_bytes // 4
        self._meta = MetaLocator()
        self._memos: dict[tuple[bool, bool, tuple[str, ...]], dict[bytes, Value]] = {}

    def scan(self, source: ByteSource) -> dict[int, Value] | Reject:
        """Read one object; gives the value of each wanted attribute that it has, by tag.

        Returns
        -------
        dict or Reject
            As `read_header` refuses it; a text that cannot be decoded shows U+FFFD, and a number that
            is none comes as its text.
        """
        window = source.read(0, self._window)
        try:
            while True:
                try:
                    return self._scan_plain(window, source.size)
                except NeedMore as need:
                    window = read_window(source, need.upto, self._limits.header_bytes)
        except Unusual:
            return self._scan_carefully(source)

    def _scan_plain(self, window: bytes, size: int) -> dict[int, Value]:
        meta = self._meta.locate(window)
        try:
            if meta.explicit:
                spans, end = self._cut_explicit(window, meta.end, size)
            else:
                spans, end = self._cut_implicit(window, meta.end, size)
        except struct.error:
            if len(window) >= size:
                raise Unusual from None
            raise NeedMore(len(window) + 1) from None
        self._window = max(_LEAST_WINDOW, (self._window + end + _SPARE) // 2, end + _SPARE)
        self._check_identity(meta, spans)
        return self._decode(spans, meta.explicit)

    def _check_identity(self, meta: Meta, spans: dict[int, bytes]) -> None:
        """Hold the data set against its file meta: where a length is wrong, what follows is not what it seems."""
        if self._last >= _SOP_INSTANCE_UID and meta.SOPInstanceUID:
            named = spans.get(_SOP_INSTANCE_UID, b"")
            if named[8:].rstrip(b"\0 ") != meta.SOPInstanceUID:
                raise Unusual

    def _cut_explicit(  # noqa: PLR0912 - a call an element would cost as much as the loop
        self, window: bytes, position: int, size: int
    ) -> tuple[dict[int, bytes], int]:
        # One loop for every element of every file: local names, and no calls but `struct`'s.
        wanted, stop, limit = self._wanted, self._last, len(window)
        short, long, unpack = SHORT_HEADS, LONG_HEADS, _EXPLICIT
        found: dict[int, bytes] = {}
        last = 0
        while position < size:
            group, number, VR, length = unpack(window, position)
            tag = group << 16 | number
            if tag <= last:
                raise Unusual
            if VR in short:
                end = position + 8 + length
            elif VR in long and not length:
                length = _LENGTH(window, position + 8)[0]
                if tag in PIXEL_TAGS or tag > stop:
                    break
                if length != UNDEFINED:
                    end = position + 12 + length
                elif VR in NESTABLE:
                    end = end_of_items(window, position + 12, VR == b"SQ", 0)
                else:
                    raise Unusual
            else:
                raise Unusual
            if tag > stop:
                break
            if end > limit:
                if end > size:
                    raise Unusual
                raise NeedMore(end)
            if tag in wanted:
                found[tag] = window[position:end]
            last, position = tag, end
        return found, position

    def _cut_implicit(self, window: bytes, position: int, size: int) -> tuple[dict[int, bytes], int]:
        wanted, stop, limit = self._wanted, self._last, len(window)
        found: dict[int, bytes] = {}
        last = 0
        while position < size:
            group, number, length = _IMPLICIT(window, position)
            tag = group << 16 | number
            if tag <= last:
                raise Unusual
            if tag > stop or tag in PIXEL_TAGS:
                break
            end = position + 8 + length
            if length == UNDEFINED:
                end = end_of_items(window, position + 8, False, 0)
            if end > limit:
                if end > size:
                    raise Unusual
                raise NeedMore(end)
            if tag in wanted:
                found[tag] = window[position:end]
            last, position = tag, end
        return found, position

    def _decode(self, spans: dict[int, bytes], explicit: bool) -> dict[int, Value]:
        charset = spans.get(SPECIFIC_CHARACTER_SET)
        encodings = DEFAULT_ENCODINGS if charset is None else _encodings(charset, explicit)
        signed = not explicit and spans.get(PIXEL_REPRESENTATION, b"")[8:] == b"\1\0"
        memo = self._memos.setdefault((explicit, signed, encodings), {})
        values: dict[int, Value] = {}
        for tag in self.tags:
            span = spans.get(tag)
            if span is None:
                continue
            if span in memo:
                values[tag] = memo[span]
                continue
            element = element_of(span, explicit=explicit, signed=signed)
            value = values[tag] = _value_of(element, encodings)
            if len(span) <= _MEMO_VALUE:
                if len(memo) >= _MEMO_ENTRIES:
                    memo.clear()
                memo[span] = value
        return values

    def _scan_carefully(self, source: ByteSource) -> dict[int, Value] | Reject:
        header = read_header(source, self._limits, pixels=False)
        if isinstance(header, Reject):
            return header
        found = ((tag, header.dataset[tag]) for tag in self.tags if tag in header.dataset)
        return {tag: _value_of(element, header.encodings) for tag, element in found}


def _encodings(span: bytes, explicit: bool) -> tuple[str, ...]:
    return encodings_of(DataSet({SPECIFIC_CHARACTER_SET: element_of(span, explicit=explicit)}))


def _value_of(element: Element, encodings: tuple[str, ...]) -> Value:
    """Decode one value or a tuple of several; None where there is none."""
    if element.items is not None:
        return element.items
    values: tuple[str | int | float, ...]
    if element.VR in BINARY_NUMBER_VRS or element.VR in ("DS", "IS"):
        try:
            values = numbers_of(element)
        except ValueError:
            values = texts_of(element) if element.VR in STRING_VRS else ()
    elif element.VR in STRING_VRS:
        values = texts_of(element, encodings)
    else:
        return element.value or None
    if len(values) == 1:
        return values[0]
    return values or None
