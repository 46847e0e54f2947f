"""Trends as small charts, each with its figures as a table beside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup

from expectations.language import ENGLISH, Language
from tasks.site.charts import chart_line
from tasks.site.formats import NONE, format_count, format_day, format_rate, format_share
from tasks.site.history import Trend, Unit
from tasks.site.tabulate import Heading, Table, fold_rows

KEPT_TRENDS = 48
"""Trends a page draws, those outside of their band first; the others are in the table of quality alone."""
TABLE_RUNS = 8


class DrawnTrend(NamedTuple):
    """A trend for the templates; `told` says what the chart shows to whoever cannot see it."""

    trend: Trend
    svg: Markup
    told: str
    table: Table


def draw_trends(trends: Iterable[Trend], language: Language = ENGLISH) -> list[DrawnTrend]:
    """Draw trends, those that left their band first."""
    ranked = sorted(trends, key=lambda trend: not trend.breached)
    return [_draw_trend(trend, language) for trend in ranked[:KEPT_TRENDS]]


def format_figure(value: float, unit: Unit) -> str:
    """Write a figure of a trend in its unit."""
    if unit == "percent":
        return format_share(value, 100)
    if unit == "objects":
        return format_count(round(value))
    if unit == "rate":
        return format_rate(value, 1)
    return f"{value:.3g}"


def _draw_trend(trend: Trend, language: Language) -> DrawnTrend:
    return DrawnTrend(
        trend,
        chart_line(trend, lambda value: format_figure(value, trend.unit)),
        _tell_trend(trend, language),
        fold_rows(
            "Figures by run",
            (Heading("Run"), Heading("Figure", "number")),
            [
                (format_day(moment, language), format_figure(value, trend.unit))
                for moment, value in trend.points[: -TABLE_RUNS - 1 : -1]
            ],
        ),
    )


def _tell_trend(trend: Trend, language: Language) -> str:
    latest = format_figure(trend.latest, trend.unit)
    if trend.low is None and trend.high is None:
        before = [value for _, value in trend.points[:-1]]
        return language.say(
            "Now %(latest)s; before, %(low)s to %(high)s.",
            latest=latest,
            low=format_figure(min(before), trend.unit) if before else NONE,
            high=format_figure(max(before), trend.unit) if before else NONE,
        )
    low, high = (
        NONE if edge is None else format_figure(edge, trend.unit) for edge in (trend.low, trend.high)
    )
    text = (
        "Now %(latest)s, outside of the usual %(low)s to %(high)s."
        if trend.breached
        else "Now %(latest)s, within the usual %(low)s to %(high)s."
    )
    return language.say(text, latest=latest, low=low, high=high)
