"""Charts as SVG inside the page, drawn by Vega-Lite.

Vega-Lite (through vl-convert, which brings its own engine and fonts and asks no network) writes colours as it
was given them, into attributes. So a chart takes `var(--good)` for a colour, and one drawing serves light, dark
and paper, under a policy that forbids inline styles. matplotlib and lets-plot write styles, pygal a stylesheet
of its own; each would need a drawing for every scheme.

What comes back is rebuilt from a short list of elements and attributes before it enters a page. The labels are
ours already, but a page must not depend on an engine's escaping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from xml.etree import ElementTree as ET

import vl_convert
from markupsafe import Markup

from expectations.language import ENGLISH, Language
from tasks.errors import ContractError
from tasks.records import State
from tasks.site.formats import format_day
from tasks.site.history import RunSummary, Trend
from tasks.site.wording import STATES

N = TypeVar("N", int, float)

VEGA_LITE = "6.4"
TREND_RUNS = 30
_LEAST_SHARE = 0.006

_SVG = "http://www.w3.org/2000/svg"
_ATTRIBUTES = {
    "svg": frozenset({"viewBox", "width", "height"}),
    "g": frozenset({"transform", "fill", "stroke"}),
    "path": frozenset({"d", "fill", "stroke", "stroke-width", "transform"}),
    "line": frozenset({"x1", "x2", "y1", "y2", "stroke", "transform"}),
    "text": frozenset({"text-anchor", "transform", "fill", "font-size"}),
}
_NOT_DRAWN = frozenset({"background", "foreground"})

_CONFIG: dict[str, Any] = {
    "background": None,
    "padding": {"top": 6, "bottom": 0, "left": 0, "right": 24},
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "title": None,
        "labelFontSize": 12,
        "labelColor": "var(--muted)",
        "gridColor": "var(--line)",
    },
    "text": {"fontSize": 12},
}
_STATE_COLORS: dict[str, Any] = {
    "domain": [state.value for state in State],
    "range": [f"var(--{STATES[state].tone})" for state in State],
}


def chart_states(counts: Mapping[State, int]) -> Markup | None:
    """Draw one bar, divided as the listed objects are; None without any.

    A state that holds any object gets at least 0.6 % of the bar: one quarantined file among ten thousand
    is what the reader looks for. The table beside has the numbers.
    """
    total = sum(counts.values())
    if not total:
        return None
    return _draw(
        {
            "width": 720,
            "height": 22,
            "padding": 0,
            "data": {
                "values": [
                    {"state": state.value, "order": order, "share": max(counts[state] / total, _LEAST_SHARE)}
                    for order, state in enumerate(State)
                    if counts.get(state)
                ]
            },
            "mark": {"type": "bar", "height": 22, "stroke": "var(--paper)"},
            "encoding": {
                "x": {"field": "share", "type": "quantitative", "stack": "normalize", "axis": None},
                "color": {"field": "state", "type": "nominal", "scale": _STATE_COLORS, "legend": None},
                "order": {"field": "order"},
            },
        }
    )


def chart_bars(
    amounts: Mapping[str, N], label: Callable[[N], str], *, name_width: int = 84, most: float | None = None
) -> Markup | None:
    """Draw one bar for each name, in the order given, with its label at the end; None without any.

    Parameters
    ----------
    name_width
        Room for the names, in pixels.
    most
        What a bar of full length stands for; by default the largest amount.
    """
    if not amounts:
        return None
    bars = [{"name": name, "amount": amount, "label": label(amount)} for name, amount in amounts.items()]
    x = {"field": "amount", "type": "quantitative", "axis": None}
    return _draw(
        {
            "width": 364 - name_width,
            "height": {"step": 26},
            "data": {"values": bars},
            "encoding": {
                "y": {
                    "field": "name",
                    "type": "nominal",
                    "sort": None,
                    "axis": {
                        "minExtent": name_width,
                        "maxExtent": name_width,
                        "labelLimit": name_width,
                        "labelPadding": 8,
                        "labelColor": "var(--ink)",
                    },
                },
                "x": x | {"scale": {"domain": [0, 1.3 * (most or max(amounts.values())) or 1]}},
            },
            "layer": [
                {"mark": {"type": "bar", "color": "var(--bar)", "height": 16}},
                {
                    "mark": {"type": "text", "align": "left", "dx": 6, "color": "var(--muted)"},
                    "encoding": {"text": {"field": "label"}},
                },
            ],
        }
    )


def chart_trend(history: Sequence[RunSummary], language: Language = ENGLISH) -> Markup | None:
    """Draw a column for each of the last runs, oldest first, stacked by state; None for fewer than two.

    Parameters
    ----------
    history
        Runs, oldest first.
    """
    if len(history) < 2:
        return None
    runs = {
        f"{index:04d}|{format_day(run.started_at, language)}": run
        for index, run in enumerate(history[-TREND_RUNS:])
    }
    step = min(62, 320 // len(runs))
    columns = [
        {"run": name, "state": state.value, "order": order, "objects": run.count(state)}
        for name, run in runs.items()
        for order, state in enumerate(State)
    ]
    return _draw(
        {
            "width": {"step": step},
            "height": 140,
            "data": {"values": columns},
            "mark": {"type": "bar", "width": min(round(0.74 * step), 28)},
            "encoding": {
                "x": {
                    "field": "run",
                    "type": "ordinal",
                    "axis": {
                        "labelAngle": 0,
                        "labelExpr": "split(datum.value, '|')[1]",
                        "values": [next(iter(runs)), next(reversed(runs))],
                        "labelPadding": 8,
                    },
                },
                "y": {
                    "field": "objects",
                    "type": "quantitative",
                    "axis": {"tickCount": 3, "labelExpr": "format(datum.value, ',')", "minExtent": 44},
                },
                "color": {"field": "state", "type": "nominal", "scale": _STATE_COLORS, "legend": None},
                "order": {"field": "order"},
            },
        }
    )


def chart_line(trend: Trend, label: Callable[[float], str]) -> Markup:
    """Draw a figure over the last runs, the band it is expected in, and its last value as a dot."""
    points = trend.points[-TREND_RUNS:]
    values = [{"run": run, "value": value} for run, (_, value) in enumerate(points)]
    edges = [edge for edge in (trend.low, trend.high) if edge is not None]
    least, most = (pick([*edges, *(value for _, value in points)]) for pick in (min, max))
    room = 0.12 * (most - least) or 1
    scale = {"domain": [least - room, most + room], "nice": False, "zero": False}
    x = {"field": "run", "type": "quantitative", "axis": None, "scale": {"domain": [0, len(points) - 1]}}
    y = {"field": "value", "type": "quantitative", "scale": scale, "axis": None}
    last = "var(--bad)" if trend.breached else "var(--bar)"
    band = {
        "data": {
            "values": [
                {
                    "low": least - room if trend.low is None else trend.low,
                    "high": most + room if trend.high is None else trend.high,
                }
            ]
        },
        "mark": {"type": "rect", "color": "var(--band)"},
        "encoding": {"y": y | {"field": "low"}, "y2": {"field": "high"}},
    }
    line = {
        "data": {"values": values},
        "mark": {"type": "line", "color": "var(--bar)", "strokeWidth": 2},
        "encoding": {"x": x, "y": y},
    }
    dot = {
        "data": {"values": [values[-1] | {"label": label(trend.latest)}]},
        "encoding": {"x": x, "y": y},
        "layer": [
            {"mark": {"type": "point", "filled": True, "size": 70, "color": last, "opacity": 1}},
            {
                "mark": {"type": "text", "align": "left", "dx": 9, "color": "var(--ink)", "fontSize": 13},
                "encoding": {"text": {"field": "label"}},
            },
        ],
    }
    return _draw(
        {
            "width": 220,
            "height": 64,
            "padding": {"top": 6, "bottom": 6, "left": 6, "right": 78},
            "layer": [band, line, dot] if edges else [line, dot],
        }
    )


def _draw(spec: dict[str, Any]) -> Markup:
    svg = vl_convert.vegalite_to_svg(spec | {"config": _CONFIG}, vl_version=VEGA_LITE)
    root = _rebuild(ET.fromstring(svg))  # noqa: S314 - written by our own engine a line above
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - rebuilt and escaped here


def _rebuild(node: ET.Element) -> ET.Element:
    """Copy what draws something, with the attributes we know.

    Raises
    ------
    ContractError
        If there is an element no chart of ours needs.
    """
    name = node.tag.removeprefix(f"{{{_SVG}}}")
    if name not in _ATTRIBUTES:
        raise ContractError(f"a chart holds <{name}>; extend tasks/site/charts.py if it is meant to")
    copy = ET.Element(name, {key: text for key, text in node.items() if key in _ATTRIBUTES[name]})
    copy.text = node.text
    copy.extend(_rebuild(child) for child in node if not _NOT_DRAWN & set(child.get("class", "").split()))
    return copy
