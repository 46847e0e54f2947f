"""What the instances of a series have in common, so that only what differs is looked at.

Slices of a series repeat whole stretches of their headers byte for byte. A template is made of an
instance that was cleaned: stretches that are expected to come again, between the elements that were seen
to differ. The next instance matches if each stretch is where it must be, which is one comparison of
memory each; all that was worked out for the stretches then holds for it too.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import NamedTuple

from tasks.deid.identifiers import Identifiers, Kept
from tasks.deid.private import ODD_GROUP, creator_tag, write_creator
from tasks.deid.said import unite
from tasks.deid.tokens import Tokens
from tasks.deid.trace import Trace
from tasks.dicom.element import DataSet
from tasks.dicom.encode import encode_element
from tasks.dicom.json_model import attribute_json
from tasks.dicom.locate import LONG_HEADS, SHORT_HEADS, place_of
from tasks.dicom.values import DEFAULT_ENCODINGS
from tasks.dicom.walk import UNDEFINED, PayloadSpan
from tasks.recall.treated import Treated
from tasks.recall.verdict import JUDGED, Verdict
from tasks.records import Finding
from tasks.tables.rows import creator_columns, header_columns

_EXPLICIT = struct.Struct("<HH2sH").unpack_from
_IMPLICIT = struct.Struct("<HHL").unpack_from
_LENGTH = struct.Struct("<L").unpack_from
_CONTEXT = 64
"""Bytes of its neighbours that are searched with an element: no identifier that matters is longer."""


class Part(NamedTuple):
    """What is written for an element, or for one that every output has."""

    encoded: bytes
    json: bytes


class Statement:
    """The elements that every output has, encoded, ready to be put among the others."""

    def __init__(self, statement: DataSet) -> None:
        self.columns = header_columns(statement, DEFAULT_ENCODINGS)
        self._tags = tuple(sorted(statement))
        self._parts = {
            explicit: [
                Part(
                    encode_element(statement[tag], explicit=explicit),
                    attribute_json(statement[tag], DEFAULT_ENCODINGS),
                )
                for tag in self._tags
            ]
            for explicit in (True, False)
        }

    def insert(
        self, tags: Sequence[int], parts: Sequence[Part | Treated], explicit: bool
    ) -> tuple[list[int], list[Part | Treated]]:
        """Give tags and parts with these elements in their places, instead of those of the same tags."""
        tags, parts = list(tags), list(parts)
        for tag, part in zip(self._tags, self._parts[explicit], strict=True):
            place = bisect_left(tags, tag)
            there = place < len(tags) and tags[place] == tag
            tags[place : place + there] = [tag]
            parts[place : place + there] = [part]
        return tags, parts


def write_creators(
    tags: list[int], treated: list[Treated], creators: list[bytes], explicit: bool
) -> list[Treated]:
    """Write the creators of private blocks of which something is kept."""
    kept = {
        owner: creator
        for tag, one, creator in zip(tags, treated, creators, strict=True)
        if creator and one.encoded and (owner := creator_tag(tag)) is not None
    }
    written = list(treated)
    for owner, creator in kept.items():
        place = bisect_left(tags, owner)
        element = write_creator(owner, creator)
        written[place] = written[place]._replace(
            encoded=encode_element(element, explicit=explicit),
            json=attribute_json(element, DEFAULT_ENCODINGS),
            trace=Trace(treated[place].original, element, treated[place].trace.encodings),
            columns=tuple(creator_columns(element).items()),
        )
    return written


class Searched:
    """Identifiers and kept values of some elements, gathered for the search over the whole instance.

    Parameters
    ----------
    retained
        What an option keeps in other elements of the instance.
    """

    __slots__ = ("identifiers", "kept", "retained")

    def __init__(self, treated: Iterable[Treated], retained: Iterable[Tokens] = ()) -> None:
        tokens: list[Tokens] = []
        self.retained: list[Tokens] = list(retained)
        texts: list[bytes] = []
        numbers: list[bytes] = []
        raw: list[bytes] = []
        for one in treated:
            notes = one.notes
            if notes is not None:
                tokens += notes.tokens
                self.retained += notes.retained
                texts += notes.kept_text
                numbers += notes.kept_numbers
                raw += notes.kept_bytes
        self.identifiers = Identifiers(tokens, (), self.retained)
        self.kept = Kept(texts, numbers, raw)

    def keeps(self, identifiers: Identifiers) -> bool:
        """Tell whether any of the identifiers is in what these elements keep."""
        return identifiers.are_in(self.kept)


def has_finding(one: Treated) -> bool:
    """Tell whether anything was found in an element, or mended."""
    return one.notes is not None and bool(one.notes.repairs or one.notes.findings)


class Matched(NamedTuple):
    """An instance beside its template.

    Attributes
    ----------
    spans
        Of the elements that differ, in the order of `Template.varying`.
    end
        Offset after the last element.
    value
        Offset of the pixel data's value; `end` without.
    """

    spans: list[bytes]
    end: int
    value: int


class Written(NamedTuple):
    """An instance put together.

    Attributes
    ----------
    encoded
        All elements.
    members
        All members of the DICOM JSON object.
    new
        Of the encoded elements those that differ, each with the bytes around it.
    """

    encoded: bytes
    members: bytes
    new: bytes


class Template:
    """An instance that was cleaned, parted into what comes again and what differs.

    Attributes
    ----------
    tags, cut, treated
        Of all its elements before the pixel data.
    varying
        Positions of those that differ from instance to instance, ascending.
    creators
        Of those that differ, as `Memory.creators_of` gives them.
    judged, private
        Positions of the elements that `verdict.judge` needs, and tags of the private ones.
    noted, told
        Positions of the elements with findings that come again, and what is told of them, by doubts about
        the whole instance.
    places
        Positions of the elements that `identity` names; None of those it lacks.
    unsure, new_identity, fixed_identity
        Of these, tag and position of what is still to be looked at, of what each instance has anew, and of what
        all have.
    payload_tokens
        What of the fixed identity must not be in pixel data; None before anybody asked.
    is_judged_alike, verdicts
        Whether all that match are judged by the same elements, and then the verdicts, by whether there are pixels
        and whether they are compressed.
    served
        How many instances matched.
    fixed, traces
        Identifiers and kept values of the others, and what became of them.
    said
        What the others say about who the instance is of.
    """

    def __init__(
        self,
        tags: list[int],
        cut: list[bytes],
        treated: list[Treated],
        varying: Sequence[int],
        *,
        explicit: bool,
        creators: list[bytes] | None,
        pixel_header: bytes,
        statement: Statement,
        identity: Sequence[int] = (),
    ) -> None:
        self.tags, self.cut, self.treated, self.varying = tags, cut, treated, tuple(varying)
        self.explicit, self.served = explicit, 0
        self.creators = None if creators is None else [creators[place] for place in self.varying]
        self.places = [place_of(tags, tag) for tag in identity]
        self.told: dict[tuple[Finding, ...], tuple[Finding, ...]] = {}
        self.verdicts: dict[tuple[bool, bool], Verdict] = {}
        differs = set(self.varying)
        self.judged = [place for place, tag in enumerate(tags) if tag in JUDGED]
        self.is_judged_alike = differs.isdisjoint(self.judged)
        self.unsure = list(zip(identity, self.places, strict=True))
        self.new_identity = [(tag, place) for tag, place in self.unsure if place is None or place in differs]
        self.fixed_identity = [one for one in self.unsure if one not in self.new_identity]
        self.payload_tokens: tuple[bytes, ...] | None = None
        self.private = tuple([tag for tag in tags if tag & ODD_GROUP])
        self.pixel_header = pixel_header
        ends = [*self.varying, len(tags)]
        starts = [0, *[place + 1 for place in self.varying]]
        stretches = [b"".join(cut[start:end]) for start, end in zip(starts, ends, strict=True)]
        stretches[-1] += pixel_header
        self._steps = list(zip(stretches[:-1], [tags[place] for place in self.varying], strict=True))
        self._last = stretches[-1]
        self.fixed_treated = [one for place, one in enumerate(treated) if place not in differs]
        self.fixed = Searched(self.fixed_treated)
        self.traces = tuple([one.trace for one in self.fixed_treated])
        self.columns: dict[str, object] = {}
        for one in self.fixed_treated:
            self.columns.update(one.columns)
        self.columns.update(statement.columns)
        self.count = sum(one.notes.elements for one in self.fixed_treated if one.notes)
        self.unplain = [text for one in self.fixed_treated if one.notes for text in one.notes.unplain]
        self.said = unite([one.notes.said for one in self.fixed_treated if one.notes is not None])
        self.noted = [place for place, one in enumerate(treated) if place not in differs and has_finding(one)]
        self._fold(statement)

    def _fold(self, statement: Statement) -> None:
        """Join what is written for each stretch; the places between are those of what differs."""
        tags, parts = statement.insert(self.tags, self.treated, self.explicit)
        position_of = {self.tags[place]: number for number, place in enumerate(self.varying)}
        written = statement.insert((), (), self.explicit)[0]
        self._encoded: list[bytes] = []
        self._json: list[bytes] = []
        self._places: dict[int, int] = {}
        encoded: list[bytes] = []
        json: list[bytes] = []
        for tag, part in zip(tags, parts, strict=True):
            if tag in position_of and tag not in written:
                self._encoded += (b"".join(encoded), b"")
                self._json += (b",".join(json), b"")
                self._places[position_of[tag]] = len(self._encoded) - 1
                encoded, json = [], []
                continue
            encoded.append(part.encoded)
            if part.json:
                json.append(part.json)
        self._encoded.append(b"".join(encoded))
        self._json.append(b",".join(json))
        self._before = [text[-_CONTEXT:] for text in self._encoded]
        self._after = [text[:_CONTEXT] for text in self._encoded]

    def match(self, window: bytes, position: int) -> Matched | None:  # noqa: PLR0911 - each way not to match
        """Find the elements that differ, if all others are as they were; None where they are not."""
        spans: list[bytes] = []
        explicit, limit = self.explicit, len(window) - 12
        for stretch, tag in self._steps:
            if not window.startswith(stretch, position):
                return None
            start = position + len(stretch)
            if start > limit:
                return None
            if explicit:
                group, number, VR, length = _EXPLICIT(window, start)
                position = start + 8
                if VR in LONG_HEADS:
                    length, position = _LENGTH(window, position)[0], start + 12
                elif VR not in SHORT_HEADS:
                    return None
            else:
                group, number, length = _IMPLICIT(window, start)
                position = start + 8
            if group << 16 | number != tag or length == UNDEFINED:
                return None
            position += length
            if position > limit:
                return None
            spans.append(window[start:position])
        if not window.startswith(self._last, position):
            return None
        value = position + len(self._last)
        self.served += 1
        return Matched(spans, value - len(self.pixel_header), value)

    def keeps_blocks(self, differing: Sequence[Treated]) -> bool:
        """Tell whether of private blocks as much is kept as in the template, so that their creators are right."""
        return all(
            bool(one.encoded) == bool(self.treated[place].encoded)
            for place, one, creator in zip(self.varying, differing, self.creators or (), strict=False)
            if creator
        )

    def pixel_span(self, value: int) -> PayloadSpan | None:
        """Give the pixel data element of an instance that matched; its header was compared byte for byte."""
        header = self.pixel_header
        if not header:
            return None
        tag = int.from_bytes(header[:2], "little") << 16 | int.from_bytes(header[2:4], "little")
        VR = header[4:6].decode("latin-1") if self.explicit else "OW"
        return PayloadSpan(tag, VR, value, int.from_bytes(header[-4:], "little"))

    def write(self, treated: Sequence[Treated]) -> Written:
        """Put what differs between the stretches."""
        encoded, json = self._encoded.copy(), self._json.copy()
        new: list[bytes] = []
        for number, place in self._places.items():
            one = treated[number]
            encoded[place], json[place] = one.encoded, one.json
        for place in self._places.values():
            new += (self._before[place - 1], encoded[place], self._after[place + 1], b"\n")
        return Written(b"".join(encoded), b",".join([member for member in json if member]), b"".join(new))

    @cached_property
    def is_clean(self) -> bool:
        """Whether none of the stretches' own identifiers is in what is written for them."""
        own = self.fixed.identifiers
        return not (own.are_written_in(b"\n".join(self._encoded)) or self.fixed.keeps(own))
