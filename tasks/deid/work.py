"""What is known and what is found while one instance is de-identified: the hand each treatment works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from tasks.deid.identifiers import Identifiers, Kept
from tasks.deid.iods import UNKNOWN_IOD, Iod
from tasks.deid.pseudonyms import Pseudonyms
from tasks.deid.terms import beyond_standard, closed_terms
from tasks.deid.text.study import NOBODY as NO_STUDY
from tasks.deid.text.study import StudyIdentifiers
from tasks.dicom.dictionary import format_tag
from tasks.dicom.element import DataSet, Element
from tasks.dicom.values import TEXT_VRS, encode_text
from tasks.records import Finding

DUMMY_TEXT = "DEIDENTIFIED"
"""What stands for a text."""
_SPEAKING_VRS = TEXT_VRS | {"CS"}


class Patient(NamedTuple):
    """Whom a data set speaks of.

    Attributes
    ----------
    pseudonym
        As written.
    issuer
        Issuer of Patient ID, normalised; an item's patient has the same unless it says otherwise.
    shift_days
        Days by which the dates move: those of the instance's patient, in its items too.
    study
        What texts of the instance must not repeat.
    """

    pseudonym: str
    issuer: str
    shift_days: int
    study: StudyIdentifiers


_NOTHING_SAFE: Mapping[tuple[int, bytes], Mapping[int, frozenset[str]]] = {}

NOBODY = Patient("", "", 0, NO_STUDY)


class Work:
    """State of one pass over one instance.

    Attributes
    ----------
    encodings
        Python codecs of the data set at hand.
    walk
        De-identifies an item: `walk(item, path)`.
    iod
        By which compound codes are settled.
    identifiers
        What this instance's output must not hold.
    searching
        Whether each kept value is searched for them. Not on the first pass, which only collects the
        kept values: one search over all of them is cheap, one a value is not.
    safe
        Private elements that may be kept.
    asked_for_patient
        Whether a treatment asked whose element it is: if none did, the result is the same for any patient.
    removed
        Elements removed because nobody knows them, by tag; private ones together.
    written
        Tag and value of everything we wrote ourselves, which the self-check must not take for a leftover.
    """

    __slots__ = (
        "_patient",
        "asked_for_patient",
        "encodings",
        "findings",
        "identifiers",
        "iod",
        "kept_bytes",
        "kept_numbers",
        "kept_text",
        "pseudonyms",
        "removed",
        "safe",
        "searching",
        "walk",
        "written",
    )

    def __init__(
        self,
        pseudonyms: Pseudonyms,
        identifiers: Identifiers,
        encodings: tuple[str, ...],
        *,
        iod: Iod = UNKNOWN_IOD,
        searching: bool = False,
        safe: Mapping[tuple[int, bytes], Mapping[int, frozenset[str]]] = _NOTHING_SAFE,
    ) -> None:
        self.iod = iod
        self.safe = safe
        self.pseudonyms = pseudonyms
        self.identifiers = identifiers
        self.encodings = encodings
        self.searching = searching
        self.walk: Callable[[DataSet, str], DataSet]
        self._patient = NOBODY
        self.asked_for_patient = False
        self.findings: list[Finding] = []
        self.removed: dict[str, int] = {}
        self.kept_text: list[bytes] = []
        self.kept_numbers: list[bytes] = []
        self.kept_bytes: list[bytes] = []
        self.written: list[tuple[int, bytes]] = []

    @property
    def patient(self) -> Patient:
        """The patient the data set at hand speaks of; an item may speak of another."""
        self.asked_for_patient = True
        return self._patient

    @patient.setter
    def patient(self, patient: Patient) -> None:
        self._patient = patient

    def find(self, rule: str, path: str, tag: int, code: str, place: str = "") -> None:
        """Record a finding at `tag` below `path`, and at a place in its value."""
        self.findings.append(Finding(rule, path + format_tag(tag) + place, code))

    def write(self, tag: int, VR: str, value: bytes) -> Element:
        """Make an element with a value of ours."""
        self.written.append((tag, value))
        return Element(tag, VR, value)

    def keep_text(self, element: Element, path: str) -> Element:
        """Keep a string, unless it turns out to hold an identifier of this very instance."""
        text = beyond_standard(element.tag, element.value)
        if text and element.tag in closed_terms():
            return self.emptied(element, path, "enumerated-values")
        self.kept_text.append(text)
        if self.searching and self.identifiers.are_in_text(text):
            return self.emptied(element, path, "identifier-in-text")
        return element

    def keep_number(self, element: Element, path: str, said: bytes | None = None) -> Element:
        """Keep numbers, unless one is an identifier of this very instance; `said` are binary ones in digits."""
        text = element.value if said is None else said
        self.kept_numbers.append(text)
        if self.searching and self.identifiers.are_in_numbers(text):
            return self.emptied(element, path, "identifier-in-text")
        return element

    def keep_bytes(self, element: Element, path: str) -> Element | None:
        """Keep a binary value, unless it turns out to spell an identifier of this very instance."""
        self.kept_bytes.append(element.value)
        if self.searching and self.identifiers.are_in_bytes(element.value):
            self.find("identifier-in-text", path, element.tag, "BAD_TEXT")
            return None
        return element

    def kept_identifiers(self) -> bool:
        """Tell whether anything that was kept holds an identifier, so that a searching pass is due."""
        return self.identifiers.are_in(Kept(self.kept_text, self.kept_numbers, self.kept_bytes))

    def emptied(self, element: Element, path: str, rule: str) -> Element:
        """Keep of a value nothing, and record by which rule."""
        # Emptied or replaced and not removed: as safe, and an attribute of type 2 or 1 stays what it must be.
        self.find(rule, path, element.tag, "BAD_TEXT")
        if element.VR in _SPEAKING_VRS and element.tag not in closed_terms():
            return self.write(element.tag, element.VR, encode_text(element.VR, DUMMY_TEXT))
        return Element(element.tag, element.VR)
