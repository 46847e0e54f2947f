"""The table of how sensitive the elements of a run look; of sensitivity there is nothing else on the pages."""

from __future__ import annotations

from collections.abc import Sequence

from expectations.language import ENGLISH, Language
from tasks.records import ElementSensitivity
from tasks.site.formats import NONE, format_count, format_share
from tasks.site.tabulate import SHOWN_ROWS, Cell, Heading, Table

_DONE = ("kept", "removed", "emptied", "replaced", "mapped", "shifted")
"""What can be done with a value, in the order it is told."""

FOLDED = 400
"""Rows of the page at most; `review.json` has all of them."""


def tabulate_sensitivity(elements: Sequence[ElementSensitivity], language: Language = ENGLISH) -> Table:
    """List element paths in the order they are rated; open are those that are kept in spite of it, or the first."""
    open_rows = max(SHOWN_ROWS, sum(one.suspicious for one in elements))
    rows = [_row(one, language) for one in elements[:FOLDED]]
    return Table(
        "Elements, the most sensitive first",
        (
            Heading("Element", "code"),
            Heading("Keyword"),
            Heading("Look at it"),
            Heading("Standard", "code"),
            Heading("Done with it"),
            Heading("Seen", "number"),
            Heading("Hits", "number"),
            Heading("Distinct", "number"),
            Heading("Bits", "number"),
            Heading("Score", "number"),
        ),
        tuple(rows[:open_rows]),
        tuple(rows[open_rows:]),
    )


def _row(one: ElementSensitivity, language: Language) -> tuple[Cell, ...]:
    done = language.say(", ").join(
        f"{language.say(action)} {format_share(one.actions[action], one.seen)}"
        for action in _DONE
        if action in one.actions
    )
    return (
        one.path,
        language.say(one.keyword) if one.keyword else NONE,
        language.say("yes") if one.suspicious else NONE,
        one.prior or NONE,
        done,
        format_count(one.seen),
        format_share(one.hit_rate, 1),
        format_share(one.distinct_share, 1),
        f"{one.entropy_bits:.0f}",
        f"{one.score:.2f}",
    )
