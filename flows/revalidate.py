"""Verify a target on a schedule, as a flow of its own: it fails when what was published is not what is there.

Beside `flows.verify`, which must not wait for Prefect to be imported. Files that go bad do so without a word, so
nobody asks; a flow asks every week. Prefect gets counts and no name: those are for the person who runs
`dicomflow verify`.
"""

from __future__ import annotations

from contextlib import suppress

import httpx
from prefect import flow
from prefect.artifacts import create_table_artifact
from prefect.client.schemas.objects import State as PrefectState
from prefect.states import Completed, Failed

from flows.upkeep_parameters import RevalidateParameters
from tasks.errors import value_free
from tasks.notify import Message, notify, telling_of_failures
from tasks.settings import Settings, active_settings
from tasks.target import open_target
from tasks.verify import Verified, verify


@flow(name="dicomflow-revalidate", persist_result=False)
def revalidate(parameters: RevalidateParameters | None = None) -> PrefectState[None]:
    """Verify the target of this process's settings; damage is a failed state."""
    chosen, settings = parameters or RevalidateParameters(), active_settings()
    with telling_of_failures(settings.notify_block):
        found = value_free(_verify)(settings, hashed=chosen.read_contents)
    _leave_artifact(found)
    state = state_of(found)
    if found.problems and settings.notify_block is not None:
        notify(Message("dicomflow: damaged", f"{state.message}."), settings.notify_block)
    return state


def _verify(settings: Settings, *, hashed: bool) -> Verified:
    store = open_target(settings)
    return verify(store, hashed=hashed, threads=2 * settings.workers, progress=lambda _files, _bytes: None)


def state_of(found: Verified) -> PrefectState[None]:
    """Say what was found as a Prefect state; the message holds counts only."""
    message = f"{found.rows} rows, {found.files} files read"
    if not found.problems:
        return Completed(name="Intact", message=message)
    problems = ", ".join(f"{count} {problem}" for problem, count in sorted(found.problems.items()))
    return Failed(name="Damaged", message=f"{message}: {problems}; run `dicomflow verify` for their names")


def _leave_artifact(found: Verified) -> None:
    """Leave the counts where whoever watches the schedule looks, week by week."""
    counts = {
        "rows": found.rows,
        "files read": found.files,
        "bytes read": found.size_bytes,
        "files that belong to no table": found.unused_files,
        **{str(problem): count for problem, count in sorted(found.problems.items())},
    }
    rows = [{"what": what, "count": count} for what, count in counts.items()]
    with suppress(httpx.HTTPError):  # what was found is the state, too
        create_table_artifact(key="dicomflow-revalidate", table=rows, description="What `verify` found.")
