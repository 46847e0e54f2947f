"""The tables of a target, each with its contract."""

from __future__ import annotations

from expectations.contracts import FINDINGS, INSTANCES, LEDGER, SERIES, STUDIES, Contract
from tasks import layout
from tasks.storage.store import Store
from tasks.tables.delta import StoredTable

CONTRACTS: dict[str, Contract] = {
    layout.INSTANCES: INSTANCES,
    layout.SERIES: SERIES,
    layout.STUDIES: STUDIES,
    layout.LEDGER: LEDGER,
    layout.AUDIT: FINDINGS,
}
PUBLISHED_TABLES = (layout.INSTANCES, layout.SERIES, layout.STUDIES)


def stored(store: Store, key: str) -> StoredTable:
    """Open one of the target's tables, which need not exist yet, by its place in the layout."""
    return StoredTable(store.delta_uri(key), store.delta_options(), CONTRACTS[key])
