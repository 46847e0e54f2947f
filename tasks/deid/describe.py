"""Every de-identification action in words, taken from the very plan that is carried out."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from tasks.deid.actions import CLEAN_STRUCTURED_CONTENT, MEANINGS, RETAIN_SAFE_PRIVATE
from tasks.deid.classes import Disposition, class_dispositions
from tasks.deid.plan import BY_TYPE, Step, make_plan
from tasks.deid.private import add_safe
from tasks.deid.rules import Profile, Rule
from tasks.dicom.dictionary import format_tag, keyword_of


class Description(NamedTuple):
    """One action.

    Attributes
    ----------
    subject
        Tag and keyword, or what kind of thing.
    source
        Where the action comes from: the table's code with its option, the allow-list, or this program.
    sentence
        What is done.
    """

    subject: str
    source: str
    sentence: str


def describe(profile: Profile) -> list[Description]:
    """List what a profile does: general rules first, then each attribute of the table, then of the allow-list."""
    plan = make_plan(profile)
    listed = [_describe_rule(rule, plan) for rule in profile.rules.values()]
    patterns = [
        Description(
            _pattern_subject(rule),
            _source(rule),
            "removed" if rule.option is None else _private_elements(profile),
        )
        for rule in profile.patterns
    ]
    return summarize(profile) + listed + patterns + _describe_allowed(profile, plan)


def summarize(profile: Profile) -> list[Description]:
    """List the general rules alone, with counts from the plan: what a README can hold."""
    plan = make_plan(profile)
    counts = Counter(_briefly(step) for tag, step in plan.items() if tag in profile.rules)
    actions = "; ".join(f"{number} {words}" for words, number in counts.most_common())
    unlisted = Counter(step.treat is None for tag, step in plan.items() if tag not in profile.rules)
    classes = Counter(
        disposition for uid, disposition in class_dispositions().items() if not uid.endswith(".")
    )
    return [
        Description(
            "Table E.1-1", f"PS3.15 {profile.edition}", f"{len(profile.rules)} attributes: {actions}"
        ),
        *(Description(option.name, f"DCM {option.code}", option.meaning) for option in profile.options),
        Description(
            "Other attributes of the standard",
            "allow-list",
            f"{unlisted[False]} kept, mapped or moved by their VR or by name; {unlisted[True]} removed",
        ),
        Description("Private elements", "dicomflow", _private_elements(profile)),
        *(Description(subject, "dicomflow", sentence) for subject, sentence in _GENERAL),
        Description(
            "SOP Classes",
            "dicomflow",
            _classes(profile, classes),
        ),
    ]


def _briefly(step: Step) -> str:
    """Say what is done, without the cases of a compound code."""
    return "as its IOD requires removed, emptied or replaced" if BY_TYPE in step.words else step.words


def _classes(profile: Profile, classes: Counter[Disposition]) -> str:
    refused = classes[Disposition.REJECT]
    reports = f"{classes[Disposition.CONTENT]} of structured reports cleaned item by item; "
    if not profile.has(CLEAN_STRUCTURED_CONTENT):
        refused, reports = refused + classes[Disposition.CONTENT], ""
    return (
        f"{classes[Disposition.CLEAN]} cleaned; {classes[Disposition.REVIEW]} cleaned, their pixels withheld; "
        f"{reports}{refused} and all private ones refused"
    )


def _private_elements(profile: Profile) -> str:
    if not profile.has(RETAIN_SAFE_PRIVATE):
        return "removed"
    count = sum(map(len, add_safe(profile.reviewed_private).values()))
    return (
        f"{count:,} numbers and code strings of known creators kept if they are what they should be and no number "
        "may be a moment (seconds since 1970, digits of a date); others removed"
    )


_GENERAL = (
    ("Sequences", "every item at every depth is treated like the main data set"),
    ("Unknown elements", "removed; so are overlays, curves, group lengths and trailing padding"),
    ("UIDs", "mapped by a keyed function wherever they are, unless the standard registers them"),
    ("Coded entries", "public codes keep their value and get the standard's meaning; other codes are keyed"),
    (
        "Kept values",
        "removed if they are not what their VR says; emptied if they hold an identifier of the instance",
    ),
    ("Preamble and file meta", "written anew"),
    ("Self-check", "no output leaves in whose bytes an identifier of its input is found"),
    (
        "(0012,0062) (0012,0063) (0012,0064) (0028,0303)",
        "written: what was done, by which profile and options",
    ),
)


def _describe_rule(rule: Rule, plan: dict[int, Step]) -> Description:
    tag = rule.row.number or 0
    return Description(f"{format_tag(tag)} {rule.row.keyword}", _source(rule), plan[tag].words)


def _describe_allowed(profile: Profile, plan: dict[int, Step]) -> list[Description]:
    return [
        Description(f"{format_tag(tag)} {keyword_of(tag)}", "allow-list", step.words)
        for tag, step in plan.items()
        if tag not in profile.rules and step.treat is not None
    ]


def _pattern_subject(rule: Rule) -> str:
    digits = rule.row.tag
    return rule.row.keyword if len(digits) < 8 else f"({digits[:4]},{digits[4:]}) {rule.row.keyword}"


def _source(rule: Rule) -> str:
    codes = rule.action.codes
    meaning = MEANINGS[codes[0]] if len(codes) == 1 else "by the type in the IOD"
    by = "Basic" if rule.option is None else rule.option.name
    return f"{rule.action} ({meaning}), {by}"
