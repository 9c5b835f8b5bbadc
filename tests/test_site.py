"""The documentation site: every page is in it, every link leads somewhere, and nothing is loaded from elsewhere."""

import re
import runpy
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urldefrag

import pytest
from playwright.sync_api import sync_playwright
from viewer import CHROMIUM, needs_chromium

ROOT = Path(__file__).parents[1]
SITE: dict[str, Any] = runpy.run_path(str(ROOT / ".ci/site.py"))
pytestmark = pytest.mark.skipif(find_spec("zensical") is None, reason="zensical is not installed")
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "object": "data"}


class Links(HTMLParser):
    """The addresses that a page loads and leads to, and its anchors."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads_to: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value}
        if tag in LOADED and LOADED[tag] in found and found.get("rel") not in {"canonical", "prev", "next"}:
            self.loads.append(found[LOADED[tag]])
        if tag == "a" and "href" in found:
            self.leads_to.append(found["href"])
        self.anchors |= {found[name] for name in ("id", "name") if name in found}


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    SITE["lay_out"](folder / "pages")
    SITE["build"](folder)
    return folder / "html"


@pytest.fixture(scope="module")
def pages(html: Path) -> dict[Path, Links]:
    return {path: Links(path) for path in html.rglob("*.html")}


def is_foreign(address: str) -> bool:
    return bool(re.match(r"(?:[a-z]+:)?//", address))


def test_every_page_is_in_the_site_and_in_its_navigation(html: Path, pages: dict[Path, Links]) -> None:
    """Each Markdown file of docs/ is a page that mkdocs.yml names, or a list that it names; the README is the first."""
    config = (ROOT / "mkdocs.yml").read_text()
    for source in (ROOT / "docs").rglob("*.md"):
        name = source.relative_to(ROOT / "docs").as_posix()
        assert html / name.replace(".md", ".html") in pages
        assert f": {name}\n" in config or name.startswith("decisions/"), name
    assert "one Parquet row for every page" in (html / "index.html").read_text()
    assert "max_member_ratio" in (html / "all-settings.html").read_text()


def test_every_link_leads_to_a_page_and_an_anchor(html: Path, pages: dict[Path, Links]) -> None:
    """Links of the repository's pages work in the site as well, those that lead out of docs/ too."""
    wrong = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the root of a server
            continue
        for link in page.leads_to:
            target, anchor = urldefrag(unquote(link))
            if is_foreign(link) or link.startswith(("mailto:", "javascript:")):
                continue
            file = (path.parent / target).resolve() if target and target != "." else path
            file = file / "index.html" if file.is_dir() else file
            if not file.exists() or (anchor and file in pages and anchor not in pages[file].anchors):
                wrong.append(f"{path.relative_to(html)}: {link}")
    assert wrong == []


def test_no_page_loads_anything_from_elsewhere(html: Path, pages: dict[Path, Links]) -> None:
    """Scripts, styles, fonts and pictures are those of the site."""
    loads = {address for page in pages.values() for address in page.loads}
    styles = [
        address
        for path in html.rglob("*.css")
        for address in re.findall(r"url\(\s*['\"]?([^)'\"]+)|@import ['\"]([^'\"]+)", path.read_text())
    ]

    assert loads
    assert not [address for address in loads if is_foreign(address)]
    assert not [address for found in styles for address in found if is_foreign(address)]


@pytest.fixture
def server(html: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(html)))
    thread = Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


@needs_chromium
def test_a_browser_asks_for_nothing_foreign(server: str) -> None:
    """Scripts ask for nothing foreign either, for a diagram (drawn if Mermaid is there) or for a search."""
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(str(error)))
        page.goto(f"{server}/architecture.html")
        if SITE["MERMAID"].exists():
            page.wait_for_selector("div.mermaid")
        page.wait_for_load_state("networkidle")
        page.goto(f"{server}/export.html?q=webdataset")
        page.wait_for_load_state("networkidle")
        browser.close()
    assert len(asked) > 3
    assert [address for address in asked if not address.startswith(server)] == []
