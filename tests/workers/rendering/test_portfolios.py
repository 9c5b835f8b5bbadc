"""The documents in a PDF portfolio are read behind its cover sheet."""

from collections.abc import Iterator
from pathlib import Path

import pymupdf
import pytest
from pdfs import text_pdf
from real_pdfs import CASES, needs_cases

from ocrmill.configs.settings import InputSettings, RoutingSettings, RunSettings, StorageSettings
from ocrmill.pipeline.records import Document, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.rasterizer import Rasterizer


@pytest.fixture(scope="module")
def rasterizer() -> Iterator[Rasterizer]:
    made = Rasterizer(RunSettings())
    yield made
    made.close()


def rows_of(rasterizer: Rasterizer, path: Path) -> tuple[Document, list[PageRow]]:
    document = rasterizer.open(next(Discovery([str(path)], InputSettings(), StorageSettings())))
    assert isinstance(document, Document)
    rows = [rasterizer.read(document, number) for number in range(1, document.page_count + 1)]
    assert all(isinstance(row, PageRow) for row in rows)
    return document, [row for row in rows if isinstance(row, PageRow)]


def portfolio_of(folder: Path, files: dict[str, bytes]) -> Path:
    with pymupdf.open(text_pdf(folder / "cover.pdf", pages=1)) as document:
        for name, data in files.items():
            document.embfile_add(name, data)
        document.xref_set_key(document.pdf_catalog(), "Collection", "<</Type/Collection>>")
        document.save(folder / "portfolio.pdf")
    return folder / "portfolio.pdf"


@needs_cases
def test_the_reported_portfolio_is_read_whole(rasterizer: Rasterizer) -> None:
    """Its cover sheet is flagged, and the text of both documents follows."""
    (path,) = (CASES / "pages").glob("28-*.pdf")
    document, rows = rows_of(rasterizer, path)

    assert document.detail is not None
    assert "'budget.pdf' from page 2, 'minutes.pdf' from page 3" in document.detail
    assert [row.flags for row in rows] == [("portfolio_cover",), (), ()]
    assert all(row.text is not None and row.text.markdown.startswith("INNER document.") for row in rows[1:])


def test_every_page_of_every_document_has_a_number(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """Documents of several pages follow each other; what is no PDF, or damaged, or locked is named."""
    inner = {pages: text_pdf(tmp_path / f"{pages}.pdf", pages=pages).read_bytes() for pages in (2, 3)}
    with pymupdf.open(stream=inner[2]) as opened:
        locked = opened.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="secret")
    files = {"a.pdf": inner[2], "b.txt": b"notes", "c.pdf": b"%PDF-1.7 cut off", "d.pdf": inner[3], "e.pdf": locked}
    document, rows = rows_of(rasterizer, portfolio_of(tmp_path, files))

    assert document.page_count == 1 + 2 + 3
    assert [row.status for row in rows] == [Status.TEXT_LAYER] * 6
    assert document.detail is not None
    assert "'a.pdf' from page 2, 'd.pdf' from page 4" in document.detail
    assert "3 embedded files, which are not read: 'b.txt', 'c.pdf', 'e.pdf'" in document.detail
    assert [number for number, row in enumerate(rows, 1) if "portfolio_cover" in row.flags] == [1]


def test_a_portfolio_without_documents_is_its_cover(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """Nothing follows, and nothing is flagged; the document says what lies in it."""
    document, rows = rows_of(rasterizer, portfolio_of(tmp_path, {"b.txt": b"notes"}))

    assert document.page_count == 1
    assert rows[0].flags == ()
    assert document.detail is not None
    assert "1 embedded files, which are not read: 'b.txt'" in document.detail


def test_a_cover_that_goes_to_an_engine_is_flagged_too(tmp_path: Path) -> None:
    """With every page sent to the engine, the cover bears its flag and the pages behind it do not."""
    settings = RunSettings(routing=RoutingSettings(mode="ocr"))
    rasterizer = Rasterizer(settings)
    inner = text_pdf(tmp_path / "inner.pdf", pages=1).read_bytes()
    path = portfolio_of(tmp_path, {"inner.pdf": inner})
    document = rasterizer.open(next(Discovery([str(path)], InputSettings(), StorageSettings())))
    assert isinstance(document, Document)
    pages = [rasterizer.read(document, number) for number in (1, 2)]
    rasterizer.close()

    assert [page[0].flags for page in pages if isinstance(page, tuple)] == [("portfolio_cover",), ()]
