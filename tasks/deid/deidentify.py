"""De-identifies one instance: every element of every depth through the profile's plan, and nothing else out.

The output is built anew, element by element, from what a treatment returned. So an element that nobody
thought of is not in it, whatever it is called and wherever it hides.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from tasks.deid.actions import CLEAN_PIXEL_DATA, CLEAN_STRUCTURED_CONTENT, RETAIN_SAFE_PRIVATE, RETAIN_UIDS
from tasks.deid.allowed import is_never_kept
from tasks.deid.classes import SOP_CLASS_UID, refuse_class
from tasks.deid.codes import CODE_TAGS, clean_code
from tasks.deid.identifiers import Identifiers, payload_tokens, tokens_of
from tasks.deid.iods import UNKNOWN_IOD, Iod, iod_of
from tasks.deid.keep import Treatment
from tasks.deid.key import Key
from tasks.deid.plan import make_plan, retained_tags
from tasks.deid.private import ODD_GROUP, add_safe, keep_element, keep_private
from tasks.deid.pseudonyms import Pseudonyms, normalize
from tasks.deid.replace import map_entity_uid
from tasks.deid.residual import Generated
from tasks.deid.rules import Profile
from tasks.deid.said import NOTHING, Said, said_in
from tasks.deid.tokens import Tokens
from tasks.deid.uids import is_well_formed
from tasks.deid.work import NOBODY, Patient, Work
from tasks.dicom.dictionary import format_tag
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import DEFAULT_ENCODINGS, decode, encode_text, encodings_of
from tasks.records import Finding, Reject

_CHARACTER_SET, _BURNED_IN_ANNOTATION = 0x00080005, 0x00280301
_PATIENT_NAME, _PATIENT_ID, _ISSUER = 0x00100010, 0x00100020, 0x00100021
_SOP_INSTANCE_UID, _STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID = 0x00080018, 0x0020000D, 0x0020000E
_PATIENT_VRS = {_PATIENT_NAME: "PN", _PATIENT_ID: "LO"}
_ENTITY_UIDS = (_SOP_INSTANCE_UID, _STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID)
_ALWAYS_WRITTEN = frozenset((*_ENTITY_UIDS, *_PATIENT_VRS))


BASIC, ALLOWED, UNKNOWN = "basic-profile", "allow-list", "unknown-element"
"""What decides about an attribute where no option of a profile does."""

_NO_IDENTIFIERS = Identifiers(())


def private_findings(tags: list[int]) -> tuple[Finding, ...]:
    """Give what there is to say about the private elements of a main data set: blocks that nobody reserved."""
    return tuple(Finding("private-creator", format_tag(tag), "PRIVATE_NO_CREATOR") for tag in _orphans(tags))


@dataclass(frozen=True, slots=True, repr=False)
class Deidentified:
    """One instance without its identity.

    Attributes
    ----------
    PatientID, StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID
        As written: pseudonym and mapped UIDs.
    SOPClassUID
        As found; empty where there was none.
    generated
        What the self-check must not take for a leftover (`residual.find_residual`).
    identifiers
        What the self-check searches for; never leaves the process.
    removed
        How many elements were removed because nobody knows them: by tag, and all private ones as `private`.
    """

    dataset: DataSet
    findings: tuple[Finding, ...]
    PatientID: str
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPInstanceUID: str
    SOPClassUID: str
    generated: Generated
    identifiers: Identifiers
    removed: dict[str, int] = field(default_factory=dict)


class Deidentifier:
    """De-identifies instances under one key and one profile; made once a process, since the plan takes a moment."""

    def __init__(self, key: Key, profile: Profile) -> None:
        self._pseudonyms = Pseudonyms(key)
        self._plan: dict[int, Treatment | None] = {
            tag: step.treat for tag, step in make_plan(profile).items()
        }
        self._cleans_texts = profile.cleans_texts
        self._cleans_content = profile.has(CLEAN_STRUCTURED_CONTENT)
        self._keeps_private = profile.has(RETAIN_SAFE_PRIVATE)
        self.safe_private = add_safe(profile.reviewed_private)
        """Private elements that are known to be safe; kept where `keeps_private`."""
        self._keeps_uids = profile.has(RETAIN_UIDS)
        self._retained = retained_tags(profile)
        self.mapped_entities = frozenset(
            tag
            for tag in _ENTITY_UIDS
            if not self._keeps_uids and tag not in self._retained and self._plan.get(tag) is map_entity_uid
        )
        """Which of the UIDs of study, series and instance are mapped, and nothing else."""
        self._profile = profile
        self.rule_of: Callable[[int], str] = lru_cache(1 << 13)(self._rule_of)
        """Name what decides about an attribute: the basic profile, an option, or what stands behind both."""
        self._untouched = Work(self._pseudonyms, _NO_IDENTIFIERS, DEFAULT_ENCODINGS)
        self._statement = _statement(profile)
        self._stated = _written_in(self._statement)
        self._pixel_statement = _statement(profile, pixels_cleaned=True)

    def deidentify(
        self,
        dataset: DataSet,
        encodings: tuple[str, ...],
        content_digest: bytes,
        *,
        pixels_cleaned: bool = False,
    ) -> Deidentified | Reject:
        """De-identify one instance.

        Parameters
        ----------
        dataset
            The original, cleaned, without pixel data.
        encodings
            Python codecs of its text.
        content_digest
            Digest of the object's content; stands in where a UID is missing, so that two objects
            without one are never taken for the same.
        pixels_cleaned
            Whether identifying text was taken out of the pixels that the object leaves with: then, and only
            then, the output says so (PS3.15 E.3.1).

        Returns
        -------
        Deidentified or Reject
            `Reject` if the SOP Class cannot be cleaned (`CLASS_NOT_CLEANABLE`, `UNKNOWN_SOP_CLASS`).
        """
        refused = refuse_class(dataset, cleans_content=self._cleans_content)
        if refused is not None:
            return refused
        identifiers = self.identifiers_in(dataset, encodings)
        iod = self.iod_of(_ascii(dataset, SOP_CLASS_UID))
        work = Work(self._pseudonyms, identifiers, encodings, iod=iod, safe=self.safe_private)
        treated = self._treat_instance(work, dataset, content_digest)
        if work.kept_identifiers():
            work = Work(
                self._pseudonyms, identifiers, encodings, iod=iod, searching=True, safe=self.safe_private
            )
            treated = self._treat_instance(work, dataset, content_digest)
        return self._finish(work, dataset, treated, pixels_cleaned=pixels_cleaned)

    def identifiers_in(self, dataset: DataSet, encodings: tuple[str, ...]) -> Identifiers:
        """Collect what of an original must be nowhere in its output: all that identifies and is not retained."""
        return Identifiers.collect(dataset, encodings, self._retained)

    def tokens_of(
        self, element: Element, encodings: tuple[str, ...]
    ) -> tuple[Collection[Tokens], Collection[Tokens]]:
        """Give the same of one element of a main data set, and apart from it what of the element is retained."""
        return tokens_of(element, encodings, self._retained)

    def payload_tokens(self, dataset: DataSet) -> tuple[bytes, ...]:
        """Give what of an original must not be in its pixel data."""
        return payload_tokens(dataset, self._retained)

    def iod_of(self, sop_class: str) -> Iod:
        """Give the IOD by which elements of an instance of a class are treated."""
        return iod_of(sop_class)

    @property
    def cleans_content(self) -> bool:
        """Whether structured reports are cleaned, and not refused."""
        return self._cleans_content

    @property
    def cleans_texts(self) -> bool:
        """Whether texts are kept as far as they do not repeat what the instance says about who it is of."""
        return self._cleans_texts

    @property
    def keeps_private(self) -> bool:
        """Whether private elements that are known to be safe are kept."""
        return self._keeps_private

    def _rule_of(self, tag: int) -> str:
        rule = self._profile.rule(tag)
        if rule is not None:
            return rule.option.name if rule.option else BASIC
        return ALLOWED if tag in self._plan else UNKNOWN

    @property
    def statement(self) -> DataSet:
        """The elements by which each output says what was done to it."""
        return self._statement

    def patient_of(
        self, patient_id: bytes, issuer: bytes, encodings: tuple[str, ...], said: Said
    ) -> Patient | None:
        """Tell whom an instance speaks of, by the values of Patient ID and its issuer; None without an ID.

        Parameters
        ----------
        said
            What the instance says about who it is of; matters where `cleans_texts`.
        """
        wanted, by = (normalize(decode(value, encodings, "replace")) for value in (patient_id, issuer))
        return self._patient(by, wanted, "", said) if wanted else None

    def treat_element(
        self,
        element: Element,
        encodings: tuple[str, ...],
        patient: Patient = NOBODY,
        creator: bytes = b"",
        iod: Iod = UNKNOWN_IOD,
    ) -> tuple[Element | None, Work]:
        """Treat one element of a main data set by itself; gives what is written, and what was noted on the way.

        What becomes of an element depends on nothing beside it but the patient, the character set and the IOD, as
        long as no identifier of the instance is found in what is kept: that, coded entries (`CODE_TAGS`)
        and the creators of private blocks are for whoever puts the elements together.

        Parameters
        ----------
        creator
            Of the block that a private element is in, where private elements may be kept.
        """
        tag = element.tag
        treat = None if tag & ODD_GROUP else self._plan.get(tag, _drop_unknown)
        if treat is None and not creator and tag not in _ALWAYS_WRITTEN:
            return None, self._untouched  # most of what is removed: nothing was looked at, and nothing noted
        work = Work(self._pseudonyms, _NO_IDENTIFIERS, encodings, iod=iod, safe=self.safe_private)
        work.walk = lambda item, path: self._treat_item(work, item, path)
        work.patient = patient
        if tag & ODD_GROUP:
            return keep_element(work, element, creator, ""), work
        treated = treat and treat(work, element if element.items is None else _as_sequence(element), "")
        if tag in _ENTITY_UIDS:
            origin = element.value.strip(b" \0")
            treated = Element(tag, "UI", encode_text("UI", self.entity_uid(origin)))
        elif tag in _PATIENT_VRS:
            VR = _PATIENT_VRS[tag]
            treated = Element(tag, VR, encode_text(VR, work.patient.pseudonym))
        return treated, work

    def _treat_instance(self, work: Work, dataset: DataSet, content_digest: bytes) -> DataSet:
        work.walk = lambda item, path: self._treat_item(work, item, path)
        origins = {tag: _origin_of_uid(work, dataset, tag, content_digest) for tag in _ENTITY_UIDS}
        patient_id = _text(work, dataset, _PATIENT_ID)
        if not patient_id:
            work.find("patient-id", "", _PATIENT_ID, "MISSING_PATIENT_ID")
        if not _ascii(dataset, SOP_CLASS_UID):
            work.find("sop-class", "", SOP_CLASS_UID, "MISSING_SOP_CLASS")
        study = origins[_STUDY_INSTANCE_UID].decode("latin-1")
        said = said_in(dataset, work.encodings) if self._cleans_texts else NOTHING
        work.patient = self._patient(_text(work, dataset, _ISSUER), patient_id, study, said)
        treated = self._treat(work, dataset, "")
        for tag, origin in origins.items():
            treated[tag] = Element(tag, "UI", encode_text("UI", self.entity_uid(origin)))
        for tag, VR in _PATIENT_VRS.items():
            treated[tag] = work.write(tag, VR, encode_text(VR, work.patient.pseudonym))
        return treated

    def entity_uid(self, origin: bytes) -> str:
        """Give the UID that a study, series or instance is written with: one that is retained must be one."""
        if self._keeps_uids and is_well_formed(origin):
            return origin.decode("ascii")
        return self._pseudonyms.uid(origin)

    def _patient(self, issuer: str, patient_id: str, study: str, said: Said) -> Patient:
        pseudonym = self._pseudonyms.patient(issuer, patient_id, study)
        return Patient(pseudonym, issuer, self._pseudonyms.shift_days(pseudonym), said.study)

    def _treat_item(self, work: Work, item: DataSet, path: str) -> DataSet:
        """Treat an item, which may be in another character set and speak of another patient."""
        encodings = work.encodings
        if _CHARACTER_SET in item:
            work.encodings = encodings_of(item, encodings)
        if _PATIENT_ID in item and (patient_id := _text(work, item, _PATIENT_ID)):
            outer = work.patient
            issuer = _text(work, item, _ISSUER) or outer.issuer
            other = self._pseudonyms.patient(issuer, patient_id, "")
            work.patient = Patient(other, issuer, outer.shift_days, outer.study)
            treated = self._treat(work, item, path)
            work.patient = outer
        else:
            treated = self._treat(work, item, path)
        work.encodings = encodings
        return treated

    def _treat(self, work: Work, dataset: DataSet, path: str) -> DataSet:
        """Send each element through the plan, and coded entries through theirs."""
        plan, treated, private = self._plan, DataSet(), []
        for tag, element in dataset.items():
            if tag & ODD_GROUP:
                private.append(tag)
                continue
            treat = plan.get(tag, _drop_unknown)
            if treat is not None:
                kept = treat(work, _as_sequence(element) if element.items is not None else element, path)
                if kept is not None:
                    treated[tag] = kept
        safe = keep_private(work, dataset, private, path) if private and self._keeps_private else {}
        if private:
            _drop_private(work, private, safe, path)
        if not CODE_TAGS.isdisjoint(dataset):
            treated |= {element.tag: element for element in clean_code(work, dataset, path)}
            return DataSet(sorted({**treated, **safe}.items()))
        return DataSet(sorted({**treated, **safe}.items())) if safe else treated

    def _finish(
        self, work: Work, dataset: DataSet, treated: DataSet, *, pixels_cleaned: bool
    ) -> Deidentified:
        statement = self._pixel_statement if pixels_cleaned else self._statement
        treated |= statement
        finished = DataSet(sorted(treated.items()))
        stated = _written_in(statement) if pixels_cleaned else self._stated
        written = stated.union(work.written)
        return Deidentified(
            dataset=finished,
            findings=tuple(dict.fromkeys(work.findings)),
            PatientID=work.patient.pseudonym,
            StudyInstanceUID=_ascii(finished, _STUDY_INSTANCE_UID),
            SeriesInstanceUID=_ascii(finished, _SERIES_INSTANCE_UID),
            SOPInstanceUID=_ascii(finished, _SOP_INSTANCE_UID),
            SOPClassUID=_ascii(dataset, SOP_CLASS_UID),
            generated=Generated(finished, written),
            identifiers=work.identifiers,
            removed=work.removed,
        )


def _origin_of_uid(work: Work, dataset: DataSet, tag: int, content_digest: bytes) -> bytes:
    """Give what an entity's new UID is derived from: its old one however malformed, else the object's content."""
    element = dataset.get(tag)
    raw = b"" if element is None else element.value.strip(b" \0")
    if raw:
        return raw
    work.find("uid-present", "", tag, "MISSING_UID")
    return b"%08X " % tag + content_digest


def _as_sequence(element: Element) -> Element:
    """Call what has items a sequence, whatever the file calls it: then only a walk can keep it."""
    return element if element.VR == "SQ" else element._replace(VR="SQ")


def _drop_unknown(work: Work, element: Element, _path: str) -> None:
    """Count what no edition we know defines; what is removed by its group needs no count."""
    if not is_never_kept(element.tag):
        name = format_tag(element.tag)
        work.removed[name] = work.removed.get(name, 0) + 1


def _drop_private(work: Work, tags: list[int], kept: Collection[int], path: str) -> None:
    """Count private elements, and report each block that nobody reserved (PS3.5 section 7.8.1)."""
    work.removed["private"] = work.removed.get("private", 0) + len(tags) - len(kept)
    for tag in _orphans(tags):
        work.find("private-creator", path, tag, "PRIVATE_NO_CREATOR")


def _orphans(tags: list[int]) -> Iterable[int]:
    """Give the first element of each block without a creator."""
    creators = {tag for tag in tags if 0x10 <= tag & 0xFFFF <= 0xFF}
    orphans: dict[int, int] = {}
    for tag in tags:
        creator = tag & 0xFFFF0000 | tag >> 8 & 0xFF
        if creator not in creators and tag not in creators and tag & 0xFFFF:
            orphans.setdefault(creator, tag)
    return orphans.values()


def _text(work: Work, dataset: DataSet, tag: int) -> str:
    """Read text by its tag, whatever VR the file claims for it."""
    element = dataset.get(tag)
    return "" if element is None else normalize(decode(element.value, work.encodings, "replace"))


def _ascii(dataset: DataSet, tag: int) -> str:
    element = dataset.get(tag)
    return "" if element is None else element.value.decode("latin-1").strip(" \0")


def _statement(profile: Profile, *, pixels_cleaned: bool = False) -> DataSet:
    """Make the elements by which an output says what was done to it (PS3.15 E.1.1, PS3.3 C.12.1 and C.7.1.1)."""
    method = f"dicomflow: PS3.15 {profile.edition} Table E.1-1, profile {profile.name}"
    said = (*profile.codes, *([CLEAN_PIXEL_DATA] if pixels_cleaned else []))
    codes = tuple(
        DataSet(
            (tag, Element(tag, VR, encode_text(VR, text)))
            for tag, VR, text in (
                (0x00080100, "SH", code),
                (0x00080102, "SH", "DCM"),
                (0x00080104, "LO", meaning),
            )
        )
        for code, meaning in sorted(said)
    )
    elements = (
        Element(0x00120062, "CS", encode_text("CS", "YES")),
        Element(0x00120063, "LO", encode_text("LO", method)),
        Element(0x00120064, "SQ", b"", codes),
        *([Element(_BURNED_IN_ANNOTATION, "CS", encode_text("CS", "NO"))] if pixels_cleaned else []),
        Element(0x00280303, "CS", encode_text("CS", profile.dates)),
    )
    return DataSet((element.tag, element) for element in elements)


def _written_in(dataset: DataSet) -> frozenset[tuple[int, bytes]]:
    """List tag and value of every element of a data set of ours, items included."""
    own = {(tag, element.value) for tag, element in dataset.items() if element.items is None}
    nested = (_written_in(item) for element in dataset.values() for item in element.items or ())
    return frozenset(own.union(*nested))
