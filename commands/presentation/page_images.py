"""Pages of an output as pictures, rendered again from their sources in a sandboxed process."""

import io
from collections.abc import Iterator, Sequence

from PIL import Image

from ocrmill.configs.engine_settings import EngineSettings
from ocrmill.configs.settings import OutputSettings, RunSettings
from ocrmill.model_adapter.views import PageViews
from ocrmill.pipeline.output.places import manifest_of
from ocrmill.pipeline.records import RGB, Document
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.encoded_page import EncodedPage
from ocrmill.workers.rendering.rasterizer import Rasterizer

DPI = 110  # small print can be read, and a page takes 0.2 MB
_JPEG_QUALITY = 80

Shown = tuple[bytes | None, str | None]
"""A page as JPEG, or the reason why there is none."""


def preview_settings(settings: RunSettings, dpi: int = DPI) -> RunSettings:
    """Return settings that render every page, small, and read none."""
    return settings.model_copy(
        update={
            "raster": settings.raster.model_copy(update={"dpi": dpi}),
            "routing": settings.routing.model_copy(update={"mode": "ocr"}),
            "engine": EngineSettings(name="cpu"),
            "output": OutputSettings(),
        }
    )


def open_document(
    document_id: str, places: Sequence[str], rasterizer: Rasterizer, settings: RunSettings
) -> Document | None:
    """Open the document at the first of these sources that still holds it."""
    with manifest_of(list(places)) as manifest:
        for source in Discovery([str(manifest)], settings.input, settings.storage):
            opened = None if source.reason else rasterizer.open(source)
            if isinstance(opened, Document) and opened.document_id == document_id:
                return opened
    return None


def render_pages(document: Document | None, numbers: Sequence[int], rasterizer: Rasterizer) -> Iterator[Shown]:
    """Render pages of a document one after another; all without a picture if there is no document."""
    if document is None:
        yield from [(None, "its source is missing, cannot be opened, or holds another document now")] * len(numbers)
        return
    for number in numbers:
        page = rasterizer.read(document, number)
        if isinstance(page, PageRow):
            yield None, page.detail or f"the page is {page.status}"
        else:
            assert not isinstance(page[1], PageViews | EncodedPage), "pages of a preview are pixels"
            yield _jpeg(page[1]), None


def _jpeg(image: RGB) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
