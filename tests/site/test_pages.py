"""Pages are safe to open, say what the report says, and can be walked by anybody."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from posixpath import normpath

import pytest

from expectations.contracts import CONTRACTS
from expectations.language import ENGLISH, Language
from tasks.errors import ContractError
from tasks.records import Outcome, RunKind, RunReport
from tasks.site.history import summarize_run
from tasks.site.pages import (
    Evidence,
    RunStory,
    frame_files,
    render_data_dictionary,
    render_index,
    render_run_page,
    render_year,
    site_files,
)
from tasks.site.render import load_languages
from tasks.site.tabulate import KEPT_ROWS
from tests.site.conftest import HOSTILE, Site, make_rule
from tests.site.html_tree import Node, read_page

CSP = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"


LANGUAGES = load_languages()


def render_report(report: RunReport, language: Language = ENGLISH) -> Node:
    return read_page(render_run_page(RunStory(report), language))


def test_an_alert_a_replay_and_what_was_left_alone_are_told_in_both_languages(site: Site) -> None:
    report = dataclasses.replace(
        site.report, reasons={"INTERNAL_ERROR": 1, "TRUNCATED": 2}, young=3, kind=RunKind.REPLAY
    )
    messages = {language.code: {"INTERNAL_ERROR": f"what to do <{language.code}>"} for language in LANGUAGES}
    words = {
        "en": ("Alert", "A replay:", "3 objects changed", "replay"),
        "zh-Hans": ("警报", "重放：", "3 个对象刚刚", "重放"),
    }
    for language in LANGUAGES:
        page = read_page(render_run_page(RunStory(report, messages), language))
        (alert,) = [
            node.words
            for node in page.all("p")
            if node.attributes.get("class") == "verdict bad" and "INTERNAL_ERROR" in node.text
        ]
        assert f"what to do <{language.code}>" in alert
        assert [word for word in words[language.code][:3] if word not in page.words] == []
        history = [*site.history, summarize_run(dataclasses.replace(report, run_id="replayed"))]
        shown = read_page(render_index(history, language)).text
        assert words[language.code][3] in shown
    quiet = render_report(site.report).text
    assert not [word for word in words["en"] if word in quiet]


def render_all(site: Site) -> dict[str, str]:
    return {
        language.name_page(name): page
        for language in LANGUAGES
        for name, page in {
            "run.html": render_run_page(site.story, language),
            "index.html": render_index(site.history, language, target=site.report.target),
            "year.html": render_year("2026", site.history, language),
            "dictionary.html": render_data_dictionary(language),
        }.items()
    }


@pytest.fixture(name="pages")
def read_pages(site: Site) -> dict[str, Node]:
    return {name: read_page(page) for name, page in render_all(site).items()}


@pytest.fixture(name="run_page")
def read_run_page(pages: dict[str, Node]) -> Node:
    return pages["run.html"]


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
    run = read_page(render_run_page(hostile_site.story))
    shown = [node.text for node in run.walk() if node.text == HOSTILE]
    assert len(shown) >= 8  # reason, message, finding, rule, scope, phase, target, run id, section, line


def test_a_modality_that_is_no_defined_term_is_counted_and_not_shown(site: Site) -> None:
    page = render_run_page(site.story)
    assert "DOE^JANE" not in page
    table = next(t for t in read_page(page).all("table") if "by modality" in t.all("caption")[0].words)
    assert [row.words for row in table.all("tr")][-1].startswith("other Any other value, or none 12")


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
    page = render_report(report)
    told = next(node for node in page.all("p") if "verdict" in node.attributes.get("class", ""))
    assert told.attributes["class"] == "verdict bad"
    assert "does not add up" in told.words
    assert "differ by 1." in told.words


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_is_told_in_words_and_by_tone(site: Site, outcome: Outcome) -> None:
    page = render_report(dataclasses.replace(site.report, outcome=outcome))
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
    assert "4 checks of 4 rules ran: 1 passed, 1 failed, 1 warned and 1 noted." in run_page.words


def test_every_chart_has_a_table_with_its_numbers(pages: dict[str, Node]) -> None:
    for name in ("run.html", "run.zh.html"):
        assert len(pages[name].all("figure")) == 8
        for section in pages[name].all("section"):
            numbers = " ".join(table.words for table in section.all("table"))
            for figure in section.all("figure"):
                for label in figure.all("text"):
                    assert label.words in numbers
                assert re.search("table|表", figure.all("div")[0].attributes["aria-label"])


def test_a_run_that_found_nothing_new_still_has_a_page(site: Site) -> None:
    report = dataclasses.replace(
        site.report,
        outcome=Outcome.NOTHING_NEW,
        reasons={},
        findings={},
        rules=(),
        modalities={},
        seconds={},
        vendors={},
        elements={},
        instances=0,
        nulls={},
    )
    page = render_report(report)
    for sentence in (
        "Nothing was held back.",
        "No rule was run",
        "No value needed a repair.",
        "No phase was timed.",
        "Nothing was published.",
        "No instance was judged.",
    ):
        assert sentence in page.words


def test_an_empty_source_makes_a_page_without_a_division_by_it(site: Site) -> None:
    report = dataclasses.replace(
        site.report, listed=0, published=0, withheld=0, quarantined=0, duplicate=0, unchanged=0, bytes_read=0
    )
    page = render_report(report)
    assert "The source held no objects." in page.words
    assert "The sum adds up." in page.words


def test_a_first_run_has_no_history_to_show(site: Site) -> None:
    one, two = (read_page(render_index(site.history[:count])) for count in (1, 2))
    assert "History" not in [node.words for node in one.all("h2")]
    assert "History" in [node.words for node in two.all("h2")]


def test_the_history_is_newest_first_whatever_order_it_comes_in(site: Site) -> None:
    page = render_index(site.history)
    assert page == render_index(site.history[::-1])
    links = [a.attributes["href"] for table in read_page(page).all("table") for a in table.all("a")]
    assert links == [f"runs/{run.run_id}/index.html" for run in site.history[::-1]]


def test_the_trend_is_drawn_from_two_runs_on(site: Site) -> None:
    assert not read_page(render_index(site.history[:1])).all("figure")
    assert read_page(render_index(site.history)).all("figure")
    assert "No run has finished yet." in render_index([])


def test_old_runs_are_listed_by_year_and_none_is_lost(site: Site) -> None:
    history = [
        dataclasses.replace(
            site.history[0], run_id=f"run-{n}", started_at=f"202{5 + n // 100}-01-01T00:{n % 60:02}:00Z"
        )
        for n in range(150)
    ]
    files = frame_files(history, target="")
    index, *years = (
        read_page(files[name].decode()) for name in ("index.html", "history-2025.html", "history-2026.html")
    )
    assert "The newest 60 of 150\u00a0runs." in index.text
    assert {"history-2025.html", "history-2026.html"} <= {a.attributes["href"] for a in index.all("a")}
    listed = [a.attributes["href"] for year in years for table in year.all("table") for a in table.all("a")]
    assert sorted(listed) == sorted(f"runs/{run.run_id}/index.html" for run in history)
    assert "history-2026.zh.html" in files


def test_phases_stand_in_the_order_a_run_goes_through_them(site: Site) -> None:
    seconds = {"audit": 1.0, "mine": 1.0, "process": 2.0, "start": 3.0}
    page = render_report(dataclasses.replace(site.report, seconds=seconds))
    (table,) = (table for table in page.all("table") if table.all("caption")[0].words == "Time by phase")
    rows = [row.all("th")[0].words for row in table.all("tr")]
    assert rows == ["Phase", "start", "process", "audit", "mine", "All phases"]


def test_a_make_without_a_name_is_no_chart(site: Site) -> None:
    page = render_report(dataclasses.replace(site.report, vendors={"other": 3}))
    assert "at least five studies" in page.words
    assert "Published instances by make" not in page.words


def test_a_long_list_is_cut_and_says_so(site: Site) -> None:
    reasons = {f"REASON_{n:04}": 1 for n in range(3000)}
    page = render_report(dataclasses.replace(site.report, reasons=reasons))
    shown = {code.text for code in page.all("code") if code.text.startswith("REASON_")}
    assert len(shown) == KEPT_ROWS
    assert f"{3000 - KEPT_ROWS:,} more are not on this page" in page.words


def test_a_rule_of_many_elements_is_one_row_that_leads_to_each(site: Site) -> None:
    base = make_rule("R040", "warning", "instance", 5)
    rules = tuple(
        dataclasses.replace(base, column=name, unexpected=n) for name, n in (("KVP", 5), ("Rows, Columns", 9))
    )
    story = dataclasses.replace(site.story, report=dataclasses.replace(site.report, rules=rules))
    row = next(row for row in read_page(render_run_page(story)).all("tr") if row.words.startswith("R040"))
    assert [a.attributes["href"] for a in row.all("a")] == [
        "validation/instances.html#KVP",
        "validation/instances.html#Rows-Columns",
    ]
    assert "KVP 5 of 1,029 Rows, Columns 9 of 1,029 0.9 % 2" in row.words


def test_a_breach_stands_first_and_is_told_in_words(run_page: Node) -> None:
    cards = next(node for node in run_page.all("ul") if node.attributes.get("class") == "trends")
    told = [card.all("p")[0].words for card in cards.children if isinstance(card, Node)]
    assert told == [
        "Now 90.0 %, outside of the usual 91.5 % to 92.5 %.",
        "Now 90.0 %, within the usual 89.5 % to 92.5 %.",
    ]


def test_a_proposal_shows_its_snippet_and_its_effect(run_page: Node) -> None:
    (proposal,) = run_page.all("article")
    assert proposal.all("pre")[0].text == "- id: R012\n  mostly: 0.95\n"
    assert proposal.all("dd")[0].words == "3 → 0"


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
        assert "main" in targets
        assert targets <= ids


def test_every_table_has_a_caption_and_headings_with_a_scope(pages: dict[str, Node]) -> None:
    for page in pages.values():
        for table in page.all("table"):
            assert table.all("caption")[0].words
            assert all(heading.attributes["scope"] in {"col", "row"} for heading in table.all("th"))


def test_pages_name_their_language_and_have_landmarks(pages: dict[str, Node]) -> None:
    for name, page in pages.items():
        assert page.all("html")[0].attributes["lang"] == ("zh-Hans" if ".zh." in name else "en")
        assert len(page.all("main")) == len(page.all("footer")) == 1
        assert page.all("a")[0].attributes["href"] == "#main"
        assert page.all("title")[0].words.endswith("dicomflow")


# As files


def test_the_files_link_to_one_another(site: Site) -> None:
    files = site_files(site.story, site.history)
    run = f"runs/{site.report.run_id}/index"
    names = {"index", "data-dictionary", run}
    assert set(files) - {f"{name}{end}" for name in names for end in (".html", ".zh.html")} == {
        path for path in files if re.fullmatch(r"assets/site-[0-9a-f]{12}\.css", path)
    }
    for path, content in files.items():
        for link in re.findall(r'href="(?!data:)([^"]+)"', content.decode()):
            place = normpath(f"{path}/../{link.partition('#')[0]}" if link[0] != "#" else path)
            assert place in files or re.match(
                r"runs/[^/]+/(validation/|report\.json|index)|\.\./lineage/", place
            ), link
            assert "." in place.rpartition("/")[2], "a static host may know no index of a folder"


def test_the_switch_leads_to_the_same_page(site: Site) -> None:
    files = site_files(site.story, site.history)
    for path, content in files.items():
        if path.endswith(".html"):
            name = path.rpartition("/")[2]
            other = name.replace(".zh.html", ".html") if ".zh." in name else name.replace(".html", ".zh.html")
            switch = next(
                node
                for node in read_page(content.decode()).all("ul")
                if node.attributes.get("class") == "languages"
            )
            assert [a.attributes["href"] for a in switch.all("a")] == [other]


def test_the_same_run_makes_the_same_files(site: Site) -> None:
    once, again = (site_files(site.story, site.history) for _ in range(2))
    assert once == again


@pytest.mark.parametrize("run_id", ["../../published", "a/b", "", ".", HOSTILE])
def test_a_run_id_that_is_no_plain_name_is_refused(site: Site, run_id: str) -> None:
    report = dataclasses.replace(site.report, run_id=run_id)
    with pytest.raises(ContractError):
        site_files(RunStory(report), [summarize_run(report)])


def test_a_history_without_the_run_is_refused(site: Site) -> None:
    with pytest.raises(ContractError):
        site_files(site.story, site.history[:1])
