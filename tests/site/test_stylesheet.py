"""The stylesheet loads nothing, has every colour in both schemes, and can be read by weak eyes."""

from __future__ import annotations

import re
from importlib import resources

import pytest

CSS = resources.files("tasks.site").joinpath("assets/site.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.S)[:2]
)
READ_AS_TEXT = ("ink", "muted", "link")
SEEN_AS_SHAPE = ("good", "held", "bad", "quiet", "bar")


def luminance(colour: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "raised"])
def test_text_and_shapes_stand_out_from_their_ground(scheme: dict[str, str], ground: str) -> None:
    for name in READ_AS_TEXT:
        assert contrast(scheme[name], scheme[ground]) >= 4.5, name
    for name in SEEN_AS_SHAPE:
        assert contrast(scheme[name], scheme[ground]) >= 3, name


def test_both_schemes_have_every_colour() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert set(re.findall(r"var\(--([a-z-]+)\)", CSS)) <= LIGHT.keys() | {"sans", "mono"}


def test_the_stylesheet_loads_nothing() -> None:
    assert not re.search(r"url\(|@import|@font-face|https?:", CSS)


def test_braces_are_balanced() -> None:
    assert CSS.count("{") == CSS.count("}")
