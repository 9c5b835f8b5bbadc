"""Two outputs beside each other: every page that differs is listed, and shown word by word."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from narrowed import present
from playwright.sync_api import Browser
from viewer import AXE, needs_chromium, serving
from written_outputs import add_document, failed_page, page, writing

from ocrmill.commands.view.compare.differences import KINDS
from ocrmill.commands.view.output_data import OutputData
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Reason

HOSTILE = "The mill <script>alert(1)</script> turns."


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutputData]:
    """One page is the same, one each differs in its text, status, flags; one document is on one side only."""
    root = tmp_path_factory.mktemp("outputs")
    with writing(root / "new") as sink:
        add_document(sink, "/in/a.pdf", [page("Same."), page(HOSTILE), page("Found."), page("Loop.")])
        add_document(sink, "/in/new.pdf", [page("New.")])
        add_document(sink, "/in/moved.pdf", [page("Moved.")], content="moved")
    with writing(root / "old") as sink:
        loop = page("Loop.", flags=("repetition",))
        add_document(sink, "/in/a.pdf", [page("Same."), page("The mall turns."), failed_page(), loop])
        add_document(sink, "/in/old.pdf", [page("Old.")])
        add_document(sink, "/elsewhere/moved.pdf", [page("Moved.")], content="moved")
    opened = OutputData(LocalStore(root / "new"), RunSettings(), against=LocalStore(root / "old"))
    give_up = time.monotonic() + 60
    while not present(opened.differences).state.is_complete:
        assert present(opened.differences).state.error is None
        assert time.monotonic() < give_up
        time.sleep(0.02)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def viewer(data: OutputData) -> Iterator[str]:
    with serving(data) as address:
        yield address


def test_every_difference_has_its_kinds(data: OutputData) -> None:
    """Bytes under another name are the same document; a page that only one output has is no changed text."""
    found = present(data.differences)
    columns = ", ".join(KINDS)
    rows = found.cursor().execute(f"SELECT source, page_number, {columns} FROM differences ORDER BY id").fetchall()

    kinds = [(*row[:2], {kind for kind, is_so in zip(KINDS, row[2:], strict=True) if is_so}) for row in rows]
    assert kinds == [
        ("/in/a.pdf", 2, {"text"}),
        ("/in/a.pdf", 3, {"text", "status"}),
        ("/in/a.pdf", 4, {"flags"}),
        ("/in/new.pdf", 1, {"only_here"}),
        ("/in/old.pdf", 1, {"only_there"}),
    ]


def test_the_list_counts_and_filters(viewer: str) -> None:
    """Each kind is counted, and chosen by its address; the navigation leads there."""
    every = httpx.get(f"{viewer}/compare").text
    flags = httpx.get(f"{viewer}/compare?differs=flags").text

    assert [f"{name}: {count}" in every for name, count in (("All", 5), ("Text", 2), ("Flags", 1))] == [True] * 3
    assert every.count('href="/compare/') == 5
    assert ('href="/compare/3?differs=flags"' in flags, flags.count('href="/compare/')) == (True, 1)
    assert '<a href="/compare">Compare</a>' in httpx.get(f"{viewer}/pages").text


def test_a_page_is_shown_word_by_word(viewer: str) -> None:
    """Words of one side only are marked, as text: no markup of a model gets through. Both rows stand above."""
    shown = httpx.get(f"{viewer}/compare/1").text
    failed = httpx.get(f"{viewer}/compare/2").text

    assert "<del>mall</del>" in shown
    assert "alert" in shown
    assert "<script>alert" not in shown
    assert Reason.RENDER_TIMEOUT in failed
    assert "<ins>Found.</ins>" in failed
    assert "has no row of it" in httpx.get(f"{viewer}/compare/4").text
    assert httpx.get(f"{viewer}/compare/6").status_code == 404
    for address in ("compare", "page/x"):  # larger than any number of a database
        assert httpx.get(f"{viewer}/{address}/{10**30}").status_code == 404


def test_one_output_has_nothing_to_compare(tmp_path: Path) -> None:
    """Without another output there is no such view, and its address says how to get one."""
    with writing(tmp_path) as sink:
        add_document(sink, "/in/a.pdf", [page("Same.")])
    alone = OutputData(LocalStore(tmp_path), RunSettings())
    with serving(alone) as address:
        answer = httpx.get(f"{address}/compare")
    alone.close()

    assert (answer.status_code, "--against OTHER" in answer.text) == (400, True)
    assert ">Compare</a>" not in answer.text


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_it_is_for_everybody(chromium: Browser, viewer: str, width: int, scheme: str) -> None:
    """Keys go from page to page and back; axe-core finds nothing, nothing is wider than the window."""
    context = chromium.new_context(
        base_url=viewer,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    window = context.new_page()
    for address in ("/compare", "/compare/1?differs=text"):
        window.goto(address)
        assert window.evaluate("document.documentElement.scrollWidth") <= width
        if AXE.exists():
            window.evaluate(AXE.read_text() + "; undefined")
            assert window.evaluate("axe.run().then((all) => all.violations.map((each) => each.id))") == []
    steps = (("j", 2), ("k", 1), ("ArrowRight", 2), ("ArrowLeft", 1))
    for key, where in (*((key, f"/compare/{number}?") for key, number in steps), ("Escape", "/compare?differs=text")):
        window.keyboard.press(key)
        window.wait_for_url(f"**{where}*")
    window.keyboard.press("j")
    window.keyboard.press("Enter")
    window.wait_for_url("**/compare/1?differs=text")
    context.close()
