"""Rate the elements of a run, by what its batches saw of them: one batch at a time, whatever their number."""

from __future__ import annotations

import orjson

from tasks.deid.profile import load_profile
from tasks.deid.sensitivity import Sensitivity
from tasks.layout import Staging
from tasks.records import ElementSensitivity
from tasks.staged import batch_ids
from tasks.storage.store import Store


def rate_elements(store: Store, staging: Staging, profile: str) -> tuple[ElementSensitivity, ...]:
    """Say how sensitive each element path of a run looks, those that are kept in spite of it first."""
    seen = Sensitivity()
    for batch_id in batch_ids(store, staging):
        seen.merge(orjson.loads(store.read(staging.look(batch_id))))
    return seen.conclude(load_profile(profile))
