"""How figures are shown: all of them in one table on a terminal, and those that have a goal as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.table import Table

from tests.bench.figures import PYDICOM, Figure, Sample

_HEADINGS = ("dicomflow", "peer", "times better", "goal")


def make_table(figures: Sequence[Figure], facts: Mapping[str, Any]) -> Table:
    """Draw the figures, those of one work together."""
    table = Table(
        title=f"dicomflow beside its peers: {facts['date']}",
        caption=f"{describe_machine(facts)} {describe_peers(facts)}",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("work", style="bold")
    table.add_column("measure")
    table.add_column("unit")
    for name in _HEADINGS:
        table.add_column(name, justify="right", no_wrap=True)
    for (work, corpus), group in groupby(figures, key=lambda figure: (figure.work, figure.corpus)):
        table.add_section()
        labels = iter((work, corpus))
        for figure in group:
            table.add_row(next(labels, ""), _describe_measure(figure), figure.unit, *_cells(figure))
        for label in labels:
            table.add_row(label)
    return table


def _describe_measure(figure: Figure) -> str:
    if not _has_peer(figure) or (figure.measure and figure.against == PYDICOM):
        return figure.measure
    return f"{figure.measure} against {figure.against}".strip()


def _has_peer(figure: Figure) -> bool:
    return figure.peer is not None or bool(figure.absent)


def _cells(figure: Figure) -> Iterator[str]:
    yield show(figure.ours)
    yield "not installed" if figure.absent else show(figure.peer)
    yield show(figure.ratios)
    yield _show_goal(figure)


def _show_goal(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    return f"{figure.goal} {({True: 'reached', False: 'NOT REACHED', None: 'not measured'})[figure.reached]}"


def make_markdown(figures: Sequence[Figure], facts: Mapping[str, Any]) -> str:
    """Write what counts as a table in Markdown, and under it where and with what it was measured.

    That is every figure that has a goal, and every work as a whole.
    """
    lines = [
        "| work | files | against | unit | dicomflow | theirs | times better | goal |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | --- |",
    ]
    for figure in figures:
        if figure.goal is None and figure.measure:
            continue
        against = figure.against if _has_peer(figure) else "itself"
        work = ", ".join(part for part in (figure.work, figure.measure.strip()) if part)
        cells = (work, figure.corpus, against, figure.unit, *_cells(figure))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", describe_machine(facts), describe_peers(facts), ""])


def describe_machine(facts: Mapping[str, Any]) -> str:
    """Say where, when and how was measured."""
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    return (
        f"Measured {facts['date'][:10]} on {facts['cores']} cores ({facts['processor']}), "
        f"{facts['memory_gb']} GB, {facts['system']}, Python {facts['python']}; {versions}. "
        f"Files from seed {facts['seed']}; ours and theirs run in turns over the same files, and shown are medians, "
        f"lowest and highest in brackets, of {facts['rounds']} rounds in one process and {facts['repeat']} runs of the "
        f"whole flow; ratios are taken round by round. Load average at the start {facts['load_average'][0]:.1f}. "
        "MB are 10^6 bytes."
    )


def describe_peers(facts: Mapping[str, Any]) -> str:
    """Say which of the peers that one may install were there, and which not."""
    found = [f"{name} {number}" for name, number in facts["peers"].items() if number]
    absent = [name for name, number in facts["peers"].items() if not number]
    return f"Other peers: {', '.join(found) or 'none'}. Not installed, so not measured: {', '.join(absent) or 'none'}."


def show(sample: Sample | None) -> str:
    """Show a median, and the extremes where there are several runs."""
    if sample is None:
        return ""
    if len(sample.runs) == 1:
        return _round(sample.median)
    return f"{_round(sample.median)} [{_round(min(sample.runs))}..{_round(max(sample.runs))}]"


def _round(value: float) -> str:
    """Three figures that count, and never an exponent."""
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.1f}" if size >= 10 else f"{value:.2f}"
