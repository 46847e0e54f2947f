"""Tell people that a run did not end well, through whatever notification block of Prefect they chose.

A message is read on phones and kept by services elsewhere, so it holds counts, rule ids and a link, and nothing
of the data. That nobody could be told never fails a run: what it did is done, and stands in its report.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from prefect import task
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.cache_policies import NO_CACHE

from tasks import layout
from tasks.records import Outcome, RunPlan, RunReport
from tasks.storage.store import open_store

_WELL = frozenset({Outcome.PUBLISHED, Outcome.NOTHING_NEW})
_RULES = 20

log = logging.getLogger(__name__)


class Message(NamedTuple):
    """What people are told."""

    subject: str
    body: str


def is_worth_telling(report: RunReport) -> bool:
    """Tell whether somebody should look at a run: it held something back, or is not as usual."""
    return report.outcome not in _WELL or bool(report.drifted or report.withheld_by or report.flagged_by)


def make_message(report: RunReport, plan: RunPlan) -> Message:
    """Say how a run ended in counts and rule ids, and where its report is."""
    failed = [rule.rule_id for rule in report.rules if not rule.success and rule.severity != "info"]
    drifts = [drifted.rule_id for drifted in report.drifted]
    rules = list(dict.fromkeys([*report.withheld_by, *report.flagged_by, *drifts, *failed]))
    ended = f"{report.published} published, {report.withheld} withheld, {report.quarantined} quarantined"
    more = f" and {len(rules) - _RULES} more" if len(rules) > _RULES else ""
    lines = [
        f"{report.listed} listed: {ended}, {report.duplicate} duplicate.",
        f"Studies withheld by a rule: {report.studies_withheld}; flagged: {report.studies_flagged}.",
        f"Rules broken: {', '.join(rules[:_RULES]) or 'none'}{more}.",
        f"Not as usual: {len(report.drifted)} metrics; changes proposed: {len(report.proposals)}.",
        open_store(plan.target, dict(plan.s3)).url(f"{layout.RUNS}/{report.run_id}/index.html"),
    ]
    unusual = ", not as usual" if report.drifted else ""
    return Message(f"dicomflow: {report.outcome}{unusual}", "\n".join(lines))


@task(name="notify", cache_policy=NO_CACHE, persist_result=False)
def notify(message: Message, block: str | None) -> bool:
    """Send a message through a block, named by its kind and name; tells whether it was taken."""
    if block is None:
        return False
    try:
        notifier = Block.load(block)
        if not isinstance(notifier, NotificationBlock):
            raise TypeError  # noqa: TRY301 - a block of another kind is one more way not to reach anybody
        notifier.notify(message.body, message.subject)  # type: ignore[unused-coroutine]
    except Exception as error:  # noqa: BLE001 - its text may hold an address with a secret in it
        log.warning("Nobody could be notified (%s); check the setting notify_block.", type(error).__name__)
        return False
    return True


@contextmanager
def telling_of_failures(block: str | None) -> Iterator[None]:
    """Tell people of a run that fails, in the name of its error, and let it fail."""
    try:
        yield
    except Exception as error:
        if block is not None:
            notify.fn(
                Message(
                    "dicomflow: failed",
                    f"The run failed ({type(error).__name__}). Run it again to resume.",
                ),
                block,
            )
        raise
