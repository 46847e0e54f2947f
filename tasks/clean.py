"""The whole of what happens to one object: bytes in, a record out, no Prefect and no Dask.

The order is the argument. Structure is checked before anything is believed; values are repaired before
they are de-identified, since a date that cannot be read cannot be shifted; the output is encoded
anew; and its bytes are searched for the input's identifiers before anybody may write them.

This is the careful way: it takes nothing for granted and decides every case. `recall` is the quick one, for
plain files: it gives the very same result, and leaves to this one whatever is not plain.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.cleaning.formats import FORMATS, Formats
from tasks.cleaning.pixel_module import check_pixel_module
from tasks.cleaning.repair import repair
from tasks.cleaning.required import check_required
from tasks.deid.classes import needs_pixel_review
from tasks.deid.deidentify import Deidentified, Deidentifier
from tasks.deid.identifiers import Identifiers
from tasks.deid.private import SafeElements, name_unknown_creator
from tasks.deid.residual import find_in_payload, find_residual
from tasks.deid.trace import Trace, Traces
from tasks.dicom.buffer import read_span
from tasks.dicom.careful import CarefulReader, read_carefully
from tasks.dicom.element import ByteSource, Header, Payload
from tasks.dicom.encode import (
    COPY_BYTES,
    IMPLICIT_LITTLE_ENDIAN,
    encode_dataset,
    encode_meta,
    encode_payload,
    split_at_payload,
)
from tasks.dicom.json_model import header_json
from tasks.dicom.pixels import expected_pixel_bytes, lost_pixels
from tasks.dicom.values import encodings_of
from tasks.records import Finding, Reject
from tasks.tables.rows import Row, creator_columns, header_columns

_IDENTITY_TAGS = (0x00080018, 0x0020000D, 0x0020000E)
"""SOP Instance, Study Instance and Series Instance UID."""


@dataclass(frozen=True, slots=True, repr=False)
class CleanInstance:
    """One instance, de-identified and encoded, before anything of it is written.

    Attributes
    ----------
    PatientID, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID
        As written.
    transfer_syntax
        UID of the syntax it is encoded in.
    head, tail
        Encoded bytes before and after the pixel data.
    payload
        Where the pixel data is copied from; None where there is none, or none is wanted.
    has_pixel_data, pixel_bytes
        Whether the source has pixel data, and its length in bytes, padding included; 0 without.
    expected_pixel_bytes
        What the header asks for, without padding; None where compressed or unknown.
    header
        The de-identified header as DICOM JSON.
    columns
        What the header says in the columns of the table of instances.
    findings
        What was repaired, doubted or removed, in the order it was met.
    traces
        What became of each element.
    """

    PatientID: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPInstanceUID: str
    transfer_syntax: str
    head: bytes
    tail: bytes
    payload: Payload | None
    has_pixel_data: bool
    pixel_bytes: int
    expected_pixel_bytes: int | None
    header: bytes
    columns: Row
    findings: tuple[Finding, ...]
    traces: Traces

    def pieces(self) -> Iterator[bytes | memoryview]:
        """Give the cleaned file in pieces, in memory that does not grow with the pixel data."""
        yield self.head
        if self.payload is not None:
            yield from encode_payload(self.payload, explicit=self.transfer_syntax != IMPLICIT_LITTLE_ENDIAN)
        if self.tail:
            yield self.tail


def clean_instance(
    source: ByteSource,
    deidentifier: Deidentifier,
    *,
    pixels: bool,
    read: CarefulReader = read_carefully,
    formats: Formats = FORMATS,
) -> CleanInstance | Reject:
    """Read one object, repair its values, de-identify it and check the result.

    Parameters
    ----------
    source
        The object's bytes.
    pixels
        Whether the pixel data is to leave too; without, only the header is read.
    read
        Who reads the header: this process, or one that may be lost (`tasks.sandbox`).
    formats
        What values must look like, and how they are read where they do not.

    Returns
    -------
    CleanInstance or Reject
        `Reject` with the reason code where the object cannot be read, lacks what its class requires,
        may hold identity that we cannot remove, or where the self-check finds an original
        identifier in the result.
    """
    header = read(source, pixels=pixels)
    if isinstance(header, Reject):
        return header
    refused = check_required(header.dataset, header.payload is not None)
    if refused is not None:
        return refused
    dataset, repairs = repair(header.dataset, header.encodings, formats)
    doubts = check_pixel_module(dataset, header.payload is not None or lost_pixels(header))
    encodings = encodings_of(dataset)
    deidentified = deidentifier.deidentify(dataset, encodings, _content_digest(header))
    if isinstance(deidentified, Reject):
        return deidentified
    payload = header.payload if pixels else None
    if payload is not None and needs_pixel_review(header.dataset):
        return Reject("PIXEL_REVIEW")
    findings = (*header.findings, *repairs, *doubts)
    unknown = _unknown_creators(header, deidentifier.safe_private)
    clean = _encode(header, deidentified, payload, findings, encodings, unknown)
    before = (
        None if dataset is header.dataset else deidentifier.identifiers_in(header.dataset, header.encodings)
    )
    return _self_check(clean, deidentified, before)


def _content_digest(header: Header) -> bytes:
    """Digest what an object without UIDs of its own can be told by: its header and its first pixels."""
    if all(tag in header.dataset and header.dataset[tag].value.strip(b"\0 ") for tag in _IDENTITY_TAGS):
        return b""
    digest = hashlib.sha256(encode_dataset(header.dataset, explicit=True))
    if header.payload is not None:
        digest.update(header.payload.source.read(header.payload.offset, min(header.payload.length, 1 << 16)))
    return digest.digest()


def _encode(
    header: Header,
    deidentified: Deidentified,
    payload: Payload | None,
    findings: tuple[Finding, ...],
    encodings: tuple[str, ...],
    unknown: Mapping[str, object],
) -> CleanInstance:
    explicit = header.transfer_syntax != IMPLICIT_LITTLE_ENDIAN
    meta = encode_meta(deidentified.SOPClassUID, deidentified.SOPInstanceUID, header.transfer_syntax)
    before, after = split_at_payload(deidentified.dataset, payload)
    pixels = header.payload
    compressed = pixels is not None and pixels.encapsulated
    return CleanInstance(
        PatientID=deidentified.PatientID,
        StudyInstanceUID=deidentified.StudyInstanceUID,
        SeriesInstanceUID=deidentified.SeriesInstanceUID,
        SOPInstanceUID=deidentified.SOPInstanceUID,
        transfer_syntax=header.transfer_syntax,
        head=meta + encode_dataset(before, explicit=explicit),
        tail=encode_dataset(after, explicit=explicit),
        payload=payload,
        has_pixel_data=pixels is not None,
        pixel_bytes=0 if pixels is None else pixels.length + pixels.length % 2,
        expected_pixel_bytes=None if compressed else expected_pixel_bytes(header.dataset),
        header=header_json(deidentified.dataset, encodings).encode(),
        columns=Row({}, {**header_columns(deidentified.dataset, encodings), **unknown}),
        findings=(*findings, *deidentified.findings),
        traces=_trace(header, deidentified, encodings),
    )


def _trace(header: Header, deidentified: Deidentified, encodings: tuple[str, ...]) -> Traces:
    written = deidentified.dataset
    own = [Trace(element, written.get(tag), encodings) for tag, element in header.dataset.items()]
    return Traces((), own)


def _unknown_creators(header: Header, safe: SafeElements) -> dict[str, object]:
    """Give what the row says of the private blocks of which nothing is known."""
    columns: dict[str, object] = {}
    for element in header.dataset.values():
        if unknown := name_unknown_creator(element, safe):
            columns |= creator_columns(element, unknown_as=unknown)
    return columns


def _self_check(
    clean: CleanInstance, deidentified: Deidentified, unrepaired: Identifiers | None
) -> CleanInstance | Reject:
    """Search the output's bytes for its own input's identifiers; found means withheld, never guessed.

    Where values were repaired, the bytes they had before are searched for too: a repair may have
    emptied an undecodable name or rewritten a date.
    """
    searched = [deidentified.identifiers]
    if unrepaired is not None:
        searched.append(unrepaired)
    for identifiers in searched:
        if find_residual(clean.head + clean.tail, identifiers, deidentified.generated):
            return Reject("IDENTIFIER_LEFT")
    if any(is_in_pixels(clean.payload, identifiers) for identifiers in searched):
        return Reject("IDENTIFIER_LEFT", "(7FE0,0010)")
    return clean


def is_in_pixels(payload: Payload | None, identifiers: Identifiers) -> bool:
    """Tell whether the pixel data spells an identifier; it is read in pieces, whatever its size."""
    return payload is not None and any(
        find_in_payload(piece, identifiers) for piece in _overlapping_pieces(payload, overlap=64)
    )


def _overlapping_pieces(payload: Payload, overlap: int) -> Iterator[bytes | memoryview]:
    for start in range(0, payload.length, COPY_BYTES):
        length = min(COPY_BYTES + overlap, payload.length - start)
        yield read_span(payload.source, payload.offset + start, length)
