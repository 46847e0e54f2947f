"""Cuts an ordinary header into its elements, as fast as Python can, and answers for nothing else.

Nearly every file a scanner writes is plain: tags ascend, lengths fit, VRs are real. For such a header
one loop over the first window of bytes gives the span of each element; nothing is decoded, and what is
inside a sequence is stepped over. Whatever is not plain ends in `Unusual`, and the careful way
(`reader`, `walk`) reads the file and says what is wrong with it. So this loop never has to be lenient,
and never decides what becomes of a damaged file.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from typing import NamedTuple

from tasks.dicom.dictionary import LONG_VRS, SHORT_VRS, is_registered_uid
from tasks.dicom.element import PIXEL_TAGS, ByteSource, Element
from tasks.dicom.reader import EITHER_SIGN
from tasks.dicom.values import STRING_VRS
from tasks.dicom.walk import UNDEFINED, Damage, PayloadSpan, Walker

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
_UNDONE_ON_READING = frozenset({"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"})
"""Big endian and deflated: their bytes are not those of the output."""

_DICOMDIR = b"1.2.840.10008.1.3.10"
_PIXEL_GROUP = 0x7FE0
_LAST = 0xFFFDFFFF
"""Above it are items and delimiters, which are no elements of a data set."""

SHORT_HEADS = frozenset(vr.encode() for vr in SHORT_VRS)
LONG_HEADS = frozenset(vr.encode() for vr in LONG_VRS)
NESTABLE = frozenset({b"SQ", b"UN"})
_SEQUENCE, _UNKNOWN = b"SQ", b"UN"

_EXPLICIT = struct.Struct("<HH2sH").unpack_from
_IMPLICIT = struct.Struct("<HHL").unpack_from
_LENGTH = struct.Struct("<L").unpack_from

_ITEM_GROUP, _ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFE, 0xE000, 0xE00D, 0xE0DD
_DEEPEST = 32
_META_START, _META_GROUP_LENGTH = 132, b"\x02\x00\x00\x00UL\x04\x00"
_META_GROUP = b"\2\0"
_META_GROUP_LENGTH_TAG = 0x00020000
_NO_PREAMBLE = bytes(128)
_TRANSFER_SYNTAX_UID, _MEDIA_SOP_CLASS_UID, _MEDIA_SOP_INSTANCE_UID = 0x00020010, 0x00020002, 0x00020003


_SHORT_VRS = {vr.encode(): vr for vr in SHORT_VRS}
_SHORTEST_SWALLOWING = 12
"""Bytes of text that are too few to hold another element; more of them hold one only beside a NUL."""


class Unusual(Exception):  # noqa: N818 - a request for the careful way, not an error
    """The header is not plain; says nothing about what it is."""


class NeedMore(Exception):  # noqa: N818 - a request, not an error
    """The header goes on beyond the window; carries how many bytes are needed at least."""

    def __init__(self, upto: int) -> None:
        super().__init__(upto)
        self.upto = upto


class Meta(NamedTuple):
    """What of the file meta information matters.

    Attributes
    ----------
    transfer_syntax
        Registered, and one whose bytes are those of the output.
    SOPClassUID, SOPInstanceUID
        The media storage UIDs without padding; empty where there are none.
    end
        Offset of the data set.
    """

    transfer_syntax: str
    SOPClassUID: bytes
    SOPInstanceUID: bytes
    end: int

    @property
    def explicit(self) -> bool:
        """Whether the data set's elements carry their VR."""
        return self.transfer_syntax != IMPLICIT_LITTLE_ENDIAN


class Spans(NamedTuple):
    """The elements before the pixel data.

    Attributes
    ----------
    tags
        Ascending, as `0xGGGGEEEE`.
    ends
        Offset after each element; it begins where the one before it ends, the first at `start`.
    payload
        The pixel data element, if there is one; its offset is that of its value in the window.
    """

    start: int
    tags: list[int]
    ends: list[int]
    payload: PayloadSpan | None

    def cut(self, window: bytes) -> list[bytes]:
        """Give each element's bytes: tag, VR, length and value."""
        start, cut = self.start, []
        for end in self.ends:
            cut.append(window[start:end])
            start = end
        return cut


def locate_meta(window: bytes) -> Meta:
    """Read preamble and file meta information, where they are exactly as PS3.10 section 7.1 asks.

    Raises
    ------
    Unusual
        If they are not.
    """
    if window[128:132] != b"DICM" or window[:128] != _NO_PREAMBLE:
        raise Unusual
    if window[_META_START : _META_START + 8] != _META_GROUP_LENGTH or len(window) < _META_START + 12:
        raise Unusual
    position = _META_START + 12
    end = position + _LENGTH(window, position - 4)[0]
    if end > len(window):
        raise Unusual
    syntax = class_uid = instance_uid = b""
    last = _META_GROUP_LENGTH_TAG
    while position < end:
        start, tag, position = _next_meta(window, position, end)
        if tag <= last:
            raise Unusual
        last = tag
        if tag == _TRANSFER_SYNTAX_UID:
            syntax = window[start:position].rstrip(b"\0 ")
        elif tag == _MEDIA_SOP_CLASS_UID:
            class_uid = window[start:position].rstrip(b"\0 ")
        elif tag == _MEDIA_SOP_INSTANCE_UID:
            instance_uid = window[start:position].rstrip(b"\0 ")
    transfer_syntax = _SYNTAXES.get(syntax) or _check_syntax(syntax)
    if class_uid == _DICOMDIR or window[end : end + 2] == _META_GROUP:
        raise Unusual
    return Meta(transfer_syntax, class_uid, instance_uid, end)


class MetaLocator:
    """Locates file meta information that differs from the last object's in the instance's UID only, at once."""

    def __init__(self) -> None:
        self._last: Meta | None = None
        self._before = self._after = b""

    def locate(self, window: bytes) -> Meta:
        """Do what `locate_meta` does.

        Raises
        ------
        Unusual
            As `locate_meta`.
        """
        last, start = self._last, len(self._before)
        if last is not None and window.startswith(self._before):
            end = last.end - len(self._after)
            uid = window[start:end]
            plain = window.startswith(self._after, end) and b"\0" not in uid[:-1]
            if plain and window[last.end : last.end + 2] != _META_GROUP:
                return last._replace(SOPInstanceUID=uid.rstrip(b"\0 "))
        return self._remember(window, locate_meta(window))

    def _remember(self, window: bytes, meta: Meta) -> Meta:
        start = window.find(_INSTANCE_UID_HEADER, _META_START, meta.end) + 8
        end = start + int.from_bytes(window[start - 2 : start], "little")
        if start > 8 and window[start:end].rstrip(b"\0 ") == meta.SOPInstanceUID:
            self._last, self._before, self._after = meta, window[:start], window[end : meta.end]
        return meta


_INSTANCE_UID_HEADER = b"\x02\x00\x03\x00UI"


def _next_meta(window: bytes, position: int, end: int) -> tuple[int, int, int]:
    """Step over one element; gives its value's offset, its tag and the offset after it."""
    if position + 8 > end:
        raise Unusual
    group, number, VR, length = _EXPLICIT(window, position)
    start = position + 8
    if VR in LONG_HEADS:
        if length or position + 12 > end:
            raise Unusual
        length = _LENGTH(window, start)[0]
        start += 4
    elif VR not in SHORT_HEADS or b"\0" in window[start : start + length - 1]:
        # A NUL inside text: the text may have eaten the elements behind it.
        raise Unusual
    if group != 2 or length % 2 or start + length > end:
        raise Unusual
    return start, group << 16 | number, start + length


_SYNTAXES: dict[bytes, str] = {}


def _check_syntax(syntax: bytes) -> str:
    text = syntax.decode("latin-1")
    if text in _UNDONE_ON_READING or not is_registered_uid(text):
        raise Unusual
    return _SYNTAXES.setdefault(syntax, text)


def locate_elements(
    window: bytes, start: int, size: int, *, explicit: bool, after: int = 0, stop_after: int = _LAST
) -> Spans:
    """Find the elements from `start` to the pixel data, to `stop_after`, or to the end.

    Parameters
    ----------
    window
        The first bytes of the object, or all of them.
    size
        Bytes of the whole object.
    after
        The tag that all tags must be above.
    stop_after
        The largest tag wanted; elements above it are not looked at.

    Raises
    ------
    NeedMore
        If an element ends, or the next begins, beyond the window and not beyond `size`.
    Unusual
        If anything is not plain: tags that do not ascend, a VR that is none, a length that does not fit.
    """
    walk = _locate_explicit if explicit else _locate_implicit
    try:
        return walk(window, start, size, after, stop_after)
    except struct.error:
        # Reading beyond the window's end: the one check the loop leaves to `struct`.
        if len(window) >= size:
            raise Unusual from None
        raise NeedMore(len(window) + 1) from None


def _locate_explicit(  # noqa: C901, PLR0912 - a call an element would cost as much as the loop
    window: bytes, position: int, size: int, last: int, stop_after: int
) -> Spans:
    # Runs for every element of every file: one loop, local names, no calls but `struct`'s.
    start, tags, ends, limit = position, list[int](), list[int](), len(window)
    while position < size:
        group, number, VR, length = _EXPLICIT(window, position)
        tag = group << 16 | number
        if tag <= last:
            raise Unusual
        if tag > stop_after:
            if tag > _LAST or (VR not in SHORT_HEADS and VR not in LONG_HEADS):
                raise Unusual
            break
        if VR in SHORT_HEADS:
            if group == _PIXEL_GROUP and tag in PIXEL_TAGS:
                raise Unusual
            position += 8 + length
        elif VR in LONG_HEADS:
            if length:
                raise Unusual
            length = _LENGTH(window, position + 8)[0]
            position += 12
            if group == _PIXEL_GROUP and tag in PIXEL_TAGS:
                return Spans(start, tags, ends, PayloadSpan(tag, VR.decode(), position, length))
            if length != UNDEFINED:
                position += length
            elif VR in NESTABLE:
                position = end_of_items(window, position, VR == _SEQUENCE, 0)
            else:
                raise Unusual
        else:
            raise Unusual
        if position > limit:
            if position > size:
                raise Unusual
            raise NeedMore(position)
        last = tag
        tags.append(tag)
        ends.append(position)
    return Spans(start, tags, ends, None)


def _locate_implicit(window: bytes, position: int, size: int, last: int, stop_after: int) -> Spans:
    start, tags, ends, limit = position, list[int](), list[int](), len(window)
    while position < size:
        group, number, length = _IMPLICIT(window, position)
        tag = group << 16 | number
        if tag <= last:
            raise Unusual
        if tag > stop_after:
            if tag > _LAST:
                raise Unusual
            break
        position += 8
        if group == _PIXEL_GROUP and tag in PIXEL_TAGS:
            return Spans(start, tags, ends, PayloadSpan(tag, "OW", position, length))
        if length != UNDEFINED:
            position += length
        else:
            position = end_of_items(window, position, False, 0)
        if position > limit:
            if position > size:
                raise Unusual
            raise NeedMore(position)
        last = tag
        tags.append(tag)
        ends.append(position)
    return Spans(start, tags, ends, None)


def end_of_items(window: bytes, position: int, explicit: bool, depth: int) -> int:
    """Find the end of a sequence of undefined length, its delimiter included."""
    if depth > _DEEPEST:
        raise Unusual
    while True:
        group, number, length = _IMPLICIT(window, position)
        position += 8
        if group != _ITEM_GROUP:
            raise Unusual
        if number == _SEQUENCE_END:
            if length:
                raise Unusual
            return position
        if number != _ITEM:
            raise Unusual
        position = (
            end_of_item(window, position, explicit, depth) if length == UNDEFINED else position + length
        )


def end_of_item(window: bytes, position: int, explicit: bool, depth: int) -> int:
    """Find the end of an item of undefined length, its delimiter included."""
    while True:
        group, number, length = _IMPLICIT(window, position)
        if group == _ITEM_GROUP:
            if number != _ITEM_END or length:
                raise Unusual
            return position + 8
        nested = False
        if explicit:
            VR = window[position + 4 : position + 6]
            if VR in SHORT_HEADS:
                position += 8 + (length >> 16)
                continue
            if VR not in LONG_HEADS:
                raise Unusual
            position += 4
            length = _LENGTH(window, position + 4)[0]
            nested = VR == _SEQUENCE
            if length == UNDEFINED and VR not in NESTABLE:
                raise Unusual
        position += 8
        position = (
            end_of_items(window, position, nested, depth + 1) if length == UNDEFINED else position + length
        )


def place_of(tags: list[int], tag: int) -> int | None:
    """Give the position of a tag among ascending ones; None where it is not."""
    place = bisect_left(tags, tag)
    return place if place < len(tags) and tags[place] == tag else None


def next_window(window: int, end: int) -> int:
    """Say how much to read first of the next object, after a header that ended at `end`; both in bytes.

    Headers of a series are about as long as each other; shorter ones bring the window down slowly.
    """
    return max(_LEAST_WINDOW, end + _SPARE, (7 * window + end) // 8)


_LEAST_WINDOW, _SPARE = 1 << 12, 512


def read_window(source: ByteSource, upto: int, limit: int) -> bytes:
    """Read the first bytes of an object again, twice as many as are needed.

    Raises
    ------
    Unusual
        If a header would have to be larger than `limit` bytes.
    """
    if upto > limit:
        raise Unusual
    return source.read(0, min(max(2 * upto, 1 << 14), max(limit, upto)))


def element_of(span: bytes, *, explicit: bool, signed: bool = False) -> Element:
    """Read the one element that a span holds, by the careful walk, which checks all that is inside it.

    Parameters
    ----------
    signed
        Read `US or SS` as SS, as Pixel Representation asks where VRs are not written (PS3.5 A.1).

    Raises
    ------
    Unusual
        If the walk has anything to say about it.
    """
    plain = _SHORT_VRS.get(span[4:6]) if explicit else None
    if plain is not None:
        length = len(span) - 8
        if length % 2 or span[6] | span[7] << 8 != length:
            raise Unusual
        if length <= _SHORTEST_SWALLOWING or plain not in STRING_VRS or b"\0" not in span[8:-1]:
            return Element(span[1] << 24 | span[0] << 16 | span[3] << 8 | span[2], plain, span[8:])
    walker = Walker(span, len(span), explicit)
    try:
        dataset, _ = walker.walk(0)
    except Damage:
        raise Unusual from None
    if len(dataset) != 1 or walker.findings or not EITHER_SIGN.isdisjoint(walker.unsigned):
        raise Unusual
    (element,) = dataset.values()
    return (
        element._replace(VR="SS") if signed and element.VR == "US" and element.tag in EITHER_SIGN else element
    )
