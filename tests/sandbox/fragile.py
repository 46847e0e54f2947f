"""A pixel decoder as fragile as native ones are: a plug-in for pydicom, which the parser's child loads like any other.

It comes into play where pydicom's own decoder gives up on a frame, and does what the frame asks for:
a fault of native code, a loop without end, or more memory than there is.
"""

from __future__ import annotations

import ctypes
import struct
from typing import Any

from pydicom.pixels import get_decoder
from pydicom.uid import RLELossless

DECODER_DEPENDENCIES = {RLELossless: ()}
CRASH, HANG, GROW = b"crash me", b"hang me!", b"grow me!"


def frame_that_does(ask: bytes) -> bytes:
    """Give a frame of 16-bit pixels whose RLE header is right (PS3.5 G.5), and its segments are not."""
    return struct.pack("<16L", 2, 64, 72, *[0] * 13) + ask + ask


def is_available(uid: str) -> bool:
    """Tell pydicom that this decoder can be used."""
    return uid in DECODER_DEPENDENCIES


def decode(frame: bytes, _runner: Any) -> bytearray:
    """Fail in the way the frame asks for."""
    if CRASH in frame:
        ctypes.string_at(0)
    hoard = []
    while HANG in frame or GROW in frame:
        if GROW in frame:
            hoard.append(bytearray(1 << 24))
    raise ValueError("not a frame")


get_decoder(RLELossless).add_plugin("fragile", (__name__, "decode"))
