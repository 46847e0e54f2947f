"""Turns the retired Explicit VR Big Endian syntax (PS3.5 2016b A.3) into little-endian, once, on reading.

Everybody downstream would otherwise carry a byte order along for a syntax that left the standard in
2006. Values keep their meaning: words are swapped by the size their VR has.
"""

from __future__ import annotations

import struct
from array import array

from tasks.dicom.buffer import Buffer
from tasks.dicom.dictionary import ALL_VRS, LONG_VRS
from tasks.dicom.element import ByteSource
from tasks.dicom.values import STRING_VRS
from tasks.dicom.walk import Damage, pattern_of_elements

_WORD_CODES = {
    **dict.fromkeys(("US", "SS", "OW", "AT"), "H"),
    **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), "I"),
    **dict.fromkeys(("UV", "SV", "FD", "OD", "OV"), "Q"),
}
_UNDEFINED = 0xFFFFFFFF
_COMMON_GROUPS = frozenset({0x0008, 0x0010, 0x0018, 0x0020, 0x0028})
_SWALLOWED = pattern_of_elements(rb"(?:\0[\x02\x08\x10\x18\x20\x28\x32\x38\x40\x54]|\x7f\xe0)")
"""Searched here, as text is not swapped: a length that is too long has eaten elements in the order of this syntax."""
_BIG, _LITTLE = struct.Struct(">HH"), struct.Struct("<HH")


def looks_big_endian(first: bytes) -> bool:
    """Tell from an element's first 8 bytes: a common group in big-endian order, followed by a real VR."""
    group = int.from_bytes(first[:2], "big")
    return group in _COMMON_GROUPS and first[4:6].decode("latin-1") in ALL_VRS


def to_little_endian(source: ByteSource, start: int, max_depth: int) -> Buffer:
    """Re-encode the data set at `start` as Explicit VR Little Endian.

    Raises
    ------
    Damage
        `TRUNCATED`, `STRUCTURE_LOST` or `NESTING_TOO_DEEP`.
    """
    data = source.read(start, source.size - start)
    swapper = _Swapper(data, max_depth)
    swapper.elements(0, len(data), 0, delimited=False)
    return Buffer(b"".join(swapper.out))


class _Swapper:
    """Copies a data set piece by piece into `out`; methods return the offset after what they copied."""

    def __init__(self, data: bytes, max_depth: int) -> None:
        self.data = data
        self.max_depth = max_depth
        self.out: list[bytes] = []

    def elements(self, position: int, end: int, depth: int, *, delimited: bool) -> int:
        if depth > self.max_depth:
            raise Damage("NESTING_TOO_DEEP")
        while position < end:
            group, number = self._tag(position, end)
            if group == 0xFFFE:
                self._copy_item_header(position)
                position += 8
                if delimited and number == 0xE00D:
                    return position
            else:
                position = self._element(position, end, depth)
        if delimited:
            raise Damage("TRUNCATED")
        return position

    def _element(self, position: int, end: int, depth: int) -> int:
        VR, length, start = self._element_header(position, end)
        stop = end if length == _UNDEFINED else start + length
        if stop > end:
            raise Damage("TRUNCATED")
        size = struct.pack("<HL", 0, length) if VR in LONG_VRS else struct.pack("<H", length)
        self.out.append(_LITTLE.pack(*_BIG.unpack_from(self.data, position)) + VR.encode() + size)
        if VR == "SQ" or length == _UNDEFINED:
            return self._items(start, stop, depth, delimited=length == _UNDEFINED)
        value = self.data[start:stop]
        if VR in STRING_VRS and _SWALLOWED.search(value):
            raise Damage("STRUCTURE_LOST")
        self.out.append(_swap_words(value, VR))
        return stop

    def _items(self, position: int, end: int, depth: int, *, delimited: bool) -> int:
        while position < end:
            group, number = self._tag(position, end)
            length = self._copy_item_header(position)
            position += 8
            if (group, number) == (0xFFFE, 0xE0DD):
                return position
            if (group, number) != (0xFFFE, 0xE000):
                raise Damage("STRUCTURE_LOST")
            stop = end if length == _UNDEFINED else position + length
            if stop > end:
                raise Damage("STRUCTURE_LOST")
            position = self.elements(position, stop, depth + 1, delimited=length == _UNDEFINED)
        if delimited:
            raise Damage("TRUNCATED")
        return position

    def _tag(self, position: int, end: int) -> tuple[int, int]:
        if position + 8 > end:
            raise Damage("TRUNCATED")
        group, number = _BIG.unpack_from(self.data, position)
        return group, number

    def _copy_item_header(self, position: int) -> int:
        length = int.from_bytes(self.data[position + 4 : position + 8], "big")
        self.out.append(_LITTLE.pack(*_BIG.unpack_from(self.data, position)) + struct.pack("<L", length))
        return length

    def _element_header(self, position: int, end: int) -> tuple[str, int, int]:
        VR = self.data[position + 4 : position + 6].decode("latin-1")
        if VR not in ALL_VRS:
            raise Damage("STRUCTURE_LOST")
        if VR not in LONG_VRS:
            return VR, int.from_bytes(self.data[position + 6 : position + 8], "big"), position + 8
        if position + 12 > end:
            raise Damage("TRUNCATED")
        return VR, int.from_bytes(self.data[position + 8 : position + 12], "big"), position + 12


def _swap_words(value: bytes, VR: str) -> bytes:
    code = _WORD_CODES.get(VR)
    if code is None:
        return value
    words = array(code)
    whole = len(value) - len(value) % words.itemsize
    words.frombytes(value[:whole])
    words.byteswap()
    return words.tobytes() + value[whole:]
