"""What the gate says: counts by rule, and rule ids by study. Nothing here can hold a value of a row.

`StudyInstanceUID` is the one thing that leaves with a name, and it is a pseudonym.
"""

from __future__ import annotations

from dataclasses import dataclass

from expectations.rules import Action, Scope, Severity


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule's result about one column (or pair of columns) over one run, in counts.

    Attributes
    ----------
    rule_id
        ``R001`` and so on, or ``contract`` for what a table's contract asks.
    table
        Table looked at: instances, series, studies or run.
    expectation
        Great Expectations type, as lineage's assertion name.
    column
        Column judged; two compared ones are joined by a comma; None for the table as a whole.
    evaluated
        Rows judged: those that meet the rule's condition and have a value, where the rule needs one.
    unexpected
        Judged rows that broke the rule.
    unexpected_percent
        `unexpected` in percent of `evaluated` (0 to 100); None where nothing was judged.
    studies_failed
        Studies the broken rows belong to; 0 where the rule holds, be it by `mostly`.
    """

    rule_id: str
    title: str
    description: str
    severity: Severity
    action: Action
    scope: Scope
    table: str
    expectation: str
    column: str | None
    success: bool
    evaluated: int
    unexpected: int
    unexpected_percent: float | None
    studies_failed: int = 0


@dataclass(frozen=True, slots=True)
class StudyFailures:
    """The rules one study broke, each once, by what they do; in the order of priority."""

    StudyInstanceUID: str
    withheld_by: tuple[str, ...] = ()
    flagged_by: tuple[str, ...] = ()
    counted_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GateResult:
    """Everything the gate found.

    Attributes
    ----------
    outcomes
        One for each rule and column, table by table, the contract's first, then by priority.
    studies
        Studies that broke any rule, by their UID; a study that is not here passed.
    run_withheld_by, run_flagged_by
        Rules the run as a whole broke, the contract among them.
    rules_digest
        Digest of the table of rules that judged.
    """

    outcomes: tuple[RuleOutcome, ...]
    studies: tuple[StudyFailures, ...]
    run_withheld_by: tuple[str, ...]
    run_flagged_by: tuple[str, ...]
    rules_digest: str

    @property
    def run_withheld(self) -> bool:
        """Whether nothing of the run may be published."""
        return bool(self.run_withheld_by)
