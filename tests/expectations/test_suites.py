from __future__ import annotations

import pytest

from expectations.contracts import INSTANCES, UNJUDGED
from expectations.permitted import PERMITTED
from expectations.rules import Action, Scope, load_rules
from expectations.suites import (
    CONTRACT_ID,
    MATCH_CONTRACT,
    STATEMENTS,
    STAY_USUAL,
    build_expectation,
    plan_checks,
    plan_contract,
    plan_rule,
)

SAMPLE_ARGUMENTS = {
    "value_set": ["CT"],
    "regex": "^A",
    "vr": "CS",
    "or_below": "1.2.840.10008",
    "tolerance": 0.001,
    "element": "113100",
    "count": 3,
    "min_value": 0,
    "max_value": 1,
    "strict_min": True,
    "strict_max": True,
    "or_equal": True,
    "change": 0.1,
    "deviations": 5.0,
    "direction": "up",
}


def test_a_contract_asks_for_its_columns_first_then_for_values_where_none_may_lack() -> None:
    schema, *values = plan_contract(INSTANCES)
    assert schema.expectation == MATCH_CONTRACT
    assert set(schema.arguments["types"]) == set(INSTANCES.names) - UNJUDGED
    promised = [column.name for column in INSTANCES.columns if not column.nullable]
    assert [check.columns[0] for check in values] == [name for name in promised if name not in UNJUDGED]


def test_a_broken_contract_concerns_the_whole_run() -> None:
    assert {(check.scope, check.action) for check in plan_contract(INSTANCES)} == {
        (Scope.RUN, Action.WITHHOLD)
    }


def test_a_rule_checks_each_of_its_columns_unless_it_compares_two() -> None:
    rules = {rule.id: rule for rule in load_rules().rules}
    assert [check.columns for check in plan_rule(rules["R040"])] == [("RescaleSlope",), ("RescaleIntercept",)]
    assert [check.columns for check in plan_rule(rules["R050"])] == [("pixel_bytes", "expected_pixel_bytes")]


def test_a_check_reads_its_condition_too() -> None:
    rules = {rule.id: rule for rule in load_rules().rules}
    (check,) = plan_rule(rules["R030"])
    assert check.columns_read == {"KVP", "Modality"}


@pytest.mark.parametrize("scope", Scope)
def test_every_rule_of_a_scope_is_checked(scope: Scope) -> None:
    rules = load_rules().enabled
    planned = {check.rule_id for check in plan_checks(scope.contract, rules)}
    assert planned == {CONTRACT_ID, *(rule.id for rule in rules if rule.contract is scope.contract)}


@pytest.mark.parametrize("name", PERMITTED)
def test_great_expectations_knows_every_permitted_expectation_and_its_arguments(name: str) -> None:
    from dataclasses import replace

    permitted = PERMITTED[name]
    known = {**permitted.required, **permitted.optional}
    check = replace(
        plan_contract(INSTANCES)[1],
        expectation=name,
        columns=("a", "b") if permitted.paired else ("a",),
        arguments={argument: SAMPLE_ARGUMENTS[argument] for argument in known},
        condition={"Modality": ("CT", "MR"), "is_localizer": (False,)},
    )
    configuration = build_expectation(check, 7).configuration
    assert configuration.type == name
    assert configuration.meta == {"number": 7}
    assert known.keys() <= configuration.kwargs.keys()


def test_our_own_expectations_are_put_into_words() -> None:
    ours = {MATCH_CONTRACT, STAY_USUAL} | {
        name for name in PERMITTED if build_module(name).startswith("expectations.")
    }
    assert ours == set(STATEMENTS)


def build_module(name: str) -> str:
    from great_expectations.expectations.registry import get_expectation_impl

    import expectations.custom  # noqa: F401

    return get_expectation_impl(name).__module__
