"""Take again what was quarantined or withheld, under today's code and rules.

The same steps as `flows.clean`, over objects that the ledger names instead of a listing: their sources must
still be there. What is published already stays as it is. A replay that died after its verdicts is finished
and, if it was this one, done: to take again what it has just quarantined would be doing it twice.
"""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State as PrefectState

from flows.clean import carry_out, finish, state_of
from flows.dead_runs import tell_prefect
from flows.progress import current
from flows.replay_parameters import ReplayParameters
from tasks.prepare import open_run
from tasks.records import RunReport
from tasks.settings import active_settings


@flow(name="dicomflow-replay", persist_result=False)
def replay(selection: ReplayParameters | None = None) -> PrefectState[RunReport]:
    """Replay once; everything set aside, unless a selection says what of it."""
    settings, progress = active_settings(), current()
    chosen = (selection or ReplayParameters()).selection()
    with open_run(settings, chosen) as run:
        tell_prefect(run.died)
        done = None
        for audited in run.to_finish:
            report = finish(audited, progress)
            done = report if audited.fingerprint == run.plan.fingerprint else done
        return state_of(done or carry_out(run.plan, settings, progress))
