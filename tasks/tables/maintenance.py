"""Keep a Delta table small and quick: nightly appends leave small files, and what they replaced stays on disk.

Neither is needed for a result, and both are paid for, by every reader and by the gigabyte. A file goes only
after a retention that is longer than any query and any run, because who reads an older version still needs it.
"""

from __future__ import annotations

from tasks.tables.delta import StoredTable
from tasks.tables.delta_errors import guarded
from tasks.tables.file_format import FILE_BYTES, writer_properties

COMPACT_BYTES = 4 * FILE_BYTES
"""Size up to which files are put together; above, an upsert rewrites too much for one key."""


@guarded
def compact(table: StoredTable, *, dry_run: bool) -> int:
    """Put small files together.

    Returns
    -------
    int
        Number of files that were, or would be, put together; 0 where the table does not exist.
    """
    opened = table.open()
    if opened is None:
        return 0
    if dry_run:
        small = [size for _, size in table.sizes().values() if size < COMPACT_BYTES]
        return len(small) if len(small) > 1 else 0
    # One at a time: memory is that of one file, and nobody waits for it.
    metrics = opened.optimize.compact(
        target_size=COMPACT_BYTES, max_concurrent_tasks=1, writer_properties=writer_properties(table.contract)
    )
    return int(metrics["numFilesRemoved"])


@guarded
def vacuum(table: StoredTable, *, retention_days: int, dry_run: bool) -> int:
    """Delete files that no version within the retention needs, also those of appends that never were committed.

    Returns
    -------
    int
        Number of files that were, or would be, deleted; 0 where the table does not exist.
    """
    opened = table.open()
    if opened is None:
        return 0
    return len(opened.vacuum(retention_hours=24 * retention_days, dry_run=dry_run, full=True))
