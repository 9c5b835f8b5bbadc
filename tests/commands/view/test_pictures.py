"""Pictures of docs/view.md and docs/page-view.md of a real output: OCRMILL_SCREENSHOTS=docs/view makes them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy, rmtree

import pytest
from narrowed import present
from playwright.sync_api import Page, sync_playwright
from viewer import CHROMIUM, needs_chromium, save_picture, serving, wait_for_index
from waiting import wait_for

from ocrmill.commands.run import Job, run
from ocrmill.commands.view.output_data import OutputData
from ocrmill.configs.load import load_settings
from ocrmill.pipeline.output.stores.local import LocalStore

ROOT = Path(__file__).parents[3]
PAPERS = Path("/tmp/papers")  # shown in the pictures
pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    pytest.mark.skipif("OCRMILL_SCREENSHOTS" not in os.environ, reason="OCRMILL_SCREENSHOTS names no folder"),
]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OutputData]:
    """Two outputs of a document: from its text layer, and by OCR."""
    monkeypatch.setenv("OCRMILL_SCREENSHOTS", str(Path(os.environ["OCRMILL_SCREENSHOTS"]).absolute()))
    monkeypatch.chdir(tmp_path)
    PAPERS.mkdir()
    try:
        for name in ("text", "table"):
            copy(ROOT / f"samples/{name}.pdf", PAPERS)
        for out, mode in (("papers-out", "auto"), ("by-ocr-out", "ocr")):
            settings = load_settings([Path("cpu")], [f"routing.mode={mode}"])
            run(Job((str(PAPERS),), out, settings, use_ray=False))
        opened = OutputData(LocalStore(Path("papers-out")), settings, against=LocalStore(Path("by-ocr-out")))
        wait_for_index(opened)
        wait_for(lambda: present(opened.differences).state.is_complete)
        yield opened
        opened.close()
    finally:
        rmtree(PAPERS)


@contextmanager
def looking(data: OutputData) -> Iterator[Page]:
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with serving(data) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser.new_context(base_url=address, viewport={"width": 1440, "height": 900}).new_page()
        browser.close()


def test_a_page_and_a_comparison(data: OutputData) -> None:
    """A page stands beside its text with a block marked, and a page of two outputs is shown word by word."""
    text_of = "SELECT document_id FROM pages WHERE source LIKE '%/{}.pdf' AND page_number = 1"
    (document_id,) = present(data.cursor().execute(text_of.format("text")).fetchone())
    order = present(data.differences).cursor().execute("SELECT id FROM differences ORDER BY source DESC, page_number")
    with looking(data) as page:
        page.goto(f"/page/{document_id}/1")
        wait_for(lambda: page.evaluate("document.querySelector('[data-picture]').naturalWidth > 100"))
        page.hover("[data-block='2']")
        save_picture(page.screenshot(), "page")
        page.goto(f"/compare/{present(order.fetchone())[0]}")
        save_picture(page.screenshot(), "compare")
