"""Pages are safe to open, say what the report says, and can be walked by anybody."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise

import pytest

from expectations.contracts import CONTRACTS
from tasks.errors import ContractError
from tasks.records import Outcome
from tasks.site.history import summarize_run
from tasks.site.pages import Evidence, render_data_dictionary, render_index, render_run_page, site_files
from tests.site.conftest import HOSTILE, Site
from tests.site.html_tree import Node, read_page

CSP = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"


def render_run(site: Site) -> str:
    return render_run_page(
        site.report, messages=site.messages, described=site.described, evidence=site.evidence
    )


def render_all(site: Site) -> dict[str, str]:
    return {
        "run": render_run(site),
        "index": render_index(site.history, target=site.report.target),
        "dictionary": render_data_dictionary(),
    }


@pytest.fixture(name="pages")
def read_pages(site: Site) -> dict[str, Node]:
    return {name: read_page(page) for name, page in render_all(site).items()}


@pytest.fixture(name="run_page")
def read_run_page(pages: dict[str, Node]) -> Node:
    return pages["run"]


# Safe to open


def test_the_policy_forbids_everything_but_our_own_stylesheet(pages: dict[str, Node]) -> None:
    for page in pages.values():
        policies = [
            meta.attributes["content"]
            for meta in page.all("meta")
            if meta.attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policies == [CSP]


def test_nothing_in_a_page_runs_or_is_styled_in_place(pages: dict[str, Node]) -> None:
    for page in pages.values():
        assert not page.all(
            "script", "style", "iframe", "object", "embed", "form", "base", "foreignobject", "image"
        )
        attributes = {name for node in page.walk() for name in node.attributes}
        assert not {name for name in attributes if name.startswith("on") or name == "style"}


def test_nothing_leads_or_loads_from_outside_the_target(pages: dict[str, Node]) -> None:
    for page in pages.values():
        links = [
            node.attributes[name]
            for node in page.walk()
            for name in ("href", "src")
            if name in node.attributes
        ]
        assert links
        for link in links:
            assert re.fullmatch(r"(?!//)[^:]+", link) or link.startswith("data:image/svg+xml,"), link


def test_markup_in_any_text_stays_text(hostile_site: Site) -> None:
    for page in render_all(hostile_site).values():
        read = read_page(page)
        assert not read.all("script")
    run = read_page(render_run(hostile_site))
    shown = [node.text for node in run.walk() if node.text == HOSTILE]
    assert len(shown) >= 8  # reason, message, finding, rule, scope, phase, target, run id, section, line


def test_a_modality_that_is_no_defined_term_is_counted_and_not_shown(site: Site) -> None:
    page = render_run(site)
    assert "DOE^JANE" not in page
    table = next(t for t in read_page(page).all("table") if "modality" in t.all("caption")[0].words)
    assert [row.words for row in table.all("tr")][-1].startswith("other Any other value 12")


@pytest.mark.parametrize(
    "href", ["https://example.org/", "//example.org/x", "javascript:alert(1)", "data:text/html,x"]
)
def test_evidence_outside_the_target_is_refused(href: str) -> None:
    with pytest.raises(ContractError):
        Evidence(validation=href)


# What they say


def test_the_account_shows_a_sum_that_adds_up(run_page: Node) -> None:
    account = next(node for node in run_page.all("p") if node.attributes.get("class") == "sum")
    assert account.words == "1,243 listed = 1,105 published + 12 withheld + 97 quarantined + 29 duplicate"
    assert "The sum adds up." in run_page.words
    rows = [row.words for row in run_page.all("table")[0].all("tr")]
    assert rows[1].startswith("Published 1,105 88.9 %")
    assert rows[-1].startswith("Sum 1,243 100 %")


def test_a_sum_that_does_not_add_up_is_said_so(site: Site) -> None:
    report = dataclasses.replace(site.report, duplicate=28)
    page = read_page(render_run_page(report, messages={}))
    told = next(node for node in page.all("p") if "verdict" in node.attributes.get("class", ""))
    assert told.attributes["class"] == "verdict bad"
    assert "does not add up" in told.words
    assert "differ by 1." in told.words


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_told_in_words_and_by_tone(site: Site, outcome: Outcome) -> None:
    page = read_page(render_run_page(dataclasses.replace(site.report, outcome=outcome), messages={}))
    (heading,) = page.all("h1")
    assert heading.words.lower() == outcome.value
    assert heading.attributes["class"] in {"good", "held", "bad", "quiet"}


def test_reasons_come_with_what_to_do_next(run_page: Node) -> None:
    rows = [row.words for row in run_page.all("tr")]
    assert "TRUNCATED 97 The object ends too early; ask for it again." in rows
    assert "R003 12 Broke a quality rule: What R003 asks for." in rows
    assert "DUPLICATE_EXACT 29 –" in rows


def test_broken_rules_stand_before_passed_ones_and_critical_before_warnings(run_page: Node) -> None:
    rules = [
        row.all("th")[0].words for row in run_page.all("tr") if re.match(r"R\d+ (Fa|Wa|No|Pa)", row.words)
    ]
    assert rules == ["R003", "R012", "R013", "R001"]
    assert "4 rules ran: 1 passed, 1 failed, 1 warned and 1 noted." in run_page.words


def test_every_chart_has_a_table_with_its_numbers(run_page: Node) -> None:
    figures = run_page.all("figure")
    assert len(figures) == 3
    for section in run_page.all("section"):
        if section.all("figure"):
            (table,) = section.all("table")
            for label in section.all("text"):
                assert label.words in table.words
            assert "table" in section.all("figure")[0].all("div")[0].attributes["aria-label"]


def test_a_run_that_found_nothing_new_still_has_a_page(site: Site) -> None:
    report = dataclasses.replace(
        site.report, outcome=Outcome.NOTHING_NEW, reasons={}, findings={}, rules=(), modalities={}, seconds={}
    )
    page = read_page(render_run_page(report, messages={}))
    for sentence in (
        "Nothing was held back.",
        "No rule was run",
        "No value needed a repair.",
        "No phase was timed.",
    ):
        assert sentence in page.words


def test_an_empty_source_makes_a_page_without_a_division_by_it(site: Site) -> None:
    report = dataclasses.replace(
        site.report, listed=0, published=0, withheld=0, quarantined=0, duplicate=0, unchanged=0, bytes_read=0
    )
    page = read_page(render_run_page(report, messages={}))
    assert "The source held no objects." in page.words
    assert "The sum adds up." in page.words


def test_the_history_is_newest_first_whatever_order_it_comes_in(site: Site) -> None:
    page = render_index(site.history)
    assert page == render_index(site.history[::-1])
    links = [a.attributes["href"] for a in read_page(page).all("table")[0].all("a")]
    assert links == [f"runs/{run.run_id}/index.html" for run in site.history[::-1]]


def test_the_trend_is_drawn_from_two_runs_on(site: Site) -> None:
    assert not read_page(render_index(site.history[:1])).all("figure")
    assert read_page(render_index(site.history)).all("figure")
    assert "No run has finished yet." in render_index([])


def test_old_runs_are_folded_and_none_is_lost(site: Site) -> None:
    history = [
        dataclasses.replace(
            site.history[0], run_id=f"run-{n}", started_at=f"2026-01-01T00:{n // 60:02}:{n % 60:02}Z"
        )
        for n in range(150)
    ]
    page = read_page(render_index(history))
    assert len({a.attributes["href"] for table in page.all("table") for a in table.all("a")}) == 150
    assert "90 more" in page.words


def test_the_dictionary_explains_every_column_of_every_table() -> None:
    page = read_page(render_data_dictionary())
    rows = [row.words for row in page.all("tr")]
    for contract in CONTRACTS.values():
        for column in contract.columns:
            assert any(
                row.startswith(f"{column.name} ") and row.endswith(" ".join(column.meaning.split()))
                for row in rows
            ), column.name


# Walked by anybody


def test_headings_are_in_order_and_ids_are_unique(pages: dict[str, Node]) -> None:
    for page in pages.values():
        levels = [int(node.name[1]) for node in page.all("h1", "h2", "h3", "h4")]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        ids = [node.attributes["id"] for node in page.walk() if "id" in node.attributes]
        assert len(ids) == len(set(ids))


def test_links_within_a_page_arrive(pages: dict[str, Node]) -> None:
    for page in pages.values():
        ids = {node.attributes["id"] for node in page.walk() if "id" in node.attributes}
        targets = {
            node.attributes["href"][1:] for node in page.all("a") if node.attributes["href"].startswith("#")
        }
        assert targets
        assert targets <= ids


def test_every_table_has_a_caption_and_headings_with_a_scope(pages: dict[str, Node]) -> None:
    for page in pages.values():
        for table in page.all("table"):
            assert table.all("caption")[0].words
            assert all(heading.attributes["scope"] in {"col", "row"} for heading in table.all("th"))


def test_pages_name_their_language_and_have_landmarks(pages: dict[str, Node]) -> None:
    for page in pages.values():
        assert page.all("html")[0].attributes["lang"] == "en"
        assert len(page.all("main")) == len(page.all("footer")) == 1
        assert page.all("a")[0].attributes["href"] == "#main"
        assert page.all("title")[0].words.endswith("dicomflow")


# As files


def test_the_files_link_to_one_another(site: Site) -> None:
    files = site_files(site.report, site.history, messages=site.messages)
    run = f"runs/{site.report.run_id}/index.html"
    assert set(files) - {run, "index.html", "data-dictionary.html"} == {
        path for path in files if re.fullmatch(r"assets/site-[0-9a-f]{12}\.css", path)
    }
    (asset,) = (path for path in files if path.startswith("assets/"))
    assert f'href="../../{asset}"' in files[run].decode()
    assert f'href="{asset}"' in files["index.html"].decode()
    assert f'href="{run}"' in files["index.html"].decode()


def test_the_same_run_makes_the_same_files(site: Site) -> None:
    once, again = (site_files(site.report, site.history, messages=site.messages) for _ in range(2))
    assert once == again


@pytest.mark.parametrize("run_id", ["../../published", "a/b", "", ".", HOSTILE])
def test_a_run_id_that_is_no_plain_name_is_refused(site: Site, run_id: str) -> None:
    report = dataclasses.replace(site.report, run_id=run_id)
    with pytest.raises(ContractError):
        site_files(report, [summarize_run(report)], messages={})


def test_a_history_without_the_run_is_refused(site: Site) -> None:
    with pytest.raises(ContractError):
        site_files(site.report, site.history[:1], messages={})
