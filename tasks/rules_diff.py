"""Which studies would change their verdict under another table of rules, before anybody activates it.

The table of the newest run and a new one are run over everything that is published, withheld by a rule or staged
by a run that is not finished: only the rules that differ twice, the others once, to know what a study's
verdict is without them. Studies are looked at some at a time, as in an audit, so that a target of any size
fits; nothing is written to it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from expectations.contracts import INSTANCES, JUDGED
from expectations.measures import Measure
from expectations.rules import DEFAULT_RULES, Action, RuleTable, Scope, load_rules
from tasks import layout
from tasks.errors import ConfigurationError
from tasks.history import newest_report, rules_key
from tasks.layout import Staging
from tasks.ledger.replay import withheld_instances
from tasks.prepare import dead_runs
from tasks.shadow import by_rules, choose, list_changed
from tasks.staged import parts
from tasks.storage.store import Store
from tasks.tables.aggregate import judged_tables
from tasks.tables.buckets import Buckets, Links, contains, count_buckets, hash_column
from tasks.target import stored

if TYPE_CHECKING:
    from expectations.runner import Gate

NAMED = 10_000
"""Studies that are named, at most; all are counted."""

_ROWS = pa.schema([pa.field(name, INSTANCES.column(name).type) for name in JUDGED])
_VERDICTS = {Action.WITHHOLD: "withheld", Action.FLAG: "flagged", Action.COUNT: "passed"}


@dataclass(slots=True)
class Count:
    """What breaks one rule, before and after; None where a table does not have it."""

    rows_before: int | None = None
    rows_after: int | None = None
    studies_before: int | None = None
    studies_after: int | None = None

    def add(self, measure: Measure, *, after: bool) -> None:
        """Add what was counted over some studies."""
        if after:
            self.rows_after = (self.rows_after or 0) + measure.unexpected
            self.studies_after = (self.studies_after or 0) + measure.studies_broken
        else:
            self.rows_before = (self.rows_before or 0) + measure.unexpected
            self.studies_before = (self.studies_before or 0) + measure.studies_broken


@dataclass(frozen=True, slots=True)
class Changed:
    """A study whose verdict changes: ``withheld``, ``flagged`` or ``passed``, and the rules that do it."""

    StudyInstanceUID: str
    before: str
    after: str
    no_more: tuple[str, ...]
    newly: tuple[str, ...]


@dataclass(slots=True)
class Difference:
    """What a new table would change.

    Attributes
    ----------
    rules
        By id, the rules that differ and judge studies.
    not_judged
        Rules that differ and are about a run: what is stored says nothing of them.
    repairs
        Declared repairs that differ, which no stored row can show.
    verdicts
        Number of studies by verdict before and after, such as ``passed to withheld``.
    studies
        The first ten thousand of them by name.
    """

    digest_before: str
    digest_after: str
    rows: int = 0
    rules: dict[str, Count] = field(default_factory=dict)
    not_judged: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    verdicts: dict[str, int] = field(default_factory=dict)
    studies: list[Changed] = field(default_factory=list)

    def add(self, changed: Changed) -> None:
        """Note a study whose verdict changes."""
        kind = f"{changed.before} to {changed.after}"
        self.verdicts[kind] = self.verdicts.get(kind, 0) + 1
        if len(self.studies) < NAMED:
            self.studies.append(changed)


def rules_in_force(store: Store) -> RuleTable:
    """Read the table that the newest run used; the shipped one where it left none."""
    report = newest_report(store)
    if report is None or not store.exists(rules_key(report.run_id)):
        return load_rules(DEFAULT_RULES)
    return load_rules(store.read(rules_key(report.run_id)))


def diff_rules(store: Store, new: RuleTable) -> Difference:
    """Compare the table in force with a new one.

    Raises
    ------
    ConfigurationError
        If no run has written to this target.
    """
    if not any(store.list(layout.LEDGER)):
        raise ConfigurationError("This target has seen no run. Check the path.")
    old = rules_in_force(store)
    changed = list_changed(old, new)
    of_runs = {rule.id for table in (old, new) for rule in table.enabled if rule.scope is Scope.RUN}
    found = Difference(old.digest, new.digest, not_judged=tuple(sorted(changed & of_runs)))
    found.repairs = tuple(sorted(repair.id for repair in {*old.repairs} ^ {*new.repairs}))
    found.rules = {name: Count() for name in sorted(changed - of_runs)}
    if found.rules:
        _judge_all(store, _Gates.of(old, new, found.rules), found)
    return found


@dataclass(frozen=True, slots=True)
class _Gates:
    """What judges: rules that both tables have, those of the old one alone, and those of the new one."""

    common: Gate
    old: Gate
    new: Gate
    together: frozenset[str] | None

    @classmethod
    def of(cls, old: RuleTable, new: RuleTable, changed: Mapping[str, Count]) -> _Gates:
        from expectations.runner import Gate, columns_kept_together

        same = [rule.id for rule in old.enabled if rule.id not in changed and rule.effect is not Action.COUNT]
        both = [columns_kept_together(table) for table in (old, new)]
        together = None if None in both else frozenset().union(*(columns or () for columns in both))
        return cls(Gate(choose(old, same)), Gate(choose(old, changed)), Gate(choose(new, changed)), together)


def _judge_all(store: Store, gates: _Gates, found: Difference) -> None:
    """Judge all rows, a bucket of whole studies at a time."""
    found.rows = sum(len(rows) for rows in _rows(store, ["StudyInstanceUID"]))
    count = 1 if gates.together is None else count_buckets(found.rows)
    links = Links()
    if count > 1:
        columns = sorted((gates.together or frozenset()) - {"SOPInstanceUID"})
        for rows in _rows(store, ["StudyInstanceUID", *columns]):
            for name in columns:
                links.add(name, rows[name], hash_column(rows["StudyInstanceUID"]))
    with (
        tempfile.TemporaryDirectory(prefix="dicomflow-") as scratch,
        Buckets(count, _ROWS, Path(scratch), "studies") as buckets,
    ):
        for rows in _rows(store, list(JUDGED)):
            buckets.add(rows.cast(_ROWS), links.follow(hash_column(rows["StudyInstanceUID"])))
        for rows in buckets:
            if len(rows):
                _judge(rows, gates, found)


def _judge(rows: pa.Table, gates: _Gates, found: Difference) -> None:
    tables = judged_tables(rows)
    before, after = (list(by_rules(gate.judge(tables))) for gate in (gates.old, gates.new))
    for measures, is_after in ((before, False), (after, True)):
        for measure in measures:
            found.rules[measure.check.rule_id].add(measure, after=is_after)
    was, will = _broken(before), _broken(after)
    touched = {study for study in {*was, *will} if was.get(study) != will.get(study)}
    if not touched:
        return
    always = _broken(by_rules(gates.common.judge(tables)))
    for study in sorted(touched):
        fixed = always.get(study, {})
        old, new = was.get(study, {}), will.get(study, {})
        verdicts = _verdict({**fixed, **old}), _verdict({**fixed, **new})
        if verdicts[0] != verdicts[1]:
            no_more, newly = (tuple(sorted(one.keys() - other)) for one, other in ((old, new), (new, old)))
            found.add(Changed(study, *verdicts, no_more, newly))


def _broken(measures: Sequence[Measure] | Iterator[Measure]) -> dict[str, dict[str, Action]]:
    """Give the rules that each study breaks and what they do; a rule that allows a share names no study."""
    broken: dict[str, dict[str, Action]] = {}
    for measure in measures:
        if measure.check.mostly == 1:
            for study in measure.broken:
                broken.setdefault(study, {})[measure.check.rule_id] = measure.check.action
    return broken


def _verdict(rules: Mapping[str, Action]) -> str:
    """Say what the rules that a study breaks do to it together."""
    actions = set(rules.values())
    strongest = next((action for action in (Action.WITHHOLD, Action.FLAG) if action in actions), Action.COUNT)
    return _VERDICTS[strongest]


def _rows(store: Store, columns: list[str]) -> Iterator[pa.Table]:
    """Read what is published, what is withheld by a rule, and what unfinished runs staged."""
    for batch in stored(store, layout.INSTANCES).stream(columns):
        yield pa.Table.from_batches([batch])
    if any(store.list(layout.WITHHELD_INSTANCES)):
        withheld = hash_column(
            pa.chunked_array([list(withheld_instances(stored(store, layout.LEDGER)))], pa.string())
        )
        withheld.sort()
        names = list(dict.fromkeys(["SOPInstanceUID", *columns]))
        for batch in stored(store, layout.WITHHELD_INSTANCES).stream(names):
            rows = pa.Table.from_batches([batch])
            still = contains(hash_column(rows["SOPInstanceUID"]), withheld)
            yield rows.filter(pa.array(still)).select(columns)
    for run in dead_runs(store):
        for rows in parts(store, Staging(run.run_id), "instances", columns):
            yield rows.select(columns)
