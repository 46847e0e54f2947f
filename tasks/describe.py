"""Everything the program removes, keeps and checks, in words, taken from the data that is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from expectations.rules import DEFAULT_RULES, RuleTable, load_rules
from expectations.rules import describe as describe_rules
from tasks.cleaning.repair import describe as describe_repairs
from tasks.deid.describe import describe as describe_actions
from tasks.deid.describe import summarize
from tasks.deid.plan import make_plan
from tasks.deid.profile import load_profile
from tasks.deid.text.registry import describe_detectors
from tasks.site.review import Section


class Line(NamedTuple):
    """One thing that is done: to what, on whose word, and what."""

    subject: str
    source: str
    sentence: str


class Description(NamedTuple):
    """What is in force: de-identification, whole or its general rules; repairs; quality rules; detectors."""

    deidentification: tuple[Line, ...]
    cleaning: tuple[Line, ...]
    quality: tuple[Line, ...]
    detectors: tuple[Line, ...] = ()


def describe(profile: str, rules: bytes, *, whole: bool = True) -> Description:
    """Say what is in force under a profile and a rule table.

    Parameters
    ----------
    rules
        Content of the rule table.
    whole
        Every attribute's action; without, the general rules with counts, as README and run page show them.
    """
    loaded, table = load_profile(profile), load_rules(rules)
    actions = describe_actions(loaded) if whole else summarize(loaded)
    return Description(
        tuple(Line(*action) for action in actions),
        tuple(Line(rule_id, "cleaning", sentence) for rule_id, sentence in _list_repairs(table)),
        tuple(
            Line(
                rule["id"], f"{rule['severity']}, {rule['scope']}", f"{rule['title']}: {rule['description']}"
            )
            for rule in describe_rules(table.under([option.name for option in loaded.options]))
        ),
        tuple(Line(ids, "text", meaning) for ids, meaning in describe_detectors())
        if loaded.cleans_texts
        else (),
    )


def _list_repairs(table: RuleTable) -> list[tuple[str, str]]:
    """List the repairs in force, those that the table of rules declares first."""
    return [*((repair.id, repair.sentence) for repair in table.repairs), *describe_repairs()]


def default_rules() -> bytes:
    """Read the shipped rule table."""
    return Path(DEFAULT_RULES).read_bytes()


def site_sections(profile: str, rules: bytes) -> tuple[Section, ...]:
    """Give the description as the run page shows it."""
    described = describe(profile, rules, whole=False)
    options = [option.name for option in load_profile(profile).options]
    return (
        Section("Removed, replaced and kept", tuple((line.subject, line.sentence) for line in described[0])),
        Section("Repaired", tuple((line.subject, line.sentence) for line in described[1])),
        Section(
            "Checked",
            tuple(
                (rule["id"], rule["title"], rule["description"])
                for rule in describe_rules(load_rules(rules).under(options))
            ),
        ),
    )


def masked_tags(profile: str) -> frozenset[int]:
    """Give the tags whose published value is not the original: pseudonyms, new UIDs, shifted dates."""
    plan = make_plan(load_profile(profile))
    return frozenset(
        tag for tag, step in plan.items() if step.treat is not None and not step.words.startswith("kept")
    )
