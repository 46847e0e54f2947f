"""Treatments that write a value of ours: pseudonyms, mapped UIDs, moved dates, dummies, nothing at all.

They go by the tag alone. Whatever VR a file claims, what is written has the VR of the dictionary, and
nothing of the original is copied. An empty value stays empty: it says nothing, and says so truly.
"""

from __future__ import annotations

from tasks.deid.dates import are_times, shift_dates, shift_datetimes
from tasks.deid.keep import Treatment, walk_sequence
from tasks.deid.pseudonyms import normalize
from tasks.deid.uids import is_concept, is_well_formed
from tasks.deid.work import DUMMY_TEXT, Work
from tasks.dicom.element import Element
from tasks.dicom.values import decode, encode_text

DUMMIES = {
    "AE": DUMMY_TEXT,
    "AS": "000Y",
    "CS": DUMMY_TEXT,
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "IS": "0",
    "LO": DUMMY_TEXT,
    "LT": DUMMY_TEXT,
    "PN": DUMMY_TEXT,
    "SH": DUMMY_TEXT,
    "ST": DUMMY_TEXT,
    "TM": "000000",
    "UC": DUMMY_TEXT,
    "UR": "about:blank",
    "UT": DUMMY_TEXT,
}
"""What stands for D, by VR: valid, and plainly not real. Any other VR gets two zero bytes."""
PERSON_LENGTH = 16
SHORT_LENGTH = 16
"""Characters an SH has (PS3.5 section 6.2)."""


def empty(tag: int, VR: str) -> Treatment:
    """Make the treatment that leaves zero length, and of a sequence no items."""
    emptied = Element(tag, VR, b"", () if VR == "SQ" else None)

    def treat(work: Work, element: Element, path: str) -> Element | None:
        _check_vr(work, element, path, VR)
        return emptied

    return treat


def put_dummy(tag: int, VR: str) -> Treatment:
    """Make the treatment that writes the fixed dummy of the VR."""
    dummy = DUMMIES.get(VR)
    value = b"\0\0" if dummy is None else encode_text(VR, dummy)

    def treat(work: Work, element: Element, path: str) -> Element | None:
        _check_vr(work, element, path, VR)
        return work.write(tag, VR, value) if _has_value(element) else Element(tag, VR)

    return treat


def walk_or_empty(tag: int) -> Treatment:
    """Make the treatment that de-identifies each item; what is no sequence becomes an empty one."""

    def treat(work: Work, element: Element, path: str) -> Element | None:
        return walk_sequence(work, element, path) or Element(tag, "SQ", b"", ())

    return treat


def name_person(tag: int, VR: str) -> Treatment:
    """Make the treatment that writes a keyed pseudonym for each name, the same for one person everywhere."""

    def treat(work: Work, element: Element, path: str) -> Element | None:
        _check_vr(work, element, path, VR)
        names = [normalize(name).rstrip("^=") for name in _text(work, element).split("\\")]
        keyed = [work.pseudonyms.text("person", name, PERSON_LENGTH) if name else "" for name in names]
        return _write_texts(work, tag, VR, keyed)

    return treat


def name_patient(tag: int, VR: str) -> Treatment:
    """Make the treatment that writes the pseudonym of the patient the data set at hand speaks of."""

    def treat(work: Work, element: Element, path: str) -> Element | None:
        _check_vr(work, element, path, VR)
        if path and not _has_value(element):
            return Element(tag, VR)
        return work.write(tag, VR, encode_text(VR, work.patient.pseudonym))

    return treat


def key_text(tag: int, VR: str, purpose: str, *, per_patient: bool = False) -> Treatment:
    """Make the treatment that writes 16 keyed characters, equal for equal originals, of one patient or of all."""

    def treat(work: Work, element: Element, path: str) -> Element | None:
        _check_vr(work, element, path, VR)
        values = [normalize(value) for value in _text(work, element).split("\\")]
        scope = f"{work.patient.pseudonym}\x1f" if per_patient else ""
        keyed = [
            work.pseudonyms.text(purpose, scope + value, SHORT_LENGTH) if value else "" for value in values
        ]
        return _write_texts(work, tag, VR, keyed)

    return treat


def map_uids(work: Work, element: Element, path: str) -> Element | None:
    """Map each UID to a new one; what the standard registers stays, it names no instance."""
    _check_vr(work, element, path, "UI")
    if element.items is not None:
        return Element(element.tag, "UI")
    return Element(element.tag, "UI", encode_text("UI", "\\".join(_mapped(work, element, path))))


def keep_uids(work: Work, element: Element, path: str) -> Element | None:
    """Keep UIDs, for who retains them; what has not the form of one may be anything, and is mapped."""
    found = [raw.strip(b" \0") for raw in element.value.split(b"\\")]
    if element.items is not None or not all(is_well_formed(uid) for uid in found if uid):
        return map_uids(work, element, path)
    _check_vr(work, element, path, "UI")
    return Element(element.tag, "UI", encode_text("UI", b"\\".join(found).decode("ascii")))


def map_entity_uid(work: Work, element: Element, path: str) -> Element | None:
    """Map the UID of the study, series or instance itself: one value, and never taken for a registered one."""
    raw = element.value.strip(b" \0")
    if not raw:
        return Element(element.tag, "UI")
    if not is_well_formed(raw):
        work.find("uid-form", path, element.tag, "BAD_UID")
    return Element(element.tag, "UI", encode_text("UI", work.pseudonyms.uid(raw)))


def _mapped(work: Work, element: Element, path: str) -> list[str]:
    found = [raw.strip(b" \0") for raw in element.value.split(b"\\")]
    if any(uid and not is_well_formed(uid) for uid in found):
        work.find("uid-form", path, element.tag, "BAD_UID")
    return [uid.decode("ascii") if not uid or is_concept(uid) else work.pseudonyms.uid(uid) for uid in found]


def shift(tag: int, VR: str) -> Treatment:
    """Make the treatment that moves dates by the patient's days; times of day stay, what cannot be read is removed."""
    move = shift_dates if VR == "DA" else shift_datetimes
    code = "BAD_TIME" if VR == "TM" else "BAD_DATE"

    def treat(work: Work, element: Element, path: str) -> Element | None:
        _check_vr(work, element, path, VR)
        if not _has_value(element):
            return Element(tag, VR)
        if VR == "TM":
            if element.items is None and are_times(element.value):
                return work.keep_number(Element(tag, VR, element.value), path)
        elif element.items is None:
            moved = move(element.value, work.patient.shift_days)
            # A date that did not move would be the original one, whatever the reason.
            if moved not in (None, element.value):
                return work.write(tag, VR, moved)
        work.find("date-unreadable", path, tag, code)
        return None

    return treat


def _write_texts(work: Work, tag: int, VR: str, texts: list[str]) -> Element:
    return work.write(tag, VR, encode_text(VR, "\\".join(texts))) if any(texts) else Element(tag, VR)


def _text(work: Work, element: Element) -> str:
    return decode(element.value, work.encodings, "replace")


def _has_value(element: Element) -> bool:
    return bool(element.items) or bool(element.value.strip(b" \0"))


def _check_vr(work: Work, element: Element, path: str, VR: str) -> None:
    """Record that a file claims another VR for an attribute; it is treated by its tag all the same."""
    if element.VR not in (VR, "UN"):
        work.find("vr-of-dictionary", path, element.tag, "WRONG_VR")
