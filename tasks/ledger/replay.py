"""Which objects a replay takes again: the ledger knows where each came from and how it ended last.

The newest row of an object's URI is what counts, whatever version it speaks of: an object that was refused,
then mended and published, is not refused any more. The table is read twice, first for digests, then for the
names of the few that are chosen, so that millions of settled objects need not be in memory with their names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.ledger.ledger import LedgerTable
from tasks.ledger.objects import DIGEST_TYPE, Digests, digest_all, find
from tasks.records import Selection, SourceObject, State

_SET_ASIDE = frozenset({State.QUARANTINED, State.WITHHELD})
_FACTS = ("state", "reason", "StudyInstanceUID")

Times = npt.NDArray[np.int64]
_Test = Callable[[str, str | None, str | None], bool]


def choose_replayed(table: LedgerTable, selection: Selection) -> Iterator[SourceObject]:
    """Yield the objects set aside that are selected, each URI once, in the version that the ledger knows."""
    chosen, times = _choose(table, partial(is_selected, selection))
    left = np.ones(len(chosen), np.bool_)
    for batch in table.stream(["source_uri", "size_bytes", "version", "recorded_at"]):
        places = find(_digests(batch), chosen)
        rows = np.flatnonzero(places >= 0)
        newest = rows[times[places[rows]] == _times(batch)[rows]]
        for row in newest.tolist():
            if left[places[row]]:
                left[places[row]] = False
                yield SourceObject(*(batch[name][row].as_py() for name in batch.schema.names[:3]))


def withheld_instances(table: LedgerTable) -> Iterator[str]:
    """Yield the instances of which an object is withheld now, by their UIDs as published."""
    chosen, times = _choose(table, lambda state, _reason, _study: state == State.WITHHELD)
    for batch in table.stream(["source_uri", "recorded_at", "SOPInstanceUID"]):
        places = find(_digests(batch), chosen)
        rows = np.flatnonzero(places >= 0)
        for row in rows[times[places[rows]] == _times(batch)[rows]].tolist():
            uid = batch["SOPInstanceUID"][row].as_py()
            if uid is not None:
                yield uid


def _choose(table: LedgerTable, is_wanted: _Test) -> tuple[Digests, Times]:
    """Give the digests of the URIs that ended as wanted, ascending, and when their newest rows were written."""
    digests, times, wanted = [np.empty(0, DIGEST_TYPE)], [np.empty(0, np.int64)], [np.empty(0, np.bool_)]
    for batch in table.stream(["source_uri", "recorded_at", *_FACTS]):
        digests.append(_digests(batch))
        times.append(_times(batch))
        facts = zip(*(batch[name].to_pylist() for name in _FACTS), strict=True)
        wanted.append(np.fromiter((is_wanted(*fact) for fact in facts), np.bool_, len(batch)))
    known, written, marks = np.concatenate(digests), np.concatenate(times), np.concatenate(wanted)
    order = np.lexsort((written, known))
    known, written, marks = known[order], written[order], marks[order]
    last = np.ones(len(known), np.bool_)
    last[:-1] = known[1:] != known[:-1]
    return known[last & marks], written[last & marks]


def is_selected(selection: Selection, state: str, reason: str | None, study: str | None) -> bool:
    """Tell whether an object that ended so is to be taken again."""
    return (
        state in _SET_ASIDE
        and (not selection.reasons or reason in selection.reasons)
        and (not selection.studies or study in selection.studies)
    )


def _digests(batch: pa.RecordBatch) -> Digests:
    return digest_all(batch["source_uri"].cast(pa.large_binary()).to_pylist())


def _times(batch: pa.RecordBatch) -> Times:
    times: Times = batch["recorded_at"].cast(pa.int64()).to_numpy()
    return times
