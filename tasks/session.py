"""One audit under way: which objects a run has, what is known of each, and the looks at its buckets.

The rows of a run pass three times, never all at once: the claims of its objects by instance, the links between
its studies, and its instances by study. What each pass finds out is kept by the object's number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from expectations.contracts import INSTANCES, JUDGED
from expectations.measures import Measure
from expectations.outcomes import GateResult
from expectations.rules import Action
from tasks.cohort import REASON, Number, search_run
from tasks.identities import (
    CLAIMS,
    PUBLISHED_BEFORE,
    Findings,
    Mark,
    Numbers,
    decide,
    settle_claims,
    settle_patients,
)
from tasks.layout import Staging
from tasks.neighbours import Neighbours
from tasks.quality import Tally
from tasks.read_ahead import read_ahead
from tasks.site.modalities import MODALITIES
from tasks.staged import batch_ids, finished_reports, read_table, table_bytes, with_nulls
from tasks.storage.store import Store
from tasks.tables.aggregate import judged_tables
from tasks.tables.buckets import Buckets, Distinct, Links, count_buckets, hash_column

if TYPE_CHECKING:
    from expectations.runner import Gate

_ROWS = pa.schema(
    [pa.field("number", pa.int64())]
    + [pa.field(column.name, column.type) for column in INSTANCES.columns if column.name in JUDGED]
)
"""Rows of the gate with their objects' numbers."""


@dataclass(slots=True)
class Session:
    """One audit: the batches of a run, and what was found out about their objects.

    Attributes
    ----------
    first
        Number of each batch's first object, and at the end the number of all objects.
    together
        Columns whose equal values must be judged together; None where all of a run must be.
    nulls
        Number of each batch's instances without a value, by column of `JUDGED`.
    named
        Studies in which an identifier of some patient is left.
    tally
        What was measured of the staged instances.
    flagged, withheld
        Studies that broke a rule which flags or withholds.
    """

    store: Store
    staging: Staging
    scratch: Path
    batches: tuple[str, ...]
    first: tuple[int, ...]
    findings: Findings
    neighbours: Neighbours
    together: frozenset[str] | None
    nulls: npt.NDArray[np.int32]
    tally: Tally = field(default_factory=Tally)
    flagged: Distinct = field(default_factory=Distinct)
    withheld: Distinct = field(default_factory=Distinct)
    links: Links = field(default_factory=Links)
    withheld_by: list[str] = field(default_factory=list)
    named: frozenset[str] = frozenset()

    @classmethod
    def open(
        cls,
        store: Store,
        staging: Staging,
        scratch: Path,
        together: frozenset[str] | None,
        declared: frozenset[str] = frozenset(),
    ) -> Session:
        """Give the batches that are done, their objects numbered."""
        counts = [report.object_count for report in finished_reports(store, staging)]
        first = list(accumulate(counts, initial=0))
        return cls(
            store,
            staging,
            scratch,
            tuple(batch_ids(store, staging)),
            tuple(first),
            Findings.of(first[-1]),
            Neighbours(store),
            together,
            np.zeros((len(counts), len(JUDGED)), np.int32),
            Tally(frozenset(MODALITIES), declared),
        )

    @property
    def objects(self) -> int:
        """Number of objects."""
        return self.first[-1]

    def part(self, number: int, table: str, columns: list[str] | None = None) -> pa.Table:
        """Read a table of a batch."""
        return read_table(self.store, self.staging.part(self.batches[number], table), columns)

    def settle(self) -> None:
        """Mark what was refused, and find duplicates and conflicts, a bucket of instances at a time."""
        names = [name for name in (*CLAIMS.names, "StudyInstanceUID", "reason") if name != "number"]
        buckets = Buckets(count_buckets(self.objects), CLAIMS, self.scratch, "claims")
        uids, studies = Distinct(), Distinct()
        with buckets:
            parts = read_ahead(self.part(number, "staged", names) for number in range(len(self.batches)))
            for first, staged in zip(self.first[:-1], parts, strict=True):
                numbers = first + np.arange(len(staged))
                accepted = staged["reason"].is_null()
                self.findings.mark(numbers[~accepted.to_numpy()], Mark.REFUSED)
                claims = staged.append_column("number", pa.array(numbers)).filter(accepted)
                hashes = hash_column(claims["SOPInstanceUID"])
                buckets.add(claims, hashes)
                if self.neighbours.exist:
                    uids.add(hashes)
                    studies.add(hash_column(claims["StudyInstanceUID"]))
            if self.neighbours.exist:
                self.neighbours.choose(uids.sorted(), studies.sorted())
                for claims in self.neighbours.claims():
                    buckets.add(claims, hash_column(claims["SOPInstanceUID"]))
            for claims in buckets:
                settle_claims(claims, self.findings)

    def search(self, number: Callable[[], Number]) -> None:
        """Find the studies in which an identifier of any patient of the run is left."""
        self.named = search_run(self.store, self.staging, self.batches, self.objects, self.scratch, number)

    def judge(self, gate: Gate) -> None:
        """Find mixed-up patients and let the gate judge, a bucket of whole studies at a time."""
        count = 1 if self.together is None else count_buckets(self.objects + self.neighbours.rows)
        if count > 1:
            self._link()
        with Buckets(count, _ROWS, self.scratch, "studies") as buckets:
            for number, rows in enumerate(read_ahead(self._rows(list(JUDGED)))):
                if number < len(self.batches):
                    self.nulls[number] = [rows[name].null_count for name in JUDGED]
                    self.tally.add(
                        rows, self.part(number, "findings", ["source_ref", "rule", "path", "form"])
                    )
                buckets.add(rows, self.links.follow(hash_column(rows["StudyInstanceUID"])))
            for rows in buckets:
                self._judge_studies(gate, rows)

    def _link(self) -> None:
        """Note which studies share a series, or a value that a rule wants to be unique.

        Not which share an instance: those were settled, and of each there is one left.
        """
        columns = sorted((self.together or frozenset()) - {"SOPInstanceUID"})
        for rows in read_ahead(self._rows(["StudyInstanceUID", *columns])):
            studies = hash_column(rows["StudyInstanceUID"])
            for name in columns:
                self.links.add(name, rows[name], studies)

    def _rows(self, columns: list[str]) -> Iterator[pa.Table]:
        """Read the staged instances with their objects' numbers, then the published ones of their studies."""
        for number, first in enumerate(self.first[:-1]):
            refs = self.part(number, "staged", ["source_ref"])["source_ref"].combine_chunks()
            rows = self.part(number, "instances", list(dict.fromkeys(["source_ref", *columns])))
            numbers = pc.add(pc.index_in(rows["source_ref"], refs).cast(pa.int64()), first)
            yield rows.append_column("number", numbers)
        if self.neighbours.exist:
            yield from self.neighbours.instances(columns)

    def _judge_studies(self, gate: Gate, rows: pa.Table) -> None:
        from expectations.measures import find_withheld

        settle_patients(rows, self.findings)
        numbers = rows["number"].to_numpy()
        staged = numbers != PUBLISHED_BEFORE
        up = staged.copy()
        up[staged] = self.findings.up_for_release(numbers[staged])
        # Most often all are, and a filter would copy them.
        left = rows if up.all() else rows.filter(pa.array(up))
        together = pa.concat_tables([left, _beside(left, rows.filter(pa.array(~staged)))])
        measures = gate.judge(judged_tables(together))
        self.flagged.add(hash_column(_list_flagged(measures)))
        withheld = {**find_withheld(measures), **dict.fromkeys(self.named, REASON)}
        if withheld:
            self.withheld.add(hash_column(pa.chunked_array([list(withheld)], pa.string())))
            studies, reasons = pa.array(list(withheld)), list(withheld.values())
            places = pc.index_in(left["StudyInstanceUID"], studies)
            found = left["number"].filter(places.is_valid()).to_numpy()
            rules = np.array([self._rule(reason) for reason in reasons], np.int16)
            self.findings.rules[found] = rules[places.drop_null().to_numpy()]

    def _rule(self, rule_id: str) -> int:
        if rule_id not in self.withheld_by:
            self.withheld_by.append(rule_id)
        return self.withheld_by.index(rule_id)

    def write_decisions(self, result: GateResult) -> None:
        """Write down, batch by batch, how each object ends; the first rule that withheld is the reason.

        A run that is withheld leaves a study the reason it has of its own: a person may release what only the run
        broke, and never a study in which an identifier is left.
        """
        numbers: Numbers = np.arange(self.objects)
        if result.run_withheld:
            up = self.findings.up_for_release(numbers) & (self.findings.rules < 0)
            self.findings.rules[up] = self._rule(result.run_withheld_by[0])
        rules = dict(enumerate(self.withheld_by))
        for number, first in enumerate(self.first[:-1]):
            decided = decide(self.part(number, "staged"), first, self.findings, rules)
            nulls = dict(zip(JUDGED, self.nulls[number].tolist(), strict=True))
            key = self.staging.part(self.batches[number], "decided")
            self.store.write_unsynced(key, [table_bytes(with_nulls(decided, nulls))])
        self.store.barrier()


def _list_flagged(measures: Iterable[Measure]) -> pa.ChunkedArray:
    """List the studies that broke a rule which flags them, once for each; a share that is allowed flags none."""
    flagging = (
        measure.broken
        for measure in measures
        if measure.check.action is Action.FLAG and measure.check.mostly == 1 and not measure.success
    )
    return pa.chunked_array([sorted({study for broken in flagging for study in broken})], pa.string())


def _beside(left: pa.Table, published: pa.Table) -> pa.Table:
    """Choose the published instances that will stand beside those up for release."""
    return published.filter(
        pc.and_(
            pc.is_in(published["StudyInstanceUID"], left["StudyInstanceUID"]),
            pc.invert(pc.is_in(published["SOPInstanceUID"], left["SOPInstanceUID"])),
        )
    )
