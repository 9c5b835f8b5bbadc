"""The page view in a real Chromium: both ways between picture and text, every key, verdicts, attacks."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paged_output import write_pages
from playwright.sync_api import Browser, Page
from viewer import AXE, needs_chromium, opened, serving, until

pytestmark = [pytest.mark.slow, needs_chromium]
SHAPES = {"phone, light": (360, "light"), "phone, dark": (360, "dark"), "desk, dark": (1440, "dark")}
SHAPES |= {"desk, light": (1440, "light"), "wall, light": (2560, "light")}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """The address of the first page's view without its number, the server's, and the PDF."""
    store, document_id, pdf = write_pages(tmp_path_factory.mktemp("paged"))
    with opened(store) as data, serving(data) as server:
        yield f"/page/{document_id}", server, pdf


@pytest.fixture
def browsed(chromium: Browser, output: tuple[str, str, Path]) -> Iterator[Page]:
    """A page of the browser that fails the test if something foreign is asked for, or a script throws."""
    yield from looking(chromium, output[1], 1440, "light")


def looking(chromium: Browser, server: str, width: int, scheme: Any) -> Iterator[Page]:
    context = chromium.new_context(base_url=server, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, wrong = context.new_page(), []
    page.on("request", lambda request: None if request.url.startswith(server) else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    yield page
    context.close()
    assert wrong == []


SEEN = "document.querySelector('[data-picture]').naturalWidth > 100"


@pytest.mark.parametrize("shape", SHAPES)
def test_it_can_be_used_by_all(chromium: Browser, output: tuple[str, str, Path], shape: str, tmp_path: Path) -> None:
    """axe-core finds nothing, nothing is wider than the window, and on a phone the picture is above the text."""
    width, scheme = SHAPES[shape]
    pictures = Path(os.environ.get("OCRMILL_SCREENSHOTS", tmp_path))
    for page in looking(chromium, output[1], width, scheme):
        for tab in ("text", "markdown", "raw", "facts"):
            page.goto(f"{output[0]}/1?flags=repetition")
            until(page, SEEN)
            page.click(f"#tab-{tab}")
            page.screenshot(path=pictures / f"page-{width}-{scheme}-{tab}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if AXE.exists():
                page.evaluate(AXE.read_text())
                found = page.evaluate("axe.run().then((found) => found.violations)")
                assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
        picture, text = (page.locator(name).bounding_box() for name in (".picture", ".texts"))
        assert picture is not None
        assert text is not None
        assert (picture["y"] + picture["height"] <= text["y"]) == (width < 900)


def test_picture_and_text_show_each_other(browsed: Page, output: tuple[str, str, Path]) -> None:
    """A frame and its block mark each other on hover and focus, and lead to each other on click and Enter."""
    browsed.goto(f"{output[0]}/1")
    until(browsed, SEEN)
    linked = "[...document.querySelectorAll('.linked')].map((each) => each.dataset.block ?? `f${each.dataset.frame}`)"
    browsed.hover("[data-frame='1']")
    assert browsed.evaluate(linked) == ["1"]
    browsed.hover("[data-block='2']")
    assert browsed.evaluate(linked) == ["f2"]
    browsed.hover("h1")
    assert browsed.evaluate(linked) == []
    browsed.click("#tab-markdown")
    browsed.click("[data-frame='3']")
    assert browsed.evaluate("document.activeElement.id") == "text-3"  # in the tab that has it
    browsed.keyboard.press("Enter")
    assert browsed.evaluate("document.activeElement.dataset.frame") == "3"
    assert "3" in browsed.evaluate(linked)  # by focus
    browsed.click("[data-block='1']")
    assert browsed.evaluate("document.activeElement.dataset.frame") == "1"
    assert browsed.locator("[data-block='4'] img").evaluate("(figure) => figure.naturalWidth") == 60
    assert browsed.locator("[data-block='3'] math").count() == 1
    assert browsed.locator("[data-block] > .flag").count() == 1  # the block with the loop
    assert browsed.locator("[data-block='2'] > .flag").inner_text() == "repeats"
    browsed.click("#tab-facts")
    assert browsed.locator("#panel-facts tbody tr").count() == 2  # attempts
    browsed.click("#tab-markdown")
    assert browsed.locator("#panel-markdown .repeats").inner_text().startswith("The same sentence stands here")


def test_keys_step_zoom_and_go_back(browsed: Page, output: tuple[str, str, Path]) -> None:
    """Keys go through the selection, zoom, and lead to the table with the same selection."""
    browsed.goto(f"{output[0]}/1?sort=page_number")
    for key, number in (("j", 2), ("k", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        browsed.keyboard.press(key)
        browsed.wait_for_url(f"**/{number}?sort=page_number")
        browsed.wait_for_load_state()
    until(browsed, SEEN)
    sizes = [browsed.locator("[data-picture]").bounding_box()]
    for key in ("+", "-", "-", "0", "=", "0"):
        browsed.keyboard.press(key)
        sizes.append(browsed.locator("[data-picture]").bounding_box())
    fit, larger, same, smaller, again, without_shift, last = (size["width"] if size else 0 for size in sizes)
    assert larger > fit > smaller
    assert fit == pytest.approx(same) == pytest.approx(again) == pytest.approx(last)
    assert without_shift == pytest.approx(larger)
    browsed.focus("#tab-text")
    browsed.keyboard.press("ArrowRight")
    assert browsed.locator("#panel-markdown").is_visible()  # arrows move between tabs there
    browsed.keyboard.press("Escape")
    browsed.wait_for_url("**/pages?sort=page_number")


def test_one_key_keeps_a_verdict_and_one_takes_it_back(browsed: Page, output: tuple[str, str, Path]) -> None:
    """A key adds a line to the file; a flag that is not there can be neither right nor wrong."""
    file = output[2].with_name("out.verdicts.jsonl")
    browsed.goto(f"{output[0]}/1")
    for key, kind in (("r", "flag_right"), ("t", "text_wrong"), ("w", "flag_wrong")):
        browsed.keyboard.press(key)
        until(browsed, f"document.querySelector('[data-verdicts]').dataset.given === '{kind}'")
        assert json.loads(file.read_text().splitlines()[-1])["verdict"] == kind
    browsed.reload()
    assert browsed.locator("[aria-pressed=true]").get_attribute("data-verdict") == "flag_wrong"
    browsed.keyboard.press("u")
    until(browsed, "document.querySelector('[data-verdicts]').dataset.given === ''")
    last = json.loads(file.read_text().splitlines()[-1])
    assert (last["verdict"], last["flags"], last["page_number"]) == ("undone", ["repetition"], 1)
    browsed.goto(f"{output[0]}/2")
    assert browsed.locator("[data-verdict]:disabled").count() == 2  # no flag to be right or wrong
    assert (
        browsed.evaluate(
            f"fetch('{output[0]}/2/verdict?verdict=flag_right', {{method: 'POST'}}).then((answer) => answer.status)"
        )
        == 409
    )


def test_nothing_of_an_attack_runs_or_loads(browsed: Page, output: tuple[str, str, Path]) -> None:
    """The fixture fails the test if a foreign address was asked for."""
    browsed.goto(f"{output[0]}/2")
    until(browsed, SEEN)
    for tab in ("markdown", "raw", "text"):
        browsed.click(f"#tab-{tab}")
    for link in browsed.locator("#panel-text a:not([href])").all():
        link.click()
    assert browsed.evaluate("window.hacked") is None
    assert browsed.url.endswith("/2")
    shown = browsed.locator("#panel-text")
    assert shown.locator("script, style, iframe, form, input, base, meta, svg, img, [style], [onclick]").count() == 0
    assert "\u202e" not in browsed.content()


def test_a_source_that_changed_or_is_gone_is_said_to_be(chromium: Browser, tmp_path: Path) -> None:
    """No picture of another version is shown: the reason stands in its place, the text beside it."""
    store, document_id, pdf = write_pages(tmp_path)
    pdf.write_bytes(pdf.read_bytes() + b"\n% another version\n")
    with opened(store) as data, serving(data) as server:
        for page in looking(chromium, server, 1000, "dark"):
            for _ in range(2):
                page.goto(f"/page/{document_id}/1")
                until(page, "!document.querySelector('[data-no-picture]').hidden")
                assert "its source is missing, cannot be opened, or holds another" in page.inner_text("[role=alert]")
                assert not page.locator("[data-picture]").is_visible()
                assert "Yearly report" in page.inner_text("#panel-text")
                pdf.unlink(missing_ok=True)
