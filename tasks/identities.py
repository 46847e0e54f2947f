"""Who is who among the objects of a run: the same instance twice, one UID with two contents, mixed-up patients.

An object is known by its number in the run, and what is found out about it is one byte, so that a million
objects take a megabyte and every bucket of them can be looked at by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.reasons import REASONS, ReasonKind
from tasks.records import State
from tasks.staged import DECIDED

PUBLISHED_BEFORE = -1
"""Number of a row that is not of this run."""

CLAIMS = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("SOPInstanceUID", pa.string(), nullable=False),
        pa.field("source_ref", pa.string(), nullable=False),
        pa.field("source_uri", pa.string()),
        pa.field("content", pa.string()),
    ]
)
"""Which object claims to be which instance, with which content; of published ones the URI is not known."""

_NO_RULE = -1


class Mark(IntFlag):
    """What was found out about an object."""

    REFUSED = 1
    DUPLICATE = 2
    CONFLICT = 4
    TWO_PATIENTS = 8
    REPLACES = 16


HELD_BACK = Mark.REFUSED | Mark.DUPLICATE | Mark.CONFLICT | Mark.TWO_PATIENTS

_ENDINGS = (
    (Mark.DUPLICATE, State.DUPLICATE, "DUPLICATE_EXACT"),
    (Mark.CONFLICT, State.QUARANTINED, "DUPLICATE_UID_CONFLICT"),
    (Mark.TWO_PATIENTS, State.QUARANTINED, "STUDY_TWO_PATIENTS"),
)
"""How marked objects end; of several marks the last decides."""

Numbers = npt.NDArray[np.int64]


def carries(marks: npt.NDArray[np.uint8], mark: Mark) -> npt.NDArray[np.bool_]:
    """Tell which objects carry a mark, or one of several."""
    carried: npt.NDArray[np.bool_] = (marks & np.uint8(mark)) != 0
    return carried


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about every object of a run, by its number.

    Attributes
    ----------
    marks
        `Mark` of each object.
    rules
        Place in the list of rules of the one that withheld the object's study; -1 for none.
    """

    marks: npt.NDArray[np.uint8]
    rules: npt.NDArray[np.int16]

    @classmethod
    def of(cls, objects: int) -> Findings:
        """Begin with nothing found."""
        return cls(np.zeros(objects, np.uint8), np.full(objects, _NO_RULE, np.int16))

    def mark(self, numbers: Numbers, mark: Mark) -> None:
        """Mark some objects."""
        self.marks[numbers] |= np.uint8(mark)

    def up_for_release(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Tell which objects only the gate can hold back."""
        return ~carries(self.marks[numbers], HELD_BACK)

    def count(self) -> dict[State, int]:
        """Count how the objects end that were not refused, if the gate lets everything pass."""
        states = {State.PUBLISHED: int((~carries(self.marks, HELD_BACK)).sum())}
        accepted = self.marks[~carries(self.marks, Mark.REFUSED)]
        for mark, state, _ in reversed(_ENDINGS):
            found = carries(accepted, mark)
            states[state] = states.get(state, 0) + int(found.sum())
            accepted = accepted[~found]
        return states


def settle_claims(claims: pa.Table, findings: Findings) -> None:
    """Find duplicates and conflicts among all objects, staged or published, of some instances.

    Parameters
    ----------
    claims
        Rows of `CLAIMS`: all that there are of their SOPInstanceUIDs.
    """
    rows = claims.to_pandas()
    published = rows["number"] == PUBLISHED_BEFORE
    known = rows[published].drop_duplicates("SOPInstanceUID").set_index("SOPInstanceUID")
    rows = rows[~published]
    uids, numbers = rows["SOPInstanceUID"], rows["number"].to_numpy()
    several = rows[uids.duplicated(keep=False)].sort_values("source_uri", kind="stable")
    repeated = rows.index.isin(several.index[several.duplicated("SOPInstanceUID")])
    versions = several.groupby("SOPInstanceUID")["content"].nunique()
    has_known = uids.isin(known.index)
    replaces = has_known & (rows["source_ref"] == uids.map(known["source_ref"]))
    foreign = has_known & ~replaces
    same = rows["content"] == uids.map(known["content"])
    conflict = uids.isin(versions.index[versions > 1]) | (foreign & ~same)
    for marked, mark in (
        (replaces, Mark.REPLACES),
        (repeated | (foreign & same), Mark.DUPLICATE),
        (conflict, Mark.CONFLICT),
    ):
        findings.mark(numbers[marked.to_numpy()], mark)


def settle_patients(rows: pa.Table, findings: Findings) -> None:
    """Find the studies that name two patients.

    Parameters
    ----------
    rows
        ``number``, ``StudyInstanceUID`` and ``PatientID`` of all objects of some studies, staged or published.
    """
    pairs = rows.group_by(["StudyInstanceUID", "PatientID"]).aggregate([])
    counts = pc.value_counts(pairs["StudyInstanceUID"])
    mixed = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    numbers = rows["number"].filter(pc.is_in(rows["StudyInstanceUID"], mixed)).to_numpy()
    findings.mark(numbers[numbers != PUBLISHED_BEFORE], Mark.TWO_PATIENTS)


def state_of_reject(code: str) -> State:
    """Give the state of an object refused with `code`."""
    return State.WITHHELD if ReasonKind.WITHHELD in REASONS[code].kinds else State.QUARANTINED


def decide(staged: pa.Table, first: int, findings: Findings, rules: Mapping[int, str]) -> pa.Table:
    """Say how each object of a batch ends.

    Parameters
    ----------
    staged
        Rows of `STAGED`.
    first
        Number of the first of them.
    rules
        Ids of the rules that withheld, by their place in the list.

    Returns
    -------
    pa.Table
        Rows of `DECIDED`, in the same order.
    """
    span = slice(first, first + len(staged))
    marks = findings.marks[span]
    states = np.full(len(staged), str(State.PUBLISHED), object)
    reasons = staged["reason"].to_numpy().copy()
    for place in np.unique(findings.rules[span]).tolist():
        if place != _NO_RULE:
            withheld = findings.rules[span] == place
            states[withheld], reasons[withheld] = str(State.WITHHELD), rules[place]
    for mark, state, reason in _ENDINGS:
        marked = carries(marks, mark)
        states[marked], reasons[marked] = str(state), reason
    refused = carries(marks, Mark.REFUSED)
    states[refused] = [str(state_of_reject(code)) for code in reasons[refused]]
    columns = {name: staged[name] for name in staged.column_names}
    columns |= {"state": pa.array(states, pa.string()), "reason": pa.array(reasons, pa.string())}
    columns |= {"replaces": pa.array(carries(marks, Mark.REPLACES))}
    return pa.table({name: columns[name] for name in DECIDED.names}).cast(DECIDED)
