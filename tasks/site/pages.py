"""Makes the pages: pure functions from counts, codes and rule ids to HTML, and from those to files.

Reviewers decide from these pages, so they have to be safe to open and able to last: no script, no request to
anywhere, everything escaped, and a stylesheet whose name holds its own digest, so that a report written today
still looks as it did when the next release has changed the design.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from expectations.contracts import CONTRACTS, Contract
from tasks import layout
from tasks.errors import ContractError
from tasks.records import RunReport
from tasks.site import charts, tabulate, wording
from tasks.site.formats import (
    format_bytes,
    format_count,
    format_moment,
    format_number_of,
    format_seconds,
    seconds_between,
)
from tasks.site.history import RunSummary
from tasks.site.modalities import fold_modalities

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_RELATIVE = re.compile(r"(?!//)[^:?#\\]*")

_RESTRICTED = {"ledger": layout.LEDGER, "findings": layout.AUDIT}


@dataclass(frozen=True, slots=True)
class Section:
    """What `dicomflow describe` says about one subject, such as what is removed.

    Attributes
    ----------
    lines
        Sentences; they are data of ours (profiles, rules), never of a source.
    """

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the run page leads for proof; None where the run has none. Relative to `docs/runs/<run_id>/`.

    Attributes
    ----------
    validation
        Great Expectations' Data Docs.
    lineage
        The run's OpenLineage events.
    report
        This report's numbers, as JSON.
    """

    validation: str | None = None
    lineage: str | None = None
    report: str | None = None

    def __post_init__(self) -> None:
        """Refuse what leads out of the target: a report must not send its reader anywhere else."""
        for href in (self.validation, self.lineage, self.report):
            if href is not None and not _RELATIVE.fullmatch(href):
                raise ContractError("evidence is linked by a path relative to the run's page")


NO_EVIDENCE = Evidence()


def render_run_page(
    report: RunReport,
    *,
    messages: Mapping[str, str],
    described: Sequence[Section] = (),
    evidence: Evidence = NO_EVIDENCE,
) -> str:
    """Render the report of one run.

    Parameters
    ----------
    messages
        A sentence for each reason code: what it means and what to do next.
    described
        What is removed, kept and checked, as `dicomflow describe` prints it.
    """
    broken = [rule for rule in report.rules if not rule.success]
    passed = [rule for rule in report.rules if rule.success]
    return _render(
        "run.html",
        root="../../",
        report=report,
        outcome=wording.OUTCOMES[report.outcome],
        lede=wording.tell_states(report),
        balance=wording.tell_balance(report),
        rules_told=wording.tell_rules(report),
        took=format_seconds(seconds_between(report.started_at, report.ended_at)),
        counts=tabulate.count_states(report),
        states=tabulate.tabulate_states(report),
        reasons=tabulate.tabulate_reasons(report, messages),
        broken=tabulate.tabulate_rules(broken, "Rules that something broke"),
        passed=tabulate.tabulate_rules(passed, "Rules that nothing broke"),
        findings=tabulate.tabulate_findings(report, messages),
        modalities=tabulate.tabulate_modalities(report),
        phases=tabulate.tabulate_phases(report),
        states_chart=charts.chart_states(tabulate.count_states(report)),
        modalities_chart=charts.chart_bars(fold_modalities(report.modalities), format_count),
        phases_chart=charts.chart_bars(report.seconds, format_seconds),
        described=described,
        evidence=evidence,
    )


def render_index(history: Sequence[RunSummary], *, target: str = "") -> str:
    """Render the history of a target's runs, in whatever order they come.

    Parameters
    ----------
    target
        The target as its users name it, for the heading.
    """
    runs = sorted(history, key=lambda run: (run.started_at, run.run_id))
    return _render(
        "index.html",
        root="",
        target=target,
        latest=runs[-1] if runs else None,
        latest_told=wording.tell_states(runs[-1]) if runs else None,
        outcomes=wording.OUTCOMES,
        runs=tabulate.tabulate_history(runs[::-1]),
        trend=charts.chart_trend(runs),
        trend_runs=min(len(runs), charts.TREND_RUNS),
    )


def render_data_dictionary(contracts: Iterable[Contract] = CONTRACTS.values()) -> str:
    """Render what each table and column of a target means."""
    tables = [
        (
            contract,
            _RESTRICTED.get(contract.name, f"{layout.PUBLISHED}/{contract.name}"),
            tabulate.tabulate_contract(contract),
        )
        for contract in contracts
    ]
    return _render("data_dictionary.html", root="", tables=tables)


def site_files(
    report: RunReport,
    history: Sequence[RunSummary],
    *,
    messages: Mapping[str, str],
    described: Sequence[Section] = (),
    evidence: Evidence = NO_EVIDENCE,
) -> dict[str, bytes]:
    """Make every file of the site that a run writes, by its path below `docs/`.

    Parameters
    ----------
    history
        All runs of the target, this one among them.

    Raises
    ------
    ContractError
        If a run id is no plain identifier: it names a folder.
    """
    for run in history:
        if not _RUN_ID.fullmatch(run.run_id):
            raise ContractError("a run id holds letters, digits and hyphens; it names a folder of the site")
    if report.run_id not in {run.run_id for run in history}:
        raise ContractError("the history lacks the run being reported")
    pages = {
        "index.html": render_index(history, target=report.target),
        f"runs/{report.run_id}/index.html": render_run_page(
            report, messages=messages, described=described, evidence=evidence
        ),
        "data-dictionary.html": render_data_dictionary(),
    }
    return {path: page.encode() for path, page in pages.items()} | {
        f"assets/{_stylesheet()[0]}": _stylesheet()[1]
    }


def _render(template: str, **values: object) -> str:
    return _environment().get_template(template).render(stylesheet=_stylesheet()[0], **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tasks.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bytes": format_bytes,
        "count": format_count,
        "moment": format_moment,
        "number_of": format_number_of,
    }
    environment.globals["STATES"] = wording.STATES
    return environment


@cache
def _stylesheet() -> tuple[str, bytes]:
    """Give the stylesheet's name, which holds its digest, and its bytes."""
    content = resources.files("tasks.site").joinpath("assets/site.css").read_bytes()
    return f"site-{hashlib.sha256(content).hexdigest()[:12]}.css", content
