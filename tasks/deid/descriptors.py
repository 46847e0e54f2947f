"""The treatment of Clean Descriptors (PS3.15 E.3.5): of a text, what is known to be free of identity stays.

What is cut and what stays is decided in `text`; here a value is taken apart, and what is left is written in
the character set the data set declares. A text that cannot be written so is not kept.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

from pydicom.charset import encode_string

from tasks.deid.actions import Action
from tasks.deid.keep import Treatment
from tasks.deid.replace import DUMMIES
from tasks.deid.text.classifier import TokenClassifier
from tasks.deid.text.clean_text import Cleaned, clean_text
from tasks.deid.text.study import StudyIdentifiers
from tasks.deid.work import Work
from tasks.dicom.element import Element
from tasks.dicom.values import SINGLE_VALUE_VRS, decode, encode_text

_LONGEST = 1 << 15
"""Characters beyond which a text is removed: a description it is not, and searching it would take seconds."""
_PADDING = " \0"

_remembered = lru_cache(1 << 10)(clean_text)


def clean_descriptor(
    tag: int, VR: str, basic: Action, *, shifts_dates: bool, classifier: TokenClassifier | None = None
) -> Treatment:
    """Make the treatment that keeps the words of a text that are known.

    Parameters
    ----------
    basic
        What the Basic Profile does with the attribute, X, Z or D: it is done where nothing is left of the text.
    shifts_dates
        Whether dates in the text move with the patient's others; else they are cut.
    classifier
        Finds more, if the profile names one.
    """
    dummy = encode_text(VR, DUMMIES[VR]) if basic is Action.D else b""
    nothing_left = None if basic is Action.X else Element(tag, VR, dummy)

    def treat(work: Work, element: Element, path: str) -> Element | None:
        if element.items is not None or not element.value.strip(b" \0"):
            return Element(tag, VR)
        text = decode(element.value, work.encodings, "replace").rstrip(_PADDING)
        if len(text) > _LONGEST:
            work.find("text-too-long", path, tag, "BAD_TEXT")
            return nothing_left
        patient = work.patient
        parts = [text] if VR in SINGLE_VALUE_VRS else text.split("\\")
        days = patient.shift_days if shifts_dates else None
        cleaned = [_clean(part, patient.study, days, classifier) for part in parts]
        _note(work, cleaned, parts, path, tag)
        left = "\\".join(one.text for one in cleaned)
        if not left.strip(" \\"):
            return nothing_left and work.write(*nothing_left[:3])
        value = element.value if left == text else _encode(left, work.encodings)
        return nothing_left if value is None else work.keep_text(Element(tag, VR, value), path)

    return treat


def _clean(
    text: str, study: StudyIdentifiers, days: int | None, classifier: TokenClassifier | None
) -> Cleaned:
    if classifier is not None:
        return clean_text(text, study, days, classifier)
    return _remembered(text, study, days)


def _note(work: Work, cleaned: list[Cleaned], parts: list[str], path: str, tag: int) -> None:
    """Record what was found and where it stood, in characters of the whole value."""
    offset = 0
    for one, part in zip(cleaned, parts, strict=True):
        for hit in one.hits:
            work.find(hit.detector_id, path, tag, "BAD_TEXT", f"@{offset + hit.start}:{offset + hit.end}")
        offset += len(part) + 1


def _encode(text: str, encodings: tuple[str, ...]) -> bytes | None:
    """Write a text in the declared character set; None where it has no characters for it."""
    if text.isascii():
        value = text.encode("ascii")
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = encode_string(text, list(encodings))
        if decode(value, encodings, "replace") != text:
            return None
    return value + b" " * (len(value) % 2)
