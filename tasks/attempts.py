"""How each attempt at a run ended, also those that could not say so themselves.

An attempt writes that it began once there is something to do, and at its end how it ended. One that was killed
leaves the first record without the second; the next run, which holds the target and therefore knows that nobody
else is at work, writes the second in its place. Two objects and no replacing, so a kill in between costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tasks.layout import ATTEMPTS
from tasks.records import RunKind, RunPlan, utc_now
from tasks.staged import dump_record, load_record
from tasks.storage.store import Store


class Ended(StrEnum):
    """How an attempt at a run ended; a run that was resumed has several."""

    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Begun:
    """What an attempt says at its beginning.

    Attributes
    ----------
    attempt_id
        UUID of the attempt; they sort by time.
    flow_run_id
        Prefect's id, so that a later run can tell Prefect what became of it.
    """

    attempt_id: str
    run_id: str
    kind: RunKind
    started_at: str
    flow_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """What is said at an attempt's end; `error` is the kind of the exception, never its text."""

    state: Ended
    at: str
    error: str = ""


class Attempt(NamedTuple):
    """An attempt, and how it ended; None while it is under way, or since it was killed."""

    begun: Begun
    end: End | None


def begin_attempt(store: Store, plan: RunPlan, flow_run_id: str | None) -> None:
    """Write that the plan's attempt began; safe to call again."""
    key = _key(plan.attempt, "begun")
    if not store.exists(key):
        store.write(key, dump_record(Begun(plan.attempt, plan.run_id, plan.kind, utc_now(), flow_run_id)))


def end_attempt(store: Store, attempt_id: str, state: Ended, error: str = "") -> bool:
    """Write how an attempt ended, if it ever began, and tell whether it did; what was said first stands."""
    if not store.exists(_key(attempt_id, "begun")):
        return False
    store.write_create(_key(attempt_id, "ended"), dump_record(End(state, utc_now(), error)))
    return True


def bury_dead(store: Store) -> tuple[Begun, ...]:
    """Mark attempts that did not say how they ended as died, and give them; only for who holds the target."""
    dead = [attempt_id for attempt_id, has_ended in _list_attempts(store) if not has_ended]
    for attempt_id in dead:
        end_attempt(store, attempt_id, Ended.DIED)
    return tuple(load_record(Begun, store.read(_key(attempt_id, "begun"))) for attempt_id in dead)


def read_attempts(store: Store, last: int) -> list[Attempt]:
    """Read the newest attempts, the oldest of them first."""
    attempts = []
    for attempt_id, has_ended in _list_attempts(store)[-last:]:
        begun = load_record(Begun, store.read(_key(attempt_id, "begun")))
        end = load_record(End, store.read(_key(attempt_id, "ended"))) if has_ended else None
        attempts.append(Attempt(begun, end))
    return attempts


def _list_attempts(store: Store) -> list[tuple[str, bool]]:
    """Give the ids of all attempts, the oldest first, and whether each has said how it ended."""
    names = {key.removeprefix(f"{ATTEMPTS}/") for key in store.list(ATTEMPTS)}
    begun = sorted(name.removesuffix(".begun.json") for name in names if name.endswith(".begun.json"))
    return [(attempt_id, f"{attempt_id}.ended.json" in names) for attempt_id in begun]


def _key(attempt_id: str, what: str) -> str:
    return f"{ATTEMPTS}/{attempt_id}.{what}.json"
