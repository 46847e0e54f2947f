from __future__ import annotations

from expectations.contracts import INSTANCES
from expectations.measures import Measure, conclude
from expectations.outcomes import StudyFailures
from expectations.rules import load_rules
from expectations.suites import CONTRACT_ID, plan_contract, plan_rule

RULES = {rule.id: rule for rule in load_rules().rules}


def broken(rule_id: str, *studies: str, strays: int = 0) -> Measure:
    return Measure(plan_rule(RULES[rule_id])[0], "instances", False, 10, 4, studies, strays)


def held(rule_id: str) -> Measure:
    return Measure(plan_rule(RULES[rule_id])[0], "instances", True, 10, 0)


def test_rules_are_told_apart_by_what_they_do() -> None:
    result = conclude([broken("R003", "a"), broken("R020", "a", "b"), broken("R026", "b")], "digest")
    assert result.studies == (
        StudyFailures("a", withheld_by=("R003",), flagged_by=("R020",)),
        StudyFailures("b", flagged_by=("R020",), counted_by=("R026",)),
    )
    assert not result.run_withheld


def test_the_first_reason_is_the_one_of_highest_priority() -> None:
    result = conclude([broken("R050", "a"), broken("R003", "a"), broken("R012", "a")], "digest")
    assert result.studies[0].withheld_by == ("R012", "R003", "R050")


def test_a_rule_is_named_once_for_a_study_however_many_columns_broke_it() -> None:
    assert conclude([broken("R010", "a"), broken("R010", "a")], "digest").studies[0].withheld_by == ("R010",)


def test_what_holds_concerns_nobody() -> None:
    result = conclude([held("R003"), held("R090")], "digest")
    assert (result.studies, result.run_withheld_by, result.run_flagged_by) == ((), (), ())


def test_run_rules_concern_the_run() -> None:
    result = conclude([broken("R091"), broken("R090")], "digest")
    assert (result.run_withheld_by, result.run_flagged_by) == (("R090",), ("R091",))


def test_a_broken_contract_withholds_the_run() -> None:
    contract = Measure(plan_contract(INSTANCES)[0], "instances", False, 100, 1)
    assert conclude([contract], "digest").run_withheld_by == (CONTRACT_ID,)


def test_a_row_of_no_study_stands_for_the_run() -> None:
    assert conclude([broken("R012", strays=1)], "digest").run_withheld_by == ("R012",)
    assert conclude([broken("R020", strays=1)], "digest").run_flagged_by == ("R020",)


def test_counts_are_reported_as_shares_of_what_was_judged() -> None:
    (outcome,) = conclude([broken("R020", "a")], "digest").outcomes
    assert (outcome.evaluated, outcome.unexpected, outcome.unexpected_percent) == (10, 4, 40.0)
    (nothing,) = conclude([Measure(plan_rule(RULES["R020"])[0], "instances", True, 0, 0)], "digest").outcomes
    assert nothing.unexpected_percent is None
