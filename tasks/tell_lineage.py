"""Put lineage events where they are read: in the target, and with whoever receives them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.records import RunPlan, utc_now
from tasks.storage.store import Store

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

_WORD_BEGINS = re.compile("(?<=[a-z])(?=[A-Z])")


def tell_lineage(store: Store, run_id: str, events: Sequence[RunEvent], url: str) -> None:
    """Write the events of a run into the target, and send them.

    Parameters
    ----------
    url
        Of the receiver; empty for where OpenLineage's configuration says, if it does.
    """
    # Half a second to import, for what comes last in a run.
    from tasks.lineage.names import name_events_file
    from tasks.lineage.write import send_events, write_events

    with tempfile.TemporaryDirectory(prefix="dicomflow-") as folder:
        path = Path(folder) / "events.ndjson"
        if write_events(events, path):
            store.write(name_events_file(run_id), path.read_bytes())
    send_events(events, url=url)


def tell_failure(plan: RunPlan, error: str) -> None:
    """Send, where somebody receives lineage, which kind of error ended the plan's attempt, and nothing of its text.

    The attempt is a run of its own there: the run itself is resumed under its own id, and its end is yet to come.
    The target keeps no such event: whatever happened on the way, it ends the same.

    Parameters
    ----------
    error
        Name of the exception's type, such as ``TransientError``.
    """
    from tasks.lineage.events import LineageRun, run_failed
    from tasks.lineage.write import send_events

    run = LineageRun(plan.attempt, plan.target, plan.source_ref, kind=plan.kind)
    code = _WORD_BEGINS.sub("_", error).upper()
    send_events([run_failed(run, utc_now(), code)], url=plan.lineage_url)
