"""What a run measures about its data, before and after cleaning, in rates: the rows of the table `quality`.

Cleaning says which values it touched and where, and the cleaned rows say which values are missing, so both sides
of cleaning are known without the source: a value that was touched and is missing now was emptied, a value
that was touched and is there was repaired. All of it is added up batch by batch, by modality.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from expectations.contracts import INSTANCES, QUALITY
from expectations.measures import Measure
from expectations.suites import CONTRACT_ID
from tasks.dicom.dictionary import format_tag

VALUES, VOLUME = "values", "volume"
"""What stands for a rule in rows about a column by itself, and in those about the number of instances."""

VOCABULARY = ("Modality", "SOPClassUID", "ManufacturerModelName", "SpecificCharacterSet")
CREATORS = ("private_creators", "unknown_private_creators")
"""Columns whose values are words that earlier runs knew or not."""

OTHER = "other"
"""Stands for a modality that is none of those told apart."""

_COLUMN_OF_TAG = {format_tag(column.tag): column.name for column in INSTANCES.columns if column.tag}
COLUMNS = tuple(dict.fromkeys(_COLUMN_OF_TAG.values()))
_TAG_LENGTH = len("(gggg,eeee)")
_FORMS = 10_000
"""Different shapes that are kept apart, at most: a source that writes noise must not fill the memory."""

Place = tuple[str, str]
"""A column, or a tag that no column shows, and a modality."""


@dataclass(slots=True)
class Tally:
    """What the staged instances of a run add up to.

    Attributes
    ----------
    modalities
        Those that are told apart; a page shows them, and a text of a source may be anything.
    records
        Instances by modality.
    nulls
        Values that are missing after cleaning.
    declared
        Ids of repairs that the table of rules declares: what somebody has said how to read is no anomaly.
    touched, emptied
        Instances whose value cleaning touched otherwise, and those of them that have none now.
    expected
        Instances whose value only a declared repair touched.
    forms
        Shapes of values that were emptied.
    words
        Values of `VOCABULARY` and `CREATORS`, and the instances that have each.
    """

    modalities: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    records: Counter[str] = field(default_factory=Counter)
    nulls: Counter[Place] = field(default_factory=Counter)
    touched: Counter[Place] = field(default_factory=Counter)
    emptied: Counter[Place] = field(default_factory=Counter)
    expected: Counter[Place] = field(default_factory=Counter)
    forms: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    words: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, rows: pa.Table, findings: pa.Table) -> None:
        """Add the instances of a batch and what cleaning said about them."""
        given = pa.array(map(self.fold, rows["Modality"].to_pylist()), pa.string()).dictionary_encode()
        names, places = given.dictionary.to_pylist(), given.indices.to_numpy()
        self.records.update(dict(zip(names, _count(places, names), strict=True)))
        for column in COLUMNS:
            if rows[column].null_count:
                missing = places[rows[column].is_null().to_numpy()]
                self.nulls.update(
                    {(column, name): n for name, n in zip(names, _count(missing, names), strict=True) if n}
                )
        for column in (*VOCABULARY, *CREATORS):
            self.words[column].update(_count_words(rows[column]))
        if len(findings):
            self._add_findings(rows, findings, [names[place] for place in places.tolist()])

    def fold(self, modality: str | None) -> str:
        """Give the modality under which an instance is counted."""
        return modality if modality in self.modalities else (OTHER if modality else "")

    def _add_findings(self, rows: pa.Table, findings: pa.Table, modality: list[str]) -> None:
        where = pc.index_in(findings["source_ref"], rows["source_ref"].combine_chunks())
        said = pa.table(
            {
                "row": where,
                "tag": pc.utf8_slice_codeunits(findings["path"], 0, _TAG_LENGTH),
                "form": findings["form"],
                "declared": pc.is_in(findings["rule"], pa.array(sorted(self.declared), pa.string())),
            }
        ).filter(where.is_valid())
        told = said.filter(pc.invert(said["declared"]))
        self._add_expected(said, told, modality)
        missing = {name: rows[name].is_null().to_pylist() for name in set(_columns_of(told)) & set(COLUMNS)}
        for row, tag in zip(*_distinct(told, "row", "tag"), strict=True):
            column = _COLUMN_OF_TAG.get(tag, tag)
            place = column, modality[row]
            self.touched[place] += 1
            self.emptied[place] += column in missing and missing[column][row]
        for row, tag, form in zip(
            *_distinct(told.filter(told["form"].is_valid()), "row", "tag", "form"), strict=True
        ):
            shape = _COLUMN_OF_TAG.get(tag, tag), modality[row], form
            if shape in self.forms or len(self.forms) < _FORMS:
                self.forms[shape] += 1

    def _add_expected(self, said: pa.Table, told: pa.Table, modality: list[str]) -> None:
        if len(said) > len(told):
            every, others = (set(zip(*_distinct(one, "row", "tag"), strict=True)) for one in (said, told))
            for row, tag in every - others:
                self.expected[_COLUMN_OF_TAG.get(tag, tag), modality[row]] += 1


def quality_table(
    tally: Tally, measures: Iterable[Measure], *, run_id: str, recorded_at: datetime, source_ref: str
) -> pa.Table:
    """Make a run's rows of `expectations.contracts.QUALITY`.

    Parameters
    ----------
    measures
        What the gate counted about studies, by modality.
    """
    facts = {"run_id": run_id, "recorded_at": recorded_at, "source_ref": source_ref}
    empty = dict.fromkeys(QUALITY.names)
    rows = [empty | facts | row for row in (*_value_rows(tally), *_rule_rows(measures, tally))]
    table = pa.Table.from_pylist(rows, schema=QUALITY.arrow_schema())
    return table.sort_by([(name, "ascending") for name in QUALITY.key])


def _value_rows(tally: Tally) -> Iterator[dict[str, Any]]:
    for modality, records in sorted(tally.records.items()):
        yield {"rule": VOLUME, "scope": "instance", "column": "", "modality": modality, "records": records}
        told = (column for column, of in (*tally.touched, *tally.expected) if of == modality)
        for column in dict.fromkeys((*COLUMNS, *sorted(told))):
            place = column, modality
            nulls, touched, emptied = tally.nulls[place], tally.touched[place], tally.emptied[place]
            known = column in COLUMNS
            yield {
                "rule": VALUES,
                "scope": "instance",
                "column": column,
                "modality": modality,
                "records": records,
                "null_rate_before": (nulls - emptied) / records if known else None,
                "null_rate_after": nulls / records if known else None,
                "anomaly_rate_before": touched / records,
                "repaired_rate": (touched - emptied + tally.expected[place]) / records if known else None,
            }


def _rule_rows(measures: Iterable[Measure], tally: Tally) -> Iterator[dict[str, Any]]:
    for measure in measures:
        check = measure.check
        if check.rule_id == CONTRACT_ID:
            continue
        folded: dict[str, tuple[int, int]] = {}
        for modality, (evaluated, unexpected) in measure.by_modality.items():
            before = folded.get(tally.fold(modality), (0, 0))
            folded[tally.fold(modality)] = before[0] + evaluated, before[1] + unexpected
        for modality, (evaluated, unexpected) in folded.items():
            yield {
                "rule": check.rule_id,
                "scope": str(check.scope),
                "column": ", ".join(check.columns),
                "modality": modality,
                "records": evaluated,
                "anomaly_rate_after": unexpected / evaluated if evaluated else None,
            }


def _count(places: Any, names: list[str]) -> list[int]:
    counts: list[int] = np.bincount(places, minlength=len(names)).tolist()
    return counts


def _count_words(column: pa.ChunkedArray) -> dict[str, int]:
    if pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    counts = pc.value_counts(column.drop_null())
    return dict(zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True))


def _columns_of(told: pa.Table) -> list[str]:
    return [_COLUMN_OF_TAG.get(tag, tag) for tag in pc.unique(told["tag"]).to_pylist()]


def _distinct(table: pa.Table, *names: str) -> list[list[Any]]:
    """Give the different rows of some columns, each column as a list."""
    rows = table.group_by(list(names)).aggregate([])
    return [rows[name].to_pylist() for name in names]
