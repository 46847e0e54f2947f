"""What a run's numbers say, in sentences: a reviewer reads these first and often nothing else.

Words and sentences stand here in English; `Language` has their Chinese.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from expectations.language import ENGLISH, Language
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

ENDS = {
    "failed": Phrase("Run failed", "bad", "an error ended it; the next run resumes"),
    "interrupted": Phrase("Interrupted", "held", "somebody ended it; the next run resumes"),
    "died": Phrase("Killed", "bad", "it could not say how it ended; the next run resumes"),
}
"""How an attempt ended that left no report."""

PHASES = ("start", "discover", "process", "audit", "publish", "emit", "stop", "other")
"""What a run spends its time on."""

_HELD = {
    State.WITHHELD: "%(count)s withheld",
    State.QUARANTINED: "%(count)s quarantined",
    State.DUPLICATE: "%(count)s duplicate",
}
_BROKEN = {
    "critical": "%(count)s failed",
    "warning": "%(count)s warned",
    "info": "%(count)s noted",
}


def tell_states(report: RunReport | RunSummary, language: Language = ENGLISH) -> str:
    """Say in a sentence or two where the listed objects went."""
    if not report.listed:
        return language.say("The source held no objects.")
    objects = format_number_of(report.listed, "object", language)
    if report.published == report.listed:
        told = language.say("All %(objects)s listed are published", objects=objects)
    else:
        told = language.say(
            "%(published)s of the %(objects)s listed are published",
            published=format_count(report.published),
            objects=objects,
        )
    rest = join_words(
        [
            language.say(text, count=format_count(getattr(report, state)))
            for state, text in _HELD.items()
            if getattr(report, state)
        ],
        language,
    )
    told = language.say("%(told)s; %(rest)s.", told=told, rest=rest) if rest else told + language.say(".")
    return told + _tell_unchanged(report, language)


def _tell_unchanged(report: RunReport | RunSummary, language: Language) -> str:
    if not report.unchanged:
        return ""
    return language.say(
        " %(count)s were settled by an earlier run and not read again.", count=format_count(report.unchanged)
    )


def tell_balance(report: RunReport, language: Language = ENGLISH) -> Phrase:
    """Say whether listed = published + withheld + quarantined + duplicate."""
    missing = report.listed - sum(getattr(report, state.value) for state in State)
    if not missing:
        return Phrase(
            language.say("The sum adds up."), "good", language.say("Every object listed is accounted for.")
        )
    return Phrase(
        language.say("The sum does not add up."),
        "bad",
        language.say(
            "Listed and the sum of the states differ by %(count)s. Do not rely on this run; "
            "compare restricted/ledger with the source.",
            count=format_count(abs(missing)),
        ),
    )


def tell_rules(report: RunReport, language: Language = ENGLISH) -> str:
    """Say how many checks ran and how they ended."""
    if not report.rules:
        return language.say("No rule was run: there was nothing new to judge.")
    counts = Counter(rule.severity for rule in report.rules if not rule.success)
    ended = [
        language.say("%(count)s passed", count=format_count(sum(rule.success for rule in report.rules))),
        *(
            language.say(text, count=format_count(counts[severity]))
            for severity, text in _BROKEN.items()
            if counts[severity]
        ),
    ]
    return language.say(
        "%(checks)s of %(rules)s ran: %(ended)s.",
        checks=format_number_of(len(report.rules), "check", language),
        rules=format_number_of(len({rule.rule_id for rule in report.rules}), "rule", language),
        ended=join_words(ended, language),
    )


def join_words(words: list[str], language: Language = ENGLISH) -> str:
    """Join as in a sentence: `a`, `a and b`, `a, b and c`."""
    first = language.say(", ").join(words[:-1])
    return language.say(" and ").join(filter(None, (first, *words[-1:])))
