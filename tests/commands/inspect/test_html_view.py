"""The web page of an output: what it shows, and that nothing in it can do anything."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from narrowed import present
from pdfs import blank_pdf, encrypted_pdf, mixed_pdf, picture_pdf, text_pdf
from PIL import Image

from ocrmill.commands.inspect import html_view as view
from ocrmill.commands.inspect.html_view import write_view
from ocrmill.commands.inspect.query import PageQuery
from ocrmill.commands.run import Job, run
from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.output.stores.local import LocalStore

SETTINGS = RunSettings(engine=EngineSettings(name="cpu"))
HOSTILE = '</pre><script>alert(1)</script><img src="https://evil.example/x" onerror="alert(2)"> & more'


class Reader(HTMLParser):
    """The parts of a page that a browser would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.targets: list[str] = []
        self.ids: set[str] = set()
        self.images: list[str] = []
        self.texts: list[str] = []  # of each <pre>
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = {name: value or "" for name, value in attrs}
        self.attributes |= found.keys()
        self.images += [found["src"]] if "src" in found else []
        self.targets += [found["href"]] if "href" in found else []
        self.ids |= {found["id"]} if "id" in found else set()
        if tag == "pre":
            self._inside = True
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "pre"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data


def ingest(inputs: Path, out: Path) -> LocalStore:
    run(Job((str(inputs),), str(out), SETTINGS, use_ray=False))
    return LocalStore(out)


def viewed(store: LocalStore, file: Path, query: PageQuery | None = None, limit: int = 50) -> tuple[str, Reader]:
    said = write_view(store, query or PageQuery(), limit, SETTINGS, file)
    html = file.read_text()
    reader = Reader(html)
    shown = reader.tags.count("section")
    assert said.startswith(f"{shown} pages are in {file}")
    assert ("more match" in said) <= (shown == min(limit, view.MOST_PAGES))
    return html, reader


def test_each_page_stands_beside_its_text(tmp_path: Path) -> None:
    """In the order of their numbers: the image as displayed, the Markdown to the letter, blocks linked both ways."""
    store = ingest(mixed_pdf(tmp_path / "mixed.pdf"), tmp_path / "out")
    html, reader = viewed(store, tmp_path / "view.html")

    rows = duckdb.sql(f"select markdown, len(blocks) from '{tmp_path}/out/pages/*.parquet' order by page_number")
    assert reader.texts == [markdown for markdown, _ in rows.fetchall()]
    assert re.findall(r"page (\d) of 3<", html) == ["1", "2", "3"]
    assert len(reader.images) == 2
    assert "the page is blank" in html
    for source in reader.images:
        image = Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))))
        assert image.size == pytest.approx((612 / 72 * 110, 792 / 72 * 110), abs=1)
    blocks = sum(number for _, number in rows.fetchall())
    assert reader.tags.count("rect") == blocks > 2
    assert {target.removeprefix("#") for target in reader.targets} == reader.ids


def test_a_picture_is_framed_though_it_has_no_text(tmp_path: Path) -> None:
    """Its frame is there, at its place on the page."""
    store = ingest(picture_pdf(tmp_path / "picture.pdf"), tmp_path / "out")
    html, _ = viewed(store, tmp_path / "view.html")

    x, y = present(re.search(r'x="([\d.]+)" y="([\d.]+)"[^>]*><title>picture<', html)).groups()
    assert (float(x), float(y)) == pytest.approx((150, 500), abs=2)


def test_nothing_from_a_document_is_markup(tmp_path: Path) -> None:
    """Text and names that try to leave their place are shown as they are; the file asks for nothing, runs nothing."""
    folder = tmp_path / 'in"><script>alert(3)'
    folder.mkdir()
    store = ingest(text_pdf(folder / "a.pdf", pages=1, text=HOSTILE), tmp_path / "out")
    html, reader = viewed(store, tmp_path / "view.html")

    assert "<script" not in html
    assert reader.tags.count("img") == 1
    assert "onerror" not in reader.attributes
    assert all(target.startswith("#") for target in reader.targets)
    assert all(source.startswith("data:") for source in reader.images)
    assert "alert(1)" in reader.texts[0]
    assert "default-src 'none'" in html


def test_documents_that_are_gone_or_changed_show_their_text(tmp_path: Path) -> None:
    """Never the image of another document beside the text of this one."""
    folder = tmp_path / "in"
    folder.mkdir()
    gone, changed = (text_pdf(folder / name, pages=1, text=f"Text of {name}.") for name in ("gone.pdf", "changed.pdf"))
    store = ingest(folder, tmp_path / "out")
    gone.unlink()
    blank_pdf(changed)
    html, reader = viewed(store, tmp_path / "view.html")

    assert reader.images == []
    assert html.count("its source is missing, cannot be opened, or holds another document now") == 2
    assert ["Text of changed.pdf." in reader.texts[0], "Text of gone.pdf." in reader.texts[1]] == [True, True]


def test_a_file_has_a_limit_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many pages are asked for, a file holds so many that a browser opens it; progress is shown meanwhile."""
    monkeypatch.setattr(view, "MOST_PAGES", 2)
    store = ingest(text_pdf(tmp_path / "long.pdf", pages=3), tmp_path / "out")

    said = write_view(store, PageQuery(), 1000, SETTINGS, tmp_path / "a.html")

    assert "2 pages are in" in said
    assert "more match, and a file holds at most 2: choose with --document" in said
    assert "2/2" in capsys.readouterr().err
    assert "more match" not in write_view(store, PageQuery(page_number=1), 1000, SETTINGS, tmp_path / "b.html")


def test_what_is_asked_for_is_shown(tmp_path: Path) -> None:
    """The conditions of `inspect` hold, the limit too, and documents without pages are named with their reason."""
    folder = tmp_path / "in"
    folder.mkdir()
    mixed_pdf(folder / "mixed.pdf")
    encrypted_pdf(folder / "locked.pdf")
    store = ingest(folder, tmp_path / "out")

    assert viewed(store, tmp_path / "a.html", PageQuery(status="blank"))[1].tags.count("section") == 1
    assert viewed(store, tmp_path / "b.html", limit=2)[1].tags.count("section") == 2
    assert "more match, at most 2 are shown: --limit shows up to 200" in write_view(
        store, PageQuery(), 2, SETTINGS, tmp_path / "b.html"
    )
    html, reader = viewed(store, tmp_path / "c.html", PageQuery(failed=True))
    assert reader.tags.count("section") == 0
    assert "password_required" in html


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """And nothing half is left."""
    store = ingest(text_pdf(tmp_path / "a.pdf", pages=1), tmp_path / "out")
    with pytest.raises(OutputError, match=r"nowhere/view\.html cannot be written"):
        write_view(store, PageQuery(), 50, SETTINGS, tmp_path / "nowhere" / "view.html")


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """A folder, a device and a URL stay what they are."""
    store = ingest(text_pdf(tmp_path / "a.pdf", pages=1), tmp_path / "out")
    for destination, what in (
        (tmp_path, "is a folder"),
        (Path("/dev/null"), "not a regular file"),
        (Path("s3://b/v"), "writes local files only"),
    ):
        with pytest.raises(UsageError, match=what):
            write_view(store, PageQuery(), 50, SETTINGS, destination)
