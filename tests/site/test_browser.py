"""Chromium opens the pages: in both schemes and languages, on a phone, on paper, by keyboard, without a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from expectations.rules import load_rules
from expectations.runner import run_gate
from tasks.site.pages import site_files
from tests.expectations.defects import CASES
from tests.expectations.rows_of import CLEAN_RUN, to_tables
from tests.programs import need
from tests.site.conftest import Site
from tests.site.contrast import LIST_TEXTS, contrast

pytestmark = pytest.mark.e2e

SCHEMES = ("light", "dark")


@pytest.fixture(name="browser", scope="module")
def launch_browser() -> Iterator[Browser]:
    chromium = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(name="data_docs", scope="module")
def write_data_docs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("validation")
    tables = to_tables(row for case in CASES for row in case.rows)
    run_gate(tables, CLEAN_RUN, load_rules(), folder, "a-run")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(name="docs")
def write_site(site: Site, data_docs: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    validation = {f"runs/{site.report.run_id}/validation/{name}": data for name, data in data_docs.items()}
    for name, content in (site_files(site.story, site.history) | validation).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.fixture(name="addresses")
def list_addresses(docs: Path) -> list[str]:
    return [path.as_uri() for path in sorted(docs.rglob("*.html"))]


@pytest.fixture(name="host")
def serve_site(docs: Path) -> Iterator[str]:
    """A static host that lists no folder and knows no index."""

    class Handler(SimpleHTTPRequestHandler):
        def send_head(self) -> object:  # type: ignore[override]
            if self.path.endswith("/"):
                self.send_error(404)
                return None
            return super().send_head()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(docs)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def open_page(browser: Browser, scheme: str = "light", width: int = 1280) -> Page:
    return browser.new_page(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 800}
    )


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Record what a page asks for and what the browser complains about."""
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return requested, complaints


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_asks_for_its_stylesheet_and_for_nothing_else(
    browser: Browser, addresses: list[str], scheme: str
) -> None:
    page = open_page(browser, scheme)
    for address in addresses:
        requested, complaints = watch(page)
        page.goto(address)
        assert page.evaluate("getComputedStyle(document.body).maxWidth") in {"1120px", "1216px"}
        assert not complaints
        fetched = [url for url in requested if not url.startswith("data:")]
        assert fetched[0] == address
        assert [url.rpartition(".")[2] for url in fetched[1:]] == ["css"]
        assert all(url.startswith("file://") for url in fetched)
    page.close()


def test_the_scheme_changes_page_and_chart(browser: Browser, addresses: list[str]) -> None:
    seen = set()
    for scheme in SCHEMES:
        page = open_page(browser, scheme)
        page.goto(next(address for address in addresses if address.endswith("docs/index.html")))
        seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        seen.add(page.evaluate("getComputedStyle(document.querySelector('.chart path')).fill"))
        page.close()
    assert len(seen) == 4


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_stands_out_from_what_is_behind_it(
    browser: Browser, addresses: list[str], scheme: str
) -> None:
    page = open_page(browser, scheme)
    for address in addresses:
        page.goto(address)
        texts = page.evaluate(LIST_TEXTS)
        assert texts
        weak = [text for text in texts if contrast(text["ink"], text["ground"]) < 4.5]
        assert weak == []
    page.close()


def test_nothing_is_wider_than_a_phone(browser: Browser, addresses: list[str]) -> None:
    page = open_page(browser, width=360)
    for address in addresses:
        page.goto(address)
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360, address
    page.close()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_a_reader_walks_from_the_history_to_the_check_that_failed(
    browser: Browser, host: str, site: Site, scheme: str, width: int, language: str
) -> None:
    page = open_page(browser, scheme, width)
    requested, complaints = watch(page)
    page.goto(f"{host}/index.html")
    if language == "zh-Hans":
        page.get_by_role("link", name="中文").click()
    english = language == "en"
    assert page.locator("html").get_attribute("lang") == language
    page.get_by_role("link", name="Report of" if english else "的报告").click()
    account = page.locator(".sum").inner_text()
    assert [word for word in account.split() if word[0].isdigit()] == ["1,243", "1,105", "12", "97", "29"]
    row = page.get_by_role("row", name="R003 Failed" if english else "R003 未通过")
    assert "7 of 1,029" in row.inner_text() if english else "1,029 中有 7" in row.inner_text()
    row.get_by_role("link", name="Rows").click()
    suffix = "" if english else ".zh"
    assert urlsplit(page.url).path == f"/runs/{site.report.run_id}/validation/instances{suffix}.html"
    assert urlsplit(page.url).fragment == "Rows"
    assert page.locator("#Rows").is_visible()
    page.get_by_role("link", name="Report of the run" if english else "运行报告").click()
    assert page.locator("html").get_attribute("lang") == language
    assert {urlsplit(url).netloc for url in requested if not url.startswith("data:")} == {
        urlsplit(host).netloc
    }
    assert not complaints
    page.close()


def test_the_keyboard_goes_from_the_history_to_a_failing_rule(
    browser: Browser, addresses: list[str], site: Site
) -> None:
    page = open_page(browser)
    page.goto(next(address for address in addresses if address.endswith("docs/index.html")))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_role("link", name="Report of").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{site.report.run_id}/index.html")
    row = page.get_by_role("row", name="R003 Failed")
    assert row.get_by_role("cell").all_inner_texts()[-3:] == ["Rows 7 of 1,029", "0.7\u00a0%", "2"]
    page.get_by_text("1\u00a0rule passed").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("row", name="R001 Passed").is_visible()
    page.close()


def test_paper_shows_what_is_folded_on_a_screen(browser: Browser, addresses: list[str]) -> None:
    page = open_page(browser, "dark")
    page.goto(next(address for address in addresses if "/runs/" in address and "validation" not in address))
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.get_by_role("row", name="R001 Passed").is_visible()
    page.close()
