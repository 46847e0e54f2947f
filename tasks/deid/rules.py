"""A profile: Table E.1-1 with the options somebody chose, settled to one action an attribute.

An option's code stands in place of the basic one, as PS3.15 E.3 says. Where two chosen options speak
of one attribute, the one that cleans wins over the one that keeps: nobody who asked for cleaning
expects less of it for having asked for something else besides.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version

from tasks.deid.actions import (
    BASIC_PROFILE,
    CLEAN_DESCRIPTORS,
    CLEAN_GRAPHICS,
    CLEAN_STRUCTURED_CONTENT,
    RETAIN_FULL_DATES,
    RETAIN_MODIFIED_DATES,
    RETAIN_PATIENT_CHARACTERISTICS,
    Action,
    Option,
)
from tasks.deid.data import TABLES, read_data, text_tables
from tasks.deid.table import EDITION, Row, read_table
from tasks.deid.text.classifier import classifier_version

_DATA_VERSION = 4
"""Raised when code changes what equal data does, so that digests differ."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a profile says of one row.

    Attributes
    ----------
    action
        The code in force, still as the table writes it; `C` only where it can be carried out.
    option
        The option whose code it is; None for the basic profile's.
    """

    row: Row
    action: Action
    option: Option | None = None


@dataclass(frozen=True)
class Profile:
    """Settled rules of one profile; equal profiles have equal digests.

    Attributes
    ----------
    name
        Written into every output, in (0012,0063).
    rules
        By tag, for rows of a single attribute.
    patterns
        Rules of the rows that stand for many attributes: curves, overlays, private.
    strict
        Whether what links objects without naming anybody goes too: see `profiles/strict.yaml`.
    maps_references
        Whether X/Z/U* always keeps its sequence of references, their UIDs mapped; else the IOD decides.
    token_classifier
        Entry point of a model that marks more words in texts; empty for none.
    reviewed_private
        Private elements that somebody found safe, as `tasks.deid.private` has its own.
    """

    name: str
    description: str
    options: tuple[Option, ...]
    rules: Mapping[int, Rule]
    patterns: tuple[Rule, ...]
    strict: bool = False
    maps_references: bool = False
    token_classifier: str = ""
    edition: str = EDITION
    reviewed_private: Mapping[tuple[int, bytes], Mapping[int, frozenset[str]]] = field(default_factory=dict)

    def has(self, option: Option) -> bool:
        """Tell whether the profile uses `option`."""
        return option in self.options

    @property
    def dates(self) -> str:
        """What (0028,0303) says of the dates (PS3.3 C.12.1): MODIFIED, UNMODIFIED or REMOVED."""
        if self.has(RETAIN_MODIFIED_DATES):
            return "MODIFIED"
        return "UNMODIFIED" if self.has(RETAIN_FULL_DATES) else "REMOVED"

    @property
    def cleans_texts(self) -> bool:
        """Whether some texts are cleaned word by word, and not only removed or replaced."""
        return any(map(self.has, _CLEAN_TEXTS))

    def rule(self, tag: int) -> Rule | None:
        """Give the rule for a tag; None where the table does not speak of it."""
        found = self.rules.get(tag)
        return found or next((rule for rule in self.patterns if rule.row.matches(tag)), None)

    def action(self, tag: int) -> Action | None:
        """Give the settled action for a tag: one of X, Z, D, U, K, C; None where the table does not speak of it."""
        rule = self.rule(tag)
        return None if rule is None else rule.action.settled

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """Code values and meanings of CID 7050 that an output of this profile carries in (0012,0064)."""
        return (BASIC_PROFILE, *sorted((option.code, option.meaning) for option in self.options))

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all that decides an outcome: options, every data file, the dictionary's version."""
        digest = hashlib.sha256()
        for name in (*TABLES, *text_tables()):
            digest.update(hashlib.sha256(read_data(name)).digest())
        settings = {
            "name": self.name,
            "options": sorted(option.name for option in self.options),
            "strict": self.strict,
            "maps_references": self.maps_references,
            "pydicom": version("pydicom"),
            **self._classifier(),
            **self._reviewed(),
            "version": _DATA_VERSION,
        }
        digest.update(json.dumps(settings, sort_keys=True).encode())
        return digest.hexdigest()

    def _reviewed(self) -> dict[str, object]:
        reviewed = [
            [
                group,
                creator.decode("ascii"),
                {element: sorted(VRs) for element, VRs in sorted(elements.items())},
            ]
            for (group, creator), elements in sorted(self.reviewed_private.items())
        ]
        return {"reviewed_private": reviewed} if reviewed else {}

    def _classifier(self) -> dict[str, str]:
        name = self.token_classifier
        return {"token_classifier": f"{name} {classifier_version(name)}"} if name else {}


_CLEAN_TEXTS = (
    CLEAN_DESCRIPTORS,
    CLEAN_GRAPHICS,
    CLEAN_STRUCTURED_CONTENT,
    RETAIN_PATIENT_CHARACTERISTICS,
)


def make_profile(
    name: str,
    description: str,
    options: tuple[Option, ...],
    *,
    strict: bool = False,
    maps_references: bool = False,
    token_classifier: str = "",
    reviewed_private: Mapping[tuple[int, bytes], Mapping[int, frozenset[str]]] | None = None,
) -> Profile:
    """Settle the table for these options; the other parameters are `Profile`'s."""
    rules = [_rule_for(row, options) for row in read_table()]
    return Profile(
        name,
        description,
        options,
        {rule.row.number: rule for rule in rules if rule.row.number is not None},
        tuple(rule for rule in rules if rule.row.number is None),
        strict,
        maps_references,
        token_classifier,
        reviewed_private=reviewed_private or {},
    )


def _rule_for(row: Row, options: tuple[Option, ...]) -> Rule:
    asked = [(row.options[option.column], option) for option in options if option.column in row.options]
    for action, option in asked:
        if action is Action.C and row.VR in option.cleans:
            return Rule(row, action, option)
    if any(action is Action.C for action, _ in asked):
        return Rule(row, row.basic)
    return next((Rule(row, action, option) for action, option in asked), Rule(row, row.basic))
