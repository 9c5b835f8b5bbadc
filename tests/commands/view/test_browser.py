"""The views in a real Chromium: nothing foreign is loaded, nobody is kept out, every key does what it says."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from viewer import AXE, needs_chromium, save_picture, serving, until
from viewer import opened as opened_output

from ocrmill.commands.view.frame import VIEWS as NAVIGATION
from ocrmill.commands.view.output_data import OutputData
from ocrmill.pipeline.output.stores.local import LocalStore

pytestmark = [pytest.mark.slow, needs_chromium]
SHAPES = {"phone, light": (360, "light"), "desk, dark": (1440, "dark"), "wall, light": (2560, "light")}
ROWS = "/pages?flags=repetition&flags=truncated&sort=-loop_score"
VIEWS = {
    "overview": "/",
    "pages": ROWS,
    "no pages": "/pages?status=no-such",
    "documents": "/documents?sort=-pages_flagged",
    "sources": "/sources",
    "sql": "/sql?q=SELECT+status,+count(*)+FROM+pages+GROUP+BY+ALL",
    "sql, refused": "/sql?q=DROP+TABLE+pages",
    "error": "/pages?sort=no",
}
# Pictures of docs/view.md: OCRMILL_SCREENSHOTS=docs/view makes them anew.
PICTURES = {
    "overview": ("/", 1440, "light"),
    "pages": (ROWS, 1440, "light"),
    "documents": ("/documents?min_pages_failed=1&sort=-pages_failed", 1100, "light"),
    "sources": ("/sources?source=report", 1100, "dark"),
    "sql": (VIEWS["sql"], 1100, "dark"),
}


@contextmanager
def looking(chromium: Browser, viewer: str, width: int = 1440, scheme: Any = "light") -> Iterator[Page]:
    """A page that fails the test if it loads something foreign, breaks the policy or throws."""
    context = chromium.new_context(
        base_url=viewer, viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=False
    )
    page, wrong = context.new_page(), []
    page.on("request", lambda request: None if request.url.startswith(viewer) else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console",
        lambda message: (
            wrong.append(message.text) if message.type == "error" and "status of 40" not in message.text else None
        ),
    )
    yield page
    assert wrong == []
    context.close()


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    until(page, "document.querySelector('[aria-busy]') === null")
    return page


@pytest.mark.parametrize("shape", SHAPES)
def test_every_view_is_for_everybody(shape: str, chromium: Browser, viewer: str, data: OutputData) -> None:
    """No view loads anything foreign, is wider than the window, or has what axe-core finds, light and dark."""
    width, scheme = SHAPES[shape]
    row = data.cursor().execute("SELECT document_id, page_number FROM pages WHERE status = 'ok'").fetchone()
    assert row is not None
    with looking(chromium, viewer, width, scheme) as page:
        for name, address in {**VIEWS, "page": f"/page/{row[0]}/{row[1]}"}.items():
            opened(page, address)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if AXE.exists() and name != "page":  # the page view's own tests look at it closer
                assert violations(page) == [], name
            if name == "overview":
                assert page.locator(".plot svg").count() == 4
    if not AXE.exists():
        pytest.skip("all was looked at but by axe-core, which is not there: `make venv` fetches it where there is npm")


def violations(page: Page) -> list[str]:
    """Return the findings of axe-core; it is put in by the browser's debugger, past the policy of the page."""
    page.evaluate(AXE.read_text() + "; undefined")
    found = page.evaluate("axe.run().then((all) => all.violations)")
    return [f"{each['id']}: {node['target']} {node['html'][:120]}" for each in found for node in each["nodes"]]


def test_the_keys_go_through_the_rows(chromium: Browser, viewer: str) -> None:
    """The keys j and k move, Enter opens the page with its selection, n and p turn over, / goes to the search."""
    with looking(chromium, viewer) as page:
        opened(page, "/pages?status=ok&sort=-loop_score")
        focused = "document.activeElement.getAttribute('href')"
        rows = page.eval_on_selector_all(
            "[data-rows] tbody td:first-child a", "all => all.map(a => a.getAttribute('href'))"
        )
        for key, row in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
            page.keyboard.press(key)
            assert page.evaluate(focused) == rows[row]
        page.keyboard.press("n")
        page.wait_for_url("**after=*")
        page.keyboard.press("p")
        page.wait_for_url("**before=*")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "words"
        page.keyboard.press("j")
        assert page.input_value("#words") == "j"

        page.go_back()
        opened(page, "/pages?status=ok&sort=-loop_score")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/page/**")
        assert page.url == viewer + rows[0]


@pytest.mark.parametrize("modifier", ["Control", "Meta"])
def test_a_key_runs_the_query(modifier: str, chromium: Browser, viewer: str) -> None:
    """In the SQL box Enter begins a line, and with Ctrl (on a Mac Command) it runs the query."""
    with looking(chromium, viewer) as page:
        opened(page, "/sql")
        page.fill("[data-sql] textarea", "SELECT 6 * 7")
        page.keyboard.press("Enter")
        page.keyboard.type("AS answer")
        assert page.input_value("[data-sql] textarea") == "SELECT 6 * 7\nAS answer"
        page.keyboard.press(f"{modifier}+Enter")
        page.wait_for_url("**/sql?q=*")
        assert page.locator("table.rows, .scroll table").first.inner_text().split() == ["answer", "42"]


def test_a_filter_applies_at_once_and_a_chip_takes_it_out(chromium: Browser, viewer: str) -> None:
    """A click on a value filters, a second value adds to it, a heading sorts, a chip removes its filter again."""
    with looking(chromium, viewer) as page:
        opened(page, "/pages")
        page.check("input[name=status][value=failed]")
        page.wait_for_url("**/pages?status=failed")
        failed = page.inner_text(".count b")
        page.check("input[name=status][value=blank]")
        page.wait_for_url("**status=blank*")
        assert int(page.inner_text(".count b")) > int(failed)
        page.click("thead a:has-text('Loop score')")
        page.wait_for_url("**sort=-loop_score*")
        assert page.get_attribute("th:has-text('Loop score')", "aria-sort") == "descending"
        page.click(".chips a:has-text('Status is blank')")
        until(page, "!location.search.includes('blank')")
        assert page.inner_text(".count b") == failed


def test_the_search_shows_hits_as_text(chromium: Browser, viewer: str) -> None:
    """Hits come with the words marked, lead to their pages, and can be stopped."""
    with looking(chromium, viewer) as page:
        opened(page, "/pages?flags=repetition")
        page.fill("#words", "the")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('[data-search-state]').textContent.includes('that is all')")
        first = page.locator("[data-hits] li").first
        assert first.locator("mark").inner_text().lower() == "the"
        assert "flags=repetition" in (first.locator("a").get_attribute("href") or "")


def test_a_plot_leads_to_its_pages(chromium: Browser, viewer: str) -> None:
    """A mark says what it is when the pointer is on it, and a click shows the pages behind it."""
    with looking(chromium, viewer) as page:
        opened(page, "/")
        mark = page.locator("[data-plot='/plot/rates'] a path").first
        mark.hover()
        assert " pages, " in page.inner_text(".tip")
        mark.click()
        page.wait_for_url("**/pages?run_id=*")


def test_each_view_is_in_the_docs_as_a_picture() -> None:
    """A new entry of the navigation needs a picture in docs/view.md; so do a page and a comparison."""
    page = Path(__file__).parents[3] / "docs/view.md"
    shown = re.findall(r"!\[[^]]+\]\(view/(\w+)\.png\)", page.read_text())

    assert sorted(shown) == sorted([*(name.lower() for name in NAVIGATION.values()), "page", "compare"])
    assert all((page.parent / f"view/{name}.png").exists() for name in shown)


@pytest.mark.skipif("OCRMILL_SCREENSHOTS" not in os.environ, reason="OCRMILL_SCREENSHOTS names no folder for pictures")
def test_pictures_for_the_docs(chromium: Browser, nights: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures of docs/view.md are small enough for a page of documentation."""
    monkeypatch.setenv("OCRMILL_SCREENSHOTS", str(Path(os.environ["OCRMILL_SCREENSHOTS"]).absolute()))
    monkeypatch.chdir(Path(nights.url).parent)
    with opened_output(LocalStore(Path(Path(nights.url).name))) as data, serving(data) as address:
        for name, (view, width, scheme) in PICTURES.items():
            with looking(chromium, address, width, scheme) as page:
                save_picture(opened(page, view).screenshot(), name)
