"""Expectations that Great Expectations lacks because DICOM's notions are not everybody's.

Importing this module imports Great Expectations (seconds) and registers the classes; `suites` does so when a
suite is built. Each pair is a metric, which judges a column of text by a predicate of `forms`, and the
expectation that names it in a rule. They are of the map kind, whose results can be reduced to counts. Text may
be several values, joined as DICOM joins them (see `frames`).
"""

# ruff: noqa: N805 - Great Expectations hands a metric its class first.
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from great_expectations.execution_engine.execution_engine import ExecutionEngine
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import (
    BatchExpectation,
    ColumnMapExpectation,
    ColumnPairMapExpectation,
)
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_condition_partial import (
    column_pair_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_pair_map_metric_provider import (
    ColumnPairMapMetricProvider,
)

from expectations.forms import (
    FORMS,
    is_orthonormal,
    is_uid_made_here,
    is_usual,
    parse_numbers,
    split_values,
)


def judge(column: pd.Series[str], predicate: Callable[[str], bool]) -> pd.Series[bool]:
    """Judge every value of a column, equal ones once: most columns of a header repeat."""
    codes, values = pd.factorize(column)
    verdicts = np.fromiter((predicate(value) for value in values), dtype=bool, count=len(values))
    return pd.Series(verdicts[codes], index=column.index, dtype=bool)


class ColumnValuesFormOfVr(ColumnMapMetricProvider):
    """Whether every value has the form of its VR."""

    condition_metric_name = "column_values.form_of_vr"
    condition_value_keys = ("vr",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[str], vr: str, **_: object) -> pd.Series[bool]:
        return judge(column, lambda text: all(map(FORMS[vr], split_values(text))))


class ExpectColumnValuesToHaveFormOfVr(ColumnMapExpectation):
    """Expect values to have the form that PS3.5 section 6.2 gives their VR."""

    vr: str
    map_metric = "column_values.form_of_vr"
    success_keys = ("vr", "mostly")


class ColumnValuesUidMadeHere(ColumnMapMetricProvider):
    """Whether a value is a pseudonymous UID as de-identification makes them, or one below a root."""

    condition_metric_name = "column_values.uid_made_here"
    condition_value_keys = ("or_below",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[str], or_below: str | None = None, **_: object) -> pd.Series[bool]:
        root = f"{or_below}." if or_below else None
        return judge(
            column, lambda text: is_uid_made_here(text) or (root is not None and text.startswith(root))
        )


class ExpectColumnValuesToBeUidMadeHere(ColumnMapExpectation):
    """Expect UIDs to be ours (2.25. and a UUID of version 8), or below a root that names nobody."""

    or_below: str | None = None
    map_metric = "column_values.uid_made_here"
    success_keys = ("or_below", "mostly")


class ColumnValuesOrthonormal(ColumnMapMetricProvider):
    """Whether six direction cosines are two unit vectors at a right angle."""

    condition_metric_name = "column_values.orthonormal"
    condition_value_keys = ("tolerance",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[str], tolerance: float, **_: object) -> pd.Series[bool]:
        return judge(column, lambda text: is_orthonormal(parse_numbers(text), tolerance))


class ExpectColumnValuesToBeOrthonormal(ColumnMapExpectation):
    """Expect direction cosines to be two unit vectors at a right angle."""

    tolerance: float
    map_metric = "column_values.orthonormal"
    success_keys = ("tolerance", "mostly")


class ColumnValuesContain(ColumnMapMetricProvider):
    """Whether one of the values is the one asked for."""

    condition_metric_name = "column_values.contain"
    condition_value_keys = ("element",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[str], element: str, **_: object) -> pd.Series[bool]:
        return judge(column, lambda text: element in split_values(text))


class ExpectColumnValuesToContain(ColumnMapExpectation):
    """Expect one value among others."""

    element: str
    map_metric = "column_values.contain"
    success_keys = ("element", "mostly")


class ColumnValuesMultiplicity(ColumnMapMetricProvider):
    """Whether there are as many values as asked for."""

    condition_metric_name = "column_values.multiplicity"
    condition_value_keys = ("count",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[str], count: int, **_: object) -> pd.Series[bool]:
        return judge(column, lambda text: len(split_values(text)) == count)


class ExpectColumnValuesToHaveMultiplicity(ColumnMapExpectation):
    """Expect as many values as the VM of their attribute says (PS3.6 section 6)."""

    count: int
    map_metric = "column_values.multiplicity"
    success_keys = ("count", "mostly")


class ColumnElementsBetween(ColumnMapMetricProvider):
    """Whether every number of several lies between two bounds, both included."""

    condition_metric_name = "column_elements.between"
    condition_value_keys = ("min_value", "max_value")

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(
        cls,
        column: pd.Series[str],
        min_value: float | None = None,
        max_value: float | None = None,
        **_: object,
    ) -> pd.Series[bool]:
        lowest = -math.inf if min_value is None else min_value
        highest = math.inf if max_value is None else max_value
        return judge(column, lambda text: all(lowest <= number <= highest for number in parse_numbers(text)))


class ExpectColumnElementsToBeBetween(ColumnMapExpectation):
    """Expect every number of several to lie between two bounds, both included."""

    min_value: float | None = None
    max_value: float | None = None
    map_metric = "column_elements.between"
    success_keys = ("min_value", "max_value", "mostly")


class ColumnElementsInSet(ColumnMapMetricProvider):
    """Whether every value of several is one of a set."""

    condition_metric_name = "column_elements.in_set"
    condition_value_keys = ("value_set",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[str], value_set: list[str], **_: object) -> pd.Series[bool]:
        allowed = {str(value) for value in value_set}
        return judge(column, lambda text: allowed.issuperset(split_values(text)))


class ExpectColumnElementsToBeInSet(ColumnMapExpectation):
    """Expect every value of several to be one of a set."""

    value_set: list[Any]
    map_metric = "column_elements.in_set"
    success_keys = ("value_set", "mostly")


class ColumnElementsNotInSet(ColumnMapMetricProvider):
    """Whether no value of several is one of a set."""

    condition_metric_name = "column_elements.not_in_set"
    condition_value_keys = ("value_set",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[str], value_set: list[str], **_: object) -> pd.Series[bool]:
        refused = {str(value) for value in value_set}
        return judge(column, lambda text: refused.isdisjoint(split_values(text)))


class ExpectColumnElementsToNotBeInSet(ColumnMapExpectation):
    """Expect no value of several to be one of a set."""

    value_set: list[Any]
    map_metric = "column_elements.not_in_set"
    success_keys = ("value_set", "mostly")


class ColumnPairValuesStayUsual(ColumnPairMapMetricProvider):
    """Whether a number is about what it was in earlier runs, by its change and by the spread of that number."""

    condition_metric_name = "column_pair_values.stay_usual"
    condition_domain_keys = ("column_A", "column_B", "ignore_row_if", "row_condition", "condition_parser")
    condition_value_keys = ("change", "deviations", "direction")

    @column_pair_condition_partial(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(
        cls,
        column_A: pd.Series[float],
        column_B: pd.Series[float],
        change: float,
        deviations: float,
        direction: str,
        **_: object,
    ) -> pd.Series[bool]:
        pairs = zip(column_A, column_B, strict=True)
        verdicts = [is_usual(*pair, change, deviations, direction) for pair in pairs]
        return pd.Series(verdicts, index=column_A.index, dtype=bool)


class ExpectColumnPairValuesToStayUsual(ColumnPairMapExpectation):
    """Expect a number not to differ from its history by much and by more than its history explains."""

    change: float
    deviations: float
    direction: str
    ignore_row_if: str = "either_value_is_missing"
    map_metric = "column_pair_values.stay_usual"
    success_keys = ("column_A", "column_B", "ignore_row_if", "change", "deviations", "direction", "mostly")


class ExpectTableToMatchContract(BatchExpectation):
    """Expect a table to have the columns and Arrow types of its contract, no more and no fewer."""

    types: dict[str, str]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.column_types",)
    success_keys: ClassVar[tuple[str, ...]] = ("types",)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002 - given by name
        execution_engine: ExecutionEngine[Any] | None = None,  # noqa: ARG002 - given by name
    ) -> dict[str, Any]:
        found = {
            column["name"]: str(column["type"]).removesuffix("[pyarrow]")
            for column in metrics["table.column_types"]
        }
        differing = {name for name, _ in found.items() ^ self.types.items()}
        return {
            "success": not differing,
            "result": {"element_count": len(self.types), "unexpected_count": len(differing)},
        }
