"""A report in a real Chromium, as somebody opens it who got it by mail."""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pdfs import text_pdf
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from viewer import AXE, CHROMIUM, needs_chromium

from bench.made_nights import write_nights
from ocrmill.commands.report.report import write_report
from ocrmill.commands.run import Job, run
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import QualitySettings, RoutingSettings, RunSettings
from ocrmill.pipeline.output.stores.local import LocalStore

pytestmark = [pytest.mark.slow, needs_chromium]
# Every page is flagged, as each text is compressible by a factor.
SETTINGS = RunSettings(
    engine=EngineSettings(name="cpu"),
    routing=RoutingSettings(mode="fast"),
    quality=QualitySettings(compressible_chars=1, compression_ratio=1.01),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two nights that were made up, and of a run whose pages can be shown."""
    folder = tmp_path_factory.mktemp("report")
    write_nights(folder / "out", 1_000, nights=7, different=20)
    source = text_pdf(folder / "annual-report.pdf", pages=3)
    run(Job((str(source),), str(folder / "out"), SETTINGS, use_ray=False, keep_existing=True))
    write_report(LocalStore(folder / "out"), SETTINGS, folder / "report.html")
    return folder / "report.html"


@pytest.fixture(scope="module")
def chromium(report: Path) -> Iterator[Browser]:  # after the run: a browser has an event loop of its own in this thread
    options = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()


def opened(chromium: Browser, report: Path, width: int, scheme: Any) -> tuple[Page, list[str]]:
    """The report in a window, and all that it asks for or complains of."""
    page = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    wrong: list[str] = []
    page.on(
        "request", lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:")) else None
    )
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(report.as_uri())
    return page, wrong


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1440, "dark"), (2560, "light")])
def test_a_report_is_for_everybody(width: int, scheme: str, chromium: Browser, report: Path) -> None:
    """A report asks for nothing, breaks no policy, is not wider than the window, and axe-core finds nothing."""
    page, wrong = opened(chromium, report, width, scheme)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".plot svg").count() == 3  # the last run was too short for its speed over time
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 100)")
    assert page.locator("img").count() >= 1
    assert wrong == []
    if width == 1440:
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        page.emulate_media(media="screen")
    if not AXE.exists():
        pytest.skip("all was looked at but by axe-core, which is not there: `make venv` fetches it where there is npm")
    page.evaluate(AXE.read_text() + "; undefined")
    found = page.evaluate("axe.run().then((all) => all.violations)")
    assert [f"{each['id']}: {node['target']} {node['html'][:120]}" for each in found for node in each["nodes"]] == []
    page.context.close()


@pytest.mark.skipif("OCRMILL_SCREENSHOTS" not in os.environ, reason="OCRMILL_SCREENSHOTS names no folder for pictures")
def test_a_picture_for_the_docs(chromium: Browser, report: Path) -> None:
    """The pictures of docs/report.md are small enough for a page of documentation."""
    folder = Path(os.environ["OCRMILL_SCREENSHOTS"]).absolute()
    page, _ = opened(chromium, report, 1280, "light")
    page.evaluate(f"document.body.innerHTML = document.body.innerHTML.replaceAll('{report.parent}', '/data')")
    for name, place in {"head": "h1", "suspicious": ".suspect:has(img)"}.items():
        page.locator(place).first.evaluate("element => element.scrollIntoView()")
        picture = Image.open(BytesIO(page.screenshot()))
        picture.convert("RGB").quantize(64).save(folder / f"{name}.png", optimize=True)
        assert (folder / f"{name}.png").stat().st_size < 150_000, name
