"""The table of rules: what a reviewer edits, read into records that cannot be wrong in form.

A rule is data, so that the person who answers for data quality changes it without a release. The price
of data is that nothing but this module checks it: unknown keys are refused, every mistake is reported with
its line, all of them at once, before a run reads anything. `RuleTable.digest` names the rules in force.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from expectations.contracts import INSTANCES, RUN, SERIES, STUDIES, TREND, UNJUDGED, Contract
from expectations.located_yaml import LocatedYaml, Mistake, MistakesError, SafeLoader, read_located
from expectations.permitted import PERMITTED, check_arguments, check_values, kind_of
from expectations.repairs import Repair, check_repairs, describe_schema

SafeDumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

DEFAULT_RULES = Path(__file__).with_name("rules.yaml")
"""The table that is in force where the operator names no other."""
RULE_ID = "R[0-9]{3}"
"""A regular expression: how a rule is named, here and wherever the rule that withheld something is."""


class Severity(StrEnum):
    """How bad a broken rule is."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Action(StrEnum):
    """What a broken rule does to the studies (or to the run) that broke it."""

    WITHHOLD = "withhold"
    FLAG = "flag"
    COUNT = "count"


class Scope(StrEnum):
    """What one row the rule looks at stands for."""

    INSTANCE = "instance"
    SERIES = "series"
    STUDY = "study"
    RUN = "run"

    @property
    def contract(self) -> Contract:
        """The table whose rows a rule of this scope looks at."""
        return _TABLES[self]


_TABLES = {
    Scope.INSTANCE: INSTANCES,
    Scope.SERIES: SERIES,
    Scope.STUDY: STUDIES,
    Scope.RUN: RUN,
}
_ACTIONS = {Severity.CRITICAL: Action.WITHHOLD, Severity.WARNING: Action.FLAG, Severity.INFO: Action.COUNT}


def _make_tuple(value: object) -> object:
    """Let a rule about one column name it without brackets."""
    return (value,) if isinstance(value, str) else value


class Drift(BaseModel):
    """How far a run may be from earlier ones: a metric breaks the rule where both limits are passed.

    Attributes
    ----------
    metric
        One of the numbers of the table `quality`.
    change
        Share of the usual number for records (0.05 is 5 %), difference of rates for all others (0.05 is five
        rows of a hundred).
    deviations
        Spreads of the metric: scaled median absolute deviations over earlier runs, but never less than chance
        explains. 0 leaves the decision to `change`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Literal[
        "records",
        "null_rate_before",
        "null_rate_after",
        "anomaly_rate_before",
        "anomaly_rate_after",
        "repaired_rate",
    ]
    change: Annotated[float, Field(ge=0)]
    deviations: Annotated[float, Field(ge=0)] = 5.0
    direction: Literal["up", "down", "both"] = "both"


class Rule(BaseModel):
    """One row of the table of rules.

    Attributes
    ----------
    priority
        Order of rules, lowest first: the first that withholds a study is the reason in the ledger.
    condition
        Values a row must have for the rule to look at it, by column; empty for every row.
    unless
        Options of the profile (PS3.15 E.3) under any of which the rule is not in force.
    column
        Columns the expectation judges, each by itself, or the two it compares.
    drift
        In the place of an expectation: how far the run's metrics may be from those of earlier runs; the condition
        is then about columns of the table `trend`.
    mostly
        Share of rows (0 to 1] that must keep the rule for it to hold.
    action
        What breaking the rule does; by default what the severity says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=f"^{RULE_ID}$")]
    title: Annotated[str, Field(min_length=1, max_length=80)]
    description: Annotated[str, Field(min_length=1)]
    enabled: bool = True
    priority: Annotated[int, Field(ge=0)] = 100
    severity: Severity
    scope: Scope
    condition: dict[str, list[Any]] = {}
    unless: frozenset[Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)*$")]] = frozenset()
    expectation: str
    column: Annotated[tuple[str, ...], BeforeValidator(_make_tuple)]
    drift: Drift | None = None
    kwargs: dict[str, Any] = {}
    mostly: Annotated[float, Field(gt=0, le=1)] = 1.0
    action: Action | None = None
    owner: Annotated[str, Field(min_length=1)]
    version: Annotated[int, Field(ge=1)]

    @model_validator(mode="before")
    @classmethod
    def _need_no_column(cls, given: object) -> object:
        """Let a rule about history leave out what only rules about values can say."""
        return (
            {"expectation": "", "column": (), **given}
            if isinstance(given, dict) and "drift" in given
            else given
        )

    @property
    def contract(self) -> Contract:
        """The table whose rows the rule looks at."""
        return self.scope.contract if self.drift is None else TREND

    @property
    def effect(self) -> Action:
        """What breaking the rule does."""
        return self.action or _ACTIONS[self.severity]


class _RuleFile(BaseModel):
    """The whole file; `sets` only gives YAML anchors a place to stand.

    Attributes
    ----------
    extends
        ``shipped`` where the table holds only what differs from ours: a rule takes the place of the one with its id.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    extends: Literal["shipped"] | None = None
    sets: dict[str, list[Any]] = {}
    rules: list[Rule] = []
    repairs: list[Repair] = []

    @model_validator(mode="after")
    def _hold_something(self) -> _RuleFile:
        if self.extends is None and not self.rules:
            raise ValueError("a table that does not extend another has rules")
        return self


@dataclass(frozen=True, slots=True)
class RuleTable:
    """The rules a run pins at its start.

    Attributes
    ----------
    rules
        Every rule by priority and id, those that are not in force included.
    options
        Of the run's profile; a rule that speaks of one of them in `unless` is not in force.
    digest
        SHA-256 of the rules in force, and of the repairs, as canonical JSON: equal rules, equal digest, whatever
        the layout.
    repairs
        What cleaning does beside its own rules.
    """

    rules: tuple[Rule, ...]
    digest: str
    options: frozenset[str] = frozenset()
    repairs: tuple[Repair, ...] = ()

    @property
    def enabled(self) -> tuple[Rule, ...]:
        """The rules in force, by priority and id."""
        return _in_force(self.rules, self.options)

    def under(self, options: Collection[str]) -> RuleTable:
        """Give the table of a run whose profile has these options, by name."""
        chosen = frozenset(options)
        return RuleTable(
            self.rules, _digest(_in_force(self.rules, chosen), self.repairs), chosen, self.repairs
        )

    @property
    def options_named(self) -> frozenset[str]:
        """The options that a rule speaks of."""
        return frozenset().union(*(rule.unless for rule in self.rules))


class RulesError(MistakesError):
    """The table of rules cannot be used; says every mistake with its line."""


def load_rules(source: Path | bytes = DEFAULT_RULES) -> RuleTable:
    """Read and check a table of rules.

    Parameters
    ----------
    source
        Path of the YAML file, or its content (from object storage, or pinned by a run).

    Raises
    ------
    RulesError
        If anything in it is wrong; nothing of it is used then.
    """
    content, name = (source, "rules") if isinstance(source, bytes) else (source.read_bytes(), source.name)
    file = _read_file(content, name)
    given = {rule.id: rule for rule in (*_list_extended(file), *file.rules)}
    rules = tuple(sorted(given.values(), key=lambda rule: (rule.priority, rule.id)))
    repairs = tuple(sorted(file.repairs, key=lambda repair: repair.id))
    return RuleTable(rules, _digest(_in_force(rules, frozenset()), repairs), repairs=repairs)


def complete_table(content: bytes) -> bytes:
    """Write a table that extends the shipped one with all it means, so that it means the same ever after.

    Any other table is given as it is.

    Raises
    ------
    RulesError
        If anything in it is wrong.
    """
    if _read_file(content, "rules").extends is None:
        return content
    own, shipped = (yaml.load(one, SafeLoader) for one in (content, DEFAULT_RULES.read_bytes()))  # noqa: S506
    rules = {rule["id"]: rule for table in (shipped, own) for rule in table.get("rules", ())}
    whole = {"rules": list(rules.values()), "repairs": own.get("repairs", [])}
    return yaml.dump(whole, Dumper=SafeDumper, sort_keys=False, allow_unicode=True, encoding="utf-8")


def _list_extended(file: _RuleFile) -> list[Rule]:
    return [] if file.extends is None else _read_file(DEFAULT_RULES.read_bytes(), DEFAULT_RULES.name).rules


def _read_file(content: bytes, name: str) -> _RuleFile:
    mistakes: Iterable[Mistake]
    try:
        document = read_located(content, name)
        file = _RuleFile.model_validate(document.content)
        mistakes = list(_find_mistakes(file, document))
    except MistakesError as error:
        mistakes = error.mistakes
    except ValidationError as error:
        mistakes = [document.locate(detail["loc"], detail["msg"]) for detail in error.errors()]
    if mistakes:
        raise RulesError(name, mistakes)
    return file


def _in_force(rules: Iterable[Rule], options: frozenset[str]) -> tuple[Rule, ...]:
    return tuple(rule for rule in rules if rule.enabled and not rule.unless & options)


def _digest(rules: Iterable[Rule], repairs: Iterable[Repair]) -> str:
    """Hash rules and repairs in the order of their ids."""
    dumped = (_without_order(rule.model_dump(mode="json")) for rule in rules)
    records = sorted(dumped, key=lambda record: record["id"])
    records += [repair.model_dump(mode="json") for repair in repairs]
    return hashlib.sha256(json.dumps(records, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _without_order(record: dict[str, Any]) -> dict[str, Any]:
    """Put options into an order: a set has another in each process."""
    return record | {"unless": sorted(record["unless"])}


def _find_mistakes(file: _RuleFile, document: LocatedYaml) -> Iterator[Mistake]:
    """Find ids given twice, and what does not fit between the keys of a rule or of a repair."""
    seen: set[str] = set()
    for number, rule in enumerate(file.rules):
        if rule.id in seen:
            yield document.locate(("rules", number, "id"), f"{rule.id} is given twice")
        seen.add(rule.id)
        for place, message in _check_rule(rule):
            yield document.locate(("rules", number, *place), message)
    for where, message in check_repairs(file.repairs):
        yield document.locate(("repairs", *where), message)


def _check_rule(rule: Rule) -> Iterator[tuple[tuple[str, ...], str]]:
    """Find what does not fit within a rule, as place and message."""
    yield from _check_effect(rule)
    yield from _check_condition(rule)
    yield from _check_expectation(rule) if rule.drift is None else _check_drift(rule)


def _check_effect(rule: Rule) -> Iterator[tuple[tuple[str, ...], str]]:
    """Check that what the rule does follows from what it sees."""
    if rule.effect is Action.WITHHOLD and rule.severity is not Severity.CRITICAL:
        yield ("action",), "only a critical rule may withhold"
    if rule.effect is Action.WITHHOLD and rule.mostly < 1:
        yield ("mostly",), "must be 1 where the rule withholds: a share does not say which study is bad"


def _check_condition(rule: Rule) -> Iterator[tuple[tuple[str, ...], str]]:
    """Check that the condition compares columns of the table with values they can have."""
    types = _list_types(rule)
    for column, values in rule.condition.items():
        if column not in types:
            yield ("condition", column), f"the table {rule.contract.name} has no such column to judge"
        else:
            for problem in check_values(values, kind_of(types[column])):
                yield ("condition", column), problem


def _check_drift(rule: Rule) -> Iterator[tuple[tuple[str, ...], str]]:
    """Check that a rule about history says nothing that only rules about values can mean."""
    if rule.scope is not Scope.RUN:
        yield ("scope",), "must be run where the rule has a drift"
    for key, given in (("expectation", rule.expectation), ("column", rule.column), ("kwargs", rule.kwargs)):
        if given:
            yield (key,), "has no place beside a drift"
    if "metric" in rule.condition:
        yield ("condition", "metric"), "is given by the drift"


def _check_expectation(rule: Rule) -> Iterator[tuple[tuple[str, ...], str]]:
    """Check that the expectation exists and can judge the columns with the arguments."""
    permitted = PERMITTED.get(rule.expectation)
    if not rule.column:
        yield ("column",), "names no column"
    if permitted is None:
        yield ("expectation",), f"is not permitted; choose one of {', '.join(sorted(PERMITTED))}"
        return
    if permitted.paired and len(rule.column) != 2:
        yield ("column",), f"{rule.expectation} compares two columns"
    types = _list_types(rule)
    problems: dict[tuple[str, str], None] = {}
    for column in rule.column:
        if column not in types:
            yield ("column",), f"the table {rule.contract.name} has no column {column} to judge"
        elif (kind := kind_of(types[column])) not in permitted.kinds:
            yield ("column",), f"{rule.expectation} cannot judge {column}, which holds {kind}"
        else:
            problems |= dict.fromkeys(check_arguments(rule.expectation, rule.kwargs, kind))
    for argument, problem in problems:
        yield ("kwargs", argument) if argument else ("kwargs",), problem


def _list_types(rule: Rule) -> dict[str, Any]:
    """List the columns a rule may look at, with their Arrow types."""
    return {column.name: column.type for column in rule.contract.columns if column.name not in UNJUDGED}


def describe(table: RuleTable) -> list[Mapping[str, str]]:
    """Say every rule in force in words, for ``dicomflow describe`` and the README."""
    return [
        {
            "id": rule.id,
            "severity": rule.severity.value,
            "scope": rule.scope.value,
            "title": rule.title,
            "description": rule.description,
        }
        for rule in table.enabled
    ]


def json_schema() -> dict[str, Any]:
    """Describe the table of rules as a JSON Schema, for editors; `load_rules` checks more than a schema can say."""
    schema = _RuleFile.model_json_schema()
    properties = schema["$defs"]["Rule"]["properties"]
    properties["expectation"] |= {"enum": ["", *sorted(PERMITTED)]}
    rule = schema["$defs"]["Rule"]
    rule["required"] = [name for name in rule["required"] if name not in ("expectation", "column")]
    rule["anyOf"] = [{"required": ["expectation", "column"]}, {"required": ["drift"]}]
    properties["column"] = {"anyOf": [{"type": "string"}, properties["column"]], "title": "Column"}
    describe_schema(schema["$defs"]["Repair"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Quality rules of dicomflow",
        **{key: value for key, value in schema.items() if key != "title"},
    }
