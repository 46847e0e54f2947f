"""Unique identifiers (VR UI): blanks around one are stripped; any other fault is recorded and the UID kept.

A malformed UID still ties objects together, and the de-identifier makes its pseudonym from the very
bytes: repaired here and not there, one instance would become two. It is never used as a path.
"""

from __future__ import annotations

import re

from tasks.cleaning.rules import RepairRule, ValueFormat, strip_padding

LONGEST_UID = 64
"""Characters (PS3.5 section 9)."""

_UID_PATTERN = r"(?![0-9.]{65})(?:0|[1-9][0-9]*+)(?:\.(?:0|[1-9][0-9]*+))*+"
_UI = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")

UID = ValueFormat(
    _UID_PATTERN,
    lambda text: len(text) <= LONGEST_UID and _UI.fullmatch(text) is not None,
    (
        strip_padding("uid-padding", "BAD_UID"),
        RepairRule(
            "uid-form",
            "BAD_UID",
            "A UID with other characters than digits and points, with a leading zero in a component or longer "
            f"than {LONGEST_UID} characters is recorded and kept for the de-identifier, which replaces it.",
            lambda text: text,
        ),
    ),
)
