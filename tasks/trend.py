"""A run's metrics beside those of the runs before it, over the same source.

Baselines are robust, the median and the median absolute deviation of the last runs, because the history of a
source holds bad nights too, and one of them must neither move what is usual nor widen it. A spread is never
taken for less than chance explains: of twenty instances, one more without an age is no drift. The first run
has nothing to be compared with, and two are no history.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import pyarrow as pa

from expectations.contracts import TREND
from expectations.forms import is_usual
from expectations.rules import Rule
from tasks.quality import VOLUME
from tasks.records import Drifted

LAST_RUNS = 10
"""Runs that a baseline is made of."""

FEWEST_RUNS = 3
"""Runs that make a baseline."""

METRICS = (
    *("records", "null_rate_before", "null_rate_after"),
    *("anomaly_rate_before", "anomaly_rate_after", "repaired_rate"),
)
_SCALE = 1.4826
"""Of a normal distribution, how many median absolute deviations a standard deviation is."""

_KEY = ("rule", "scope", "column", "modality")
Key = tuple[str, str, str, str]


def trend_table(now: pa.Table, before: pa.Table) -> pa.Table:
    """Compare a run with earlier ones.

    Parameters
    ----------
    now
        The run's rows of `expectations.contracts.QUALITY`.
    before
        Rows of the runs it is compared with; none makes a table without a baseline.

    Returns
    -------
    pa.Table
        Rows of `expectations.contracts.TREND`, those of modalities that did not come this time included.
    """
    past = before.to_pylist()
    runs = {row["run_id"] for row in past}
    history: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for row in past:
        history[_key(row)].append(row)
    current = {_key(row): row for row in now.to_pylist()}
    gone = [key for key in history if key[0] == VOLUME and key not in current]
    current |= {key: {"records": 0} for key in gone}
    rows = [
        _compare(key, metric, float(row[metric]), history.get(key, ()), row, len(runs))
        for key, row in sorted(current.items(), key=lambda item: item[0])
        for metric in METRICS
        if row.get(metric) is not None
    ]
    return pa.Table.from_pylist(rows, schema=TREND.arrow_schema())


def _key(row: Mapping[str, Any]) -> Key:
    rule, scope, column, modality = (row[name] for name in _KEY)
    return rule, scope, column, modality


def _compare(
    key: Key, metric: str, value: float, past: Iterable[Mapping[str, Any]], row: Mapping[str, Any], runs: int
) -> dict[str, Any]:
    values = [float(old[metric]) for old in past if old[metric] is not None]
    counted = metric == "records"
    if counted and key[0] == VOLUME:
        values += [0.0] * (runs - len(values))
    compared = dict(zip(_KEY, key, strict=True)) | {"metric": metric, "value": value, "runs": len(values)}
    if not values:
        return compared
    usual = median(values)
    chance = max(usual, 1.0) ** 0.5 if counted else _explain_by_chance(usual, row["records"])
    spread = max(_SCALE * median(abs(old - usual) for old in values), chance)
    compared |= {"usual": usual, "spread": spread}
    if len(values) < FEWEST_RUNS:
        return compared
    difference = value - usual
    change = difference / usual if counted and usual else difference
    return compared | {"change": change, "deviations": difference / spread}


def _explain_by_chance(rate: float, records: int) -> float:
    """Give the standard error of a rate of so many rows, as if one more had been good and one more bad."""
    share: float = (rate * records + 1) / (records + 2)
    error: float = (share * (1 - share) / (records + 2)) ** 0.5
    return error


def find_drifted(rules: Iterable[Rule], trend: pa.Table) -> tuple[Drifted, ...]:
    """Find the metrics that are not as usual, the farthest of each rule first."""
    rows = [row for row in trend.to_pylist() if row["change"] is not None]
    found = [
        Drifted(rule.id, *(row[name] for name in _FACTS))
        for rule in rules
        if rule.drift is not None
        for row in rows
        if row["metric"] == rule.drift.metric
        and all(row[name] in values for name, values in rule.condition.items())
        and not is_usual(
            row["change"],
            row["deviations"],
            rule.drift.change,
            rule.drift.deviations,
            rule.drift.direction,
        )
    ]
    return tuple(sorted(found, key=lambda one: (one.rule_id, -abs(one.deviations), one.metric, _key_of(one))))


_FACTS = ("metric", *_KEY, "value", "usual", "change", "deviations")


def _key_of(drifted: Drifted) -> Key:
    return drifted.rule, drifted.scope, drifted.column, drifted.modality
