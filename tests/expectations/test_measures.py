from __future__ import annotations

from dataclasses import replace

import pytest

from expectations.contracts import INSTANCES
from expectations.measures import Measure, conclude, find_withheld, keeps
from expectations.outcomes import GateResult, StudyFailures
from expectations.rules import load_rules
from expectations.suites import CONTRACT_ID, plan_contract, plan_rule

RULES = {rule.id: rule for rule in load_rules().rules}


def broken(rule_id: str, *studies: str, strays: int = 0) -> Measure:
    return Measure(plan_rule(RULES[rule_id])[0], "instances", False, 10, 4, studies, strays)


def held(rule_id: str) -> Measure:
    return Measure(plan_rule(RULES[rule_id])[0], "instances", True, 10, 0)


def sum_up(*measures: Measure) -> GateResult:
    return conclude([measure.add_to(None) for measure in measures], measures, "digest")


def test_rules_are_told_apart_by_what_they_do() -> None:
    result = sum_up(broken("R003", "a"), broken("R020", "a", "b"), broken("R026", "b"))
    assert result.studies == (
        StudyFailures("a", withheld_by=("R003",), flagged_by=("R020",)),
        StudyFailures("b", flagged_by=("R020",), counted_by=("R026",)),
    )
    assert not result.run_withheld


def test_the_first_reason_is_the_one_of_highest_priority() -> None:
    result = sum_up(broken("R050", "a"), broken("R003", "a"), broken("R012", "a"))
    assert result.studies[0].withheld_by == ("R012", "R003", "R050")


def test_a_rule_is_named_once_for_a_study_however_many_columns_broke_it() -> None:
    assert sum_up(broken("R010", "a"), broken("R010", "a")).studies[0].withheld_by == ("R010",)


def test_what_holds_concerns_nobody() -> None:
    result = sum_up(held("R003"), held("R090"))
    assert (result.studies, result.run_withheld_by, result.run_flagged_by) == ((), (), ())


def test_run_rules_concern_the_run() -> None:
    result = sum_up(broken("R091"), broken("R090"))
    assert (result.run_withheld_by, result.run_flagged_by) == (("R090",), ("R091",))


def test_a_broken_contract_withholds_the_run() -> None:
    contract = Measure(plan_contract(INSTANCES)[0], "instances", False, 100, 1)
    assert sum_up(contract).run_withheld_by == (CONTRACT_ID,)


def test_a_row_of_no_study_stands_for_the_run() -> None:
    assert sum_up(broken("R012", strays=1)).run_withheld_by == ("R012",)
    assert sum_up(broken("R020", strays=1)).run_flagged_by == ("R020",)


def test_counts_are_reported_as_shares_of_what_was_judged() -> None:
    (outcome,) = sum_up(broken("R020", "a")).outcomes
    assert (outcome.evaluated, outcome.unexpected, outcome.unexpected_percent) == (10, 4, 40.0)
    (nothing,) = sum_up(Measure(plan_rule(RULES["R020"])[0], "instances", True, 0, 0)).outcomes
    assert nothing.unexpected_percent is None


def test_counts_of_studies_judged_apart_add_up() -> None:
    total = broken("R020", "b", "c", strays=1).add_to(broken("R020", "a").add_to(held("R020").add_to(None)))
    assert (total.evaluated, total.unexpected, total.strays) == (30, 8, 1)
    assert (total.success, total.studies_failed, total.broken) == (False, 3, ())


def test_a_share_is_one_of_the_sum() -> None:
    check = replace(plan_rule(RULES["R020"])[0], mostly=0.7)
    few = Measure(check, "instances", False, 10, 4, ("a",))
    none = Measure(check, "instances", True, 10, 0)
    assert few.add_to(none.add_to(None)).success
    assert few.add_to(none.add_to(None)).studies_failed == 0
    assert not few.add_to(few.add_to(None)).success


def test_a_table_that_broke_its_contract_once_has_broken_it() -> None:
    check = plan_contract(INSTANCES)[0]
    sound, unsound = Measure(check, "instances", True, 100, 0), Measure(check, "instances", False, 100, 1)
    for first, second in ((sound, unsound), (unsound, sound)):
        total = second.add_to(first.add_to(None))
        assert (total.success, total.evaluated, total.unexpected) == (False, 100, 1)


def test_studies_are_withheld_by_the_first_rule_that_withholds() -> None:
    measures = [broken("R020", "c"), broken("R003", "a", "b"), broken("R012", "b")]
    assert find_withheld(measures) == {"a": "R003", "b": "R012"}


@pytest.mark.parametrize(
    ("evaluated", "unexpected", "mostly", "kept"),
    [(0, 0, 1.0, True), (10, 1, 0.9, True), (10, 2, 0.9, False), (10, 1, 1.0, False)],
)
def test_a_share_that_is_reached_exactly_is_enough(
    evaluated: int, unexpected: int, mostly: float, kept: bool
) -> None:
    assert keeps(evaluated, unexpected, mostly) is kept
