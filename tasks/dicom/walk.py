"""Locates the elements of an encoded data set and believes no length it has not checked.

pydicom reads most damaged files without a word: a cut value becomes the patient's name, a wrong
length swallows the elements after it (PRIVACY.md counted 98 such cases of 206). A file read wrongly
cannot be cleaned, so structure is checked while the elements are found: every declared length
fits, tags ascend and are unique, sequences and items close where they say, depth is bounded.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NoReturn

from tasks.dicom.dictionary import (
    ALL_VRS,
    LONG_VRS,
    format_tag,
    is_private,
    is_private_creator,
    vr_of,
)
from tasks.dicom.element import PIXEL_TAGS, DataSet, Element
from tasks.dicom.values import STRING_VRS
from tasks.records import Finding

UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DELIMITERS = frozenset({_ITEM_END, _SEQUENCE_END})

_TAG_LENGTH = struct.Struct("<HHL")
_VR_BY_BYTES = {vr.encode(): vr for vr in ALL_VRS}


def pattern_of_elements(groups: bytes) -> re.Pattern[bytes]:
    """Compile what finds the start of an explicit element; `groups` is the expression of the groups' two bytes."""
    return re.compile(groups + rb"[\s\S]{2}(?:" + b"|".join(sorted(vr.encode() for vr in ALL_VRS)) + rb")")


_SWALLOWED = pattern_of_elements(rb"(?:[\x02\x08\x10\x18\x20\x28\x32\x38\x40\x54]\0|\xe0\x7f)")
"""The start of an explicit element of a common group: text that contains one has eaten its neighbours."""

_MOST_FINDINGS = 1000
_LONGEST_TEXT = 1 << 16
"""A string whose declared end lies further than this beyond the data is a wrong length, not a cut file."""


class Damage(Exception):  # noqa: N818 - it ends as a reason code, not as an error
    """The data set cannot be read as it is; carries the reason code and the tag where it shows."""

    def __init__(self, code: str, tag: int | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.path = "" if tag is None else format_tag(tag)


class NeedMore(Exception):  # noqa: N818 - a request, not an error
    """The element at hand ends beyond the window of bytes read so far."""

    def __init__(self, upto: int) -> None:
        super().__init__(upto)
        self.upto = upto


@dataclass(slots=True)
class PayloadSpan:
    """A pixel data element met at the top level; its value is not read, so it may end beyond the window."""

    tag: int
    VR: str
    offset: int
    length: int


@dataclass(slots=True)
class Walker:
    """Walks `window`, the first bytes of an object of `size` bytes.

    Attributes
    ----------
    size
        Bytes from the start of the window to the end of the object. Where `len(window)` is less,
        reaching beyond raises `NeedMore`.
    unsigned
        Tags that got their VR from the dictionary, which may know them as US or SS.
    """

    window: bytes
    size: int
    explicit: bool
    max_depth: int = 64
    max_elements: int = 50_000
    most_elements: int = 500_000
    payloads: list[PayloadSpan] = field(default_factory=list)
    unsigned: set[int] = field(default_factory=set)
    count: int = 0
    item_count: int = 0
    _noted: dict[Finding, None] = field(default_factory=dict)

    @property
    def findings(self) -> list[Finding]:
        """What was repaired or doubted, in the order it was met."""
        return list(self._noted)

    def note(self, code: str, tag: int | None = None) -> None:
        """Record something repaired or doubted, once per element; of very many, only that there are more."""
        place = "" if tag is None or len(self._noted) >= _MOST_FINDINGS else format_tag(tag)
        self._noted[Finding("structure", place, code)] = None

    def _check_count(self) -> None:
        """Refuse what a few bytes of the file each would make some hundred bytes of memory."""
        if self.count == self.max_elements + 1:
            self.note("TOO_MANY_ELEMENTS")
        if self.count + self.item_count > self.most_elements:
            raise Damage("PARSER_MEMORY")

    def walk(self, position: int, last_tag: int = 0) -> tuple[DataSet, int]:
        """Read top-level elements from `position` until pixel data or the end.

        Returns
        -------
        tuple
            The elements, and the offset after the last one: of the pixel data's value where
            `payloads` holds a span, else of the end of the data set.
        """
        found: list[Element] = []
        while position < self.size:
            tag = self.tag_at(position)
            if tag in _DELIMITERS:
                self.note("STRAY_DELIMITER")
                position += 8
                continue
            if self._is_trailing(tag, position, found, last_tag):
                self.note("TRAILING_DATA")
                break
            VR, length, start = self.element_header(position, tag, self.explicit)
            if tag in PIXEL_TAGS:
                self.payloads.append(PayloadSpan(tag, VR, start, length))
                return self._in_order(found), start
            element, position = self._read_element(tag, VR, length, start, self.size, self.explicit, 0)
            if element is not None:
                found.append(element)
        return self._in_order(found), position

    def _is_trailing(self, tag: int, position: int, found: list[Element], last_tag: int) -> bool:
        """Tell data appended after the end from a lost structure, which is `Damage`.

        Whatever follows the last element with a lower tag is not part of the data set once the
        pixels have been seen; before that, only a block of zeros (padding, or the preamble of a
        second file) can be.
        """
        previous = found[-1].tag if found else last_tag
        if tag > previous:
            return False
        if last_tag in PIXEL_TAGS:
            return tag not in PIXEL_TAGS
        rest = self.window[position : position + 128]
        if tag == 0 and not rest.strip(b"\0"):
            return True
        if vr_of(tag) is None and not is_private(tag):
            raise Damage("STRUCTURE_LOST", tag)
        return False

    def tag_at(self, position: int) -> int:
        """Read the tag at `position`; eight bytes must be there, as any element or item needs."""
        self._require(position + 8, "TRUNCATED")
        group, number, _ = _TAG_LENGTH.unpack_from(self.window, position)
        return int(group) << 16 | int(number)

    def _require(self, end: int, code: str, tag: int | None = None) -> None:
        if end > self.size:
            raise Damage(code, tag)
        if end > len(self.window):
            raise NeedMore(end)

    def element_header(self, position: int, tag: int, explicit: bool) -> tuple[str, int, int]:
        """Read VR and length; returns them with the offset of the value."""
        window = self.window
        if not explicit:
            VR = vr_of(tag) or ("LO" if is_private_creator(tag) else "UN")
            return VR, int.from_bytes(window[position + 4 : position + 8], "little"), position + 8
        known = _VR_BY_BYTES.get(window[position + 4 : position + 6])
        if known is None:
            return self._resynchronise(position, tag)
        if known not in LONG_VRS:
            return known, int.from_bytes(window[position + 6 : position + 8], "little"), position + 8
        self._require(position + 12, "TRUNCATED", tag)
        length = int.from_bytes(window[position + 8 : position + 12], "little")
        if window[position + 6 : position + 8] != b"\0\0" and not self._is_sane(position + 12 + length, tag):
            raise Damage("STRUCTURE_LOST", tag)
        return known, length, position + 12

    def _resynchronise(self, position: int, tag: int) -> tuple[str, int, int]:
        """Read an element whose VR is none: accept the one length after which a sane element follows.

        Vendors write lower-case, zero or private VRs. Each way of reading the length is tried; a
        guess that does not land on an ascending tag with a real VR is no reading at all.
        """
        window = self.window
        self._require(position + 8, "TRUNCATED", tag)
        raw = window[position + 4 : position + 6]
        candidates = [
            (int.from_bytes(window[position + 6 : position + 8], "little"), position + 8),
            (int.from_bytes(window[position + 8 : position + 12], "little"), position + 12),
            (int.from_bytes(window[position + 4 : position + 8], "little"), position + 8),
        ]
        for length, start in candidates:
            if length != UNDEFINED and self._is_sane(start + length, tag):
                self.note("UNKNOWN_VR", tag)
                upper = _VR_BY_BYTES.get(raw.upper())
                return vr_of(tag) or upper or "UN", length, start
        raise Damage("STRUCTURE_LOST", tag)

    def _is_sane(self, position: int, after: int) -> bool:
        """Tell whether an ascending element with a real VR, or the end of the data, is at `position`."""
        if position == self.size:
            return True
        if position > self.size or position + 8 > self.size:
            return False
        if position + 8 > len(self.window):
            raise NeedMore(position + 8)
        return self.tag_at(position) > after and self.window[position + 4 : position + 6] in _VR_BY_BYTES

    def _read_element(
        self, tag: int, VR: str, length: int, start: int, limit: int, explicit: bool, depth: int
    ) -> tuple[Element | None, int]:
        """Read one element's value; None for one that is dropped. Returns the offset after it."""
        self.count += 1
        self._check_count()
        if length == UNDEFINED:
            return self._read_undefined(tag, VR, start, limit, explicit, depth)
        if VR == "UN" and explicit and not is_private(tag):
            VR = vr_of(tag) or VR
            self.unsigned.add(tag)
            explicit = VR != "SQ" or self._starts_explicit_item(start)
        end = start + length
        if end > limit:
            self._refuse_length(tag, VR, end, limit)
        self._require(end, "TRUNCATED", tag)
        if VR == "SQ":
            return self._read_defined_sequence(tag, start, end, explicit, depth), end
        if length % 2:
            self.note("ODD_LENGTH", tag)
        value = self.window[start:end]
        if explicit and length > 12 and VR in STRING_VRS and _SWALLOWED.search(value):
            raise Damage("STRUCTURE_LOST", tag)
        if self.count > self.max_elements and is_private(tag):
            return None, end
        return Element(tag, VR, value), end

    def _starts_explicit_item(self, position: int) -> bool:
        """Tell how a sequence under VR UN is encoded: implicit by PS3.5 section 6.2.2 note 2, not so by all writers."""
        if position + 16 > self.size:
            return False
        self._require(position + 16, "TRUNCATED")
        return self.window[position + 12 : position + 14] in _VR_BY_BYTES

    def _refuse_length(self, tag: int, VR: str, end: int, limit: int) -> NoReturn:
        if limit < self.size:
            raise Damage("STRUCTURE_LOST", tag)
        wild = end - limit > _LONGEST_TEXT or (VR in STRING_VRS and end - limit > 1024)
        raise Damage("LENGTH_BEYOND_EOF" if wild else "TRUNCATED", tag)

    def _read_undefined(
        self, tag: int, VR: str, start: int, limit: int, explicit: bool, depth: int
    ) -> tuple[Element | None, int]:
        if VR in ("SQ", "UN"):
            # PS3.5 section 6.2.2 note 2: UN of undefined length is a sequence in implicit syntax.
            items, end = self._read_items(tag, start, limit, explicit and VR == "SQ", depth, defined=False)
            return Element(tag, "SQ", b"", items), end
        if VR in ("OB", "OW") and tag in PIXEL_TAGS:
            end = self._end_of_fragments(tag, start, limit)
            return Element(tag, VR, self.window[start:end]), end + 8
        self.note("BAD_UNDEFINED_LENGTH", tag)
        _, end = self._read_items(tag, start, limit, explicit, depth, defined=False)
        return None, end

    def _end_of_fragments(self, tag: int, position: int, limit: int) -> int:
        """Find the delimiter of pixel data inside an item (an icon image)."""
        while True:
            if position + 8 > limit:
                raise Damage("TRUNCATED", tag)
            found = self.tag_at(position)
            if found == _SEQUENCE_END:
                return position
            if found != _ITEM:
                raise Damage("STRUCTURE_LOST", tag)
            position += 8 + int.from_bytes(self.window[position + 4 : position + 8], "little")

    def _read_defined_sequence(
        self, tag: int, start: int, end: int, explicit: bool, depth: int
    ) -> Element | None:
        if start < end and (end - start < 8 or self.tag_at(start) not in (_ITEM, _SEQUENCE_END)):
            self.note("BAD_SEQUENCE", tag)
            return None
        items, _ = self._read_items(tag, start, end, explicit, depth, defined=True)
        return Element(tag, "SQ", b"", items)

    def _read_items(
        self, tag: int, position: int, limit: int, explicit: bool, depth: int, *, defined: bool
    ) -> tuple[tuple[DataSet, ...], int]:
        """Read items until `limit` (defined length) or the sequence's delimiter."""
        if depth >= self.max_depth:
            raise Damage("NESTING_TOO_DEEP", tag)
        items: list[DataSet] = []
        while not (defined and position == limit):
            if position + 8 > limit:
                raise Damage("STRUCTURE_LOST" if limit < self.size else "TRUNCATED", tag)
            found = self.tag_at(position)
            length = int.from_bytes(self.window[position + 4 : position + 8], "little")
            position += 8
            if found == _SEQUENCE_END:
                return tuple(items), position
            if found != _ITEM:
                raise Damage("STRUCTURE_LOST", tag)
            self.item_count += 1
            self._check_count()
            if length == UNDEFINED:
                item, position = self._read_item(position, limit, explicit, depth + 1, delimited=True)
            elif position + length > limit:
                raise Damage(
                    "STRUCTURE_LOST" if position + length <= self.size or defined else "TRUNCATED", tag
                )
            else:
                end = position + length
                self._require(end, "TRUNCATED", tag)
                item, position = self._read_item(position, end, explicit, depth + 1, delimited=False)
            items.append(item)
        return tuple(items), position

    def _read_item(
        self, position: int, limit: int, explicit: bool, depth: int, *, delimited: bool
    ) -> tuple[DataSet, int]:
        found: list[Element] = []
        while delimited or position < limit:
            if position + 8 > limit:
                raise Damage("STRUCTURE_LOST" if limit < self.size else "TRUNCATED")
            tag = self.tag_at(position)
            if tag in _DELIMITERS:
                position += 8
                if delimited:
                    break
                self.note("STRAY_DELIMITER")
                continue
            VR, length, start = self.element_header(position, tag, explicit)
            element, position = self._read_element(tag, VR, length, start, limit, explicit, depth)
            if element is not None:
                found.append(element)
        return self._in_order(found), position

    def _in_order(self, found: list[Element]) -> DataSet:
        """Make the data set, sorted; the same tag twice is one element only if both are the same."""
        dataset = DataSet((element.tag, element) for element in found)
        if len(dataset) != len(found):
            self._settle_duplicates(found)
        tags = [element.tag for element in found]
        if all(first <= second for first, second in pairwise(tags)):
            return dataset
        self.note("OUT_OF_ORDER")
        return DataSet(sorted(dataset.items()))

    def _settle_duplicates(self, found: list[Element]) -> None:
        seen: dict[int, Element] = {}
        for element in found:
            if seen.setdefault(element.tag, element) != element:
                raise Damage("DUPLICATE_TAG", element.tag)
            if seen[element.tag] is not element:
                self.note("DUPLICATE_TAG_SAME", element.tag)
