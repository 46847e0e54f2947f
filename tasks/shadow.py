"""Judge rows by rules that are not in force, to see what they would do; nothing is written and nobody is told.

Only rules that differ between two tables are run, each in its old and its new form, over some studies at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa

from expectations.measures import Measure
from expectations.rules import RuleTable
from expectations.suites import CONTRACT_ID
from tasks.session import JUDGED
from tasks.tables.aggregate import series_table, studies_table


class Broken(NamedTuple):
    """How many rows and studies break a rule."""

    rows: int = 0
    studies: int = 0


def judge_tables(instances: pa.Table) -> dict[str, pa.Table]:
    """Make the tables that the gate judges, of all instances of some studies."""
    judged = instances.select(JUDGED)
    return {"instances": judged, "series": series_table(judged), "studies": studies_table(judged)}


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
        for measure in by_rules(gate.judge(judge_tables(rows))):
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


def failing(measures: Iterable[Measure]) -> Mapping[str, set[str]]:
    """Give the ids of the rules that each study breaks."""
    found: dict[str, set[str]] = {}
    for measure in by_rules(measures):
        for study in measure.broken:
            found.setdefault(study, set()).add(measure.check.rule_id)
    return found
