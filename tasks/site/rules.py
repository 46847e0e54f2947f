"""The quality rules of a run as tables: a row a rule, with the places where it was looked for.

A rule may ask the same of several elements, and each is a check of its own. A reader wants one line for the
rule and, in it, which elements broke it, each a way into the validation docs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from expectations.language import ENGLISH, Language
from expectations.places import name_anchor
from tasks.records import RuleResult
from tasks.site.formats import NONE, format_count, format_share
from tasks.site.tabulate import KEPT_ROWS, Cell, Heading, Link, Table
from tasks.site.wording import PASSED, SEVERITIES

WHOLE_TABLE = "whole table"


def tabulate_rules(
    rules: Sequence[RuleResult], caption: str, validation: str | None, language: Language = ENGLISH
) -> Table:
    """List rules: those that withheld first, then those that warned, then the others, by id.

    Parameters
    ----------
    validation
        Folder of the validation docs, relative to the page; None where there are none to lead to.
    """
    order = list(SEVERITIES)
    ranked = sorted(
        rules, key=lambda rule: (rule.success, order.index(rule.severity), rule.rule_id, rule.description)
    )
    grouped = [list(group) for _, group in groupby(ranked, key=lambda rule: (rule.rule_id, rule.description))]
    return Table(
        caption,
        (
            Heading("Rule", "code"),
            Heading("Result", "phrase"),
            Heading("What it asks for"),
            Heading("Where, and how many broke it", "places"),
            Heading("Share", "number"),
            Heading("Studies", "number"),
        ),
        tuple(_tabulate_rule(group, validation, language) for group in grouped[:KEPT_ROWS]),
        beyond=max(0, len(grouped) - KEPT_ROWS),
    )


def count_rules(rules: Iterable[RuleResult]) -> int:
    """Count the rules that checks belong to."""
    return len({(rule.rule_id, rule.description) for rule in rules})


def _tabulate_rule(
    checks: Sequence[RuleResult], validation: str | None, language: Language
) -> tuple[Cell, ...]:
    worst = max(checks, key=lambda check: check.unexpected / (check.evaluated or 1))
    return (
        worst.rule_id,
        PASSED if worst.success else SEVERITIES[worst.severity],
        language.say(worst.description),
        tuple(_link_check(check, validation, language) for check in checks),
        format_share(worst.unexpected, worst.evaluated),
        format_count(max(check.studies_failed for check in checks)) if not worst.success else NONE,
    )


def _link_check(check: RuleResult, validation: str | None, language: Language) -> Link:
    note = language.say(
        "%(broken)s of %(checked)s",
        broken=format_count(check.unexpected),
        checked=format_count(check.evaluated),
    )
    href = ""
    if validation is not None and check.table:
        page = language.name_page(f"{validation}/{check.table}.html")
        href = f"{page}#{name_anchor(check.column)}"
    return Link(href, check.column or language.say(WHOLE_TABLE), note)
