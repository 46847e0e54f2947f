"""What Great Expectations is asked, and what of its answers is kept: counts, and the studies of broken rows.

Asking costs a fixed price for each check, several milliseconds, whatever the frame holds. So a check is asked
whether it holds at all, and only where it does not, which rows broke it; and nothing is asked twice about the
same values.
"""

from __future__ import annotations

import logging
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from expectations.frames import (
    UNIQUE,
    Block,
    Combinations,
    Encoded,
    Places,
    make_frame,
    make_schema_frame,
)
from expectations.measures import Measure, keeps
from expectations.suites import Check, build_suite

if TYPE_CHECKING:
    import pandas as pd
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.core.batch_definition import BatchDefinition

_RESULT_FORMAT = {
    "partial_unexpected_count": 0,
    "exclude_unexpected_values": True,
    "include_unexpected_rows": False,
    "return_unexpected_index_query": False,
}


_REMEMBERED = 1000
"""Values a check is remembered to hold for; of columns with more, every row has another."""

_NO_ROWS = np.empty(0, np.int64)
_NO_STUDIES = pa.array([], pa.string())


class GateError(Exception):
    """The gate could not judge; says where, never what it saw."""


def measure_schema(check: Check, table: str, schema: pa.Schema, frames: BatchDefinition[Any]) -> Measure:
    """Measure the check of a table's columns and types."""
    result = _validate(make_schema_frame(schema), [check], frames, "BASIC")[check]
    counts = _counts_of(result, check, table)
    return Measure(
        check,
        table,
        success=bool(result.success),
        evaluated=int(counts["element_count"]),
        unexpected=int(counts["unexpected_count"]),
    )


class Memory:
    """What the engine has found to hold, so that it is not asked again about the same values in other studies."""

    def __init__(self) -> None:
        self._held: dict[Check, set[tuple[object, ...]]] = defaultdict(set)

    def choose(self, block: Block, judged: Mapping[Check, npt.NDArray[np.bool_]]) -> list[Check]:
        """Choose the checks of a block that have something to judge which they have not judged before."""
        asked = [check for check in block.checks if judged[check].any()]
        if not asked or not self._covers(block):
            return asked
        values = block.combinations.values()
        return [
            check
            for check in asked
            if any(value not in self._held[check] for value in compress(values, judged[check]))
        ]

    def keep(self, block: Block, check: Check, judged: npt.NDArray[np.bool_]) -> None:
        """Remember that a check holds for what it judged of a block."""
        held = self._held[check]
        if self._covers(block) and len(held) < _REMEMBERED:
            held.update(compress(block.combinations.values(), judged))

    @staticmethod
    def _covers(block: Block) -> bool:
        """Tell whether a block is worth remembering: its values are few and are judged one by one."""
        return len(block.combinations) <= _REMEMBERED and all(
            check.expectation != UNIQUE for check in block.checks
        )


def measure_blocks(
    blocks: Sequence[Block],
    table: str,
    studies: pa.DictionaryArray | None,
    modalities: Encoded | None,
    frames: BatchDefinition[Any],
    memory: Memory,
) -> dict[Check, Measure]:
    """Measure the checks of one frame.

    Most checks hold, and that alone costs a third of what it costs to say which rows broke one. A check that
    has nothing to judge, as those of MR among CT, is not asked.
    """
    judged = {check: block.combinations.judged_by(check) for block in blocks for check in block.checks}
    asked = [check for block in blocks for check in memory.choose(block, judged)]
    broken: dict[Check, npt.NDArray[np.int64]] = {}
    if asked:
        frame = make_frame(blocks)
        held = _validate(frame, asked, frames, "BOOLEAN_ONLY")
        failed = [check for check in asked if not held[check].success]
        for check, result in _validate(frame, failed, frames, "COMPLETE").items():
            broken[check] = np.array(_counts_of(result, check, table)["unexpected_index_list"], np.int64)
    measures = {}
    for block in blocks:
        for check in block.checks:
            if check not in broken:
                memory.keep(block, check, judged[check])
            measures[check] = _measure(
                check, table, block, judged[check], broken.get(check, _NO_ROWS), studies, modalities
            )
    return measures


def _measure(
    check: Check,
    table: str,
    block: Block,
    judged: npt.NDArray[np.bool_],
    broken: npt.NDArray[np.int64],
    studies: pa.DictionaryArray | None,
    modalities: Encoded | None,
) -> Measure:
    """Carry the verdict on combinations back to the rows that have them, and to their studies."""
    combinations = block.combinations
    places = (broken - block.start).astype(np.int32)
    places = places[(places >= 0) & (places < len(combinations))]
    evaluated, unexpected = int(combinations.weights[judged].sum()), int(combinations.weights[places].sum())
    found = _NO_STUDIES if studies is None else studies.take(pa.array(combinations.rows_of(places)))
    return Measure(
        check,
        table,
        success=keeps(evaluated, unexpected, check.mostly),
        evaluated=evaluated,
        unexpected=unexpected,
        broken=tuple(sorted(pc.unique(found).drop_null().cast(pa.string()).to_pylist())),
        strays=found.null_count,
        by_modality={} if modalities is None else _split(combinations, judged, places, modalities),
    )


def _split(
    combinations: Combinations, judged: npt.NDArray[np.bool_], places: Places, modalities: Encoded
) -> dict[str, tuple[int, int]]:
    """Count the rows judged, and those of them that broke the check, by modality."""
    broken = np.zeros(len(combinations), np.bool_)
    broken[places] = True
    evaluated, unexpected = combinations.count(judged, modalities), combinations.count(broken, modalities)
    return {name: (count, unexpected.get(name, 0)) for name, count in evaluated.items()}


def _counts_of(result: ExpectationValidationResult, check: Check, table: str) -> Mapping[str, Any]:
    """Take the counts out of a result.

    Raises
    ------
    GateError
        If the check could not be evaluated.
    """
    counts: Mapping[str, Any] = result.result
    if result.success is None or "unexpected_count" not in counts:
        raise GateError(f"{check.rule_id} could not be evaluated on {table} ({', '.join(check.columns)})")
    return counts


def open_frames() -> BatchDefinition[Any]:
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
    frame: pd.DataFrame, checks: Sequence[Check], frames: BatchDefinition[Any], result_format: str
) -> dict[Check, ExpectationValidationResult]:
    """Evaluate checks on a frame; which share of rows may break one is not for the frame to say."""
    if not checks:
        return {}
    suite = build_suite("checks", [replace(check, mostly=1.0) for check in checks])
    batch = frames.get_batch({"dataframe": frame})
    validated = batch.validate(suite, result_format={**_RESULT_FORMAT, "result_format": result_format})
    results = {
        result.expectation_config.meta["number"]: result
        for result in validated.results
        if result.expectation_config
    }
    return {check: results[number] for number, check in enumerate(checks)}


@contextmanager
def silence() -> Iterator[None]:
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
