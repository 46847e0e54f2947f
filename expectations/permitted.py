"""Which expectations a rule may name, on which columns, with which arguments: an allow-list, and a short one.

Two reasons. The result of an expectation that is not of the map kind quotes values of the table (the most
common value, the maximum), and a validation page must never show one. And a rule that names a column it
cannot judge would fail in the middle of a run; here it fails when the table of rules is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa

from expectations.forms import FORMS


class Kind(StrEnum):
    """What a column holds, as far as an expectation cares."""

    TEXT = "text"
    NUMBER = "numbers"
    TRUTH = "true or false"
    TEXTS = "lists of text"
    NUMBERS = "lists of numbers"


SCALAR = frozenset({Kind.TEXT, Kind.NUMBER, Kind.TRUTH})
LISTS = frozenset({Kind.TEXTS, Kind.NUMBERS})


def kind_of(type_: pa.DataType) -> Kind:
    """Say what a column of an Arrow type holds; a date counts as the number ``YYYYMMDD``."""
    if pa.types.is_list(type_):
        return Kind.TEXTS if pa.types.is_string(type_.value_type) else Kind.NUMBERS
    if pa.types.is_string(type_):
        return Kind.TEXT
    return Kind.TRUTH if pa.types.is_boolean(type_) else Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Permitted:
    """One expectation a rule may name.

    Attributes
    ----------
    kinds
        What the columns it judges may hold.
    required, optional
        Its arguments and what each must be.
    paired
        Whether it compares two columns row by row instead of judging each column by itself.
    """

    kinds: frozenset[Kind]
    required: Mapping[str, type] = field(default_factory=dict)
    optional: Mapping[str, type] = field(default_factory=dict)
    paired: bool = False


_BOUNDS: Mapping[str, type] = {"min_value": float, "max_value": float}

PERMITTED: Mapping[str, Permitted] = {
    "expect_column_values_to_not_be_null": Permitted(SCALAR | LISTS),
    "expect_column_values_to_be_null": Permitted(SCALAR | LISTS),
    "expect_column_values_to_be_unique": Permitted(frozenset({Kind.TEXT, Kind.NUMBER})),
    "expect_column_values_to_be_in_set": Permitted(SCALAR, {"value_set": list}),
    "expect_column_values_to_not_be_in_set": Permitted(SCALAR, {"value_set": list}),
    "expect_column_values_to_match_regex": Permitted(frozenset({Kind.TEXT}), {"regex": str}),
    "expect_column_values_to_not_match_regex": Permitted(frozenset({Kind.TEXT}), {"regex": str}),
    "expect_column_values_to_be_between": Permitted(
        frozenset({Kind.NUMBER}), optional={**_BOUNDS, "strict_min": bool, "strict_max": bool}
    ),
    "expect_column_pair_values_to_be_equal": Permitted(SCALAR, paired=True),
    "expect_column_pair_values_a_to_be_greater_than_b": Permitted(
        frozenset({Kind.NUMBER}), optional={"or_equal": bool}, paired=True
    ),
    "expect_column_values_to_have_form_of_vr": Permitted(frozenset({Kind.TEXT, Kind.TEXTS}), {"vr": str}),
    "expect_column_values_to_be_uid_made_here": Permitted(frozenset({Kind.TEXT}), optional={"or_below": str}),
    "expect_column_values_to_be_orthonormal": Permitted(frozenset({Kind.NUMBERS}), {"tolerance": float}),
    "expect_column_values_to_contain": Permitted(frozenset({Kind.TEXTS}), {"element": str}),
    "expect_column_values_to_have_multiplicity": Permitted(LISTS, {"count": int}),
    "expect_column_elements_to_be_in_set": Permitted(frozenset({Kind.TEXTS}), {"value_set": list}),
    "expect_column_elements_to_not_be_in_set": Permitted(frozenset({Kind.TEXTS}), {"value_set": list}),
    "expect_column_elements_to_be_between": Permitted(frozenset({Kind.NUMBERS}), optional=_BOUNDS),
}
"""Every permitted expectation by its Great Expectations type; those GX does not know are in `custom`."""


def check_arguments(name: str, arguments: Mapping[str, Any], kind: Kind) -> Iterator[tuple[str, str]]:
    """Find what is wrong with the arguments of a permitted expectation.

    Yields
    ------
    tuple[str, str]
        The argument ("" for all of them together) and what is wrong with it.
    """
    permitted = PERMITTED[name]
    known = {**permitted.required, **permitted.optional}
    for argument in permitted.required.keys() - arguments.keys():
        yield "", f"{name} needs the argument {argument}"
    for argument, value in arguments.items():
        if argument not in known:
            yield argument, f"{name} takes no such argument"
        elif not _fits(value, known[argument]):
            yield argument, f"must be {_WORDS[known[argument]]}"
        elif argument == "value_set":
            yield from ((argument, problem) for problem in check_values(value, kind))
        elif argument == "vr" and value not in FORMS:
            yield argument, f"must be one of {', '.join(FORMS)}"
        elif argument == "regex" and not _compiles(value):
            yield argument, "must be a regular expression"
    if known.keys() >= _BOUNDS.keys():
        yield from _check_bounds(arguments)


def _check_bounds(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Check that there is a bound, and room between two."""
    bounds = [arguments[bound] for bound in _BOUNDS if bound in arguments]
    if not bounds:
        yield "", "needs min_value, max_value or both"
    elif all(_fits(bound, float) for bound in bounds) and bounds != sorted(bounds):
        yield "min_value", "must not be above max_value"


def check_values(values: list[Any], kind: Kind) -> Iterator[str]:
    """Find why values cannot be values of a column that holds `kind`."""
    if not values:
        yield "must not be empty"
    expected = {Kind.TEXT: str, Kind.TEXTS: str, Kind.NUMBER: float, Kind.TRUTH: bool}.get(kind)
    if expected is None:
        yield f"cannot be compared with {kind}"
    elif not all(_fits(value, expected) for value in values):
        hint = "; YAML reads YES and NO without quotes as true and false" if expected is str else ""
        yield f"must hold {kind} only{hint}"


_WORDS = {float: "a number", int: "a whole number", bool: "true or false", str: "text", list: "a list"}


def _fits(value: object, expected: type) -> bool:
    """Whether a value read from YAML is of the expected type; true and false are no numbers."""
    if isinstance(value, bool):
        return expected is bool
    return isinstance(value, int | float if expected is float else expected)


def _compiles(pattern: str) -> bool:
    """Whether `pattern` is a regular expression."""
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
