"""What a repair rule is: an id, a sentence a person can read, and the rewriting itself.

Rules are data, so `describe` can print all that cleaning ever does and a finding can name what was
done without showing the value it was done to. A rule answers only when a text has one reading; a
value that no rule can read becomes empty, because an empty value is honest and a guess looks real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

PADDING = " \0\t\n\v\f\r"
"""What surrounds values without being part of them; not `str.strip`'s own set, which eats bytes of GB18030."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Something cleaning does or doubts.

    Attributes
    ----------
    rule_id
        As in findings: ``date-iso``.
    code
        The code of `tasks.reasons` its findings carry.
    sentence
        What the rule does, for `dicomflow describe`.
    """

    rule_id: str
    code: str
    sentence: str

    def describe(self) -> str:
        """Say what the rule does."""
        return self.sentence


@dataclass(frozen=True, slots=True)
class RepairRule(Rule):
    """A rule for one value of a string VR.

    Attributes
    ----------
    repair
        Gives the repaired text, an empty text for a value that has to go, the same text for a value
        that is kept in spite of its fault, or None where the rule does not apply.
    """

    repair: Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class ValueFormat:
    """What values of a VR, or of one element, look like, and the rules for those that do not.

    Attributes
    ----------
    pattern
        ASCII regular expression of one value. Whatever it matches is valid; some rare valid values
        (a leap day) need not match, so that it stays quick.
    is_valid
        Exact.
    rules
        In the order they are tried; the last answers always.
    count
        How many values the element must have; 0 for any number.
    whole
        The values mean something together only, so one lost value empties the element.
    """

    pattern: str
    is_valid: Callable[[str], bool]
    rules: tuple[RepairRule, ...]
    count: int = 0
    whole: bool = False

    def repair(self, text: str) -> tuple[str, tuple[RepairRule, ...]]:
        """Repair one value, rule after rule until it is valid; returns it with the rules that spoke.

        Of a value that ends empty, only the rule that emptied it: what was done before is gone.
        """
        spoke: list[RepairRule] = []
        while text.strip(" ") and not self.is_valid(text):
            rule, repaired = self._apply_first(text)
            spoke.append(rule)
            if repaired == text:
                break
            text = repaired
        return text, tuple(spoke if text else spoke[-1:])

    def of_count(self, count: int) -> ValueFormat:
        """Give the format of an element that must have `count` such values."""
        return replace(self, count=count)

    def _apply_first(self, text: str) -> tuple[RepairRule, str]:
        for rule in self.rules:
            repaired = rule.repair(text)
            if repaired is not None:
                return rule, repaired
        raise AssertionError("the last rule of a format answers always")


def strip_padding(rule_id: str, code: str) -> RepairRule:
    """Make the rule that strips what surrounds a value."""

    def strip(text: str) -> str | None:
        stripped = text.strip(PADDING)
        return stripped if stripped != text else None

    return RepairRule(rule_id, code, "NULs, line ends and blanks around the value are stripped.", strip)


def empty(rule_id: str, code: str, sentence: str) -> RepairRule:
    """Make the rule that ends a format: whatever is left is emptied."""
    return RepairRule(rule_id, code, sentence, lambda _: "")


def spellings(words: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """Give what each word means, by the word as read: its bytes, taken as Latin-1, in UTF-8 and in GB 18030.

    Codes and ages are outside Specific Character Set, so nothing says which of the two a Chinese
    word in one is written in.
    """
    return {
        word.encode(codec).decode("latin-1"): meaning
        for meaning, those in words.items()
        for word in those
        for codec in ("utf-8", "gb18030")
    }


def upper_ascii(text: str) -> str:
    """Change ASCII text to upper case, and leave any other alone: its letters may be halves of characters."""
    return text.upper() if text.isascii() else text
