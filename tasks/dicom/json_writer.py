"""Whole headers as DICOM JSON, for many objects: an element that comes again is written once.

Most elements of a series are the same bytes in every slice, and JSON is a list of independent members, so
a member is remembered by the bytes it was made of. A header that is not plain is read the careful way
(`reader`); the text that comes out is the same.
"""

from __future__ import annotations

from tasks.dicom.element import ByteSource, DataSet
from tasks.dicom.json_model import attribute_json, header_json
from tasks.dicom.locate import (
    MetaLocator,
    NeedMore,
    Unusual,
    element_of,
    locate_elements,
    next_window,
    place_of,
    read_window,
)
from tasks.dicom.reader import PIXEL_REPRESENTATION, Limits, read_header
from tasks.dicom.values import DEFAULT_ENCODINGS, SPECIFIC_CHARACTER_SET, encodings_of
from tasks.records import Reject

_ENTRIES, _LONGEST = 1 << 13, 1 << 12
_FIRST_GROUP = 0x0008

Members = dict[bytes, bytes]


class JsonWriter:
    """Writes the headers of one object after another; remembers members, so it belongs to one thread."""

    def __init__(self, limits: Limits = Limits()) -> None:
        self._limits = limits
        self._window = limits.window_bytes // 4
        self._meta = MetaLocator()
        self._members: dict[tuple[bool, bool, tuple[str, ...]], Members] = {}

    def write(self, source: ByteSource) -> bytes | Reject:
        """Write what precedes the pixel data as `json_model.header_json` does, without file meta information.

        Returns
        -------
        bytes or Reject
            UTF-8; `Reject` as `read_header` refuses the object.
        """
        try:
            return self._write_plain(source)
        except Unusual:
            header = read_header(source, self._limits, pixels=False)
            if isinstance(header, Reject):
                return header
            return header_json(header.dataset, header.encodings).encode()

    def _write_plain(self, source: ByteSource) -> bytes:
        window = source.read(0, self._window)
        while True:
            meta = self._meta.locate(window)
            try:
                spans = locate_elements(window, meta.end, source.size, explicit=meta.explicit)
            except NeedMore as need:
                window = read_window(source, need.upto, self._limits.header_bytes)
                continue
            if not spans.tags or spans.tags[0] >> 16 != _FIRST_GROUP:
                raise Unusual
            self._window = next_window(self._window, spans.ends[-1])
            return self._join(spans.tags, spans.cut(window), explicit=meta.explicit)

    def _join(self, tags: list[int], cut: list[bytes], *, explicit: bool) -> bytes:
        encodings: tuple[str, ...] = DEFAULT_ENCODINGS
        signed = False
        charset = _span_of(tags, cut, SPECIFIC_CHARACTER_SET)
        if charset is not None:
            element = element_of(charset, explicit=explicit)
            encodings = encodings_of(DataSet({SPECIFIC_CHARACTER_SET: element}))
        if not explicit:
            signed = (_span_of(tags, cut, PIXEL_REPRESENTATION) or b"")[8:] == b"\1\0"
        members = self._members.setdefault((explicit, signed, encodings), {})
        if len(members) > _ENTRIES:
            members.clear()
        known = [members.get(span) for span in cut]
        for place in [place for place, member in enumerate(known) if member is None]:
            span = cut[place]
            member = attribute_json(element_of(span, explicit=explicit, signed=signed), encodings)
            known[place] = member
            if len(span) <= _LONGEST:
                members[span] = member
        return b"{%b}" % b",".join([member for member in known if member])


def _span_of(tags: list[int], cut: list[bytes], tag: int) -> bytes | None:
    place = place_of(tags, tag)
    return None if place is None else cut[place]
