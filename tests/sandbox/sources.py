"""Objects that ask for more than they are worth, made in memory."""

from __future__ import annotations

import zlib

from tasks.dicom.buffer import Buffer
from tasks.dicom.encode import encode_meta
from tasks.dicom.reader import DEFLATED

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


class Sparse:
    """A few bytes and then a hole, as a sparse file is."""

    def __init__(self, head: bytes, size: int) -> None:
        self.head, self.size = head, size

    def read(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        return self.head[offset : offset + length].ljust(length, b"\0")


def implicit_study_date() -> bytes:
    """Give a file meta information and the first element of a data set."""
    head = encode_meta(CT_IMAGE, "1.2.3", "1.2.840.10008.1.2.1")
    return head + b"\x08\x00\x20\x00DA\x08\x0020230412"


def deflated_zeros(size: int) -> Buffer:
    """Give a deflated data set that grows by the ratio the limits allow, to `size` bytes of private payload."""
    data = b"\x08\x00\x60\x00CS\x02\x00CT" + b"\x09\x00\x10\x00LO\x04\x00ACME"
    data += b"\x09\x00\x01\x10OB\0\0" + size.to_bytes(4, "little")
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = deflate.compress(data) + deflate.compress(bytes(size)) + deflate.flush()
    # What follows the end of the stream is not read, but it makes the ratio a modest one.
    return Buffer(encode_meta(CT_IMAGE, "1.2.3", DEFLATED) + body + bytes(size // 90))
