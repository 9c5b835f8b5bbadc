"""Fifty real PDFs, each with what is known of it. Skipped where the corpus is not there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rasterized import rasterizer_with
from real_pdfs import CORPUS, needs_corpus

from ocrmill.configs.settings import InputSettings, RasterSettings, RunSettings, StorageSettings
from ocrmill.pipeline.records import Document, Reason, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.rasterizer import Rasterizer

# What a document may come to. PDFium reads pages of some that MuPDF calls damaged; the reason stays in the row.
Entry = dict[str, Any]  # of the corpus's manifest
UNREADABLE = {
    "encrypted": {Reason.PASSWORD_REQUIRED},
    "encrypted_unsupported": {Reason.ENCRYPTION_UNSUPPORTED},
    "zero_pages": {Reason.ZERO_PAGES},
    "empty_file": {Reason.EMPTY_FILE},
    "damaged": {Reason.DAMAGED},
}
# Pages of these take MuPDF for minutes. They have three seconds of CPU, as those of test_rescued_pages.py, not ten.
HANGING = {"test_2548.pdf", "test_4435.pdf"}


def manifest() -> list[Entry]:
    path = CORPUS / "manifest.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def rasterizers() -> Iterator[dict[bool, Rasterizer]]:
    """One for the pages that hang MuPDF (`True`), and one for the others."""
    passwords = tuple(entry["password"] for entry in manifest() if "password" in entry)
    of_all, impatient = InputSettings(passwords=passwords), RasterSettings(page_cpu_s=3)
    with rasterizer_with(RunSettings(input=of_all)) as usual, rasterizer_with(RunSettings(raster=impatient)) as other:
        yield {False: usual, True: other}


@needs_corpus
@pytest.mark.parametrize("entry", manifest(), ids=lambda entry: entry["file"])
def test_a_real_pdf_comes_out_as_expected(rasterizers: dict[bool, Rasterizer], entry: Entry) -> None:
    """Each document has its pages or its reason, and a page that cannot be read says why."""
    rasterizer = rasterizers[entry["file"] in HANGING]
    opened = rasterizer.open(next(Discovery([str(CORPUS / entry["file"])], InputSettings(), StorageSettings())))
    expected = entry["expected"]
    if expected in UNREADABLE:
        assert opened.reason in UNREADABLE[expected]
        return
    assert isinstance(opened, Document), opened
    assert opened.page_count == entry["pages"]
    numbers = tuple(sorted({1, opened.page_count}))
    read = [rasterizer.read(opened, number) for number in numbers]
    failed = {page.page_number for page in read if isinstance(page, PageRow) and page.status is Status.FAILED}
    blank = {page.page_number for page in read if isinstance(page, PageRow) and page.status is Status.BLANK}

    assert [page.page_number if isinstance(page, PageRow) else page[0].page_number for page in read] == list(numbers)
    if expected in {"page_error", "partial"}:
        assert failed
    else:
        assert not failed
    if expected == "ok_blank":
        assert blank == set(numbers)
    elif entry["file"] != "issue11878_reduced.pdf":  # pages of 3 pt, on which no letter fits
        assert blank != set(numbers)
