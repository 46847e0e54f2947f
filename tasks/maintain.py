"""Keep a target small: tables compacted and vacuumed, what dead runs staged swept, old pages of runs removed.

Nothing that a reader or an auditor needs goes: no published file, no row, no ledger entry, no lineage. It takes
hold of the target like a run, so it never works beside one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tasks import layout
from tasks.docs import rewrite_docs
from tasks.errors import ConfigurationError
from tasks.history import read_reports
from tasks.hold import hold
from tasks.prepare import sweep_dead
from tasks.storage.store import Store
from tasks.tables.maintenance import compact, vacuum
from tasks.target import CONTRACTS, stored

LEAST_RETENTION_DAYS = 7
"""Delta's own least: a reader that opened a table an hour ago must find its files."""
_KEPT_REPORTS = 10
"""The youngest runs' pages stay however old: what is usual is known by them."""


@dataclass(frozen=True, slots=True)
class Retention:
    """How long what is kept, in days; None for ever."""

    tables: int = 14
    staging: int = 14
    docs: int | None = None

    def __post_init__(self) -> None:
        if self.tables < LEAST_RETENTION_DAYS:
            raise ConfigurationError(f"Tables keep old files for at least {LEAST_RETENTION_DAYS} days.")
        if self.staging < 1 or (self.docs is not None and self.docs < 1):
            raise ConfigurationError("A retention is at least one day.")


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What was done, or would be.

    Attributes
    ----------
    compacted, vacuumed
        Files put together and deleted, by table.
    dead_runs
        Runs whose staging was swept: older than the retention, and without verdicts.
    old_docs
        Runs whose pages were removed; their ledger, audit and lineage stay.
    """

    compacted: dict[str, int]
    vacuumed: dict[str, int]
    dead_runs: int
    old_docs: int


def maintain(store: Store, retention: Retention, *, dry_run: bool = False) -> Upkeep:
    """Maintain a target; safe to run again, and to be killed.

    Raises
    ------
    ConfigurationError
        If a run holds the target.
    """
    tables = {key: stored(store, key) for key in CONTRACTS}
    with hold(store):
        compacted = {key: compact(table, dry_run=dry_run) for key, table in tables.items()}
        vacuumed = {
            key: vacuum(table, retention_days=retention.tables, dry_run=dry_run)
            for key, table in tables.items()
        }
        dead = sweep_dead(store, _moment(retention.staging), dry_run=dry_run)
        old = [] if retention.docs is None else _old_docs(store, _moment(retention.docs))
        if old and not dry_run:
            for run_id in old:
                store.delete_tree(f"{layout.RUNS}/{run_id}")
            rewrite_docs(store)
    return Upkeep(compacted, vacuumed, dead, len(old))


def _moment(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="milliseconds")


def _old_docs(store: Store, before: str) -> list[str]:
    reports = read_reports(store)[:-_KEPT_REPORTS]
    return [report.run_id for report in reports if report.started_at < before]
