"""Reports as tables: which columns, which rows, in which order. How they look is the templates'.

Headings and captions stand here in English and are said in the page's language by the templates; cells are
said here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from expectations.contracts import Contract
from expectations.language import ENGLISH, Language
from tasks.dicom.dictionary import format_tag
from tasks.reasons import REASONS
from tasks.records import RunKind, RunReport, State
from tasks.site.formats import (
    NONE,
    format_bytes,
    format_count,
    format_moment,
    format_rate,
    format_seconds,
    format_share,
    format_type,
    seconds_between,
)
from tasks.site.history import ReleasedStudies, RunSummary, Unfinished
from tasks.site.modalities import MODALITIES, fold_modalities
from tasks.site.wording import ENDS, OUTCOMES, PHASES, STATES, Phrase

SHOWN_ROWS = 12
"""Rows of a table that are open; the rest is folded behind a disclosure."""
KEPT_ROWS = 240
"""Rows a page has of one table; what is beyond is told by its number, and is in the report's JSON."""


class Link(NamedTuple):
    """A cell that leads somewhere; `href` is relative to the page, and `note` is said after it."""

    href: str
    text: str
    note: str = ""


Cell = str | Link | Phrase | tuple[Link, ...]


class Heading(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    kind
        `text`, `code`, `number`, `link`, `places` or `phrase`: how the cells below are shown.
    """

    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table for the templates.

    Attributes
    ----------
    folded
        Rows behind a disclosure.
    beyond
        Number of rows that are not on the page.
    total
        Row that closes a sum.
    """

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: tuple[tuple[Cell, ...], ...] = ()
    beyond: int = 0
    total: tuple[Cell, ...] | None = None


def fold_rows(
    caption: str, headings: tuple[Heading, ...], rows: Sequence[tuple[Cell, ...]], shown: int = SHOWN_ROWS
) -> Table:
    """Make a table of which a page shows the first rows, folds the next and counts the others."""
    kept = tuple(rows[:KEPT_ROWS])
    return Table(caption, headings, kept[:shown], folded=kept[shown:], beyond=len(rows) - len(kept))


def tabulate_history(
    history: Sequence[RunSummary], caption: str, language: Language = ENGLISH, *, shown: int | None = None
) -> Table:
    """List runs in the order given, each with a link to its report; those after the first `shown` are folded."""
    states = (phrase.word for phrase in STATES.values())
    headings = (
        Heading("Started", "link"),
        Heading("Outcome", "phrase"),
        *(Heading(label, "number") for label in ("Listed", *states)),
        Heading("Read", "number"),
        Heading("Took", "number"),
    )
    rows = tuple(_tabulate_run(run, language) for run in history)
    return Table(caption, headings, rows[:shown], folded=() if shown is None else rows[shown:])


def tabulate_unfinished(attempts: Sequence[Unfinished], language: Language = ENGLISH) -> Table:
    """List attempts that left no report, in the order given."""
    return Table(
        "Attempts that did not finish",
        (Heading("Started"), Heading("How it ended", "phrase"), Heading("Kind of error", "code")),
        tuple(
            (format_moment(attempt.started_at, language), ENDS[attempt.ended], attempt.error or NONE)
            for attempt in attempts
        ),
    )


def tabulate_released(releases: Sequence[ReleasedStudies], language: Language = ENGLISH) -> Table:
    """List what people released, in the order given: one row a study."""
    return Table(
        "Released by a person",
        (
            Heading("When"),
            Heading("Who"),
            Heading("Study", "code"),
            Heading("Rules overruled", "code"),
        ),
        tuple(
            (format_moment(one.at, language), one.who, study, ", ".join(one.rules))
            for one in releases
            for study in one.studies
        ),
    )


def tabulate_states(report: RunReport, language: Language = ENGLISH) -> Table:
    """Show the sum that must add up: one row a state, their sum, and what was listed."""
    counts = count_states(report)
    total = sum(counts.values())
    return Table(
        "Objects by state",
        (
            Heading("State", "phrase"),
            Heading("Objects", "number"),
            Heading("Share", "number"),
            Heading("Meaning"),
        ),
        tuple(
            (
                STATES[state],
                format_count(count),
                format_share(count, report.listed),
                language.say(STATES[state].meaning),
            )
            for state, count in counts.items()
        ),
        total=(
            language.say("Sum"),
            format_count(total),
            format_share(total, report.listed),
            language.say("%(count)s were listed.", count=format_count(report.listed)),
        ),
    )


def tabulate_reasons(report: RunReport, messages: Mapping[str, str], language: Language = ENGLISH) -> Table:
    """List why objects are not published, most frequent first, each with what to do next."""
    rules = {
        rule.rule_id: language.say("Broke a quality rule: %(rule)s", rule=language.say(rule.description))
        for rule in report.rules
    }
    return _tabulate_codes("Reasons", "Objects", report.reasons, rules | dict(messages))


def find_alerts(report: RunReport, messages: Mapping[str, str]) -> dict[str, str]:
    """Give the reasons that somebody has to know of today, each with what to do next."""
    return {
        code: messages.get(code, NONE)
        for code in sorted(report.reasons)
        if code in REASONS and REASONS[code].alert
    }


def tabulate_findings(report: RunReport, messages: Mapping[str, str]) -> Table:
    """List what cleaning repaired or doubted, most frequent first."""
    return _tabulate_codes("Findings", "Times", report.findings, messages)


def tabulate_elements(report: RunReport, language: Language = ENGLISH) -> Table:
    """List the elements that findings are about, most frequent first."""
    total = sum(report.elements.values())
    rows = [
        (language.say(name), format_count(count), format_share(count, total))
        for name, count in rank(report.elements).items()
    ]
    headings = (Heading("Element", "code"), Heading("Times", "number"), Heading("Share", "number"))
    return fold_rows("Findings by element", headings, rows, shown=8)


def tabulate_modalities(report: RunReport, language: Language = ENGLISH) -> Table:
    """Count published instances by defined term."""
    counts = fold_modalities(report.modalities)
    total = sum(counts.values())
    return Table(
        "Published instances by modality",
        (
            Heading("Modality", "code"),
            Heading("Stands for"),
            Heading("Instances", "number"),
            Heading("Share", "number"),
        ),
        tuple(
            (
                term if term in MODALITIES else language.say(term),
                language.say(MODALITIES.get(term, "Any other value, or none")),
                format_count(count),
                format_share(count, total),
            )
            for term, count in counts.items()
        ),
    )


def tabulate_vendors(vendors: Mapping[str, int], language: Language = ENGLISH) -> Table:
    """Count published instances by make of equipment, in the order given."""
    total = sum(vendors.values())
    return Table(
        "Published instances by make",
        (Heading("Make"), Heading("Instances", "number"), Heading("Share", "number")),
        tuple(
            (language.say(name), format_count(count), format_share(count, total))
            for name, count in vendors.items()
        ),
    )


def tabulate_completeness(report: RunReport) -> Table:
    """Show in how many of the judged instances each element has a value: those of the chart, then the others."""
    shares = measure_completeness(report)
    picked = pick_completeness(shares)
    return fold_rows(
        "Completeness by element",
        (
            Heading("Element", "code"),
            Heading("With a value", "number"),
            Heading("Without", "number"),
            Heading("Share", "number"),
        ),
        [
            (
                name,
                format_count(report.instances - report.nulls[name]),
                format_count(report.nulls[name]),
                format_share(report.instances - report.nulls[name], report.instances),
            )
            for name in picked | shares
        ],
        shown=len(picked),
    )


def measure_completeness(report: RunReport) -> dict[str, float]:
    """Give the share of instances with a value (0 to 100), by element, the fullest first."""
    if not report.instances:
        return {}
    filled = {name: report.instances - nulls for name, nulls in report.nulls.items()}
    return {name: 100 * count / report.instances for name, count in rank(filled).items()}


def pick_completeness(shares: Mapping[str, float]) -> dict[str, float]:
    """Choose what a chart has room for: elements that some instances have and others lack, the fullest first."""
    mixed = {name: share for name, share in shares.items() if 0 < share < 100}
    return dict(list((mixed or shares).items())[:16])


def tabulate_phases(report: RunReport, language: Language = ENGLISH) -> Table:
    """Show where the time went and how fast each phase was for what the run read."""
    total = sum(report.seconds.values())
    objects = report.listed - report.unchanged
    return Table(
        "Time by phase",
        (
            Heading("Phase"),
            Heading("Time", "number"),
            Heading("Share", "number"),
            Heading("Objects/s", "number"),
            Heading("MB/s", "number"),
        ),
        tuple(
            (
                language.say(phase),
                format_seconds(seconds, language),
                format_share(seconds, total),
                format_rate(objects, seconds),
                format_rate(report.bytes_read / 1e6, seconds),
            )
            for phase, seconds in order_phases(report).items()
        ),
        total=(
            language.say("All phases"),
            format_seconds(total, language),
            format_share(total, total),
            format_rate(objects, total),
            format_rate(report.bytes_read / 1e6, total),
        ),
    )


def order_phases(report: RunReport) -> dict[str, float]:
    """Give the seconds of each phase in the order in which a run goes through them."""
    order = {phase: place for place, phase in enumerate(PHASES)}
    return dict(sorted(report.seconds.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def tabulate_contract(contract: Contract, language: Language = ENGLISH) -> Table:
    """List a table's columns as the data dictionary has them."""
    return Table(
        contract.name,
        (
            Heading("Column", "code"),
            Heading("Type"),
            Heading("Null"),
            Heading("Element", "code"),
            Heading("Meaning"),
        ),
        tuple(
            (
                column.name,
                format_type(column.type),
                language.say("yes") if column.nullable else language.say("no"),
                NONE if column.tag is None else format_tag(column.tag),
                language.say(column.meaning),
            )
            for column in contract.columns
        ),
    )


def count_states(report: RunReport) -> dict[State, int]:
    """Give the number of objects in each state, in the order of `State`."""
    return {state: int(getattr(report, state.value)) for state in State}


def rank(counts: Mapping[str, int]) -> dict[str, int]:
    """Order counts, the largest first, equals by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _tabulate_codes(caption: str, unit: str, counts: Mapping[str, int], messages: Mapping[str, str]) -> Table:
    rows = [(code, format_count(count), messages.get(code, NONE)) for code, count in rank(counts).items()]
    headings = (
        Heading("Code", "code"),
        Heading(unit, "number"),
        Heading("What it means, and what to do next"),
    )
    return fold_rows(caption, headings, rows)


def _tell_kind(run: RunSummary, language: Language) -> str:
    return language.say("replay") if run.kind == RunKind.REPLAY else ""


def _tabulate_run(run: RunSummary, language: Language) -> tuple[Cell, ...]:
    page = language.name_page(f"runs/{run.run_id}/index.html")
    return (
        Link(page, format_moment(run.started_at, language), _tell_kind(run, language)),
        OUTCOMES[run.outcome],
        format_count(run.listed),
        *(format_count(run.count(state)) for state in State),
        format_bytes(run.bytes_read, language),
        format_seconds(seconds_between(run.started_at, run.ended_at), language),
    )
