"""Put the sealed identities of a run into the target's store, those that are not there yet.

The store is a folder of files, one or more a run, of records that are sealed already. A run that is published
twice writes its files twice, the same; a record that an earlier run has brought is not brought again. Memory is
that of one file of records, and eight bytes for each record of the run.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from tasks import layout
from tasks.layout import Staging
from tasks.staged import batch_ids, scratch_folder
from tasks.storage.store import Store
from tasks.tables.buckets import Buckets, Distinct, Hashes, contains, count_buckets
from tasks.vault.segments import SEALED, read_segment, shorten, sort_records, write_segment


def seal_identities(store: Store, staging: Staging, run_id: str) -> None:
    """Write the records of a run's batches that no other run has written."""
    rows, records = 0, Distinct()
    for part in staged_identities(store, staging):
        table = read_segment(store.read(part), ["record"])
        rows += len(table)
        records.add(shorten(table["record"]))
    known = _known(store, run_id, records.sorted())
    with (
        scratch_folder(store, staging) as scratch,
        Buckets(count_buckets(rows), SEALED, scratch, "identities") as buckets,
    ):
        for part in staged_identities(store, staging):
            table = read_segment(store.read(part))
            new = table.filter(pa.array(~contains(shorten(table["record"]), known)))
            buckets.add(new, shorten(new["patient"]))
        for number, bucket in enumerate(buckets):
            key = f"{layout.IDENTITIES}/{run_id}-{number:03d}.parquet"
            if len(bucket):
                store.write_unsynced(key, [write_segment(sort_records(bucket))])
    store.barrier()


def staged_identities(store: Store, staging: Staging) -> Iterator[str]:
    """Give the keys of the sealed records of the batches that are done."""
    return (staging.part(batch_id, "identities") for batch_id in batch_ids(store, staging))


def _known(store: Store, run_id: str, records: Hashes) -> Hashes:
    """Give those records of a run that other runs have brought."""
    found = [np.empty(0, np.uint64)]
    for key in store.list(layout.IDENTITIES):
        if not key.startswith(f"{layout.IDENTITIES}/{run_id}-"):
            theirs = shorten(read_segment(store.read(key), ["record"])["record"])
            found.append(theirs[contains(theirs, records)])
    return np.unique(np.concatenate(found))
