"""What a run's numbers say, in sentences: a reviewer reads these first and often nothing else."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from tasks.records import Outcome, RunReport, State
from tasks.site.formats import format_count, format_number_of
from tasks.site.history import RunSummary


class Phrase(NamedTuple):
    """A word for a reader, the tone that colours it, and what it means.

    Attributes
    ----------
    tone
        Class of the stylesheet: `good`, `held`, `bad` or `quiet`. Never the only carrier of meaning.
    """

    word: str
    tone: str
    meaning: str


OUTCOMES = {
    Outcome.PUBLISHED: Phrase(
        "Published", "good", "Every study that could be read passed the quality gate and is published."
    ),
    Outcome.PARTLY_WITHHELD: Phrase(
        "Partly withheld",
        "held",
        "What could not be read, proved clean or passed by the gate is held back; all else is published.",
    ),
    Outcome.WITHHELD: Phrase(
        "Withheld",
        "bad",
        "The quality gate let nothing of this run through; what was published before is unchanged.",
    ),
    Outcome.NOTHING_NEW: Phrase(
        "Nothing new",
        "quiet",
        "Every object listed had been settled by an earlier run; nothing was read and nothing changed.",
    ),
}

STATES = {
    State.PUBLISHED: Phrase("Published", "good", "Cleaned, de-identified, passed the gate."),
    State.WITHHELD: Phrase(
        "Withheld", "held", "Its study broke a critical rule, or its pixels may show identity."
    ),
    State.QUARANTINED: Phrase("Quarantined", "bad", "Not readable or not safe to publish; kept aside."),
    State.DUPLICATE: Phrase("Duplicate", "quiet", "Same instance and content as another object."),
}

SEVERITIES = {
    "critical": Phrase("Failed", "bad", "withholds the study, or the run"),
    "warning": Phrase("Warned", "held", "publishes and flags"),
    "info": Phrase("Noted", "quiet", "counts only"),
}
"""What breaking a rule of each severity is called, and does."""

PASSED = Phrase("Passed", "good", "nothing broke the rule")


def tell_states(report: RunReport | RunSummary) -> str:
    """Say in a sentence or two where the listed objects went."""
    if not report.listed:
        return "The source held no objects."
    objects = format_number_of(report.listed, "object")
    if report.published == report.listed:
        told = f"All {objects} listed are published"
    else:
        told = f"{format_count(report.published)} of the {objects} listed are published"
    return "; ".join(filter(None, (told, _tell_rest(report)))) + "." + _tell_unchanged(report)


def _tell_rest(report: RunReport | RunSummary) -> str:
    counts = (
        (report.withheld, "withheld"),
        (report.quarantined, "quarantined"),
        (report.duplicate, "duplicate"),
    )
    return join_words([f"{format_count(count)} {word}" for count, word in counts if count])


def _tell_unchanged(report: RunReport | RunSummary) -> str:
    if not report.unchanged:
        return ""
    return f" {format_count(report.unchanged)} were settled by an earlier run and not read again."


def tell_balance(report: RunReport) -> Phrase:
    """Say whether listed = published + withheld + quarantined + duplicate."""
    missing = report.listed - sum(getattr(report, state.value) for state in State)
    if not missing:
        return Phrase("The sum adds up", "good", "Every object listed is accounted for.")
    return Phrase(
        "The sum does not add up",
        "bad",
        f"Listed and the sum of the states differ by {format_count(abs(missing))}. Do not rely on this run; "
        "compare restricted/ledger with the source.",
    )


def tell_rules(report: RunReport) -> str:
    """Say how many rules ran and how they ended."""
    if not report.rules:
        return "No rule was run: there was nothing new to judge."
    counts = Counter(rule.severity for rule in report.rules if not rule.success)
    broken = [
        f"{counts[severity]} {phrase.word.lower()}"
        for severity, phrase in SEVERITIES.items()
        if counts[severity]
    ]
    passed = sum(rule.success for rule in report.rules)
    return f"{format_number_of(len(report.rules), 'rule')} ran: {join_words([f'{passed} passed', *broken])}."


def join_words(words: list[str]) -> str:
    """Join as in a sentence: `a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
