"""What a run that died had finished, and what is left of it today.

Batches are cut from the full list of pending objects, so that in a source that stood still every finished
batch is found again by its id. Where the source moved meanwhile, the cuts move too, and the finished batches
are known by the objects in their manifests: those whose every object is still there stand, and the rest of
the list is cut anew. A finished batch of which one object has gone or changed does not stand, because
its rows would speak of something that today's listing does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from tasks.ledger.batching import Cut
from tasks.ledger.objects import SourceObjects, find


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left to do.

    Attributes
    ----------
    kept
        Ids of the finished batches that stand, ascending.
    stale
        Ids of the finished batches that do not: what they staged must go before the run is audited.
    finished_objects
        Number of objects in the batches kept.
    cuts
        The batches to process; together with those kept they hold each pending object once.
    """

    kept: tuple[str, ...]
    stale: tuple[str, ...]
    finished_objects: int
    cuts: tuple[Cut, ...]


def find_remaining(
    objects: SourceObjects,
    finished: Collection[str],
    read_objects: Callable[[str], SourceObjects],
    cut: Callable[[SourceObjects], Iterable[Cut]],
) -> Remaining:
    """Compare today's pending objects with what a dead run finished.

    Parameters
    ----------
    objects
        All pending objects, sorted.
    finished
        Ids of the batches with a report; all of one staging folder, so of one fingerprint.
    read_objects
        Reads the manifest of a finished batch; called only where today's cuts do not have its id.
    cut
        `make_batches` with today's limits.
    """
    cuts = tuple(cut(objects))
    today = {made.batch.batch_id: made.objects for made in cuts}
    if today.keys() >= set(finished):
        left = tuple(made for made in cuts if made.batch.batch_id not in finished)
        done = len(objects) - sum(len(made.objects) for made in left)
        return Remaining(tuple(sorted(finished)), (), done, left)
    coverage = _Coverage(objects)
    # Today's own batches first: where two finished batches overlap, the one cut from the full list stands.
    for batch_id in sorted(finished, key=lambda batch_id: (batch_id not in today, batch_id)):
        coverage.add(batch_id, today[batch_id] if batch_id in today else read_objects(batch_id))
    rest = objects.choose(~coverage.covered)
    kept, stale = tuple(sorted(coverage.kept)), tuple(sorted(coverage.stale))
    return Remaining(kept, stale, len(objects) - len(rest), tuple(cut(rest)))


class _Coverage:
    """Which pending objects the finished batches account for, each object by one batch at most."""

    def __init__(self, objects: SourceObjects) -> None:
        digests = objects.digests()
        self._order = np.argsort(digests)
        self._digests = digests[self._order]
        self.covered = np.zeros(len(objects), np.bool_)
        self.kept: list[str] = []
        self.stale: list[str] = []

    def add(self, batch_id: str, objects: SourceObjects) -> None:
        places = find(objects.digests(), self._digests)
        rows = self._order[places[places >= 0]]
        if len(rows) < len(objects) or self.covered[rows].any():
            self.stale.append(batch_id)
        else:
            self.covered[rows] = True
            self.kept.append(batch_id)
