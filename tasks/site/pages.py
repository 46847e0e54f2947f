"""Makes the pages: pure functions from counts, codes and rule ids to HTML, and from those to files.

Reviewers decide from these pages, so they have to be safe to open and able to last: no script, no request to
anywhere, everything escaped, and a stylesheet whose name holds its own digest, so that a report written today
still looks as it did when the next release has changed the design. Every page is there in every language.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from expectations.contracts import CONTRACTS, Contract
from expectations.language import ENGLISH, Language
from tasks import layout
from tasks.errors import ContractError
from tasks.records import RunReport
from tasks.site import charts, tabulate, wording
from tasks.site.formats import format_count, format_seconds, format_share, seconds_between
from tasks.site.history import ReleasedStudies, RunSummary, Unfinished, trace_runs
from tasks.site.modalities import fold_modalities
from tasks.site.render import load_languages, load_stylesheet, render
from tasks.site.review import NO_REVIEW, Review
from tasks.site.rules import count_rules, tabulate_rules
from tasks.site.sensitivity import tabulate_sensitivity
from tasks.site.trends import draw_trends
from tasks.site.vendors import OTHER_VENDOR

SHOWN_RUNS = 60
"""Runs of the index: two months of nights. Older ones have a page a year, once there are more."""

OPEN_RUNS = 20
"""Runs of the index that are not behind a disclosure."""

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")
_RELATIVE = re.compile(r"(?!//)[^:?#\\]*")

_RESTRICTED = {
    "ledger": layout.LEDGER,
    "findings": layout.AUDIT,
    "changes": layout.CHANGES,
    "changed": layout.CHANGED,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where the run page leads for proof; None where the run has none. Relative to `docs/runs/<run_id>/`.

    Attributes
    ----------
    validation
        Folder of Great Expectations' Data Docs.
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


@dataclass(frozen=True, slots=True)
class RunStory:
    """All that a run's page is made of.

    Attributes
    ----------
    messages
        A sentence for each reason code, what it means and what to do next, by code of the language.
    previous
        Run before this one; None where it is the first.
    """

    report: RunReport
    messages: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    review: Review = NO_REVIEW
    evidence: Evidence = Evidence()
    previous: RunSummary | None = None


def render_run_page(story: RunStory, language: Language = ENGLISH) -> str:
    """Render the report of one run."""
    report, evidence = story.report, story.evidence
    messages = story.messages.get(language.code, {})
    broken = [rule for rule in report.rules if not rule.success]
    passed = [rule for rule in report.rules if rule.success]
    shares = tabulate.measure_completeness(report)
    elements = {
        language.say(name): count
        for name, count in list(tabulate.rank(report.elements).items())[: tabulate.SHOWN_ROWS]
    }
    vendors = tabulate.rank(report.vendors)
    named = vendors.keys() - {OTHER_VENDOR}
    return render(
        "run.html",
        f"runs/{report.run_id}/index.html",
        language,
        report=report,
        previous=story.previous,
        evidence=evidence,
        review=story.review,
        outcome=wording.OUTCOMES[report.outcome],
        lede=wording.tell_states(report, language),
        balance=wording.tell_balance(report, language),
        rules_told=wording.tell_rules(report, language),
        passed_count=count_rules(passed),
        took=format_seconds(seconds_between(report.started_at, report.ended_at), language),
        counts=tabulate.count_states(report),
        states=tabulate.tabulate_states(report, language),
        reasons=tabulate.tabulate_reasons(report, messages, language),
        alerts=tabulate.find_alerts(report, messages),
        broken=tabulate_rules(broken, "Rules that something broke", evidence.validation, language),
        passed=tabulate_rules(passed, "Rules that nothing broke", evidence.validation, language),
        findings=tabulate.tabulate_findings(report, messages),
        elements=tabulate.tabulate_elements(report, language),
        modalities=tabulate.tabulate_modalities(report, language),
        vendors=tabulate.tabulate_vendors(vendors, language),
        completeness=tabulate.tabulate_completeness(report),
        phases=tabulate.tabulate_phases(report, language),
        states_chart=charts.chart_states(tabulate.count_states(report)),
        elements_chart=charts.chart_bars(elements, format_count, name_width=200),
        modalities_chart=charts.chart_bars(
            {
                name if name != "other" else language.say(name): count
                for name, count in fold_modalities(report.modalities).items()
            },
            format_count,
        ),
        vendors_chart=charts.chart_bars(
            {language.say(name): count for name, count in vendors.items()} if named else {},
            format_count,
            name_width=140,
        ),
        completeness_chart=charts.chart_bars(
            tabulate.pick_completeness(shares),
            lambda share: format_share(share, 100),
            name_width=190,
            most=100,
        ),
        phases_chart=charts.chart_bars(
            {language.say(phase): seconds for phase, seconds in tabulate.order_phases(report).items()},
            lambda seconds: format_seconds(seconds, language),
        ),
        trends=draw_trends(story.review.trends, language),
        sensitivity=tabulate_sensitivity(story.review.sensitivity, language),
    )


def render_index(
    history: Sequence[RunSummary],
    language: Language = ENGLISH,
    *,
    target: str = "",
    unfinished: Sequence[Unfinished] = (),
    released: Sequence[ReleasedStudies] = (),
) -> str:
    """Render the history of a target's runs, in whatever order they come.

    Parameters
    ----------
    target
        The target as its users name it, for the heading.
    unfinished
        The last attempts that left no report, newest first.
    released
        What people released, newest first.
    """
    runs = _order(history)
    trend = charts.chart_trend(runs, language)
    return render(
        "index.html",
        "index.html",
        language,
        target=target,
        latest=runs[-1] if runs else None,
        latest_told=wording.tell_states(runs[-1], language) if runs else None,
        outcomes=wording.OUTCOMES,
        runs=tabulate.tabulate_history(
            runs[: -SHOWN_RUNS - 1 : -1], "Runs, newest first", language, shown=OPEN_RUNS
        ),
        shown=min(len(runs), SHOWN_RUNS),
        years=[(year, len(of_year)) for year, of_year in _years(runs)[::-1]]
        if len(runs) > SHOWN_RUNS
        else [],
        total=len(runs),
        unfinished=tabulate.tabulate_unfinished(unfinished, language),
        released=tabulate.tabulate_released(released, language),
        trend=trend,
        trend_runs=min(len(runs), charts.TREND_RUNS),
        trends=draw_trends(trace_runs(runs), language),
    )


def render_year(year: str, runs: Sequence[RunSummary], language: Language = ENGLISH) -> str:
    """Render the runs of a year, given oldest first."""
    return render(
        "year.html",
        f"history-{year}.html",
        language,
        year=year,
        runs=tabulate.tabulate_history(runs[::-1], "Runs, newest first", language),
        total=len(runs),
    )


def render_data_dictionary(
    language: Language = ENGLISH, contracts: Iterable[Contract] = CONTRACTS.values()
) -> str:
    """Render what each table and column of a target means."""
    tables = [
        (
            contract,
            _RESTRICTED.get(contract.name, f"{layout.PUBLISHED}/{contract.name}"),
            tabulate.tabulate_contract(contract, language),
        )
        for contract in contracts
    ]
    return render("data_dictionary.html", "data-dictionary.html", language, tables=tables)


def site_files(
    story: RunStory,
    history: Sequence[RunSummary],
    unfinished: Sequence[Unfinished] = (),
    released: Sequence[ReleasedStudies] = (),
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
    if story.report.run_id not in {run.run_id for run in history}:
        raise ContractError("the history lacks the run being reported")
    return frame_files(history, unfinished, released, target=story.report.target) | run_files(story)


def frame_files(
    history: Sequence[RunSummary],
    unfinished: Sequence[Unfinished] = (),
    released: Sequence[ReleasedStudies] = (),
    *,
    target: str,
) -> dict[str, bytes]:
    """Make the files that belong to no run: history, data dictionary, stylesheet."""
    for run in history:
        _check_run_id(run.run_id)
    runs = _order(history)
    pages = {}
    for language in load_languages():
        pages[language.name_page("index.html")] = render_index(
            runs, language, target=target, unfinished=unfinished, released=released
        )
        pages[language.name_page("data-dictionary.html")] = render_data_dictionary(language)
        if len(runs) > SHOWN_RUNS:
            for year, of_year in _years(runs):
                pages[language.name_page(f"history-{year}.html")] = render_year(year, of_year, language)
    stylesheet, content = load_stylesheet()
    return {path: page.encode() for path, page in pages.items()} | {f"assets/{stylesheet}": content}


def run_files(story: RunStory) -> dict[str, bytes]:
    """Make the report of a run in every language."""
    _check_run_id(story.report.run_id)
    return {
        f"runs/{story.report.run_id}/{language.name_page('index.html')}": render_run_page(
            story, language
        ).encode()
        for language in load_languages()
    }


def _check_run_id(run_id: str) -> None:
    if not _RUN_ID.fullmatch(run_id):
        raise ContractError("a run id holds letters, digits and hyphens; it names a folder of the site")


def _order(history: Sequence[RunSummary]) -> list[RunSummary]:
    return sorted(history, key=lambda run: (run.started_at, run.run_id))


def _years(runs: Sequence[RunSummary]) -> list[tuple[str, list[RunSummary]]]:
    years: dict[str, list[RunSummary]] = {}
    for run in runs:
        year = run.started_at[:4]
        years.setdefault(year if year.isdecimal() else "unknown", []).append(run)
    return list(years.items())
