"""Every text of ours is there in both languages, and both say the same figures."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import expectations
from expectations.contracts import CONTRACTS, RUN
from expectations.language import CATALOGUE, ENGLISH, load_chinese, merge_catalogues
from expectations.rules import load_rules
from tasks import proposals
from tasks.site import formats
from tasks.site.history import Trend, trace_runs
from tasks.site.modalities import MODALITIES
from tasks.site.pages import render_data_dictionary, render_index, render_run_page
from tasks.site.render import CATALOGUES, load_languages
from tasks.site.wording import PHASES, tell_states
from tests.site.conftest import Site
from tests.site.html_tree import read_page
from tests.site.texts import of_code, of_templates, site_folder

CHINESE = load_languages()[1]
SAID = of_templates(site_folder() / "templates") | of_code(site_folder())
FIGURE = re.compile(r"%\((\w+)\)s")


def missing(texts: set[str]) -> list[str]:
    return sorted(text for text in texts if text and text not in CHINESE.texts)


def test_what_the_pages_say_is_there_in_chinese(site: Site) -> None:
    nouns = {
        f"one {noun}" for noun in ("object", "study", "series", "instance", "run", "rule", "check", "column")
    }
    trends = {trend.title for trend in trace_runs(site.history)}
    assert missing(SAID | nouns | trends | set(PHASES[:-1])) == []


def test_what_the_data_docs_say_is_there_in_chinese() -> None:
    pages = Path(expectations.__file__).parent / "pages"
    known = load_chinese().texts
    assert [text for text in sorted(of_templates(pages)) if text not in known] == []


def test_what_the_pages_quote_is_there_in_chinese() -> None:
    columns = {column.meaning for contract in (*CONTRACTS.values(), RUN) for column in contract.columns}
    rules = {rule.title for rule in load_rules().enabled}
    effects = set(re.findall(r'Effect\("([^"]+)"', inspect.getsource(proposals)))
    assert effects
    assert missing(rules | effects | set(MODALITIES.values())) == []
    assert missing(columns - {column.meaning for column in RUN.columns}) == []


def test_a_translation_has_the_figures_and_the_markup_of_its_text() -> None:
    for path in (CATALOGUE, *CATALOGUES):
        for text, said in merge_catalogues([path]).items():
            assert sorted(FIGURE.findall(text)) == sorted(FIGURE.findall(said)) or "%(month)s" in text, text
            assert re.findall(r"<[^>]+>", text) == re.findall(r"<[^>]+>", said), text


def test_the_catalogue_of_the_site_holds_nothing_that_nobody_says() -> None:
    folder = site_folder()
    sources = [*folder.glob("*.py"), *folder.glob("templates/*.html")]
    written = "\n".join(path.read_text("utf-8") for path in sources)
    joined = re.sub(r'"\s*\n\s*"', "", written).replace('\\"', '"')
    texts = merge_catalogues(CATALOGUES[:1])
    nouns = {text for text in texts if text.startswith("one ")}
    elsewhere = {
        "whole object",
        "private element",
        "unknown element",
        "Removed, replaced and kept",
        "Repaired",
        "Checked",
    }
    assert sorted(text for text in texts if text not in joined and text not in nouns | elsewhere) == []


def test_a_chinese_page_says_nothing_in_english_but_codes_and_data(site: Site) -> None:
    for page in (
        render_index(site.history, CHINESE, target="目标"),
        render_data_dictionary(CHINESE),
        render_run_page(site.story, CHINESE),
    ):
        body = read_page(page).all("body")[0]
        texts = {
            child.strip()
            for node in body.walk()
            if node.name not in {"code", "pre"}
            for child in node.children
            if isinstance(child, str)
        }
        sentences = {text for text in texts if re.search(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}", text)}
        data = {text for text in sentences if re.search("asks for|^list of |^Allow what", text)}
        assert sentences - data == set()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (formats.format_moment("2026-11-21T22:00:00Z", CHINESE), "2026年11月21日 22:00 UTC"),
        (formats.format_day("2026-11-21T22:00:00Z", CHINESE), "11月21日"),
        (formats.format_seconds(83, CHINESE), "1\u00a0分 23\u00a0秒"),
        (formats.format_number_of(1, "study", CHINESE), "1\u00a0个检查"),
        (formats.format_bytes(12, CHINESE), "12\u00a0字节"),
    ],
)
def test_figures_are_written_as_in_chinese(said: str, expected: str) -> None:
    assert said == expected


def test_a_sentence_is_ordered_as_in_chinese(site: Site) -> None:
    assert tell_states(site.report, CHINESE).replace("\u00a0", " ") == (
        "列出的 1,243 个对象中，1,105 个已发布；12 个暂不发布、97 个已隔离和29 个重复。"
        "其中 214 个已由更早的运行处理完毕，未再读取。"
    )


def test_a_text_of_others_is_shown_as_they_wrote_it() -> None:
    assert CHINESE.say("My own rule, 100 % mine") == "My own rule, 100 % mine"
    assert str(ENGLISH.mark_up("<code>%(x)s</code>", x="<b>")) == "<code>&lt;b&gt;</code>"


def test_a_band_may_be_open_at_one_end() -> None:
    points = (("2026-11-20T22:00:00Z", 5.0), ("2026-11-21T22:00:00Z", 7.0))
    assert Trend("R", "t", "number", points, high=6.0).breached
    assert not Trend("R", "t", "number", points, low=6.0).breached
    assert not Trend("R", "t", "number", points).breached
