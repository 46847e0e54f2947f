"""Charts take their colours from the stylesheet and hold nothing but drawing."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from markupsafe import Markup

from tasks.records import State
from tasks.site import charts
from tasks.site.formats import format_count
from tests.site.conftest import HOSTILE, Site

COUNTS = {State.PUBLISHED: 9_999, State.WITHHELD: 0, State.QUARANTINED: 1, State.DUPLICATE: 0}


def drawn(svg: Markup | None) -> ET.Element:
    assert svg is not None
    return ET.fromstring(str(svg))  # noqa: S314 - our own drawing


@pytest.fixture(name="drawings")
def draw_all(site: Site) -> list[ET.Element]:
    return [
        drawn(charts.chart_states(COUNTS)),
        drawn(charts.chart_bars({"CT": 420, HOSTILE: 3}, format_count)),
        drawn(charts.chart_trend(site.history)),
    ]


def test_every_colour_is_a_variable_of_the_stylesheet(drawings: list[ET.Element]) -> None:
    colours = {
        node.get(name) for drawing in drawings for node in drawing.iter() for name in ("fill", "stroke")
    }
    assert {
        colour for colour in colours - {None, "none"} if not re.fullmatch(r"var\(--[a-z]+\)", str(colour))
    } == set()
    assert "var(--good)" in colours


def test_a_drawing_holds_no_style_no_script_and_no_reference(drawings: list[ET.Element]) -> None:
    for drawing in drawings:
        assert {node.tag for node in drawing.iter()} <= {"svg", "g", "path", "line", "text"}
        for node in drawing.iter():
            assert not {"style", "class", "href", "id", "font-family"} & set(node.keys())
            assert "url(" not in "".join(node.attrib.values())


def test_a_label_with_markup_is_drawn_as_text() -> None:
    svg = charts.chart_bars({HOSTILE: 1}, lambda _: HOSTILE)
    assert "<script" not in str(svg)
    assert HOSTILE in [node.text for node in drawn(svg).iter("text")]


def test_one_quarantined_object_among_ten_thousand_can_be_seen() -> None:
    bars = list(drawn(charts.chart_states(COUNTS)).iter("path"))
    assert [bar.get("fill") for bar in bars] == ["var(--good)", "var(--bad)"]
    width = float(re.search(r"h(-?[\d.]+)", str(bars[1].get("d")))[1])  # type: ignore[index]
    assert abs(width) >= 4


def test_bars_are_as_long_as_their_amounts() -> None:
    bars = list(drawn(charts.chart_bars({"a": 30, "b": 10}, format_count)).iter("path"))
    long, short = (abs(float(re.search(r"h(-?[\d.]+)", str(bar.get("d")))[1])) for bar in bars)  # type: ignore[index]
    assert long / short == pytest.approx(3)


def test_nothing_is_drawn_of_nothing(site: Site) -> None:
    assert charts.chart_states(dict.fromkeys(State, 0)) is None
    assert charts.chart_bars({}, format_count) is None
    assert charts.chart_trend(site.history[:1]) is None


def test_amounts_of_zero_are_drawn(site: Site) -> None:
    assert drawn(charts.chart_bars({"emit": 0.0}, str)) is not None


def test_the_trend_keeps_to_the_last_runs(site: Site) -> None:
    drawing = drawn(charts.chart_trend(site.history * 40))
    columns = [node for node in drawing.iter("path") if node.get("fill") == "var(--good)"]
    assert len(columns) == charts.TREND_RUNS


def test_the_same_numbers_make_the_same_drawing() -> None:
    assert charts.chart_states(COUNTS) == charts.chart_states(COUNTS)
