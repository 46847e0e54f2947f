from __future__ import annotations

import jsonschema
import pytest
import yaml

from expectations.repairs import compile_reading, dump_repairs, fits_form, parse_repairs
from expectations.rules import RulesError, complete_table, json_schema, load_rules

DECLARED = b"""\
extends: shipped
repairs:
- id: x-day-first
  VR: DA
  attributes: [AcquisitionDate, ContentDate]
  reads: D.M.YY
  first_year: 1950
- id: x-side
  VR: CS
  attributes: Laterality
  values: {RIGHT: R, LEFT: L}
"""


def test_a_table_that_extends_the_shipped_one_holds_only_what_differs() -> None:
    shipped, table = load_rules(), load_rules(DECLARED)
    assert table.rules == shipped.rules
    assert [repair.id for repair in table.repairs] == ["x-day-first", "x-side"]
    assert table.digest != shipped.digest
    assert table.under(["retain-uids"]).repairs == table.repairs


def test_a_rule_takes_the_place_of_the_shipped_one_with_its_id() -> None:
    (rule,) = (rule for rule in load_rules().rules if rule.id == "R091")
    changed = rule.model_dump(mode="json", exclude_defaults=True) | {"version": 2, "enabled": False}
    table = load_rules(yaml.safe_dump({"extends": "shipped", "rules": [changed]}).encode())
    assert len(table.rules) == len(load_rules().rules)
    assert "R091" not in {rule.id for rule in table.enabled}


def test_what_a_run_pins_of_it_needs_no_other_table() -> None:
    whole = complete_table(DECLARED)
    assert b"extends" not in whole
    assert load_rules(whole) == load_rules(DECLARED)
    assert complete_table(whole) == whole


def test_repairs_travel_as_one_text() -> None:
    repairs = load_rules(DECLARED).repairs
    assert parse_repairs(dump_repairs(repairs)) == repairs
    assert dump_repairs(()) == ""
    assert parse_repairs("") == ()


def test_the_schema_takes_them() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    assert not list(validator.iter_errors(yaml.safe_load(DECLARED)))
    assert list(validator.iter_errors(yaml.safe_load(DECLARED.replace(b"reads", b"read"))))


@pytest.mark.parametrize(
    ("old", "new", "line", "place"),
    [
        (b"extends: shipped", b"extends: mine", 1, "extends"),
        (b"x-day-first", b"date-iso", 3, "repairs[0].id"),
        (b"VR: DA", b"VR: LO", 4, "repairs[0].VR"),
        (b"ContentDate", b"ContentTime", 5, "repairs[0].attributes[1]"),
        (b"ContentDate", b"PatientsBirthDay", 5, "repairs[0].attributes[1]"),
        (b"D.M.YY", b"D.M", 6, "repairs[0].reads"),
        (b"D.M.YY", b"DMYY", 6, "repairs[0].reads"),
        (b"D.M.YY", b"D.M.YY HH", 6, "repairs[0].reads"),
        (b"D.M.YY", b"D.M.YY.D", 6, "repairs[0].reads"),
        (b"D.M.YY", b"D.M.YYYY", 7, "repairs[0].first_year"),
        (b"  first_year: 1950\n", b"  values: {A: B}\n", 3, "repairs[0].id"),
        (b"x-side", b"x-day-first", 8, "repairs[1].id"),
        (b"RIGHT: R", b"RIGHT: to the right", 11, "repairs[1].values.RIGHT"),
        (b"RIGHT: R", b"RIGHT: LEFT", 11, "repairs[1].values.RIGHT"),
        (b"Laterality", b"SpecificCharacterSet", 10, "repairs[1].attributes[0]"),
    ],
)
def test_a_mistake_in_a_repair_is_reported_with_its_line(
    old: bytes, new: bytes, line: int, place: str
) -> None:
    with pytest.raises(RulesError) as caught:
        load_rules(DECLARED.replace(old, new, 1))
    assert (line, place) in [mistake[:2] for mistake in caught.value.mistakes]


def test_two_repairs_of_an_attribute_do_not_undo_each_other() -> None:
    other = DECLARED + b"- {id: x-back, VR: CS, attributes: [Laterality], values: {R: RIGHT}}\n"
    with pytest.raises(RulesError, match="is in another repair, too"):
        load_rules(other)


@pytest.mark.parametrize("reads", ["N 'mm'", "N 'CM'"])
def test_a_unit_has_to_be_named(reads: str) -> None:
    assert compile_reading("DS", reads).fullmatch(f"5 {reads[3:5]}")
    assert not compile_reading("DS", reads).fullmatch("5 in")
    with pytest.raises(ValueError, match="has A"):
        compile_reading("DS", "N A")


def test_a_half_of_the_day_is_passed_over_by_no_reading() -> None:
    pattern = compile_reading("TM", "HH.MMA")
    assert pattern.fullmatch("05.30h")
    assert not pattern.fullmatch("05.30pm")
    assert not pattern.fullmatch("05.30A")


@pytest.mark.parametrize(
    ("VR", "reads", "form", "fits"),
    [
        ("DA", "D/M/YYYY", "99/9/9999", True),
        ("DA", "DD/MM/YYYY", "99/9/9999", False),
        ("DA", "YYYY?MM?DD?", "9999?99?99?", True),
        ("TM", "HHAMMA", "99A99A", True),
        ("DS", "N 'mm'", "9.9 A", True),
        ("DA", "DD-MM-YYYY", "99/99/9999", False),
    ],
)
def test_a_reading_says_which_shapes_it_may_read(VR: str, reads: str, form: str, fits: bool) -> None:
    assert fits_form(VR, reads, form) is fits
