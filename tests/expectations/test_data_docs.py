from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest

from expectations.rules import DEFAULT_RULES, load_rules
from expectations.runner import run_gate
from tests.expectations.defects import CASES
from tests.expectations.rows_of import CLEAN_RUN, make_study, to_tables

TABLES = ["run", "trend", "studies", "series", "instances"]
CSP = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
AROUND = {"../index.html", "../../../index.html", "../index.zh.html", "../../../index.zh.html"}
LOADING = {
    "script",
    "iframe",
    "object",
    "embed",
    "img",
    "style",
    "base",
    "form",
    "svg",
    "video",
    "audio",
    "source",
}


class Parsed(NamedTuple):
    tags: list[str]
    attributes: list[tuple[str, str | None]]
    text: str


class Reader(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parse(path: Path) -> Parsed:
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    return Parsed(reader.tags, reader.attributes, " ".join(" ".join(reader.text).split()))


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    tables = to_tables(row for case in CASES for row in case.rows)
    run_gate(tables, CLEAN_RUN | {"staged": 5}, load_rules(), folder, "2026-11-21 <run>")
    return folder


@pytest.fixture(scope="module")
def pages(docs: Path) -> dict[str, Parsed]:
    return {path.name: parse(path) for path in sorted(docs.glob("*.html"))}


def test_there_is_a_page_and_a_result_for_each_table(docs: Path) -> None:
    expected = {
        "index.html",
        "index.zh.html",
        "style.css",
        *(f"{table}.{kind}" for table in TABLES for kind in ("html", "zh.html", "json")),
    }
    assert {path.name for path in docs.rglob("*")} == expected


def test_pages_load_nothing_but_the_stylesheet_beside_them(docs: Path, pages: dict[str, Parsed]) -> None:
    for page in pages.values():
        assert not LOADING & set(page.tags)
        assert page.attributes.count(("rel", "stylesheet")) == 1
        assert page.tags.count("link") == 3  # besides, an empty icon and the page in the other language
        assert ("content", CSP) in page.attributes
        assert not [name for name, _ in page.attributes if name.startswith("on") or name in {"src", "style"}]
    everything = "".join(path.read_text("utf-8") for path in docs.glob("*.*ml"))
    assert "http:" not in everything
    assert "https:" not in everything


def test_the_stylesheet_fetches_nothing(docs: Path) -> None:
    style = (docs / "style.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style
    assert "prefers-color-scheme: dark" in style


def test_every_link_leads_somewhere(docs: Path, pages: dict[str, Parsed]) -> None:
    anchors = {name: {value for key, value in page.attributes if key == "id"} for name, page in pages.items()}
    for name, page in pages.items():
        for link in (value for key, value in page.attributes if key == "href" and value):
            if link in AROUND | {"data:,"}:
                continue
            file, _, anchor = link.partition("#")
            assert (docs / (file or name)).is_file()
            assert not anchor or anchor in anchors[file or name]


def test_no_place_is_named_twice_on_a_page(pages: dict[str, Parsed]) -> None:
    for page in pages.values():
        names = [value for key, value in page.attributes if key == "id"]
        assert len(names) == len(set(names))


def test_the_index_lists_every_result_and_every_rule_that_broke(docs: Path, pages: dict[str, Parsed]) -> None:
    index = pages["index.html"]
    assert {f"{table}.html" for table in TABLES} <= {
        value for key, value in index.attributes if key == "href"
    }
    broken = {rule for case in CASES for rule in (*case.withheld_by, *case.flagged_by)} | {"R090"}
    assert [rule for rule in broken if rule not in index.text] == []
    assert index.text.index("critical R") < index.text.index("warning R")


def test_a_page_shows_severity_rule_statement_and_counts(pages: dict[str, Parsed]) -> None:
    text = pages["instances.html"].text
    assert "critical R050 Pixel data has the length its header calls for" in text
    assert "Values in BitsAllocated must always be greater than or equal to those in BitsStored." in text
    assert "If Modality IN (CR, CT, DX, MG, PX, RF, XA), then values must be" in text
    assert "Values must have the form of the VR AS." in text
    assert "1 of " in text


def test_the_same_page_is_there_in_chinese(pages: dict[str, Parsed]) -> None:
    english, chinese = pages["instances.html"], pages["instances.zh.html"]
    assert ("lang", "zh-Hans") in chinese.attributes
    assert ("href", "instances.html") in chinese.attributes
    assert ("href", "instances.zh.html") in english.attributes
    assert english.tags.count("tr") == chinese.tags.count("tr")
    assert "已评估的期望" in chinese.text


def test_names_are_escaped(pages: dict[str, Parsed]) -> None:
    assert all("2026-11-21 <run>" in page.text for page in pages.values())


def test_a_rule_may_hold_markup_and_templates(tmp_path: Path) -> None:
    words = b"title: '<b>bold</b> $param {{ 7 * 7 }}'"
    rules = load_rules(DEFAULT_RULES.read_bytes().replace(b"title: PatientSex is M, F or O", words))
    run_gate(to_tables(make_study(PatientSex="W")), CLEAN_RUN, rules, tmp_path, "run")
    page = parse(tmp_path / "instances.html")
    assert "<b>bold</b> $param {{ 7 * 7 }}" in page.text
    assert "b" not in page.tags


def test_results_are_great_expectations_json_of_counts(docs: Path) -> None:
    result = json.loads((docs / "instances.json").read_text("utf-8"))
    assert result["statistics"]["evaluated_expectations"] == len(result["results"])
    kept = {"element_count", "missing_count", "missing_percent", "unexpected_count", "unexpected_percent"}
    assert all(set(line["result"]) <= kept for line in result["results"])
    assert {line["expectation_config"]["severity"] for line in result["results"]} == {
        "critical",
        "warning",
        "info",
    }


def test_all_is_well_is_said(tmp_path: Path) -> None:
    run_gate(to_tables(make_study()), CLEAN_RUN, load_rules(), tmp_path, "run")
    text = parse(tmp_path / "index.html").text
    assert "None: every expectation holds." in text
    assert "✗ Failed" not in text
