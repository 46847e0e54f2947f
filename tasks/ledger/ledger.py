"""How each object of the source ended, and which of today's listing are therefore left alone.

The ledger is a Delta table with a row for each object version and run; whoever opens it hands it in, so that
no knowledge of Delta is needed here. A run asks it one thing, about millions of objects: is this settled? Of
each settled object 18 bytes are kept, a digest and how it ended, so that the answer fits into memory where
the table does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tasks.ledger.objects import (
    DIGEST_TYPE,
    Digests,
    digest_all,
    find,
    identify,
    in_chunks,
    join_identities,
)
from tasks.records import SourceObject, State

Marks = npt.NDArray[np.uint16]


class LedgerTable(Protocol):
    """What the ledger needs of the table it is stored in."""

    def stream(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns, a record batch at a time."""
        ...


class Ending(NamedTuple):
    """How an object ended: its state, and the reason code or rule id where there is one."""

    state: str
    reason: str | None


class Ledger:
    """The ledger of one target."""

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def settled(self, retried: Collection[str] = ()) -> Settled:
        """Read how every object ended, the newest row of each object and version.

        Parameters
        ----------
        retried
            Reason codes with which a quarantined object is not settled but taken again.
        """
        reading = _Reading()
        for batch in self._table.stream(["source_uri", "version", "state", "reason", "recorded_at"]):
            reading.add(batch)
        return reading.finish(frozenset(retried))


@dataclass(frozen=True, slots=True)
class Settled:
    """How each object known to the ledger ended.

    Attributes
    ----------
    digests
        Of the objects, ascending.
    marks
        Place in `endings` of how each of them ended.
    retried
        Reason codes with which a quarantined object is taken again.
    """

    digests: Digests
    marks: Marks
    endings: tuple[Ending, ...]
    retried: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.digests)

    def count(self) -> Counter[Ending]:
        """Count how all the objects ended, those no longer in the source too."""
        return self._count(self.marks)

    def split(self, objects: Iterable[SourceObject]) -> Split:
        """Tell apart what is new or changed from what earlier runs have settled."""
        return Split(self, objects)

    def look_up(self, objects: Sequence[SourceObject]) -> tuple[npt.NDArray[np.bool_], Counter[Ending]]:
        """Mark the objects that are pending, and count how the others ended."""
        places = find(digest_all(map(identify, objects)), self.digests)
        final = np.array([not self._is_retried(ending) for ending in self.endings], np.bool_)
        marks = self.marks[places[places >= 0]]
        settled = places >= 0
        settled[settled] = final[marks]
        return ~settled, self._count(marks[final[marks]])

    def _is_retried(self, ending: Ending) -> bool:
        return ending.state == State.QUARANTINED and ending.reason in self.retried

    def _count(self, marks: Marks) -> Counter[Ending]:
        counts = np.bincount(marks, minlength=len(self.endings)).tolist()
        return Counter({ending: count for ending, count in zip(self.endings, counts, strict=True) if count})


@dataclass(slots=True)
class Split:
    """A listing on its way through: iterating gives the pending objects, and counts as it goes.

    Attributes
    ----------
    listed
        Objects seen so far.
    unchanged
        How those of them ended that are settled.
    """

    settled: Settled
    objects: Iterable[SourceObject]
    listed: int = 0
    unchanged: Counter[Ending] = field(default_factory=Counter)

    def __iter__(self) -> Iterator[SourceObject]:
        for chunk in in_chunks(self.objects):
            pending, unchanged = self.settled.look_up(chunk)
            self.listed += len(chunk)
            self.unchanged += unchanged
            yield from compress(chunk, pending)

    @property
    def states(self) -> dict[str, int]:
        """Settled objects seen so far, by state."""
        return _add_up((ending.state, count) for ending, count in self.unchanged.items())

    @property
    def reasons(self) -> dict[str, int]:
        """Settled objects seen so far, by reason; those without one left out."""
        return _add_up((ending.reason, count) for ending, count in self.unchanged.items() if ending.reason)


_ROW = np.dtype([("digest", DIGEST_TYPE), ("time", ">u8"), ("mark", ">u2")])
"""A row of the ledger as it is sorted: read as bytes, it comes in the order of its digest and then of its time."""


class _Reading:
    """The ledger as read so far, in one flat array that is sorted where it is: 26 bytes a row."""

    def __init__(self) -> None:
        self._rows = bytearray()
        self._numbers: dict[Ending, int] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        endings = zip(batch["state"].to_pylist(), batch["reason"].to_pylist(), strict=True)
        rows = np.empty(len(batch), _ROW)
        rows["digest"] = digest_all(join_identities(batch["source_uri"], batch["version"]))
        rows["time"] = batch["recorded_at"].cast(pa.int64()).to_numpy()
        rows["mark"] = [self._numbers.setdefault(Ending(*ending), len(self._numbers)) for ending in endings]
        self._rows += rows.tobytes()

    def finish(self, retried: frozenset[str]) -> Settled:
        np.frombuffer(self._rows, f"S{_ROW.itemsize}").sort()
        rows = np.frombuffer(self._rows, _ROW)
        newest = np.ones(len(rows), np.bool_)
        newest[:-1] = rows["digest"][1:] != rows["digest"][:-1]
        marks = rows["mark"][newest].astype(np.uint16)
        return Settled(rows["digest"][newest], marks, tuple(self._numbers), retried)


def _add_up(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for name, count in counts:
        total[name] += count
    return dict(sorted(total.items()))
