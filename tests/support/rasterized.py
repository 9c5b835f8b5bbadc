"""Pages as the rasterizer returns them, for tests that know what kind of page they made."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from narrowed import instance, present

from ocrmill.configs.settings import InputSettings, RunSettings, StorageSettings
from ocrmill.pipeline.records import RGB, Document, FailedPage, PageGeometry, PageText, RenderedPage, UnreadableDocument
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.protocol import PageImage
from ocrmill.workers.rendering.rasterizer import Rasterizer

PageRead = PageRow | tuple[RenderedPage, PageImage]


@contextmanager
def rasterizer_with(settings: RunSettings) -> Iterator[Rasterizer]:
    """A rasterizer whose process ends with the block."""
    made = Rasterizer(settings)
    try:
        yield made
    finally:
        made.close()


def opened(rasterizer: Rasterizer, path: Path) -> Document | UnreadableDocument:
    """Open a file as a run does."""
    (source,) = Discovery([str(path)], InputSettings(), StorageSettings())
    return rasterizer.open(source)


def open_document(rasterizer: Rasterizer, path: Path) -> Document:
    """Open a file that has pages."""
    return instance(Document, opened(rasterizer, path))


def read_pages(rasterizer: Rasterizer, path: Path) -> list[PageRead]:
    """Read every page of a file."""
    document = open_document(rasterizer, path)
    return [rasterizer.read(document, number) for number in range(1, document.page_count + 1)]


def row_of(page: PageRead | RenderedPage) -> PageRow:
    """The row of a page that is settled without OCR."""
    return instance(PageRow, page)


def rendered_of(page: PageRead) -> RenderedPage:
    """The record of a page that awaits OCR."""
    assert not isinstance(page, PageRow), page
    return page[0]


def image_of(page: PageRead) -> RGB:
    """The image of a page that awaits OCR, if it is not cut into views."""
    assert not isinstance(page, PageRow), page
    return instance(np.ndarray, page[1])


def text_of(page: PageRead | RenderedPage) -> PageText:
    """The text of a page that is settled without OCR."""
    return present(row_of(page).text)


def geometry_of(row: PageRow) -> PageGeometry:
    """The geometry of a page that did not fail."""
    assert not isinstance(row.page, FailedPage), row.page
    return row.page.geometry
