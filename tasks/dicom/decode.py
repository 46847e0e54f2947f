"""Decodes pixel data to see whether it can be: the one thing here that runs foreign native code on foreign bytes.

So it is done only where a run asks for it, and never in a process that has anything to lose. The pixels themselves
are thrown away; what leaves is still a copy of what came.
"""

from __future__ import annotations

import io

from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID, AllTransferSyntaxes

from tasks.dicom.element import ByteSource, DataSet, Header
from tasks.dicom.pixels import shape_of, with_faults
from tasks.dicom.values import numbers_of, text_of

_PHOTOMETRIC, _STORED, _REPRESENTATION, _PLANAR = 0x00280004, 0x00280101, 0x00280103, 0x00280006
_PIXEL_DATA = 0x7FE00010


def check_by_decoding(header: Header) -> Header:
    """Record compressed pixel data that cannot be decoded, or that nothing here decodes.

    Returns
    -------
    Header
        The same one, one with `UNSUPPORTED_TRANSFER_SYNTAX`, or one with `PIXEL_DECODE` and without pixels.
    """
    payload = header.payload
    unsupported = any(finding.code == "UNSUPPORTED_TRANSFER_SYNTAX" for finding in header.findings)
    if payload is None or not payload.encapsulated or payload.tag != _PIXEL_DATA:
        return header
    decoder = _decoder_of(header.transfer_syntax)
    if decoder is None:
        return header if unsupported else with_faults(header, "UNSUPPORTED_TRANSFER_SYNTAX")
    try:
        _decode(header, decoder)
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # noqa: BLE001 - whatever a decoder says, a native panic too, it says that it cannot
        return with_faults(header, "PIXEL_DECODE")
    return header


def _decoder_of(transfer_syntax: str) -> Decoder | None:
    try:
        decoder = get_decoder(UID(transfer_syntax))
    except NotImplementedError:
        return None
    return decoder if decoder.is_available else None


def _decode(header: Header, decoder: Decoder) -> None:
    payload = header.payload
    if payload is None:
        return
    shape = shape_of(header.dataset)
    source = io.BufferedReader(_SpanFile(payload.source, payload.offset, payload.length))
    for _frame, _ in decoder.iter_buffer(
        source,
        rows=shape.rows,
        columns=shape.columns,
        samples_per_pixel=shape.samples,
        bits_allocated=shape.bits,
        number_of_frames=shape.frames or 1,
        bits_stored=_number(header.dataset, _STORED, shape.bits or 0),
        pixel_representation=_number(header.dataset, _REPRESENTATION, 0),
        planar_configuration=_number(header.dataset, _PLANAR, 0),
        photometric_interpretation=_photometric(header.dataset),
        pixel_keyword="PixelData",
        transfer_syntax_uid=UID(header.transfer_syntax),
    ):
        pass


def _number(dataset: DataSet, tag: int, default: int) -> int:
    numbers = numbers_of(dataset[tag]) if tag in dataset else ()
    return int(numbers[0]) if numbers else default


def _photometric(dataset: DataSet) -> str:
    return text_of(dataset[_PHOTOMETRIC]).strip() if _PHOTOMETRIC in dataset else ""


class _SpanFile(io.RawIOBase):
    """A span of a source as a file, for decoders that read frame by frame."""

    def __init__(self, source: ByteSource, offset: int, length: int) -> None:
        self._source, self._offset, self._length = source, offset, length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        left = max(0, min(len(buffer), self._length - self._position))
        data = self._source.read(self._offset + self._position, left)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def warm_up() -> None:
    """Import every decoder there is, for a process that soon cannot import."""
    for uid in AllTransferSyntaxes:
        _decoder_of(uid)
