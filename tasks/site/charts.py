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

from tasks.errors import ContractError
from tasks.records import State
from tasks.site.formats import format_day
from tasks.site.history import RunSummary
from tasks.site.wording import STATES

N = TypeVar("N", int, float)

VEGA_LITE = "6.4"
TREND_RUNS = 30
_LEAST_SHARE = 0.006

_SVG = "http://www.w3.org/2000/svg"
_ATTRIBUTES = {
    "svg": frozenset({"viewBox", "width", "height"}),
    "g": frozenset({"transform", "fill", "stroke"}),
    "path": frozenset({"d", "fill", "transform"}),
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


def chart_bars(amounts: Mapping[str, N], label: Callable[[N], str]) -> Markup | None:
    """Draw one bar for each name, in the order given, with its label at the end; None without any."""
    if not amounts:
        return None
    bars = [{"name": name, "amount": amount, "label": label(amount)} for name, amount in amounts.items()]
    x = {"field": "amount", "type": "quantitative", "axis": None}
    return _draw(
        {
            "width": 280,
            "height": {"step": 26},
            "data": {"values": bars},
            "encoding": {
                "y": {
                    "field": "name",
                    "type": "nominal",
                    "sort": None,
                    "axis": {
                        "minExtent": 84,
                        "maxExtent": 84,
                        "labelLimit": 84,
                        "labelPadding": 8,
                        "labelColor": "var(--ink)",
                    },
                },
                "x": x | {"scale": {"domain": [0, 1.3 * max(amounts.values()) or 1]}},
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


def chart_trend(history: Sequence[RunSummary]) -> Markup | None:
    """Draw a column for each of the last runs, oldest first, stacked by state; None for fewer than two.

    Parameters
    ----------
    history
        Runs, oldest first.
    """
    if len(history) < 2:
        return None
    runs = {
        f"{index:04d}|{format_day(run.started_at)}": run for index, run in enumerate(history[-TREND_RUNS:])
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
