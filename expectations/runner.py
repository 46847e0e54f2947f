"""Run the rules over the tables of one run, by Great Expectations, and let only counts out.

What Great Expectations returns, logs and raises may quote the rows it saw. So its results are read here and
dropped here: `_measure` takes numbers out of them and turns row numbers into studies, and all that follows, the
validation pages included, is made from those. A check that cannot be evaluated stops the gate with an error
that names the rule and nothing else: a gate that cannot judge must not let pass.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from expectations.contracts import RUN
from expectations.data_docs import write_docs
from expectations.frames import group_checks, load_frame, load_studies, make_schema_frame, open_dataset
from expectations.measures import Measure, conclude
from expectations.outcomes import GateResult
from expectations.rules import RuleTable, Scope
from expectations.suites import MATCH_CONTRACT, Check, build_suite, plan_checks

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition

RUN_METRICS = ("listed", "unchanged", "staged", "rejected", "duplicate", "listed_usual")
"""Numbers about the run that the caller knows; the rest of the table `run` follows from them."""

_RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}


class GateError(Exception):
    """The gate could not judge; says where, never what it saw."""


def run_gate(
    tables: Mapping[str, pa.Table | ds.Dataset],
    metrics: Mapping[str, float],
    rules: RuleTable,
    docs_dir: Path,
    run_name: str,
) -> GateResult:
    """Judge the tables of a run and write the validation pages.

    Parameters
    ----------
    tables
        ``instances``, ``series`` and ``studies``, each as `contracts` says, in memory or on disk; of those
        on disk only the columns are read that a check needs. ``header`` may be left out.
    metrics
        Numbers about the run, by the names of `RUN_METRICS`; those left out are unknown, and rules about
        unknown numbers hold.
    docs_dir
        Folder for the pages; made where it is missing, and the only place written to.
    run_name
        What the pages call the run.

    Raises
    ------
    GateError
        If a table or metric is missing or unknown, or a check cannot be evaluated.
    """
    sources = {**_pick_tables(tables), Scope.RUN: make_run_table(metrics)}
    measures: dict[Scope, tuple[Measure, ...]] = {}
    with _silence():
        frames = _open_frames()
        for scope in (Scope.RUN, Scope.STUDY, Scope.SERIES, Scope.INSTANCE):
            checks = plan_checks(scope, rules.enabled)
            measures[scope] = _measure_guarded(scope, checks, sources[scope], frames)
        write_docs(docs_dir, run_name, {scope.contract.name: found for scope, found in measures.items()})
    return conclude((measure for found in measures.values() for measure in found), rules.digest)


def make_run_table(metrics: Mapping[str, float]) -> pa.Table:
    """Make the one row of numbers about the run, those included that follow from others.

    Raises
    ------
    GateError
        If a metric has an unknown name.
    """
    if unknown := metrics.keys() - set(RUN_METRICS):
        raise GateError(f"no such metric of a run: {', '.join(sorted(unknown))}; see RUN_METRICS")
    row: dict[str, float | None] = dict.fromkeys(RUN.names) | {
        name: float(value) for name, value in metrics.items()
    }
    settled, staged, rejected, duplicate = (
        metrics.get(name, 0.0) for name in ("unchanged", "staged", "rejected", "duplicate")
    )
    if "listed" in metrics:
        row["unaccounted"] = metrics["listed"] - settled - staged - rejected - duplicate
        if (read := metrics["listed"] - settled) > 0:
            row["rejected_percent"] = 100 * rejected / read
        if usual := metrics.get("listed_usual"):
            row["listed_change_percent"] = 100 * (metrics["listed"] - usual) / usual
    return pa.Table.from_pylist([row], schema=RUN.arrow_schema())


def _pick_tables(tables: Mapping[str, pa.Table | ds.Dataset]) -> dict[Scope, pa.Table | ds.Dataset]:
    """Find the table of every scope."""
    scopes = [scope for scope in Scope if scope is not Scope.RUN]
    if missing := [scope.contract.name for scope in scopes if scope.contract.name not in tables]:
        raise GateError(f"the gate needs the tables {', '.join(missing)}")
    return {scope: tables[scope.contract.name] for scope in scopes}


def _measure_guarded(
    scope: Scope, checks: tuple[Check, ...], source: pa.Table | ds.Dataset, frames: BatchDefinition[Any]
) -> tuple[Measure, ...]:
    """Measure the checks of one table, and let no exception of others out.

    Pandas, Arrow and Great Expectations quote values in theirs. The new error is raised outside the
    `except` block, inside of which the original would stay attached as its context.
    """
    try:
        return _measure_table(scope, checks, open_dataset(source), frames)
    except GateError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary that keeps values in
        kind = type(error).__name__
    raise GateError(f"the table {scope.contract.name} could not be judged ({kind})")


def _measure_table(
    scope: Scope, checks: tuple[Check, ...], dataset: ds.Dataset, frames: BatchDefinition[Any]
) -> tuple[Measure, ...]:
    """Measure the checks of one table, in their order; of a table with a wrong schema, only that."""
    schema = next(check for check in checks if check.expectation == MATCH_CONTRACT)
    results = _validate(make_schema_frame(dataset), [schema], frames)
    studies = None
    if results[schema].success:
        studies = None if scope is Scope.RUN else load_studies(dataset)
        for group in group_checks(check for check in checks if check is not schema):
            results |= _validate(load_frame(dataset, group), group, frames)
    table = scope.contract.name
    return tuple(_measure(check, table, results[check], studies) for check in checks if check in results)


def _measure(
    check: Check, table: str, result: ExpectationValidationResult, studies: pa.DictionaryArray | None
) -> Measure:
    """Take the counts out of a result, and the studies of the rows it lists.

    Raises
    ------
    GateError
        If the check could not be evaluated.
    """
    counts = result.result
    if result.success is None or "unexpected_count" not in counts:
        raise GateError(f"{check.rule_id} could not be evaluated on {table} ({', '.join(check.columns)})")
    rows = pa.array([] if result.success else counts.get("unexpected_index_list", []), pa.int64())
    broken = pc.unique(studies.take(rows)) if studies is not None else pa.array([], pa.string())
    return Measure(
        check,
        table,
        success=bool(result.success),
        evaluated=int(counts["element_count"]) - int(counts.get("missing_count") or 0),
        unexpected=int(counts["unexpected_count"]),
        studies=tuple(sorted(study for study in broken.to_pylist() if study is not None)),
        strays=studies.take(rows).null_count if studies is not None else 0,
    )


def _open_frames() -> BatchDefinition[Any]:
    """Open a context that lives in memory, writes nowhere, reports nowhere, and takes pandas frames."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig

    in_memory = {"class_name": "InMemoryStoreBackend"}
    stores = {
        "expectations": {"class_name": "ExpectationsStore", "store_backend": in_memory},
        "results": {"class_name": "ValidationResultsStore", "store_backend": in_memory},
        "checkpoints": {"class_name": "CheckpointStore", "store_backend": in_memory},
        "validation_definition_store": {
            "class_name": "ValidationDefinitionStore",
            "store_backend": in_memory,
        },
    }
    config = DataContextConfig(
        config_version=4.0,
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        expectations_store_name="expectations",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        stores=stores,
        data_docs_sites={},
    )
    context = gx.get_context(mode="ephemeral", project_config=config)
    asset = context.data_sources.add_pandas("tables").add_dataframe_asset("frames")
    return asset.add_batch_definition_whole_dataframe("whole")


def _validate(
    frame: pd.DataFrame, checks: Sequence[Check], frames: BatchDefinition[Any]
) -> dict[Check, ExpectationValidationResult]:
    """Evaluate checks on a frame."""
    batch = frames.get_batch({"dataframe": frame})
    validated = batch.validate(build_suite("checks", checks), result_format=_RESULT_FORMAT)
    results = {
        result.expectation_config.meta["number"]: result
        for result in validated.results
        if result.expectation_config
    }
    return {check: results[number] for number, check in enumerate(checks)}


@contextmanager
def _silence() -> Iterator[None]:
    """Mute what Great Expectations and pandas say about the rows they see, in logs and warnings."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
