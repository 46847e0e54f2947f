"""The whole of what happens to one object: bytes in, a record out, no Prefect and no Dask.

The order is the argument. Structure is checked before anything is believed; values are repaired before
they are de-identified, since a date that cannot be read cannot be shifted; the output is encoded
anew; and its bytes are searched for the input's identifiers before anybody may write them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from tasks.cleaning.pixel_module import check_pixel_module
from tasks.cleaning.repair import repair
from tasks.cleaning.required import check_required
from tasks.deid.classes import needs_pixel_review
from tasks.deid.deidentify import Deidentified, Deidentifier
from tasks.deid.identifiers import Identifiers
from tasks.deid.residual import find_in_payload, find_residual
from tasks.dicom.element import ByteSource, Header, Payload
from tasks.dicom.encode import (
    COPY_BYTES,
    IMPLICIT_LITTLE_ENDIAN,
    encode_dataset,
    encode_meta,
    encode_payload,
    split_at_payload,
)
from tasks.dicom.pixels import check_pixels
from tasks.dicom.reader import Limits, read_header
from tasks.dicom.values import encodings_of
from tasks.records import Finding, Reject

_IDENTITY_TAGS = (0x00080018, 0x0020000D, 0x0020000E)
"""SOP Instance, Study Instance and Series Instance UID."""


@dataclass(frozen=True, slots=True, repr=False)
class CleanInstance:
    """One instance, de-identified and encoded, before anything of it is written.

    Attributes
    ----------
    head, tail
        Encoded bytes before and after the pixel data.
    payload
        Where the pixel data is copied from; None where there is none, or none is wanted.
    """

    deidentified: Deidentified
    header: Header
    head: bytes
    tail: bytes
    payload: Payload | None
    findings: tuple[Finding, ...]
    encodings: tuple[str, ...]

    @property
    def explicit(self) -> bool:
        """Whether the output's syntax writes VRs."""
        return self.header.transfer_syntax != IMPLICIT_LITTLE_ENDIAN

    def pieces(self) -> Iterator[bytes]:
        """Give the cleaned file in pieces, in memory that does not grow with the pixel data."""
        yield self.head
        if self.payload is not None:
            yield from encode_payload(self.payload, explicit=self.explicit)
        if self.tail:
            yield self.tail


def clean_instance(
    source: ByteSource, deidentifier: Deidentifier, *, pixels: bool, limits: Limits = Limits()
) -> CleanInstance | Reject:
    """Read one object, repair its values, de-identify it and check the result.

    Parameters
    ----------
    source
        The object's bytes.
    pixels
        Whether the pixel data is to leave too; without, only the header is read.

    Returns
    -------
    CleanInstance or Reject
        `Reject` with the reason code where the object cannot be read, lacks what its class requires,
        may hold identity that we cannot remove, or where the self-check finds an original
        identifier in the result.
    """
    header = read_header(source, limits, pixels=pixels)
    if isinstance(header, Reject):
        return header
    if pixels:
        header = check_pixels(header)
    refused = check_required(header.dataset, header.payload is not None)
    if refused is not None:
        return refused
    dataset, repairs = repair(header.dataset, header.encodings)
    doubts = check_pixel_module(dataset, header.payload is not None)
    encodings = encodings_of(dataset)
    deidentified = deidentifier.deidentify(dataset, encodings, _content_digest(header))
    if isinstance(deidentified, Reject):
        return deidentified
    payload = header.payload if pixels else None
    if payload is not None and needs_pixel_review(header.dataset):
        return Reject("PIXEL_REVIEW")
    clean = _encode(header, deidentified, payload, (*header.findings, *repairs, *doubts), encodings)
    return _self_check(clean, None if dataset is header.dataset else header)


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
) -> CleanInstance:
    explicit = header.transfer_syntax != IMPLICIT_LITTLE_ENDIAN
    meta = encode_meta(deidentified.SOPClassUID, deidentified.SOPInstanceUID, header.transfer_syntax)
    before, after = split_at_payload(deidentified.dataset, payload)
    return CleanInstance(
        deidentified,
        header,
        meta + encode_dataset(before, explicit=explicit),
        encode_dataset(after, explicit=explicit),
        payload,
        (*findings, *deidentified.findings),
        encodings,
    )


def _self_check(clean: CleanInstance, unrepaired: Header | None) -> CleanInstance | Reject:
    """Search the output's bytes for its own input's identifiers; found means withheld, never guessed.

    Where values were repaired, the bytes they had before are searched for too: a repair may have
    emptied an undecodable name or rewritten a date.
    """
    searched = [clean.deidentified.identifiers]
    if unrepaired is not None:
        searched.append(Identifiers.collect(unrepaired.dataset, unrepaired.encodings))
    for identifiers in searched:
        if find_residual(clean.head + clean.tail, identifiers, clean.deidentified.generated):
            return Reject("IDENTIFIER_LEFT")
    if clean.payload is not None:
        for piece in _overlapping_pieces(clean.payload, overlap=64):
            if any(find_in_payload(piece, identifiers) for identifiers in searched):
                return Reject("IDENTIFIER_LEFT", "(7FE0,0010)")
    return clean


def _overlapping_pieces(payload: Payload, overlap: int) -> Iterator[bytes]:
    for start in range(0, payload.length, COPY_BYTES):
        length = min(COPY_BYTES + overlap, payload.length - start)
        yield payload.source.read(payload.offset + start, length)
