"""Chromium opens the pages from a disk: in both schemes, on a phone, on paper, by keyboard, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tasks.site.pages import site_files
from tests.programs import need
from tests.site.conftest import Site

pytestmark = pytest.mark.e2e


@pytest.fixture(name="browser", scope="module")
def launch_browser() -> Iterator[Browser]:
    chromium = need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(name="addresses")
def write_site(site: Site, tmp_path: Path) -> list[str]:
    files = site_files(
        site.report, site.history, messages=site.messages, described=site.described, evidence=site.evidence
    )
    for name, content in files.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return [(tmp_path / "docs" / name).as_uri() for name in files if name.endswith(".html")]


def watch(page: Page) -> tuple[list[str], list[str]]:
    """Record what a page asks for and what the browser complains about."""
    requested: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return requested, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_asks_for_its_stylesheet_and_for_nothing_else(
    browser: Browser, addresses: list[str], scheme: str
) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    for address in addresses:
        page = context.new_page()
        requested, complaints = watch(page)
        page.goto(address)
        styled = page.evaluate("getComputedStyle(document.body).maxWidth")
        assert styled == "1120px"
        assert not complaints
        assert all(url.startswith("file://") for url in requested if not url.startswith("data:"))
        assert len([url for url in requested if not url.startswith("data:")]) == 2
    context.close()


def test_the_scheme_changes_page_and_chart(browser: Browser, addresses: list[str]) -> None:
    seen = set()
    for scheme in ("light", "dark"):
        page = browser.new_page(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(addresses[0])
        seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        seen.add(page.evaluate("getComputedStyle(document.querySelector('.chart path')).fill"))
        page.close()
    assert len(seen) == 4


def test_nothing_is_wider_than_a_phone(browser: Browser, addresses: list[str]) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 800})
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 360
    page.close()


def test_the_keyboard_goes_from_the_history_to_a_failing_rule(
    browser: Browser, addresses: list[str], site: Site
) -> None:
    page = browser.new_page()
    page.goto(next(address for address in addresses if address.endswith("docs/index.html")))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.get_by_role("link", name="Report of").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{site.report.run_id}/index.html")
    row = page.get_by_role("row", name="R003 Failed")
    assert row.get_by_role("cell").all_inner_texts()[-4:] == ["7", "1,029", "0.7\u00a0%", "2"]
    page.get_by_text("1 rule passed").focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("row", name="R001 Passed").is_visible()
    page.close()


def test_paper_shows_what_is_folded_on_a_screen(browser: Browser, addresses: list[str]) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(next(address for address in addresses if "/runs/" in address))
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.get_by_role("row", name="R001 Passed").is_visible()
    page.close()
