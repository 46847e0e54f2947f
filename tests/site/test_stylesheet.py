"""The stylesheet loads nothing, has every colour in both schemes, and can be read by weak eyes."""

from __future__ import annotations

import re
from importlib import resources
from itertools import combinations

import pytest

from tests.site.contrast import EYES, contrast, difference

CSS = resources.files("tasks.site").joinpath("assets/site.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", CSS, re.S)[:2]
)
READ_AS_TEXT = ("ink", "muted", "link")
SEEN_AS_SHAPE = ("good", "held", "bad", "quiet", "bar")


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "raised"])
def test_text_and_shapes_stand_out_from_their_ground(scheme: dict[str, str], ground: str) -> None:
    for name in READ_AS_TEXT:
        assert contrast(scheme[name], scheme[ground]) >= 4.5, name
    for name in SEEN_AS_SHAPE:
        assert contrast(scheme[name], scheme[ground]) >= 3, name


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eyes", list(EYES))
def test_no_two_states_look_alike_to_colour_blind_eyes(scheme: dict[str, str], eyes: str) -> None:
    for one, other in combinations(("good", "held", "bad", "quiet"), 2):
        assert difference(scheme[one], scheme[other], eyes) >= 20, (one, other)


def test_the_data_docs_look_like_the_site_around_them() -> None:
    css = resources.files("expectations").joinpath("pages/style.css").read_text()
    for ours, block in zip((LIGHT, DARK), re.findall(r":root \{(.*?)\}", css, re.S), strict=False):
        theirs = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
        for name in ("paper", "raised", "ink", "muted", "line", "link"):
            assert theirs[name] == ours[name], name
        for name in set(theirs) - {"paper", "raised", "line"}:
            assert contrast(theirs[name], theirs["paper"]) >= 4.5, name


def test_both_schemes_have_every_colour() -> None:
    assert LIGHT.keys() == DARK.keys()
    assert set(re.findall(r"var\(--([a-z-]+)\)", CSS)) <= LIGHT.keys() | {"sans", "mono"}


def test_the_stylesheet_loads_nothing() -> None:
    assert not re.search(r"url\(|@import|@font-face|https?:", CSS)


def test_braces_are_balanced() -> None:
    assert CSS.count("{") == CSS.count("}")


def test_no_rule_is_given_twice() -> None:
    """A rule that stands once more in the block for phones undoes what that block is for."""
    rules = [rule.strip() for rule in re.findall(r"[^{};/]+\{[^{}]*\}", CSS)]
    assert [rule for rule in rules if rules.count(rule) > 1] == []
