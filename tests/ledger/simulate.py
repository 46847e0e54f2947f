"""Drives listing, batches and ledger with made-up objects, in a process of its own, and prints what it took.

    python -m tests.ledger.simulate 100000 FOLDER

First night: everything is new, is cut into batches with manifests, and settled. Second night: the same listing,
of which nothing is new. The objects are made as a listing gives them, one at a time, so no list of ours is in
the memory that is measured.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa

from expectations.contracts import LEDGER
from tasks.ledger.batching import make_batches, write_manifest
from tasks.ledger.ledger import Ledger
from tasks.ledger.objects import SourceObjects, in_chunks, sort_objects
from tasks.records import SourceObject
from tasks.tables.delta import StoredTable

OBJECT_BYTES = 525_000
_CHUNK = 50_000


def make_listing(count: int) -> Iterator[SourceObject]:
    """Make objects with URIs of 115 bytes, as those of an archive that is sorted by study."""
    for number in range(count):
        study, series = divmod(number, 300)[0], number // 100
        uri = f"s3://archive/landing/{2015 + study % 10}/{study:012d}/{series:030d}/{number:044d}.dcm"
        yield SourceObject(uri, OBJECT_BYTES, f"{number:032x}")


def _rows(objects: SourceObjects) -> pa.Table:
    """Make the ledger's rows of published objects, with digests that do not compress."""
    digests = [sha256(identity).hexdigest() for identity in objects.identities()]
    count = len(digests)
    known = {
        "source_uri": objects.table["uri"].cast(pa.string()),
        "version": objects.table["version"].cast(pa.string()),
        "size_bytes": objects.table["size_bytes"],
        "state": pa.array(["published"] * count),
        "recorded_at": pa.array(np.full(count, 1_780_000_000_000_000)).cast(pa.timestamp("us", "UTC")),
        **{name: pa.array(digests) for name in ("source_ref", "sha256", "SOPInstanceUID")},
        "finding_codes": pa.array([[]] * count, pa.list_(pa.string())),
        "run_id": pa.array(["01a200a8-bd1a-7573-a9dd-dc8aa4883833"] * count),
        "batch_id": pa.array(["0" * 32] * count),
    }
    fields = list(LEDGER.arrow_schema())
    columns = [known[f.name].cast(f.type) if f.name in known else pa.nulls(count, f.type) for f in fields]
    return pa.Table.from_arrays([_whole(column) for column in columns], names=LEDGER.names)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def simulate(count: int, folder: Path) -> dict[str, float]:
    """Run both nights; seconds by step, and the most memory of the process so far in bytes."""
    table = StoredTable(str(folder / "ledger"), None, LEDGER)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ledger").mkdir()
    taken: dict[str, float] = {"start bytes": _most_bytes()}
    started = time.perf_counter()

    def note(step: str) -> None:
        nonlocal started
        taken[f"{step} s"] = time.perf_counter() - started
        taken[f"{step} bytes"] = _most_bytes()
        started = time.perf_counter()

    split = Ledger(table).settled().split(make_listing(count))
    pending = sort_objects(split)
    note("discover")
    batches = size = 0
    for cut in make_batches(pending, max_objects=1000, max_bytes=256 << 20, fingerprint="f"):
        batches += 1
        size += len(write_manifest(cut.objects))
    note("batches")
    table.append((_rows(pending[at : at + _CHUNK]) for at in range(0, count, _CHUNK)), "run-1")
    del pending, split
    note("ledger")
    again = Ledger(table).settled().split(make_listing(count))
    new = sum(len(chunk) for chunk in in_chunks(again))
    note("second night")
    assert (again.listed, new) == (count, 0)
    table_bytes = sum(size for _, size in table.sizes().values())
    return {"batches": batches, "manifest bytes": size, "table bytes": table_bytes, **taken}


def _most_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(simulate(int(sys.argv[1]), Path(sys.argv[2]))) + "\n")
