"""From what each check counted to what the gate says: which studies go, which are flagged, what stops the run.

Severity has spoken when the check was planned; here only its action matters. A broken row whose study is
unknown cannot be withheld with its study, so it stands for the whole run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from expectations.outcomes import GateResult, RuleOutcome, StudyFailures
from expectations.rules import Action, Scope
from expectations.suites import Check


@dataclass(frozen=True, slots=True)
class Measure:
    """What one check counted.

    Attributes
    ----------
    success
        Whether the check holds, its share of allowed exceptions taken into account.
    evaluated, unexpected
        Rows judged, and those of them that broke the check.
    studies
        Studies of the broken rows, ascending; empty where the check holds.
    strays
        Broken rows that belong to no known study.
    """

    check: Check
    table: str
    success: bool
    evaluated: int
    unexpected: int
    studies: tuple[str, ...] = ()
    strays: int = 0

    @property
    def unexpected_percent(self) -> float | None:
        """Broken rows in percent of those judged; None where none were."""
        return 100 * self.unexpected / self.evaluated if self.evaluated else None

    @property
    def concerns_run(self) -> bool:
        """Whether the check broke in a way that no study stands for."""
        return not self.success and (self.check.scope is Scope.RUN or self.strays > 0)


def conclude(measures: Iterable[Measure], rules_digest: str) -> GateResult:
    """Sum up what the checks of all tables counted."""
    measures = tuple(measures)
    return GateResult(
        outcomes=tuple(map(_make_outcome, measures)),
        studies=tuple(_collect_studies(measures)),
        run_withheld_by=_list_run_rules(measures, Action.WITHHOLD),
        run_flagged_by=_list_run_rules(measures, Action.FLAG),
        rules_digest=rules_digest,
    )


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
        studies_failed=len(measure.studies),
    )


def _collect_studies(measures: Iterable[Measure]) -> Iterable[StudyFailures]:
    """List the studies that broke anything, with the rules they broke."""
    broken: Mapping[str, dict[Action, dict[str, None]]] = defaultdict(
        lambda: {action: {} for action in Action}
    )
    for measure in sorted(measures, key=lambda measure: (measure.check.priority, measure.check.rule_id)):
        for study in measure.studies:
            broken[study][measure.check.action][measure.check.rule_id] = None
    for study, rules in sorted(broken.items()):
        yield StudyFailures(study, *(tuple(rules[action]) for action in Action))


def _list_run_rules(measures: Iterable[Measure], action: Action) -> tuple[str, ...]:
    """List the rules of an action that the run as a whole broke, each once."""
    broken = (measure for measure in measures if measure.concerns_run and measure.check.action is action)
    ordered = sorted(broken, key=lambda measure: (measure.check.priority, measure.check.rule_id))
    return tuple(dict.fromkeys(measure.check.rule_id for measure in ordered))
