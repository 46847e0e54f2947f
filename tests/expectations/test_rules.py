from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from expectations.contracts import UNJUDGED
from expectations.rules import (
    DEFAULT_RULES,
    Action,
    RulesError,
    Severity,
    describe,
    json_schema,
    load_rules,
)

TABLE = b"""\
# three rules
rules:
  - id: R001
    title: Modality is given
    description: Nobody finds an object without it.
    severity: warning
    scope: instance
    expectation: expect_column_values_to_not_be_null
    column: Modality
    owner: imaging-data
    version: 1
  - id: R002
    title: The identity was removed
    description: As the attribute says.
    severity: critical
    scope: instance
    condition: {Modality: [CT]}
    expectation: expect_column_values_to_be_in_set
    column: [PatientIdentityRemoved]
    kwargs: {value_set: ["YES"]}
    owner: data-protection
    version: 1
  - id: R003
    title: A volume has one orientation
    description: Else its slices do not stack.
    enabled: false
    severity: info
    scope: series
    expectation: expect_column_values_to_be_between
    column: orientation_distinct
    kwargs: {max_value: 1}
    mostly: 0.9
    owner: imaging-data
    version: 2
"""


def change(old: str, new: str) -> bytes:
    assert TABLE.count(old.encode()) >= 1
    return TABLE.replace(old.encode(), new.encode(), 1)


@pytest.mark.parametrize(
    ("table", "line", "place"),
    [
        (change("Modality is given", ""), 4, "rules[0].title"),
        (change("severity: warning", "severity: bad"), 6, "rules[0].severity"),
        (change("severity: warning", "severity: warning\n    colour: red"), 7, "rules[0].colour"),
        (change("    owner: imaging-data\n", ""), 3, "rules[0].owner"),
        (change("column: Modality", "column: Modalities"), 9, "rules[0].column"),
        (change("column: Modality", "column: header"), 9, "rules[0].column"),
        (change("column: Modality", "column: []"), 9, "rules[0].column"),
        (
            change("scope: instance", "scope: series\n    condition: {Rows: [1]}"),
            8,
            "rules[0].condition.Rows",
        ),
        (change("not_be_null", "be_of_type"), 8, "rules[0].expectation"),
        (change("column: Modality", "column: Modality\n    kwargs: {x: 1}"), 10, "rules[0].kwargs.x"),
        (change("version: 1", "version: 1\n    version: 2"), 12, "version"),
        (change("id: R002", "id: R001"), 12, "rules[1].id"),
        (change("id: R002", "id: R2"), 12, "rules[1].id"),
        (change("[CT]", "[1]"), 17, "rules[1].condition.Modality"),
        (change("[CT]", "[]"), 17, "rules[1].condition.Modality"),
        (change('["YES"]', "[YES]"), 20, "rules[1].kwargs.value_set"),
        (change('["YES"]', "YES"), 20, "rules[1].kwargs.value_set"),
        (change('{value_set: ["YES"]}', "{}"), 20, "rules[1].kwargs"),
        (change("{max_value: 1}", "{}"), 31, "rules[2].kwargs"),
        (change("{max_value: 1}", "{min_value: 2, max_value: 1}"), 31, "rules[2].kwargs.min_value"),
        (change("{max_value: 1}", "{max_value: true}"), 31, "rules[2].kwargs.max_value"),
        (change("mostly: 0.9", "mostly: 1.1"), 32, "rules[2].mostly"),
        (change("mostly: 0.9", "action: withhold"), 32, "rules[2].action"),
        (
            change("version: 1", "mostly: 0.9\n    version: 1").replace(b"warning", b"critical"),
            11,
            "rules[0].mostly",
        ),
        (
            change("expect_column_values_to_not_be_null", "expect_column_pair_values_to_be_equal"),
            9,
            "rules[0].column",
        ),
        (
            change("expect_column_values_to_not_be_null", "expect_column_values_to_be_orthonormal"),
            9,
            "rules[0].column",
        ),
        (b"rules:\n  - [", 3, "YAML"),
        (b"- a list", 1, "YAML"),
        (b"", 1, "YAML"),
        (b"rules: []\nrulez: []", 2, "rulez"),
    ],
)
def test_every_mistake_is_reported_with_its_line(table: bytes, line: int, place: str) -> None:
    with pytest.raises(RulesError) as caught:
        load_rules(table)
    assert [mistake[:2] for mistake in caught.value.mistakes] == [(line, place)]
    assert str(caught.value).startswith(f"rules:{line}: {place}: ")


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(RulesError) as caught:
        load_rules(TABLE.replace(b"column: ", b"columns: "))
    assert [mistake.line for mistake in caught.value.mistakes] == [3, 9, 12, 19, 23, 30]


def test_a_value_of_yaml_that_is_no_text_is_explained() -> None:
    with pytest.raises(RulesError, match="YES and NO without quotes"):
        load_rules(change('["YES"]', "[YES]"))


def test_unreadable_bytes_are_a_mistake_and_no_crash() -> None:
    with pytest.raises(RulesError):
        load_rules(b"rules: \x00\xff")


def test_the_digest_does_not_depend_on_layout_order_or_disabled_rules() -> None:
    head, first, second, third = TABLE.replace(b"  - id", b"\x00  - id").split(b"\x00")
    digest = load_rules(TABLE).digest
    assert load_rules(head + b"# moved\n" + third + second + first).digest == digest
    assert load_rules(head + second + first).digest == digest


@pytest.mark.parametrize(
    "edit", [("version: 1", "version: 2"), ("[CT]", "[MR]"), ("enabled: false", "enabled: true")]
)
def test_the_digest_changes_with_the_rules(edit: tuple[str, str]) -> None:
    assert load_rules(change(*edit)).digest != load_rules(TABLE).digest


def test_severity_says_what_a_rule_does_unless_the_rule_says_less() -> None:
    warning, critical, info = load_rules(TABLE).rules
    assert [warning.effect, critical.effect, info.effect] == [Action.FLAG, Action.WITHHOLD, Action.COUNT]
    trial = load_rules(change("severity: critical", "severity: critical\n    action: flag"))
    assert trial.rules[1].effect is Action.FLAG


def test_rules_come_by_priority_then_id() -> None:
    table = load_rules(change("id: R002", "id: R002\n    priority: 1"))
    assert [rule.id for rule in table.rules] == ["R002", "R001", "R003"]
    assert [rule.id for rule in table.enabled] == ["R002", "R001"]


def test_the_shipped_table_covers_every_scope() -> None:
    table = load_rules()
    assert len(table.enabled) >= 60
    assert {rule.scope.value for rule in table.enabled} == {"instance", "series", "study", "run"}
    assert {rule.severity for rule in table.enabled} == set(Severity)


def test_only_identity_uniqueness_deidentification_and_pixel_length_withhold_studies_and_loss_the_run() -> (
    None
):
    withholding = {rule.id: rule for rule in load_rules().enabled if rule.effect is Action.WITHHOLD}
    of_run = {name for name, rule in withholding.items() if rule.scope.value == "run"}
    assert withholding.keys() - of_run == {
        *(f"R00{n}" for n in range(1, 5)),
        *(f"R01{n}" for n in range(10)),
        "R050",
    }
    assert of_run == {"R090", "R099"}


DRIFT = b"""\
rules:
  - id: R001
    title: Volume is usual
    description: Else something did not come.
    severity: warning
    scope: run
    condition: {rule: [volume]}
    drift: {metric: records, change: 0.5}
    owner: imaging-data
    version: 1
"""


def test_a_rule_may_be_about_history_instead_of_values() -> None:
    (rule,) = load_rules(DRIFT).rules
    assert rule.contract.name == "trend"
    assert rule.drift is not None
    assert (rule.drift.deviations, rule.drift.direction) == (5.0, "both")


@pytest.mark.parametrize(
    ("old", "new", "line", "place"),
    [
        (b"scope: run", b"scope: series", 6, "rules[0].scope"),
        (b"    drift", b"    column: change\n    drift", 8, "rules[0].column"),
        (b"{rule: [volume]}", b"{Modality: [CT]}", 7, "rules[0].condition.Modality"),
        (b"{rule: [volume]}", b"{metric: [records]}", 7, "rules[0].condition.metric"),
        (b"change: 0.5", b"change: -1", 8, "rules[0].drift.change"),
        (b"metric: records", b"metric: size", 8, "rules[0].drift.metric"),
    ],
)
def test_a_mistake_in_a_drift_is_reported_with_its_line(
    old: bytes, new: bytes, line: int, place: str
) -> None:
    with pytest.raises(RulesError) as caught:
        load_rules(DRIFT.replace(old, new))
    assert (line, place) in [mistake[:2] for mistake in caught.value.mistakes]


def test_the_shipped_schema_is_that_of_the_model() -> None:
    shipped = json.loads(DEFAULT_RULES.with_name("rules.schema.json").read_bytes())
    assert shipped == json_schema()


def test_the_schema_takes_the_shipped_table_and_refuses_a_misspelt_one() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    assert not list(validator.iter_errors(yaml.safe_load(DEFAULT_RULES.read_bytes())))
    assert list(validator.iter_errors(yaml.safe_load(change("severity: warning", "severity: bad"))))


def test_a_path_and_its_content_are_one_table() -> None:
    assert load_rules(DEFAULT_RULES) == load_rules(DEFAULT_RULES.read_bytes())


def test_every_rule_in_force_is_described() -> None:
    table = load_rules()
    assert [line["id"] for line in describe(table)] == [rule.id for rule in table.enabled]


def test_no_rule_looks_at_the_header() -> None:
    looked_at = {name for rule in load_rules().rules for name in (*rule.column, *rule.condition)}
    assert looked_at.isdisjoint(UNJUDGED)


def test_a_rule_is_not_in_force_under_an_option_that_it_excepts() -> None:
    table = load_rules()
    for option, gone in (("retain-uids", {"R010", "R016"}), ("retain-full-dates", {"R014"})):
        under = table.under([option, "clean-graphics"])
        assert {rule.id for rule in table.enabled} - {rule.id for rule in under.enabled} == gone
        assert under.digest != table.digest
    assert table.under(["clean-graphics"]).digest == table.digest
