"""Settles beforehand what happens to every attribute, so that an element costs one look-up and one call.

A profile's rule comes first, then the allow-list. What is in the plan as None is removed; what is not
in the plan at all is unknown, and removed too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydicom._dicom_dict import DicomDictionary

from tasks.deid import keep, replace
from tasks.deid.actions import (
    CLEAN_GRAPHICS,
    CLEAN_STRUCTURED_CONTENT,
    RETAIN_MODIFIED_DATES,
    RETAIN_PATIENT_CHARACTERISTICS,
    RETAIN_UIDS,
    TEXT_VRS,
    Action,
)
from tasks.deid.allowed import BYTE_VRS, DATE_VRS, NUMBER_VRS, Disposition, disposition_of, is_never_kept
from tasks.deid.content import CONTENT_SEQUENCES, clean_content
from tasks.deid.descriptors import clean_descriptor
from tasks.deid.keep import Treatment
from tasks.deid.rules import Profile, Rule
from tasks.deid.text.classifier import load_classifier
from tasks.deid.work import Work
from tasks.dicom.dictionary import tag_of, vrs_of
from tasks.dicom.element import Element


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
BY_TYPE = "where it must"
"""Words by which a step says that the attribute's type in the IOD decides."""

_PATIENT_TAGS = (tag_of("PatientName"), tag_of("PatientID"))
_ENTITY_TAGS = (tag_of("SOPInstanceUID"), tag_of("StudyInstanceUID"), tag_of("SeriesInstanceUID"))
_ACCESSION_NUMBER, _STUDY_ID = tag_of("AccessionNumber"), tag_of("StudyID")


_TEXT_VALUE, _UNFORMATTED_TEXT = tag_of("TextValue"), tag_of("UnformattedTextValue")
_NAMES_OF_PLACES = frozenset(map(tag_of, ("RetrieveLocationUID", "RepositoryUniqueID", "HomeCommunityID")))
"""UIDs that name no object but somebody's system, so that no option retains them."""


def make_plan(profile: Profile) -> dict[int, Step]:
    """Settle what happens to each attribute of the dictionary and of the table under a profile."""
    plan = {tag: _unlisted_step(tag, profile) for tag in _dictionary_tags()}
    plan |= {tag: step_of_rule(tag, rule, profile) for tag, rule in profile.rules.items()}
    plan |= dict(_inner_steps(profile))
    return {tag: REMOVED if is_never_kept(tag) else step for tag, step in sorted(plan.items())}


def retained_tags(profile: Profile) -> frozenset[int]:
    """Give the attributes whose dates, UIDs, codes and lines an option keeps as they are, so that they may be left."""
    plan = make_plan(profile)
    asked = {
        tag
        for tag, rule in profile.rules.items()
        if rule.option is not None and rule.action is Action.K and plan[tag].treat is not None
    }
    unlisted = {tag for tag, step in plan.items() if step is _KEPT_UID and tag not in profile.rules}
    return frozenset(asked | unlisted)


def _dictionary_tags() -> Iterator[int]:
    return (tag for tag in DicomDictionary if not tag >> 16 & 1)


def _inner_steps(profile: Profile) -> Iterator[tuple[int, Step]]:
    """Settle what is inside what two options clean as a whole: content items, and text objects of annotations."""
    for tag, VR, option in (
        (_TEXT_VALUE, "UT", CLEAN_STRUCTURED_CONTENT),
        (_UNFORMATTED_TEXT, "ST", CLEAN_GRAPHICS),
    ):
        if profile.has(option):
            yield tag, _text_step(tag, VR, Action.D, profile)
    if profile.has(CLEAN_STRUCTURED_CONTENT):
        yield from ((tag, _content_step(profile)) for tag in CONTENT_SEQUENCES - profile.rules.keys())


def step_of_rule(tag: int, rule: Rule, profile: Profile) -> Step:
    """Settle a row of the table."""
    VR, codes = rule.row.VR, rule.action.codes
    if rule.action is Action.X_Z_U and profile.maps_references:
        codes = codes[-1:]
    if len(codes) == 1:
        return _step_of_action(tag, VR, codes[0], rule, profile)
    by_type = {
        kind: _step_of_action(tag, VR, rule.action.for_type(kind), rule, profile) for kind in (None, *"123")
    }
    return _by_type(tag, by_type)


def _by_type(tag: int, by_type: dict[str | None, Step]) -> Step:
    """Leave a compound code to the attribute's type in the IOD of the instance."""
    least, most = by_type["3"], by_type["1"]
    if all(step is least or step.words == least.words for step in by_type.values()):
        return least
    treatments = {kind: step.treat for kind, step in by_type.items()}

    def treat(work: Work, element: Element, path: str) -> Element | None:
        chosen = treatments[work.iod.type_of(tag, path)]
        return None if chosen is None else chosen(work, element, path)

    present, valued = by_type["2"].words, most.words
    cases = [f"{present} {BY_TYPE} be present"] if present not in (least.words, valued) else []
    cases += [f"{valued} {BY_TYPE} {'be present' if valued == 'emptied' else 'have a value'}"]
    return Step(treat, f"{least.words}; {', '.join(cases)}")


def _step_of_action(tag: int, VR: str, action: Action, rule: Rule, profile: Profile) -> Step:
    match action:
        case Action.Z | Action.D:
            return _identity_step(tag, VR, profile) or (
                _empty_step(tag, VR) if action is Action.Z else _dummy_step(tag, VR, profile)
            )
        case Action.U:
            return _uid_step(tag, VR)
        case Action.K:
            return _retain_step(tag, VR)
        case Action.C:
            return _clean_step(tag, VR, rule, profile)
        case _:
            return REMOVED


def _clean_step(tag: int, VR: str, rule: Rule, profile: Profile) -> Step:
    if VR == "SQ":
        return _content_step(profile) if tag in CONTENT_SEQUENCES else _KEEP_STEPS["SQ"]
    if VR == "AE":
        return Step(replace.key_text(tag, VR, "device"), "replaced by a keyed pseudonym")
    return _text_step(tag, VR, rule.row.basic.settled, profile) if VR in TEXT_VRS else _shift_step(tag, VR)


def _content_step(profile: Profile) -> Step:
    keeps = profile.has(RETAIN_PATIENT_CHARACTERISTICS)
    return Step(clean_content(keeps_characteristics=keeps), "kept, its content items cleaned")


def _text_step(tag: int, VR: str, basic: Action, profile: Profile) -> Step:
    shifts_dates = profile.has(RETAIN_MODIFIED_DATES)
    classifier = load_classifier(profile.token_classifier) if profile.token_classifier else None
    treat = clean_descriptor(tag, VR, basic, shifts_dates=shifts_dates, classifier=classifier)
    return Step(treat, "cleaned word by word")


def _retain_step(tag: int, VR: str) -> Step:
    if VR == "UI":
        return _KEPT_UID
    if VR in DATE_VRS:
        return Step(keep.keep_dates(VR), "kept if it can be read")
    return _keep_step(tag, frozenset({VR})) or Step(keep.keep_text(VR), _KEPT)


def _identity_step(tag: int, VR: str, profile: Profile) -> Step | None:
    """Settle the attributes by which viewers and joins know a patient and a study."""
    if tag in _PATIENT_TAGS:
        return Step(replace.name_patient(tag, VR), "replaced by the patient's pseudonym")
    if profile.strict:
        return None
    if tag == _ACCESSION_NUMBER:
        return Step(replace.key_text(tag, VR, "accession"), "replaced by a keyed pseudonym")
    if tag == _STUDY_ID:
        return Step(replace.key_text(tag, VR, "study-id", per_patient=True), "replaced by a keyed pseudonym")
    return None


def _empty_step(tag: int, VR: str) -> Step:
    return Step(replace.empty(tag, VR), "emptied")


def _dummy_step(tag: int, VR: str, profile: Profile) -> Step:
    if VR == "SQ":
        return Step(replace.walk_or_empty(tag), "kept, its items de-identified")
    if VR == "UI":
        return _uid_step(tag, VR)
    if VR == "PN" and not profile.strict:
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


def _unlisted_step(tag: int, profile: Profile) -> Step:
    """Settle an attribute that the table does not name; those of a coded entry are put together in `codes`."""
    vrs = vrs_of(tag)
    disposition = disposition_of(tag, vrs, shifts_dates=profile.has(RETAIN_MODIFIED_DATES))
    if disposition in (Disposition.KEEP, Disposition.WALK):
        VR = min(vrs)
        return _keep_step(tag, vrs) or Step(keep.keep_text(VR, of_device=True), f"{_KEPT} and names nobody")
    return _unkept_step(tag, min(vrs, default=""), disposition, profile)


def _unkept_step(tag: int, VR: str, disposition: Disposition, profile: Profile) -> Step:
    match disposition:
        case Disposition.EMPTY:
            return _empty_step(tag, VR)
        case Disposition.DUMMY:
            return _dummy_step(tag, VR, profile)
        case Disposition.PSEUDONYM:
            return _reference_step(tag, VR)
        case Disposition.SHIFT:
            return _shift_step(tag, VR)
        case Disposition.MAP:
            # The table asks nothing of them: mapped they are lest one is another's, and then as that other is.
            retained = profile.has(RETAIN_UIDS) and tag not in _NAMES_OF_PLACES
            return _KEPT_UID if retained else _uid_step(tag, "UI")
        case _:
            return REMOVED


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


def _keep_step(tag: int, vrs: frozenset[str]) -> Step | None:
    """Settle what is kept and is no text; None for text."""
    VR = min(vrs)
    if VR in _KEEP_STEPS:
        return _KEEP_STEPS[VR]
    if vrs <= NUMBER_VRS:
        return Step(keep.keep_numbers(vrs, _largest_multiplicity(tag)), _KEPT)
    if vrs <= NUMBER_VRS | BYTE_VRS:
        return Step(keep.keep_bytes(vrs), _KEPT)
    return None


_KEPT_UID = Step(replace.keep_uids, "kept if it is a UID")


def _largest_multiplicity(tag: int) -> int | None:
    """Give the most values the dictionary allows; None where it sets no limit."""
    if tag not in DicomDictionary:
        return None
    largest = DicomDictionary[tag][1].split("-")[-1]
    return int(largest) if largest.isdigit() else None
