"""Reports and contracts as tables: which columns, which rows, in which order. How they look is the templates'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from expectations.contracts import Contract
from tasks.dicom.dictionary import format_tag
from tasks.records import RuleResult, RunReport, State
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
from tasks.site.history import RunSummary
from tasks.site.modalities import MODALITIES, fold_modalities
from tasks.site.wording import OUTCOMES, PASSED, SEVERITIES, STATES, Phrase

SHOWN_ROWS = 12
"""Rows of a table of codes that are open; the rest is folded behind a disclosure."""
SHOWN_RUNS = 60
"""Runs of the history that are open: two months of nights."""


class Link(NamedTuple):
    """A cell that leads somewhere; `href` is relative to the page."""

    href: str
    text: str


Cell = str | Link | Phrase


class Heading(NamedTuple):
    """A column of a table.

    Attributes
    ----------
    kind
        `text`, `code`, `number`, `link` or `phrase`: how the cells below are shown.
    """

    label: str
    kind: str = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """A table for the templates; `folded` are rows behind a disclosure, `total` closes the sum."""

    caption: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: tuple[tuple[Cell, ...], ...] = ()
    total: tuple[Cell, ...] | None = None


def tabulate_history(history: Sequence[RunSummary]) -> Table:
    """List runs in the order given, each with a link to its report."""
    rows = tuple(_tabulate_run(run) for run in history)
    return Table(
        "Runs, newest first",
        (
            Heading("Started", "link"),
            Heading("Outcome", "phrase"),
            *(Heading(label, "number") for label in ("Listed", *(phrase.word for phrase in STATES.values()))),
            Heading("Read", "number"),
            Heading("Took", "number"),
        ),
        rows[:SHOWN_RUNS],
        folded=rows[SHOWN_RUNS:],
    )


def tabulate_states(report: RunReport) -> Table:
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
                STATES[state].meaning,
            )
            for state, count in counts.items()
        ),
        total=(
            "Sum",
            format_count(total),
            format_share(total, report.listed),
            f"{format_count(report.listed)} were listed.",
        ),
    )


def tabulate_reasons(report: RunReport, messages: Mapping[str, str]) -> Table:
    """List why objects are not published, most frequent first, each with what to do next."""
    rules = {rule.rule_id: f"Broke a quality rule: {rule.description}" for rule in report.rules}
    return _tabulate_codes("Reasons", "Objects", report.reasons, rules | dict(messages))


def tabulate_findings(report: RunReport, messages: Mapping[str, str]) -> Table:
    """List what cleaning repaired or doubted, most frequent first."""
    return _tabulate_codes("Findings", "Times", report.findings, messages)


def tabulate_rules(rules: Sequence[RuleResult], caption: str) -> Table:
    """List rules: those that withheld first, then those that warned, then the others, by id."""
    order = list(SEVERITIES)
    ranked = sorted(rules, key=lambda rule: (rule.success, order.index(rule.severity), rule.rule_id))
    return Table(
        caption,
        (
            Heading("Rule", "code"),
            Heading("Result", "phrase"),
            Heading("Severity"),
            Heading("Scope"),
            Heading("What it asks for"),
            Heading("Broke it", "number"),
            Heading("Checked", "number"),
            Heading("Share", "number"),
            Heading("Studies withheld", "number"),
        ),
        tuple(_tabulate_rule(rule) for rule in ranked),
    )


def tabulate_modalities(report: RunReport) -> Table:
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
                term,
                MODALITIES.get(term, "Any other value"),
                format_count(count),
                format_share(count, total),
            )
            for term, count in counts.items()
        ),
    )


def tabulate_phases(report: RunReport) -> Table:
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
                phase,
                format_seconds(seconds),
                format_share(seconds, total),
                format_rate(objects, seconds),
                format_rate(report.bytes_read / 1e6, seconds),
            )
            for phase, seconds in report.seconds.items()
        ),
        total=(
            "All phases",
            format_seconds(total),
            format_share(total, total),
            format_rate(objects, total),
            format_rate(report.bytes_read / 1e6, total),
        ),
    )


def tabulate_contract(contract: Contract) -> Table:
    """List a table's columns as the data dictionary has them."""
    return Table(
        f"Columns of {contract.name}",
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
                "yes" if column.nullable else "no",
                NONE if column.tag is None else format_tag(column.tag),
                column.meaning,
            )
            for column in contract.columns
        ),
    )


def count_states(report: RunReport) -> dict[State, int]:
    """Give the number of objects in each state, in the order of `State`."""
    return {state: int(getattr(report, state.value)) for state in State}


def _tabulate_codes(caption: str, unit: str, counts: Mapping[str, int], messages: Mapping[str, str]) -> Table:
    rows = tuple(
        (code, format_count(count), messages.get(code, NONE))
        for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    return Table(
        caption,
        (Heading("Code", "code"), Heading(unit, "number"), Heading("What it means, and what to do next")),
        rows[:SHOWN_ROWS],
        folded=rows[SHOWN_ROWS:],
    )


def _tabulate_run(run: RunSummary) -> tuple[Cell, ...]:
    return (
        Link(f"runs/{run.run_id}/index.html", format_moment(run.started_at)),
        OUTCOMES[run.outcome],
        format_count(run.listed),
        *(format_count(run.count(state)) for state in State),
        format_bytes(run.bytes_read),
        format_seconds(seconds_between(run.started_at, run.ended_at)),
    )


def _tabulate_rule(rule: RuleResult) -> tuple[Cell, ...]:
    return (
        rule.rule_id,
        PASSED if rule.success else SEVERITIES[rule.severity],
        rule.severity,
        rule.scope,
        rule.description,
        format_count(rule.unexpected),
        format_count(rule.evaluated),
        format_share(rule.unexpected, rule.evaluated),
        format_count(rule.studies_failed),
    )
