"""Strings of values (all string VRs but text): parted at the backslash, repaired each, joined again."""

from __future__ import annotations

from tasks.cleaning.numbers import NUMBER_COUNT, NUMBER_MISSING
from tasks.cleaning.rules import Rule, ValueFormat


def pad_to_even(value: bytes, VR: str) -> bytes:
    """Pad a value to even length: UI with NUL, all others with a blank (PS3.5 section 6.2)."""
    return value + (b"\0" if VR == "UI" else b" ") * (len(value) % 2)


def repair_values(value: bytes, VR: str, value_format: ValueFormat) -> tuple[bytes, tuple[Rule, ...]]:
    """Repair the values of one element; returns its new bytes and the rules that settled them.

    The bytes are the same where every value was valid, or only recorded. They are taken as Latin-1,
    so that those of a malformed UID come back as they were.
    """
    texts = value.decode("latin-1").removesuffix("\0" if VR == "UI" else " ").split("\\")
    if texts == [""] or not value.strip(b" "):
        return value, ()
    outcomes = [value_format.repair(text) for text in texts]
    repaired = [text for text, _ in outcomes]
    rules: tuple[Rule, ...] = tuple(rule for _, spoke in outcomes for rule in spoke)
    if value_format.whole:
        lost: tuple[Rule, ...] = tuple(rule for text, spoke in outcomes if not text for rule in spoke)
        lost = lost or _find_gap(repaired, value_format)
        if lost:
            return b"", lost
    if repaired == texts:
        return value, rules
    return pad_to_even("\\".join(repaired).encode("latin-1"), VR), rules


def _find_gap(texts: list[str], value_format: ValueFormat) -> tuple[Rule, ...]:
    if not all(text.strip(" ") for text in texts):
        return (NUMBER_MISSING,)
    if value_format.count not in (0, len(texts)):
        return (NUMBER_COUNT,)
    return ()
