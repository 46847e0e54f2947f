"""From what each check counted to what the gate says: which studies go, which are flagged, what stops the run.

Severity has spoken when the check was planned; here only its action matters. A broken row whose study is
unknown cannot be withheld with its study, so it stands for the whole run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from expectations.outcomes import GateResult, RuleOutcome, StudyFailures
from expectations.rules import Action, Scope
from expectations.suites import Check


@dataclass(frozen=True, slots=True)
class Measure:
    """What one check counted, over some studies or over all of a run.

    Attributes
    ----------
    success
        Whether the check holds, its share of allowed exceptions taken into account.
    evaluated, unexpected
        Rows judged, and those of them that broke the check.
    broken
        Studies of the broken rows, ascending, where they were judged together; a sum names none.
    strays
        Broken rows that belong to no known study.
    studies_broken
        Number of studies of the broken rows; by default those in `broken`.
    by_modality
        Rows judged and rows that broke the check, by Modality; empty where it is unknown.
    """

    check: Check
    table: str
    success: bool
    evaluated: int
    unexpected: int
    broken: tuple[str, ...] = ()
    strays: int = 0
    studies_broken: int = -1
    by_modality: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.studies_broken < 0:
            object.__setattr__(self, "studies_broken", len(self.broken))

    @property
    def studies_failed(self) -> int:
        """Number of studies that failed: none where the check holds, be it by its share."""
        return 0 if self.success else self.studies_broken

    @property
    def unexpected_percent(self) -> float | None:
        """Broken rows in percent of those judged; None where none were."""
        return 100 * self.unexpected / self.evaluated if self.evaluated else None

    @property
    def concerns_run(self) -> bool:
        """Whether the check broke in a way that no study stands for."""
        return not self.success and (self.check.scope is Scope.RUN or self.strays > 0)

    def add_to(self, total: Measure | None) -> Measure:
        """Add what was counted over other studies; every study must be in one of the sums alone."""
        if total is None:
            return replace(self, broken=())
        if not self.check.columns:
            return replace(self if total.success else total, broken=())
        evaluated, unexpected = total.evaluated + self.evaluated, total.unexpected + self.unexpected
        return replace(
            total,
            success=keeps(evaluated, unexpected, self.check.mostly),
            evaluated=evaluated,
            unexpected=unexpected,
            strays=total.strays + self.strays,
            by_modality=_add_counts(total.by_modality, self.by_modality),
            studies_broken=total.studies_broken + self.studies_broken,
        )


def _add_counts(
    one: Mapping[str, tuple[int, int]], other: Mapping[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    pairs = {name: (one.get(name, (0, 0)), other.get(name, (0, 0))) for name in {*one, *other}}
    return {name: (a[0] + b[0], a[1] + b[1]) for name, (a, b) in sorted(pairs.items())}


def keeps(evaluated: int, unexpected: int, mostly: float) -> bool:
    """Tell whether the share of rows that keep a check is large enough, as Great Expectations counts it."""
    return not evaluated or (evaluated - unexpected) / evaluated >= mostly


def conclude(totals: Iterable[Measure], judged: Iterable[Measure], rules_digest: str) -> GateResult:
    """Sum up what the checks of all tables counted.

    Parameters
    ----------
    totals
        One measure for each check, over all of the run.
    judged
        Measures that name the studies which the result shall name.
    """
    totals = tuple(totals)
    failed = {measure.check for measure in totals if not measure.success}
    return GateResult(
        outcomes=tuple(map(_make_outcome, totals)),
        studies=tuple(_collect_studies(measure for measure in judged if measure.check in failed)),
        run_withheld_by=_list_run_rules(totals, Action.WITHHOLD),
        run_flagged_by=_list_run_rules(totals, Action.FLAG),
        rules_digest=rules_digest,
    )


def find_withheld(judged: Iterable[Measure]) -> dict[str, str]:
    """Give the studies that are withheld, whatever the rest of the run holds, and the first rule that did it.

    A rule that withholds allows no exception (`rules` sees to that), so that it needs no sum to break.
    """
    withheld: dict[str, str] = {}
    for measure in sorted(judged, key=_rank):
        if measure.check.action is Action.WITHHOLD:
            for study in measure.broken:
                withheld.setdefault(study, measure.check.rule_id)
    return withheld


def _rank(measure: Measure) -> tuple[int, str]:
    return measure.check.priority, measure.check.rule_id


def _make_outcome(measure: Measure) -> RuleOutcome:
    """Report one check."""
    check = measure.check
    return RuleOutcome(
        rule_id=check.rule_id,
        title=check.title,
        description=check.description,
        severity=check.severity,
        action=check.action,
        scope=check.scope,
        table=measure.table,
        expectation=check.expectation,
        column=", ".join(check.columns) or None,
        success=measure.success,
        evaluated=measure.evaluated,
        unexpected=measure.unexpected,
        unexpected_percent=measure.unexpected_percent,
        studies_failed=measure.studies_failed,
    )


def _collect_studies(measures: Iterable[Measure]) -> Iterable[StudyFailures]:
    """List the studies that broke anything, with the rules they broke."""
    broken: Mapping[str, dict[Action, dict[str, None]]] = defaultdict(
        lambda: {action: {} for action in Action}
    )
    for measure in sorted(measures, key=_rank):
        for study in measure.broken:
            broken[study][measure.check.action][measure.check.rule_id] = None
    for study, rules in sorted(broken.items()):
        yield StudyFailures(study, *(tuple(rules[action]) for action in Action))


def _list_run_rules(measures: Iterable[Measure], action: Action) -> tuple[str, ...]:
    """List the rules of an action that the run as a whole broke, each once."""
    broken = (measure for measure in measures if measure.concerns_run and measure.check.action is action)
    return tuple(dict.fromkeys(measure.check.rule_id for measure in sorted(broken, key=_rank)))
