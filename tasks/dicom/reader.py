"""Turns an object's bytes into a `Header`, whatever they are wrapped in, or says why it cannot.

The wrapping lies as often as the content: no preamble, no file meta, a transfer syntax that is not
the one the bytes are in. What the bytes are is decided by looking at the first element, and the
disagreement is recorded. One window of bytes is read and grown only when the header needs more, so a
header costs one small read and pixel data is never touched.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from tasks.dicom import big_endian, deflated
from tasks.dicom.dictionary import ALL_VRS, is_private, is_registered_uid, vr_of
from tasks.dicom.element import ByteSource, DataSet, Header
from tasks.dicom.encode import EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN
from tasks.dicom.payload import locate_payload
from tasks.dicom.sniff import archive_or_junk, classify_preamble
from tasks.dicom.values import encodings_of, text_of
from tasks.dicom.walk import UNDEFINED, Damage, NeedMore, Walker
from tasks.records import Finding, Reject

EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
UNCOMPRESSED = frozenset({IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN, DEFLATED})

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_TRANSFER_SYNTAX_UID, _MEDIA_SOP_CLASS, _MEDIA_SOP_INSTANCE = 0x00020010, 0x00020002, 0x00020003
_SOP_CLASS, _SOP_INSTANCE, PIXEL_REPRESENTATION = 0x00080016, 0x00080018, 0x00280103
_DICOMDIR = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one object may ask of us; beyond it, a reason code.

    Attributes
    ----------
    window_bytes
        First read of an object, in bytes; doubled as often as the header needs.
    header_bytes
        A header larger than this is not one (`LENGTH_BEYOND_EOF`).
    max_depth
        Nested sequences.
    max_elements
        Elements and items of one object; private elements beyond are dropped.
    most_elements
        Elements and items beyond which an object is refused (`PARSER_MEMORY`).
    inflate_ratio, inflate_bytes
        A deflated data set may grow to the larger of `inflate_ratio` times its size and 16 MiB, and
        never beyond `inflate_bytes`.
    check_pixels
        How closely pixel data that is to leave is looked at: ``none``; ``structure``, its frames and their first
        bytes; or ``decode``, all of it.
    """

    window_bytes: int = 1 << 16
    header_bytes: int = 1 << 28
    max_depth: int = 64
    max_elements: int = 50_000
    most_elements: int = 500_000
    inflate_ratio: int = 100
    inflate_bytes: int = 1 << 30
    check_pixels: str = "structure"


def read_header(source: ByteSource, limits: Limits = Limits(), *, pixels: bool = True) -> Header | Reject:
    """Read what precedes the pixel data, and find where that is.

    Parameters
    ----------
    source
        The object's bytes.
    pixels
        Also check the pixel data's extent (for compressed data: walk the fragments) and read what
        follows it. Without, nothing after the start of the pixel data is read.

    Returns
    -------
    Header or Reject
        `Reject` with a structural reason code where the bytes cannot be trusted to be what they
        seem. Findings in `Header.findings` are what was repaired or doubted.
    """
    try:
        return _Reader(source, limits, pixels).read()
    except Damage as damage:
        return Reject(damage.code, damage.path)


class _Reader:
    def __init__(self, source: ByteSource, limits: Limits, pixels: bool) -> None:
        self.source = source
        self.limits = limits
        self.pixels = pixels
        self.findings: list[Finding] = []
        self.pixels_known = True
        self.window = source.read(0, limits.window_bytes)

    def note(self, code: str) -> None:
        self.findings.append(Finding("structure", "", code))

    def read(self) -> Header:
        if self.source.size == 0:
            raise Damage("EMPTY_FILE")
        meta, start = self._read_meta(self.window, self._skip_preamble(self.window))
        declared = text_of(meta[_TRANSFER_SYNTAX_UID]) if _TRANSFER_SYNTAX_UID in meta else ""
        if _MEDIA_SOP_CLASS in meta and text_of(meta[_MEDIA_SOP_CLASS]) == _DICOMDIR:
            raise Damage("DICOMDIR")
        if start >= self.source.size:
            raise Damage("EMPTY_DATASET")
        return self._read_dataset(meta, start, declared)

    def _skip_preamble(self, window: bytes) -> int:
        """Find where group 0002, or without one the data set, starts."""
        if window[128:132] == b"DICM":
            code = classify_preamble(window[:128])
            if code:
                self.note(code)
            return 132
        if window[:4] == b"DICM":
            self.note("NO_PREAMBLE")
            return 4
        refused = archive_or_junk(window)
        if refused:
            raise Damage(refused)
        self.note("NO_PREAMBLE" if window[:2] == b"\2\0" else "NO_PREAMBLE_NO_META")
        return 0

    def _read_meta(self, window: bytes, start: int) -> tuple[DataSet, int]:
        """Read group 0002, always Explicit VR Little Endian by the standard and sometimes not in fact."""
        if window[start : start + 2] != b"\2\0":
            if start == 132:
                self.note("NO_FILE_META")
            return DataSet(), start
        explicit = window[start + 4 : start + 6].decode("latin-1") in ALL_VRS
        if not explicit:
            self.note("META_IMPLICIT")
        end = self._end_of_meta(window, start, explicit)
        walker = Walker(window[:end], end, explicit)
        try:
            meta, _ = walker.walk(start)
        except (Damage, NeedMore):
            raise Damage("TRUNCATED_META") from None
        length = meta.get(0x00020000)
        if length is not None and int.from_bytes(length.value, "little") != end - start - 8 - len(
            length.value
        ):
            self.note("META_LENGTH_WRONG")
        return meta, end

    def _end_of_meta(self, window: bytes, position: int, explicit: bool) -> int:
        """Step over the elements of group 0002; its declared length is not believed."""
        walker = Walker(window, self.source.size, explicit)
        while window[position : position + 2] == b"\2\0":
            try:
                tag = walker.tag_at(position)
                _, length, start = walker.element_header(position, tag, explicit)
            except (Damage, NeedMore):
                raise Damage("TRUNCATED_META") from None
            position = start + length
            if position > min(self.source.size, len(window)):
                raise Damage("TRUNCATED_META")
        if position < self.source.size < position + 2:
            raise Damage("TRUNCATED_META")
        return position

    def _read_dataset(self, meta: DataSet, start: int, declared: str) -> Header:
        source = self.source
        if not declared and meta:
            self.note("NO_TRANSFER_SYNTAX")
        if declared == DEFLATED:
            inflated = deflated.inflate(source, start, self.limits.inflate_ratio, self.limits.inflate_bytes)
            if inflated is not None:
                source, start, declared = inflated, 0, EXPLICIT_LITTLE_ENDIAN
        first = source.read(start, 8)
        if len(first) < 8:
            raise Damage("TRUNCATED")
        explicit = first[4:6].decode("latin-1") in ALL_VRS
        if big_endian.looks_big_endian(first):
            if declared not in ("", EXPLICIT_BIG_ENDIAN):
                raise Damage("TS_MISMATCH")
            source, start = big_endian.to_little_endian(source, start, self.limits.max_depth), 0
            explicit, declared = True, EXPLICIT_LITTLE_ENDIAN
        elif not self._is_plausible_start(first, explicit):
            raise Damage("STRUCTURE_LOST")
        syntax = self._settle_syntax(declared, explicit)
        return self._walk(meta, source, start, explicit, syntax)

    def _is_plausible_start(self, first: bytes, explicit: bool) -> bool:
        tag = int.from_bytes(first[:2], "little") << 16 | int.from_bytes(first[2:4], "little")
        if not 0 < tag >> 16 <= 0x7FE0:
            return False
        known = vr_of(tag) is not None or is_private(tag)
        if explicit:
            return known or tag >> 16 == 0x0008
        length = int.from_bytes(first[4:8], "little")
        return known and (length <= self.source.size or length == UNDEFINED)

    def _settle_syntax(self, declared: str, explicit: bool) -> str:
        """Give the syntax the bytes are really in; a declared one that disagrees is recorded."""
        actual = EXPLICIT_LITTLE_ENDIAN if explicit else IMPLICIT_LITTLE_ENDIAN
        if not declared:
            return actual
        if declared not in UNCOMPRESSED:
            if not is_registered_uid(declared):
                if not _UID.fullmatch(declared):
                    raise Damage("UNKNOWN_TRANSFER_SYNTAX")
                # The UID may be anybody's words: it is not written again, nor are pixels nobody can read.
                self.note("UNKNOWN_TRANSFER_SYNTAX")
                self.pixels_known = False
                return actual
            if not explicit:
                self.note("TS_MISMATCH")
            return declared
        if declared != actual:
            self.note("TS_MISMATCH")
        return actual

    def _walk(self, meta: DataSet, source: ByteSource, start: int, explicit: bool, syntax: str) -> Header:
        walker, dataset = self._walk_growing(source, start, explicit)
        payload = None
        if walker.payloads and self.pixels_known:
            span = walker.payloads[0]
            located = locate_payload(source, span, syntax not in UNCOMPRESSED, walk=self.pixels)
            payload = located.payload
            self.findings += located.findings
            if self.pixels and located.end is not None:
                dataset = self._read_after(source, located.end, explicit, span.tag, dataset)
        if not dataset:
            raise Damage("EMPTY_DATASET")
        self.findings += walker.findings
        self._compare_meta(meta, dataset)
        return Header(
            meta,
            _settle_signs(dataset, walker.unsigned if explicit else EITHER_SIGN),
            syntax,
            payload,
            tuple(dict.fromkeys(self.findings)),
            encodings_of(dataset),
        )

    def _walk_growing(self, source: ByteSource, start: int, explicit: bool) -> tuple[Walker, DataSet]:
        length = self.limits.window_bytes
        window = self.window[start:] if source is self.source else source.read(start, length)
        while True:
            walker = self._walker(window, source.size - start, explicit)
            try:
                dataset, _ = walker.walk(0)
            except NeedMore as need:
                if need.upto > self.limits.header_bytes:
                    raise Damage("LENGTH_BEYOND_EOF") from None
                length = max(2 * length, need.upto)
                window = source.read(start, length)
                continue
            for span in walker.payloads:
                span.offset += start
            return walker, dataset

    def _walker(self, window: bytes, size: int, explicit: bool) -> Walker:
        limits = self.limits
        return Walker(window, size, explicit, limits.max_depth, limits.max_elements, limits.most_elements)

    def _read_after(
        self, source: ByteSource, start: int, explicit: bool, pixel_tag: int, dataset: DataSet
    ) -> DataSet:
        """Read the elements after the pixel data: private groups, padding, signatures."""
        length = source.size - start
        if length < 8:
            if length:
                self.note("TRAILING_DATA")
            return dataset
        window = source.read(start, min(length, self.limits.header_bytes))
        walker = self._walker(window, length, explicit)
        try:
            after, _ = walker.walk(0, last_tag=pixel_tag)
        except (Damage, NeedMore):
            # Nothing after the pixels is ever kept (padding, signatures, private groups), so junk
            # there costs nothing but the note.
            self.note("TRAILING_DATA")
            return dataset
        if walker.payloads:
            raise Damage("DUPLICATE_PIXEL_DATA")
        self.findings += walker.findings
        return DataSet({**dataset, **after})

    def _compare_meta(self, meta: DataSet, dataset: DataSet) -> None:
        for meta_tag, tag, code in (
            (_MEDIA_SOP_CLASS, _SOP_CLASS, "META_CLASS_MISMATCH"),
            (_MEDIA_SOP_INSTANCE, _SOP_INSTANCE, "META_UID_MISMATCH"),
        ):
            if meta_tag in meta and tag in dataset and text_of(meta[meta_tag]) != text_of(dataset[tag]):
                self.note(code)


EITHER_SIGN = frozenset(
    {0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110, 0x00280111, 0x00280120, 0x00280121}
)


def _settle_signs(dataset: DataSet, tags: Collection[int]) -> DataSet:
    """Read `US or SS` elements as signed where Pixel Representation is 1 (PS3.5 A.1); explicit VRs say so already."""
    representation = dataset.get(PIXEL_REPRESENTATION)
    if not tags or representation is None or representation.value != b"\1\0":
        return dataset
    signed = {
        tag: element._replace(VR="SS")
        for tag in EITHER_SIGN.intersection(tags)
        if (element := dataset.get(tag)) is not None and element.VR == "US"
    }
    return DataSet({**dataset, **signed}) if signed else dataset
