"""Run the rules over the tables of one run, by Great Expectations, and let only counts out.

What Great Expectations returns, logs and raises may quote the rows it saw. So its results are read here and
dropped here: `measure_blocks` takes numbers out of them and turns row numbers into studies, and all that
follows, the validation pages included, is made from those. A check that cannot be evaluated stops the gate
with an error that names the rule and nothing else: a gate that cannot judge must not let pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds

from expectations.contracts import INSTANCES, RUN, SERIES, STUDIES, TREND, Contract
from expectations.data_docs import write_docs
from expectations.engine import GateError, Memory, measure_blocks, measure_schema, open_frames, silence
from expectations.frames import UNIQUE, load_modalities, load_studies, make_blocks
from expectations.measures import Measure, conclude
from expectations.outcomes import GateResult
from expectations.rules import RuleTable
from expectations.suites import MATCH_CONTRACT, Check, plan_checks

RUN_METRICS = (
    *("listed", "unchanged", "staged", "rejected", "duplicate"),
    *("listed_usual", "new_vocabulary", "new_creators"),
)
"""Numbers about the run that the caller knows; the rest of the table `run` follows from them."""

_OF_STUDIES = (STUDIES, SERIES, INSTANCES)
_OF_RUN = (RUN, TREND)


class Gate:
    """Judges the studies of a run, some at a time, and adds up what it counted.

    Rules of scope instance, series and study look at rows of one study at a time, with one exception: values
    that must be unique. Whoever hands over the studies keeps together those that share such a value, or a
    series (`columns_kept_together` says which columns that concerns).
    """

    def __init__(self, rules: RuleTable) -> None:
        self._rules = rules
        self._checks = {
            contract.name: plan_checks(contract, rules.enabled) for contract in (*_OF_RUN, *_OF_STUDIES)
        }
        self._totals: dict[Check, Measure] = {}
        self._memory = Memory()
        with silence():
            self._frames = open_frames()

    def judge(self, tables: Mapping[str, pa.Table | ds.Dataset]) -> tuple[Measure, ...]:
        """Judge all rows of some studies.

        Parameters
        ----------
        tables
            ``instances``, ``series`` and ``studies``, each as `contracts` says, in memory or on disk; of those
            on disk only the columns are read that a check needs. ``header`` may be left out.

        Raises
        ------
        GateError
            If a table is missing, or a check cannot be evaluated.
        """
        sources = _pick_tables(tables)
        return tuple(
            measure for contract in _OF_STUDIES for measure in self._judge(contract, sources[contract.name])
        )

    @property
    def totals(self) -> tuple[Measure, ...]:
        """What the checks of studies have counted so far."""
        return tuple(self._totals.values())

    def conclude(
        self,
        metrics: Mapping[str, float],
        docs_dir: Path,
        run_name: str,
        judged: Iterable[Measure] = (),
        trend: pa.Table | None = None,
    ) -> GateResult:
        """Judge the run itself, write the validation pages and sum up.

        Parameters
        ----------
        metrics
            Numbers about the run, by the names of `RUN_METRICS`; those left out are unknown, and rules about
            unknown numbers hold.
        docs_dir
            Folder for the pages; made where it is missing, and the only place written to.
        run_name
            What the pages call the run.
        judged
            What `judge` gave, as far as the result shall name studies.
        trend
            The run's metrics beside their history, as the contract `trend` says; nothing without.

        Raises
        ------
        GateError
            If a metric is unknown, or a check cannot be evaluated.
        """
        self._judge(RUN, make_run_table(metrics))
        self._judge(TREND, TREND.arrow_schema().empty_table() if trend is None else trend)
        totals = {
            name: tuple(self._totals[check] for check in checks if check in self._totals)
            for name, checks in self._checks.items()
        }
        with silence():
            write_docs(docs_dir, run_name, totals)
        return conclude(
            (measure for found in totals.values() for measure in found), judged, self._rules.digest
        )

    def _judge(self, contract: Contract, source: pa.Table | ds.Dataset) -> tuple[Measure, ...]:
        """Measure the checks of one table and add them up, and let no exception of others out.

        Pandas, Arrow and Great Expectations quote values in theirs. The new error is raised outside the
        `except` block, inside of which the original would stay attached as its context.
        """
        try:
            with silence():
                measures = self._measure_table(contract, source)
        except GateError:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary that keeps values in
            kind = type(error).__name__
        else:
            for measure in measures:
                self._totals[measure.check] = measure.add_to(self._totals.get(measure.check))
            return measures
        raise GateError(f"the table {contract.name} could not be judged ({kind})")

    def _measure_table(self, contract: Contract, source: pa.Table | ds.Dataset) -> tuple[Measure, ...]:
        """Measure the checks of one table, in their order; of a table with a wrong schema, only that."""
        checks = self._checks[contract.name]
        schema = next(check for check in checks if check.expectation == MATCH_CONTRACT)
        found = {schema: measure_schema(schema, contract.name, source.schema, self._frames)}
        if found[schema].success:
            of_run = contract in _OF_RUN
            studies = None if of_run else load_studies(source)
            modalities = None if of_run else load_modalities(source)
            for blocks in make_blocks(source, (check for check in checks if check is not schema)):
                found |= measure_blocks(
                    blocks, contract.name, studies, modalities, self._frames, self._memory
                )
        return tuple(found[check] for check in checks if check in found)


def run_gate(
    tables: Mapping[str, pa.Table | ds.Dataset],
    metrics: Mapping[str, float],
    rules: RuleTable,
    docs_dir: Path,
    run_name: str,
) -> GateResult:
    """Judge the tables of a run, all at once, and write the validation pages; see `Gate` for the arguments.

    Raises
    ------
    GateError
        If a table or metric is missing or unknown, or a check cannot be evaluated.
    """
    gate = Gate(rules)
    return gate.conclude(metrics, docs_dir, run_name, gate.judge(tables))


def columns_kept_together(rules: RuleTable) -> frozenset[str] | None:
    """Name the columns of instances whose equal values must be judged together, whatever their study.

    Returns
    -------
    frozenset[str] or None
        None where a rule wants values to be unique that only series or studies have: then all of a run must
        be judged together.
    """
    unique = {name for rule in rules.enabled if rule.expectation == UNIQUE for name in rule.column}
    return frozenset({"SeriesInstanceUID", *unique}) if unique <= set(INSTANCES.names) else None


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


def _pick_tables(tables: Mapping[str, pa.Table | ds.Dataset]) -> dict[str, pa.Table | ds.Dataset]:
    """Find the tables of the studies."""
    if missing := [contract.name for contract in reversed(_OF_STUDIES) if contract.name not in tables]:
        raise GateError(f"the gate needs the tables {', '.join(missing)}")
    return {contract.name: tables[contract.name] for contract in _OF_STUDIES}
