"""Ten thousand instances for the price of a few: what differs within a series is written over an encoded template.

pydicom takes milliseconds to encode a header, and half a second where it has functional groups. So the values
that differ have the same length in all instances of a series, and only they are written anew.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydicom.dataset import Dataset

LAST = 999_999
"""Number of the instance that stands in the template."""

POSITION = ("-120.5", "-118.25")
"""Where x and y of an image begin, in mm; z differs."""

_SHORT, _IMPLICIT = struct.Struct("<HH2sH"), struct.Struct("<HHL")


class _Varying(NamedTuple):
    """An element whose value ends differently in each instance; `before` is what all have."""

    tag: int
    VR: bytes
    write: Callable[[int], bytes]
    before: bytes = b""


def uid_tail(number: int) -> bytes:
    """End the instance's UID."""
    return b".%06d" % (LAST if number == LAST else 100_000 + number)


def position(number: int) -> bytes:
    """Give z of the instance, in mm."""
    return b"%.2f" % (-999.99 if number == LAST else -500 + 1.25 * number)


def time_of_day(number: int) -> bytes:
    """Give when the instance was acquired."""
    return b"1015%05.2f0" % (number % 60 + 0.25)


def instance_number(number: int) -> bytes:
    """Give the instance's number in four digits."""
    return b"%04d" % (number % 10_000)


def tube_current(number: int) -> bytes:
    """Give a tube current that follows the patient's shape, in mA."""
    return b"%d" % (100 + number % 100)


def _first_pixels(number: int) -> bytes:
    return struct.pack("<HH", number // 1000, number % 1000)


class Template:
    """An encoded file, and where in it the values lie that differ from instance to instance.

    Parameters
    ----------
    ds
        With file meta information; its values that differ are those of instance `LAST`.
    pixels
        How its pixels begin, if it has any: bytes that occur nowhere else, of which the first four differ.
    """

    def __init__(self, ds: Dataset, pixels: bytes) -> None:
        out = io.BytesIO()
        ds.save_as(out, enforce_file_format=True)
        self._content = out.getvalue()
        self._implicit = ds.file_meta.TransferSyntaxUID.is_implicit_VR
        uid = str(ds.SOPInstanceUID).encode().removesuffix(uid_tail(LAST))
        self._patches = [
            (one.write, self._place_of(one))
            for one in _varying_elements(uid)
            if one.tag >> 16 == 2 or one.tag in ds
        ]
        if pixels:
            self._patches.append((_first_pixels, self._content.rindex(pixels)))

    def _place_of(self, one: _Varying) -> int:
        """Find where the end of an element's value is, which must be in the template once, as it is."""
        value = one.before + one.write(LAST)
        padded = value + (b"\0" if one.VR == b"UI" else b" ") * (len(value) % 2)
        group, element = one.tag >> 16, one.tag & 0xFFFF
        if self._implicit and group != 2:
            head = _IMPLICIT.pack(group, element, len(padded))
        else:
            head = _SHORT.pack(group, element, one.VR, len(padded))
        assert self._content.count(head + padded) == 1, f"{one.tag:08X}"
        return self._content.index(head + padded) + len(head) + len(one.before)

    def make_instance(self, number: int) -> bytes:
        """Make the file of one instance of the series."""
        content = bytearray(self._content)
        for write, offset in self._patches:
            value = write(number)
            content[offset : offset + len(value)] = value
        assert len(content) == len(self._content)
        return bytes(content)


def _varying_elements(uid: bytes) -> Iterator[_Varying]:
    for tag in (0x00020003, 0x00080018):
        yield _Varying(tag, b"UI", uid_tail, uid)
    for tag in (0x00080032, 0x00080033):
        yield _Varying(tag, b"TM", time_of_day)
    yield _Varying(0x00181151, b"IS", tube_current)
    yield _Varying(0x00200013, b"IS", instance_number)
    yield _Varying(0x00200032, b"DS", position, b"".join(b"%b\\" % one.encode() for one in POSITION))
    yield _Varying(0x00201041, b"DS", position)
