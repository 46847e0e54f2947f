"""Judge rows by rules that are not in force, to see what they would do; nothing is written and nobody is told.

Only rules that differ between two tables are run, each in its old and its new form, over some studies at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from expectations.measures import Measure
from expectations.rules import RuleTable
from expectations.suites import CONTRACT_ID
from tasks.tables.aggregate import judged_tables


class Broken(NamedTuple):
    """How many rows and studies break a rule."""

    rows: int = 0
    studies: int = 0


def count_broken(rules: RuleTable, parts: Iterable[pa.Table]) -> dict[str, Broken]:
    """Count what breaks each of some rules.

    Parameters
    ----------
    parts
        Instances, some at a time; a study that is in several parts is counted in each.
    """
    from expectations.runner import Gate

    gate = Gate(rules)
    counts = {rule.id: Broken() for rule in rules.enabled}
    for rows in parts:
        for measure in by_rules(gate.judge(judged_tables(rows))):
            rows_before, studies = counts[measure.check.rule_id]
            counts[measure.check.rule_id] = Broken(
                rows_before + measure.unexpected, studies + measure.studies_broken
            )
    return counts


def by_rules(measures: Iterable[Measure]) -> Iterator[Measure]:
    """Leave out what the contract of a table asks."""
    return (measure for measure in measures if measure.check.rule_id != CONTRACT_ID)


def choose(rules: RuleTable, ids: Iterable[str]) -> RuleTable:
    """Make a table of some of the rules of another."""
    wanted = set(ids)
    return RuleTable(tuple(rule for rule in rules.enabled if rule.id in wanted), rules.digest)


def list_changed(old: RuleTable, new: RuleTable) -> frozenset[str]:
    """List the rules that are in force in one table only, or otherwise in the other."""
    before, after = ({rule.id: rule for rule in table.enabled} for table in (old, new))
    return frozenset(name for name in {*before, *after} if before.get(name) != after.get(name))
