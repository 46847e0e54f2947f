"""Cleans plain objects quickly, with the very result of the careful way, and hands it the others.

A header is cut into its elements without looking into them, or laid beside the last one's template; what
became of each element is recalled, and worked out where it is new. Then only what depends on the whole
instance is left: its checks, and the search for its identifiers in what would leave. Where anything is
not plain, from the preamble to the search, `tasks.clean` decides. So a file has the same outcome on both
ways, and `tests/recall` holds them to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from tasks.clean import CleanInstance, clean_instance, is_in_pixels
from tasks.cleaning.charset import is_doubtful
from tasks.cleaning.formats import FORMATS, Formats
from tasks.deid.codes import CODE_TAGS
from tasks.deid.deidentify import Deidentifier, private_findings
from tasks.deid.identifiers import Identifiers
from tasks.deid.private import ODD_GROUP
from tasks.deid.said import NOTHING, Said
from tasks.deid.trace import Traces
from tasks.deid.work import Patient
from tasks.dicom.buffer import Buffer
from tasks.dicom.careful import CarefulReader, read_carefully
from tasks.dicom.dictionary import vr_of
from tasks.dicom.element import ByteSource, DataSet, Payload
from tasks.dicom.encode import encode_meta
from tasks.dicom.locate import (
    Meta,
    MetaLocator,
    NeedMore,
    Spans,
    Unusual,
    locate_elements,
    next_window,
    place_of,
    read_window,
)
from tasks.dicom.payload import locate_payload
from tasks.dicom.pixels import OFFSETS, find_faults
from tasks.dicom.reader import UNCOMPRESSED, Limits
from tasks.dicom.walk import PayloadSpan
from tasks.recall.memory import SETTLING, SOP_INSTANCE_UID, Memory, Scope, remember
from tasks.recall.template import Searched, Statement, Template, has_finding, write_creators
from tasks.recall.treated import Treated
from tasks.recall.verdict import Verdict, judge
from tasks.records import Finding, Reject
from tasks.tables.rows import Row

_SOP_CLASS_UID = 0x00080016
_STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID = 0x0020000D, 0x0020000E
_PATIENT_NAME, _PATIENT_ID = 0x00100010, 0x00100020
_IDENTITY = (
    *(_SOP_CLASS_UID, SOP_INSTANCE_UID, _PATIENT_NAME, _PATIENT_ID),
    *(_STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID),
)
_ROWS = 0x00280010
_FIRST_GROUP = 0x0008
_FIXED = (*SETTLING, _SOP_CLASS_UID)
"""Elements that a template fixes even where they were seen to differ: with another value, nothing else holds."""
_SERIES = 4
"""Instances in a row that show that a template fits a series."""
_PADDING = b"\0 "
_FIRST_WINDOW = 1 << 14
LONGEST_PLAIN = 4 << 20
"""Bytes up to which a header is taken for plain: what a longer one may do to memory, it does to the careful reader."""
MOST_FRAGMENTS = 1 << 18
"""Fragments up to which pixel data is taken for plain: 8 bytes of a file make one, and 100 bytes of memory."""
READ_WHOLE = 8 << 20
"""Bytes up to which an object whose pixels are wanted is read at once."""


class _Behind(NamedTuple):
    """Elements behind the pixel data; nothing of them is ever kept."""

    tags: list[int]
    treated: list[Treated]


class _Instance(NamedTuple):
    """One instance, its elements treated; `differing` are those its template does not have, and those behind."""

    meta: Meta
    tags: list[int]
    cut: list[bytes]
    treated: list[Treated]
    differing: list[Treated]
    payload: Payload | None
    behind: _Behind


class _Known(NamedTuple):
    """The template of the last instances, and what else they have in common."""

    transfer_syntax: str
    SOPClassUID: bytes
    template: Template
    scope: Scope
    patient: Patient
    said: Said

    def says_the_same(self, differing: list[Treated]) -> bool:
        """Tell whether an instance with these elements says of whom it is what the template's said."""
        return self.template.said == self.said and _is_said(differing, self.said)

    def fits(self, meta: Meta) -> bool:
        """Tell whether an instance with this file meta information may match the template."""
        return self.transfer_syntax == meta.transfer_syntax and self.SOPClassUID == meta.SOPClassUID


class Cleaner:
    """Cleans one object after another; remembers what became of elements, so it belongs to one thread.

    Parameters
    ----------
    deidentifier
        Under the project's key and profile.
    limits
        What an object may ask of us.
    read
        Who reads what is not plain; without, this process does.
    formats
        What values must look like, and how they are read where they do not.
    """

    def __init__(
        self,
        deidentifier: Deidentifier,
        limits: Limits = Limits(),
        read: CarefulReader | None = None,
        formats: Formats = FORMATS,
    ) -> None:
        self._deidentifier = deidentifier
        self._formats = formats
        self._limits = limits
        self._read = read or partial(read_carefully, limits=limits)
        self._longest = min(limits.header_bytes, LONGEST_PLAIN)
        self._window = min(limits.window_bytes, _FIRST_WINDOW)
        self._meta = MetaLocator()
        self._memory = Memory(deidentifier, formats)
        self._statement = Statement(deidentifier.statement)
        self._known: _Known | None = None
        self._verdicts: dict[tuple[object, ...], Verdict] = {}
        self._private: dict[tuple[int, ...], tuple[Finding, ...]] = {}

    @property
    def window(self) -> int:
        """Bytes that the next header is expected to fit into."""
        return self._window

    def clean(self, source: ByteSource, *, pixels: bool, at_hand: int = 0) -> CleanInstance | Reject:
        """Do what `tasks.clean.clean_instance` does, quickly where the object is plain.

        Parameters
        ----------
        at_hand
            Bytes of the object that are read already: these are looked at before more are asked for.
        """
        if pixels and source.size <= READ_WHOLE and not isinstance(source, Buffer):
            # Its header, its pixels, and to be written: read once, not three times.
            source = Buffer(source.read(0, source.size))
        try:
            return self.clean_plain(source, pixels=pixels, at_hand=at_hand)
        except Unusual:
            return clean_instance(
                source, self._deidentifier, pixels=pixels, read=self._read, formats=self._formats
            )

    def clean_plain(self, source: ByteSource, *, pixels: bool, at_hand: int = 0) -> CleanInstance | Reject:
        """Clean a plain object.

        Raises
        ------
        Unusual
            If the object is not plain, which says nothing about what becomes of it.
        """
        window = source.read(0, at_hand or self._window)
        while True:
            meta = self._meta.locate(window)
            try:
                instance = self._match(source, window, meta, pixels=pixels)
                if instance is None:
                    spans = locate_elements(window, meta.end, source.size, explicit=meta.explicit)
                    instance = self._learn(source, window, meta, spans, pixels=pixels)
            except NeedMore as need:
                window = read_window(source, need.upto, self._longest)
                continue
            return self._finish(instance, pixels=pixels)

    # -- from bytes to treated elements -------------------------------------------------------------------

    def _match(self, source: ByteSource, window: bytes, meta: Meta, *, pixels: bool) -> _Instance | None:
        """Lay an instance beside the template; None where it does not match."""
        known = self._known
        if known is None or not known.fits(meta):
            return None
        template = known.template
        matched = template.match(window, meta.end)
        if matched is None or (not template.pixel_header and matched.end != source.size):
            return None
        self._expect(matched.end)
        differing = self._memory.treat(matched.spans, known.scope, known.patient, template.creators)
        if not known.says_the_same(differing):
            return None
        cut, treated = template.cut.copy(), template.treated.copy()
        for place, span, one in zip(template.varying, matched.spans, differing, strict=True):
            cut[place], treated[place] = span, one
        if template.creators is not None and not template.keeps_blocks(differing):
            raise Unusual
        payload, behind = self._locate_pixels(
            source, meta, template.pixel_span(matched.value), known, pixels=pixels
        )
        return _Instance(meta, template.tags, cut, treated, differing + behind.treated, payload, behind)

    def _learn(
        self, source: ByteSource, window: bytes, meta: Meta, spans: Spans, *, pixels: bool
    ) -> _Instance:
        """Take an instance element by element, and make of it the template for the next."""
        tags, cut = spans.tags, spans.cut(window)
        if not tags or not _begins_plainly(tags[0], explicit=meta.explicit) or not CODE_TAGS.isdisjoint(tags):
            raise Unusual
        self._expect(spans.ends[-1])
        settling = {tag: cut[place] for tag in SETTLING if (place := place_of(tags, tag)) is not None}
        scope = self._memory.scope_of(meta.explicit, meta.SOPClassUID, settling)
        said = self._memory.said_in(tags, cut, scope)
        patient = self._memory.patient_of(settling, scope.syntax, said)
        creators = self._memory.creators_of(tags, cut, scope.syntax)
        treated = self._memory.treat(cut, scope, patient, creators)
        if creators is not None:
            treated = write_creators(tags, treated, creators, scope.syntax.explicit)
        template = Template(
            tags,
            cut,
            treated,
            self._varying(tags, cut),
            explicit=meta.explicit,
            creators=creators,
            pixel_header=b"" if spans.payload is None else window[spans.ends[-1] : spans.payload.offset],
            statement=self._statement,
            identity=_IDENTITY,
        )
        known = self._known = _Known(meta.transfer_syntax, meta.SOPClassUID, template, scope, patient, said)
        payload, behind = self._locate_pixels(source, meta, spans.payload, known, pixels=pixels)
        differing = [treated[place] for place in template.varying]
        return _Instance(meta, tags, cut, treated, differing + behind.treated, payload, behind)

    def _varying(self, tags: list[int], cut: list[bytes]) -> list[int]:
        """Tell where the next instance is expected to differ from this one.

        After a few matches, an instance that does not match begins another series: what differs there is what
        differed before. Without, it is more of what differs within one.
        """
        varying: set[int] = set()
        known = self._known
        if known is not None and known.template.tags == tags:
            before = known.template
            varying.update(before.varying)
            if before.served < _SERIES:
                varying.update([place for place, span in enumerate(cut) if span != before.cut[place]])
        for tag in (*_FIXED, *[tag for tag in tags if tag & ODD_GROUP and tag & 0xFFFF <= 0xFF]):
            varying.discard(-1 if (place := place_of(tags, tag)) is None else place)
        place = place_of(tags, SOP_INSTANCE_UID)
        return sorted(varying if place is None else varying | {place})

    def _expect(self, end: int) -> None:
        """Expect the next header to be about as long."""
        self._window = next_window(self._window, end)

    def _locate_pixels(
        self, source: ByteSource, meta: Meta, span: PayloadSpan | None, known: _Known, *, pixels: bool
    ) -> tuple[Payload | None, _Behind]:
        """Find the pixel data and, where they leave too, the elements behind it."""
        if span is None:
            return None, _NOTHING
        compressed = meta.transfer_syntax not in UNCOMPRESSED
        located = locate_payload(source, span, compressed, walk=pixels, most=MOST_FRAGMENTS)
        if located.findings or located.payload is None or (pixels and located.end is None):
            raise Unusual
        if not pixels or located.end == source.size:
            return located.payload, _NOTHING
        return located.payload, self._read_behind(source, located.end or 0, meta, located.payload.tag, known)

    def _read_behind(
        self, source: ByteSource, start: int, meta: Meta, pixel_tag: int, known: _Known
    ) -> _Behind:
        length = source.size - start
        window = source.read(start, min(length, self._limits.window_bytes))
        try:
            spans = locate_elements(window, 0, length, explicit=meta.explicit, after=pixel_tag)
        except NeedMore:
            raise Unusual from None
        treated = self._memory.treat(spans.cut(window), known.scope, known.patient)
        if (
            spans.payload is not None
            or any(one.encoded for one in treated)
            or not _is_said(treated, known.said)
        ):
            raise Unusual
        return _Behind(spans.tags, treated)

    # -- the instance as a whole --------------------------------------------------------------------------

    def _finish(self, instance: _Instance, *, pixels: bool) -> CleanInstance | Reject:
        """Judge an instance as a whole, put its output together, and search that."""
        known, payload = self._known, instance.payload
        if known is None or (payload is None and pixels and _ROWS in instance.tags):
            raise Unusual
        _check_identity(instance, known.template)
        verdict = self._judge(instance, known.template)
        if pixels and payload is not None and self._limits.check_pixels != "none":
            self._check_pixels(instance, payload, known, verdict)
        if verdict.refused is not None:
            return verdict.refused
        if pixels and payload is not None and verdict.review:
            return Reject("PIXEL_REVIEW")
        self._check_together(instance, known)
        template, meta = known.template, instance.meta
        written = template.write(instance.differing)
        own: dict[str, object] = {}
        for one in instance.differing:
            own.update(one.columns)
        if not self._statement.columns.keys().isdisjoint(own):
            own.update(self._statement.columns)
        columns = Row(template.columns, own)
        SOPInstanceUID = str(columns["SOPInstanceUID"])
        head = encode_meta(meta.SOPClassUID.decode("ascii"), SOPInstanceUID, meta.transfer_syntax)
        head += written.encoded
        leaves = payload if pixels else None
        if self._holds_identifiers(head, written.new, instance, template, leaves):
            raise Unusual
        return CleanInstance(
            PatientID=str(columns["PatientID"]),
            StudyInstanceUID=str(columns["StudyInstanceUID"]),
            SeriesInstanceUID=str(columns["SeriesInstanceUID"]),
            SOPInstanceUID=SOPInstanceUID,
            transfer_syntax=meta.transfer_syntax,
            head=head,
            tail=b"",
            payload=leaves,
            has_pixel_data=payload is not None,
            pixel_bytes=0 if payload is None else payload.length + payload.length % 2,
            expected_pixel_bytes=verdict.expected_pixel_bytes,
            header=b"{%b}" % written.members,
            columns=columns,
            findings=self._findings(instance, template, verdict),
            traces=Traces(template.traces, [one.trace for one in instance.differing]),
        )

    def _judge(self, instance: _Instance, template: Template) -> Verdict:
        payload = instance.payload
        pixels = (payload is not None, payload is not None and payload.encapsulated)
        verdict = template.verdicts.get(pixels)
        if verdict is None:
            verdict = self._work_out_verdict(instance, template, pixels)
            if template.is_judged_alike:
                template.verdicts[pixels] = verdict
        expected = verdict.expected_pixel_bytes
        if (
            payload is not None
            and expected is not None
            and payload.length not in (expected, expected + expected % 2)
        ):
            raise Unusual
        return verdict

    def _work_out_verdict(
        self, instance: _Instance, template: Template, pixels: tuple[bool, bool]
    ) -> Verdict:
        places = template.judged
        key = (pixels, *[instance.cut[place] for place in places])
        verdict: Verdict | None = self._verdicts.get(key)
        if verdict is None:
            judged = {instance.tags[place]: instance.treated[place] for place in places}
            verdict = judge(judged, instance.payload, self._deidentifier.cleans_content)
            remember(self._verdicts, key, verdict)
        return verdict

    def _check_pixels(self, instance: _Instance, payload: Payload, known: _Known, verdict: Verdict) -> None:
        """Leave to the careful way pixel data with anything to say about it."""
        if payload.encapsulated and (self._limits.check_pixels == "decode" or OFFSETS in instance.tags):
            raise Unusual
        if find_faults(payload, known.transfer_syntax, verdict.shape):
            raise Unusual

    def _check_together(self, instance: _Instance, known: _Known) -> None:
        """Leave to the careful way what only all elements together show: too many, or a doubtful character set."""
        count, unplain = known.template.count, known.template.unplain
        for one in instance.differing:
            if one.notes is not None:
                count += one.notes.elements
                unplain = unplain + list(one.notes.unplain)
        if count + len(instance.tags) > self._limits.max_elements:
            raise Unusual
        if unplain and is_doubtful(unplain, known.scope.syntax.encodings):
            raise Unusual

    def _holds_identifiers(
        self, head: bytes, new: bytes, instance: _Instance, template: Template, leaves: Payload | None
    ) -> bool:
        """Search what would leave for the original's identifiers; any hit is looked at on the careful way.

        That the stretches of a template hold none of their own identifiers is found out once. So it is left to
        search them for those of what differs, and to search what differs for all.
        """
        if not template.is_clean:
            return True
        fixed = template.fixed
        differing = Searched(instance.differing, fixed.retained)
        own, common = differing.identifiers, fixed.identifiers
        if own.are_written_in(head) or common.are_written_in(new):
            return True
        if fixed.keeps(own) or differing.keeps(own) or differing.keeps(common):
            return True
        if leaves is None:
            return False
        if template.payload_tokens is None:
            template.payload_tokens = self._payload_tokens(instance, template.fixed_identity)
        tokens = {*template.payload_tokens, *self._payload_tokens(instance, template.new_identity)}
        return is_in_pixels(leaves, Identifiers((), tuple(tokens)))

    def _payload_tokens(
        self, instance: _Instance, identity: Sequence[tuple[int, int | None]]
    ) -> tuple[bytes, ...]:
        originals = [instance.treated[place].original for _, place in identity if place is not None]
        return self._deidentifier.payload_tokens(DataSet({one.tag: one for one in originals}))

    def _findings(self, instance: _Instance, template: Template, verdict: Verdict) -> tuple[Finding, ...]:
        new = [one for one in instance.differing if has_finding(one)]
        if not new and not instance.behind.tags:
            # What comes again was found in the same order in the last instance.
            told: tuple[Finding, ...] | None = template.told.get(verdict.doubts)
            if told is None:
                noted = [template.treated[place] for place in template.noted]
                told = remember(template.told, verdict.doubts, self._tell(noted, instance, template, verdict))
            return told
        noted = [*instance.treated, *instance.behind.treated] if template.noted else new
        return self._tell(noted, instance, template, verdict)

    def _tell(
        self, noted: list[Treated], instance: _Instance, template: Template, verdict: Verdict
    ) -> tuple[Finding, ...]:
        notes = [one.notes for one in noted if one.notes is not None]
        return (
            *[finding for note in notes for finding in note.repairs],
            *verdict.doubts,
            *dict.fromkeys([finding for note in notes for finding in note.findings]),
            *self._private_findings(template.private, instance.behind.tags),
        )

    def _private_findings(self, before: tuple[int, ...], behind: list[int]) -> tuple[Finding, ...]:
        private = (*before, *[tag for tag in behind if tag & ODD_GROUP])
        if not private:
            return ()
        found: tuple[Finding, ...] | None = self._private.get(private)
        return remember(self._private, private, private_findings(list(private))) if found is None else found


_NOTHING = _Behind([], [])


def _begins_plainly(first: int, *, explicit: bool) -> bool:
    """Tell whether a data set may begin with this tag; without VRs, only a tag that is known tells one from junk."""
    return first >> 16 == _FIRST_GROUP and (explicit or vr_of(first) is not None)


def _check_identity(instance: _Instance, template: Template) -> None:
    """Hold an instance to having its identity, and the same in its file meta information.

    Of what a template fixes, it is enough to look once: its class is that of all that match.
    """
    meta, treated = instance.meta, instance.treated
    for tag, place in template.unsure:
        value = b"" if place is None else treated[place].original.value.rstrip(_PADDING)
        if not value.lstrip(_PADDING):
            raise Unusual
        if tag == _SOP_CLASS_UID and value != meta.SOPClassUID:
            raise Unusual
        if tag == SOP_INSTANCE_UID and value != meta.SOPInstanceUID:
            raise Unusual
    template.unsure = template.new_identity


def _is_said(treated: list[Treated], said: Said) -> bool:
    """Tell whether elements say nothing but what was said."""
    return all(
        mine <= whole
        for one in treated
        if one.notes is not None and one.notes.said is not NOTHING
        for mine, whole in zip(one.notes.said, said, strict=True)
    )
