"""From contracts and rules to expectation suites: what to check, said once for running and for showing.

`Check` is the plain form of one expectation about one table. Checks are cheap to make, compare and test;
Great Expectations, whose import takes seconds, comes in only when `build_expectation` makes its object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expectations.contracts import UNJUDGED, Contract
from expectations.permitted import PERMITTED
from expectations.rules import Action, Rule, Scope, Severity

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.expectations.expectation import Expectation

CONTRACT_ID = "contract"
"""Rule id of the checks every table undergoes because of its contract; breaking one withholds the run."""

MATCH_CONTRACT = "expect_table_to_match_contract"
STAY_USUAL = "expect_column_pair_values_to_stay_usual"
DRIFT_COLUMNS = ("change", "deviations")
NOT_NULL = "expect_column_values_to_not_be_null"

STATEMENTS = {
    MATCH_CONTRACT: "columns and their types must be those of the contract.",
    "expect_column_values_to_have_form_of_vr": "values must have the form of the VR {vr}.",
    "expect_column_values_to_be_uid_made_here": "values must be 2.25. and a UUID of version 8.",
    "expect_column_values_to_be_orthonormal": "values must be two orthogonal unit vectors within {tolerance}.",
    "expect_column_values_to_contain": "values must have {element} among them.",
    "expect_column_values_to_have_multiplicity": "values must be {count} together.",
    "expect_column_elements_to_be_in_set": "each value must be one of the set.",
    "expect_column_elements_to_not_be_in_set": "no value may be one of the set.",
    STAY_USUAL: "must not differ from earlier runs by more than {change} and more than {deviations} spreads "
    "({direction}).",
    "expect_column_elements_to_be_between": "each value must be from {min_value} to {max_value}.",
}
"""What our own expectations state on the validation pages; Great Expectations has words for its own."""

_OPEN_BOUNDS: Mapping[str, Any] = {"min_value": "any", "max_value": "any"}


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One expectation about one table; equal to itself alone, so that results can be kept by it.

    Attributes
    ----------
    rule_id
        ``R001`` and so on, or `CONTRACT_ID`.
    scope
        What a broken row stands for; run for the checks of a contract, whatever the table.
    expectation
        Type as Great Expectations names it.
    columns
        Column it judges, the two it compares, or none for the table as a whole.
    condition
        Values a row must have for it to be judged, by column.
    """

    rule_id: str
    title: str
    description: str
    severity: Severity
    action: Action
    scope: Scope
    expectation: str
    columns: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    condition: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    mostly: float = 1.0
    priority: int = 0

    @property
    def columns_read(self) -> frozenset[str]:
        """Columns it needs to see, those of its condition included."""
        return frozenset(self.columns) | self.condition.keys()


def plan_contract(contract: Contract) -> tuple[Check, ...]:
    """Say what a table must keep because of its contract: its columns and types, and values where none may lack.

    Returns
    -------
    tuple[Check, ...]
        First the check of columns and types: where it fails, no other can be trusted to run.
    """
    judged = [column for column in contract.columns if column.name not in UNJUDGED]
    types = {column.name: str(column.type) for column in judged}
    schema = _make_contract_check(
        "The table has the columns of its contract",
        "Every column is there, in its type, and no other.",
        MATCH_CONTRACT,
        arguments={"types": types},
    )
    values = (
        _make_contract_check(
            "A value in every row", "The contract of the table promises it.", NOT_NULL, columns=(column.name,)
        )
        for column in judged
        if not column.nullable
    )
    return (schema, *values)


def _make_contract_check(title: str, description: str, expectation: str, **rest: Any) -> Check:
    """Make a check whose breaking is a defect of ours."""
    return Check(
        CONTRACT_ID, title, description, Severity.CRITICAL, Action.WITHHOLD, Scope.RUN, expectation, **rest
    )


def plan_rule(rule: Rule) -> tuple[Check, ...]:
    """Say what a rule checks: one thing for each of its columns, or one for the two it compares."""
    condition = {name: tuple(values) for name, values in rule.condition.items()}
    if rule.drift is not None:
        condition["metric"] = (rule.drift.metric,)
        arguments = rule.drift.model_dump(exclude={"metric"})
        return (_make_check(rule, STAY_USUAL, DRIFT_COLUMNS, arguments, condition),)
    groups = [rule.column] if PERMITTED[rule.expectation].paired else [(column,) for column in rule.column]
    return tuple(_make_check(rule, rule.expectation, columns, rule.kwargs, condition) for columns in groups)


def _make_check(
    rule: Rule,
    expectation: str,
    columns: tuple[str, ...],
    arguments: Mapping[str, Any],
    condition: Mapping[str, tuple[Any, ...]],
) -> Check:
    return Check(
        rule.id,
        rule.title,
        rule.description,
        rule.severity,
        rule.effect,
        rule.scope,
        expectation,
        columns,
        arguments,
        condition,
        rule.mostly,
        rule.priority,
    )


def plan_checks(contract: Contract, rules: Iterable[Rule]) -> tuple[Check, ...]:
    """Say everything to check about a table, its contract first, then rules by their order."""
    checks = [check for rule in rules if rule.contract is contract for check in plan_rule(rule)]
    return (*plan_contract(contract), *checks)


def build_suite(name: str, checks: Iterable[Check]) -> ExpectationSuite:
    """Make the suite that holds checks, in their order."""
    from great_expectations import ExpectationSuite

    expectations = [build_expectation(check, number) for number, check in enumerate(checks)]
    return ExpectationSuite(name=name, expectations=expectations)


def build_expectation(check: Check, number: int = 0) -> Expectation:
    """Make the expectation of a check; `number` says which check a result belongs to."""
    from great_expectations.expectations.registry import get_expectation_impl

    from expectations import custom  # noqa: F401 - registers our expectations

    arguments: dict[str, Any] = {
        **check.arguments,
        **_name_columns(check),
        "severity": check.severity.value,
        "meta": {"number": number},
    }
    if statement := STATEMENTS.get(check.expectation):
        arguments["description"] = statement.format(**{**_OPEN_BOUNDS, **arguments})
    if check.condition:
        arguments["row_condition"] = _build_condition(check.condition)
    if check.columns:
        arguments["mostly"] = check.mostly
    return get_expectation_impl(check.expectation)(**arguments)


def _name_columns(check: Check) -> dict[str, str]:
    """Name the columns as the expectation's arguments want them."""
    match check.columns:
        case (column,):
            return {"column": column}
        case (first, second):
            return {"column_A": first, "column_B": second, "ignore_row_if": "either_value_is_missing"}
    return {}


def _build_condition(condition: Mapping[str, tuple[Any, ...]]) -> Any:
    """Make the row condition: every column has one of its values."""
    from great_expectations.expectations.row_conditions import AndCondition, Column

    clauses = [
        Column(name) == values[0] if len(values) == 1 else Column(name).is_in(values)
        for name, values in condition.items()
    ]
    return clauses[0] if len(clauses) == 1 else AndCondition(conditions=clauses)
