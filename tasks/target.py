"""A target as its settings name it, and its tables, each with its contract."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from expectations.contracts import (
    CHANGED,
    CHANGES,
    FINDINGS,
    INSTANCES,
    LEDGER,
    QUALITY,
    SERIES,
    STUDIES,
    Contract,
)
from tasks import layout
from tasks.settings import Settings
from tasks.storage.store import Store, open_store
from tasks.tables.delta import StoredTable

CONTRACTS: dict[str, Contract] = {
    layout.INSTANCES: INSTANCES,
    layout.SERIES: SERIES,
    layout.STUDIES: STUDIES,
    layout.LEDGER: LEDGER,
    layout.AUDIT: FINDINGS,
    layout.CHANGES: CHANGES,
    layout.CHANGED: CHANGED,
    layout.QUALITY: QUALITY,
    layout.WITHHELD_INSTANCES: INSTANCES,
}
_COPY_BYTES = 1024 * 1024
PUBLISHED_TABLES = (layout.INSTANCES, layout.SERIES, layout.STUDIES)


def open_target(settings: Settings) -> Store:
    """Open the target that settings name; nothing is touched yet.

    Raises
    ------
    ConfigurationError
        If they name none, or what cannot be one.
    """
    return open_store(settings.target, settings.s3.model_dump(exclude_defaults=True))


def stored(store: Store, key: str) -> StoredTable:
    """Open one of the target's tables, which need not exist yet, by its place in the layout."""
    options = store.delta_options()

    def put(name: str, path: Path) -> None:
        with path.open("rb") as file:
            store.write_unsynced(f"{key}/{name}", iter(partial(file.read, _COPY_BYTES), b""))

    return StoredTable(store.delta_uri(key), options, CONTRACTS[key], None if options is None else put)
