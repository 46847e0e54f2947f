"""Reading for whatever is not plain: the structure first, and then what the header promises of the pixels.

These are the parts of the pipeline that meet damaged and hostile bytes, and they know nothing of the project: no
key, no profile. So they can be left to a process that has neither.
"""

from __future__ import annotations

from typing import Protocol

from tasks.dicom.element import ByteSource, Header
from tasks.dicom.pixels import check_pixels
from tasks.dicom.reader import Limits, read_header
from tasks.records import Reject


class CarefulReader(Protocol):
    """Reads an object that is not plain; where that is done is up to it."""

    def __call__(self, source: ByteSource, *, pixels: bool) -> Header | Reject:
        """Read a header, and where the pixels are, if they are wanted and can be trusted."""
        ...


def read_carefully(source: ByteSource, limits: Limits = Limits(), *, pixels: bool) -> Header | Reject:
    """Read a header in this process, and where the pixels are, if they are wanted and can be trusted."""
    header = read_header(source, limits, pixels=pixels)
    if isinstance(header, Reject) or not pixels:
        return header
    header = check_pixels(header, limits.check_pixels)
    if limits.check_pixels == "decode":
        from tasks.dicom.decode import check_by_decoding  # NumPy and all codecs, for those who ask

        header = check_by_decoding(header)
    return header
