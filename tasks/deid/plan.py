"""Settles beforehand what happens to every attribute, so that an element costs one look-up and one call.

A profile's rule comes first, then the allow-list. What is in the plan as None is removed; what is not
in the plan at all is unknown, and removed too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary

from tasks.deid import keep, replace
from tasks.deid.actions import CLEAN_DESCRIPTORS, RETAIN_MODIFIED_DATES, Action
from tasks.deid.allowed import BYTE_VRS, NUMBER_VRS, Disposition, disposition_of, is_never_kept
from tasks.deid.descriptors import clean_descriptor
from tasks.deid.keep import Treatment
from tasks.deid.rules import Profile, Rule
from tasks.dicom.dictionary import tag_of, vrs_of


class Step(NamedTuple):
    """What is done with one attribute.

    Attributes
    ----------
    treat
        None removes.
    words
        The same, for people.
    """

    treat: Treatment | None
    words: str


REMOVED = Step(None, "removed")

_PATIENT_TAGS = (tag_of("PatientName"), tag_of("PatientID"))
_ENTITY_TAGS = (tag_of("SOPInstanceUID"), tag_of("StudyInstanceUID"), tag_of("SeriesInstanceUID"))
_ACCESSION_NUMBER, _STUDY_ID = tag_of("AccessionNumber"), tag_of("StudyID")


def make_plan(profile: Profile) -> dict[int, Step]:
    """Settle what happens to each attribute of the dictionary and of the table under a profile."""
    shifts = profile.has(RETAIN_MODIFIED_DATES)
    plan = {tag: _unlisted_step(tag, shifts_dates=shifts) for tag in _dictionary_tags()}
    plan |= {tag: step_of_rule(tag, rule, shifts_dates=shifts) for tag, rule in profile.rules.items()}
    return {tag: REMOVED if is_never_kept(tag) else step for tag, step in sorted(plan.items())}


def _dictionary_tags() -> Iterator[int]:
    return (tag for tag in DicomDictionary if not tag >> 16 & 1)


def step_of_rule(tag: int, rule: Rule, *, shifts_dates: bool) -> Step:
    """Settle a row of the table.

    Parameters
    ----------
    shifts_dates
        Whether the profile keeps dates, moved: those in texts too.
    """
    VR = rule.row.VR
    if rule.option == CLEAN_DESCRIPTORS and rule.action is Action.C:
        treat = clean_descriptor(tag, VR, rule.row.basic.settled, shifts_dates=shifts_dates)
        return Step(treat, "cleaned word by word")
    match rule.action.settled:
        case Action.Z | Action.D as action:
            return _identity_step(tag, VR) or (
                _empty_step(tag, VR) if action is Action.Z else _dummy_step(tag, VR)
            )
        case Action.U:
            return _uid_step(tag, VR)
        case Action.K:
            return _keep_step(tag, frozenset({VR}))
        case Action.C:
            return _shift_step(tag, VR)
        case _:
            return REMOVED


def _identity_step(tag: int, VR: str) -> Step | None:
    """Settle the attributes by which viewers and joins know a patient and a study."""
    if tag in _PATIENT_TAGS:
        return Step(replace.name_patient(tag, VR), "replaced by the patient's pseudonym")
    if tag == _ACCESSION_NUMBER:
        return Step(replace.key_text(tag, VR, "accession"), "replaced by a keyed pseudonym")
    if tag == _STUDY_ID:
        return Step(replace.key_text(tag, VR, "study-id", per_patient=True), "replaced by a keyed pseudonym")
    return None


def _empty_step(tag: int, VR: str) -> Step:
    return Step(replace.empty(tag, VR), "emptied")


def _dummy_step(tag: int, VR: str) -> Step:
    if VR == "SQ":
        return Step(replace.walk_or_empty(tag), "kept, its items de-identified")
    if VR == "UI":
        return _uid_step(tag, VR)
    if VR == "PN":
        return Step(replace.name_person(tag, VR), "replaced by a keyed pseudonym of the person")
    return Step(replace.put_dummy(tag, VR), f"replaced by {replace.DUMMIES.get(VR, 'zero bytes')}")


def _uid_step(tag: int, VR: str) -> Step:
    if VR == "SQ":
        return Step(replace.walk_or_empty(tag), "kept, its items de-identified")
    treat = replace.map_entity_uid if tag in _ENTITY_TAGS else replace.map_uids
    return Step(treat, "mapped to a new UID")


def _shift_step(tag: int, VR: str) -> Step:
    words = "kept: dates move by whole days" if VR == "TM" else "moved by the patient's number of days"
    return Step(replace.shift(tag, VR), words)


def _reference_step(tag: int, VR: str) -> Step:
    return Step(replace.key_text(tag, VR, "reference"), "replaced by a keyed pseudonym")


_STEPS = {
    Disposition.EMPTY: _empty_step,
    Disposition.DUMMY: _dummy_step,
    Disposition.PSEUDONYM: _reference_step,
    Disposition.SHIFT: _shift_step,
    Disposition.MAP: _uid_step,
}


def _unlisted_step(tag: int, *, shifts_dates: bool) -> Step:
    """Settle an attribute that the table does not name; those of a coded entry are put together in `codes`."""
    vrs = vrs_of(tag)
    disposition = disposition_of(tag, vrs, shifts_dates=shifts_dates)
    if disposition is Disposition.REMOVE:
        return REMOVED
    if disposition in (Disposition.KEEP, Disposition.WALK):
        return _keep_step(tag, vrs)
    return _STEPS[disposition](tag, min(vrs))


_KEPT = "kept if it is what its VR says and holds no identifier"
_KEEP_STEPS = {
    "SQ": Step(keep.walk_sequence, "kept, its items de-identified"),
    "AS": Step(keep.keep_age, "kept; over 89 years becomes 090Y"),
    "CS": Step(keep.keep_code_string, _KEPT),
    "DS": Step(keep.keep_decimals, _KEPT),
    "IS": Step(keep.keep_integers, _KEPT),
    # An option may retain a link, but a link leads into somebody's system and names it.
    "UR": REMOVED,
}


def _keep_step(tag: int, vrs: frozenset[str]) -> Step:
    VR = min(vrs)
    if VR in _KEEP_STEPS:
        return _KEEP_STEPS[VR]
    if vrs <= NUMBER_VRS:
        return Step(keep.keep_numbers(vrs, _largest_multiplicity(tag)), _KEPT)
    if vrs <= NUMBER_VRS | BYTE_VRS:
        return Step(keep.keep_bytes(vrs), _KEPT)
    return Step(keep.keep_text(VR), _KEPT)


def _largest_multiplicity(tag: int) -> int | None:
    """Give the most values the dictionary allows; None where it sets no limit."""
    largest = DicomDictionary[tag][1].split("-")[-1]
    return int(largest) if largest.isdigit() else None
