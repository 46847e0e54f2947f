"""Tell Prefect of runs that died without a word: it would show them as running for ever."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.states import Crashed

from tasks.attempts import Begun


def tell_prefect(died: Iterable[Begun]) -> None:
    """Set the flow runs of dead attempts to Crashed, as far as this API knows them and is to be reached."""
    known = [begun for begun in died if begun.flow_run_id]
    if not known:
        return
    with get_client(sync_client=True) as client:
        for begun in known:
            try:
                run = client.read_flow_run(UUID(begun.flow_run_id))
                if run.state is None or not run.state.is_final():
                    state: State[object] = Crashed(message="Its process died; a later run found it so.")
                    client.set_flow_run_state(run.id, state, force=True)
            except (PrefectException, httpx.HTTPError):
                continue  # another server's, or none is there: the target's own record says the same
