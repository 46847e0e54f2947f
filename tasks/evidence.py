"""What a batch gives besides files and rows: evidence of what was changed, and what to search all others for.

It is gathered from the traces of the batch's instances. Instances of a series share most of theirs, and what was
worked out of a trace is kept with it, so that an instance costs what is new in it. What is written does not depend
on that: it is the same whichever worker had seen what before.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from expectations.contracts import CHANGED, CHANGES
from tasks.clean import CleanInstance
from tasks.deid.changes import Change, find_changes
from tasks.deid.cohort import IDENTIFYING_TAGS, is_searched, tokens_of_patient, tokens_of_text
from tasks.deid.deidentify import Deidentifier
from tasks.deid.pseudonyms import Pseudonyms
from tasks.deid.sensitivity import SAMPLED, Sensitivity
from tasks.deid.trace import Trace, Traces
from tasks.dicom.dictionary import tag_of
from tasks.dicom.values import decode
from tasks.layout import Staging
from tasks.staged import TOKENS, table_bytes

if TYPE_CHECKING:
    from tasks.vault.seal import Seal, Sealed

_ORIGINALS = {
    tag_of(keyword): keyword
    for keyword in (
        *("PatientID", "IssuerOfPatientID", "PatientName"),
        *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
    )
}
_PADDING = " \0"


class Marks(NamedTuple):
    """What was worked out of a trace.

    Attributes
    ----------
    of_patient, in_text
        Tokens, as numbers.
    changes
        Of the element and its items.
    """

    of_patient: frozenset[int]
    in_text: frozenset[int]
    changes: tuple[Change, ...]


_NONE: frozenset[int] = frozenset()
NOTHING = Marks(_NONE, _NONE, ())
_NO_NUMBERS = np.empty(0, np.int64)
_LOOKS = 6400
"""Of so many instances in a batch, a hundredth is looked at; of fewer more, since they tell less each."""
_FEWEST_LOOKS = 16


class _Common(NamedTuple):
    """Traces that many instances share, kept so that they are the same object as long as the batch lasts."""

    traces: Sequence[Trace]
    changes: npt.NDArray[np.int64]


class Accountant:
    """Works out what a trace says; one for each worker, as what it works out stays with the traces."""

    def __init__(self, deidentifier: Deidentifier, pseudonyms: Pseudonyms, seal: Seal | None = None) -> None:
        self._rule_of = deidentifier.rule_of
        self._pseudonyms = pseudonyms
        self.seal = seal

    def mark(self, trace: Trace) -> Marks:
        """Work out what a trace says, and leave it with the trace."""
        original, written = trace.original, trace.written
        of_patient = in_text = _NONE
        if original.items is not None or original.tag in IDENTIFYING_TAGS:
            of_patient = self._number(tokens_of_patient(original, trace.encodings))
        if written is not None and (written.items or is_searched(written.tag, written.VR)):
            in_text = self._number(tokens_of_text(written, trace.encodings))
        changes: list[Change] = []
        if written is not original:
            changes = find_changes(trace, self._rule_of, self._pseudonyms.fingerprint)
        says = of_patient or in_text or changes
        marks = trace.marks = Marks(of_patient, in_text, tuple(changes)) if says else NOTHING
        return marks

    def _number(self, tokens: Iterable[str]) -> frozenset[int]:
        token = self._pseudonyms.token
        return frozenset([token(one.encode("utf-8", "surrogatepass")) for one in tokens]) if tokens else _NONE

    def number_value(self, value: bytes) -> int:
        """Give the number by which a value is sampled."""
        return self._pseudonyms.token(value)

    def identities(self, clean: CleanInstance) -> list[Sealed]:
        """Seal who an instance is of, and what stands for its UIDs."""
        if self.seal is None:
            return []
        from tasks.vault.seal import Identity

        found = {
            _ORIGINALS[trace.original.tag]: decode(trace.original.value, trace.encodings, "replace").strip(
                _PADDING
            )
            for trace in (*clean.traces.common, *clean.traces.own)
            if trace.original.tag in _ORIGINALS
        }
        patient = clean.PatientID
        shift_days = self._pseudonyms.shift_days(patient)
        identities = [
            Identity(
                "patient",
                found.get("PatientID", ""),
                patient,
                patient,
                found.get("IssuerOfPatientID", ""),
                found.get("PatientName", ""),
                shift_days,
            ),
            Identity("study", found.get("StudyInstanceUID", ""), clean.StudyInstanceUID, patient),
            Identity("series", found.get("SeriesInstanceUID", ""), clean.SeriesInstanceUID, patient),
            Identity("instance", found.get("SOPInstanceUID", ""), clean.SOPInstanceUID, patient),
        ]
        return [self.seal.seal(identity) for identity in identities]


class Evidence:
    """What the instances of one batch add up to."""

    def __init__(self, accountant: Accountant, batch_id: str) -> None:
        self._accountant = accountant
        self._batch_id = batch_id
        self._numbers: dict[Change, int] = {}
        self._common: dict[int, _Common] = {}
        self._refs: list[str] = []
        self._changed: list[tuple[npt.NDArray[np.int64], list[int]]] = []
        self._of_patients: set[int] = set()
        self._in_texts: set[int] = set()
        self._sample: list[tuple[int, Traces]] = []
        self._sealed: dict[bytes, Sealed] = {}

    def add(self, source_ref: str, clean: CleanInstance) -> None:
        """Take an instance into account."""
        traces = clean.traces
        common = self._common.get(id(traces.common)) or self._know(traces.common)
        self._refs.append(source_ref)
        self._changed.append((common.changes, self._take(traces.own)))
        self._choose(source_ref, traces)
        for sealed in self._accountant.identities(clean):
            self._sealed[sealed.record] = sealed

    def _know(self, traces: Sequence[Trace]) -> _Common:
        common = self._common[id(traces)] = _Common(traces, np.array(self._take(traces), np.int64))
        return common

    def _take(self, traces: Sequence[Trace]) -> list[int]:
        """Take traces into account; gives the numbers of their changes."""
        mark, numbers, taken = self._accountant.mark, self._numbers, []
        for trace in traces:
            marks: Marks = trace.marks or mark(trace)
            if marks is not NOTHING:
                self._of_patients |= marks.of_patient
                self._in_texts |= marks.in_text
                taken += [numbers.setdefault(change, len(numbers)) for change in marks.changes]
        return taken

    def _choose(self, source_ref: str, traces: Traces) -> None:
        """Keep the instances whose references, which are keyed hashes, are the smallest."""
        entry = (-int(source_ref[:16], 16), traces)
        if len(self._sample) < SAMPLED:
            heapq.heappush(self._sample, _Entry(entry))
        elif entry[0] > self._sample[0][0]:
            heapq.heapreplace(self._sample, _Entry(entry))

    def parts(self, staging: Staging) -> dict[str, bytes]:
        """Give what is staged, by its key."""
        batch_id = self._batch_id
        changes, changed = self._tables()
        parts = {
            staging.part(batch_id, "changes"): table_bytes(changes),
            staging.part(batch_id, "changed"): table_bytes(changed),
            staging.part(batch_id, "tokens"): table_bytes(self._tokens()),
            staging.look(batch_id): orjson.dumps(self._look().dump()),
        }
        if self._accountant.seal is not None:
            from tasks.vault.segments import records_table, write_segment

            parts[staging.part(batch_id, "identities")] = write_segment(records_table(self._sealed.values()))
        return parts

    def _tables(self) -> tuple[pa.Table, pa.Table]:
        """Put the changes in order, and say which each instance has."""
        ordered = sorted(self._numbers)
        places = np.empty(len(ordered), np.int32)
        places[[self._numbers[change] for change in ordered]] = np.arange(len(ordered), dtype=np.int32)
        lists = [one for common, own in self._changed for one in (common, np.array(own, np.int64))]
        flat = places[np.concatenate([_NO_NUMBERS, *lists])]
        counts = np.array([len(one) for one in lists], np.int64).reshape(-1, 2).sum(axis=1)
        # One sort of all lists, each in its own range of numbers, instead of one a list.
        span = len(ordered) + 1
        starts = np.repeat(np.arange(len(counts)) * span, counts)
        flat = (np.sort(flat + starts) - starts).astype(np.int32)
        offsets = np.cumsum([0, *counts], dtype=np.int32)
        columns = list(zip(*ordered, strict=True)) or [()] * len(Change._fields)
        changes = pa.table(
            [
                pa.array([self._batch_id] * len(ordered), pa.string()),
                pa.array(np.arange(len(ordered), dtype=np.int32)),
                *[pa.array(column, pa.string()) for column in columns],
            ],
            schema=CHANGES.arrow_schema(),
        )
        changed = pa.table(
            [
                pa.array(self._refs, pa.string()),
                pa.array([self._batch_id] * len(self._refs), pa.string()),
                pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat)),
            ],
            schema=CHANGED.arrow_schema(),
        )
        return changes, changed

    def _tokens(self) -> pa.Table:
        of_patients, in_texts = sorted(self._of_patients), sorted(self._in_texts)
        return pa.table(
            [
                pa.array(np.array([*of_patients, *in_texts], np.uint64)),
                pa.array([True] * len(of_patients) + [False] * len(in_texts), pa.bool_()),
            ],
            schema=TOKENS,
        )

    def _look(self) -> Sensitivity:
        sensitivity, value_number = Sensitivity(), self._accountant.number_value
        looks = max(_FEWEST_LOOKS, _LOOKS // max(1, len(self._refs)))
        for _, traces in sorted(self._sample, key=lambda entry: -entry[0])[:looks]:
            every = (*traces.common, *traces.own)
            of_patient = frozenset[str]().union(
                *(
                    tokens_of_patient(trace.original, trace.encodings)
                    for trace in every
                    if trace.original.tag in IDENTIFYING_TAGS
                )
            )
            sensitivity.add(every, of_patient, value_number)
        return sensitivity


class _Entry(tuple[int, Traces]):
    """A sampled instance, compared by its number alone."""

    __slots__ = ()

    def __lt__(self, other: Any) -> bool:
        return bool(self[0] < other[0])
