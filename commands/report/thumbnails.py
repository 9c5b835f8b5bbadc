"""Small pictures of pages, bounded in size."""

import io
from base64 import b64encode
from collections.abc import Sequence
from contextlib import closing

from PIL import Image

from ocrmill.commands.presentation.page_images import open_document, preview_settings, render_pages
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.places import places_of
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.workers.rendering.rasterizer import Rasterizer

THUMBNAIL_DPI = 72
THUMBNAIL_PIXELS = (480, 680)  # width and height
MOST_THUMBNAIL_BYTES = 60_000
_QUALITIES = (60, 40, 20, 5)

Thumbnail = tuple[str | None, str | None]
"""A picture as a data URI, or the reason why there is none."""


def thumbnails(
    store: Store, pages: Sequence[tuple[str, int]], settings: RunSettings
) -> dict[tuple[str, int], Thumbnail]:
    """Render these pages, by document_id and number, from their sources, in a sandboxed process.

    A document that is no longer at its source, in these very bytes, has no pictures.
    """
    numbers: dict[str, list[int]] = {}
    for document_id, number in pages:
        numbers.setdefault(document_id, []).append(number)
    places = places_of(store, numbers)
    found: dict[tuple[str, int], Thumbnail] = {}
    with closing(Rasterizer(preview_settings(settings, THUMBNAIL_DPI))) as rasterizer:
        for document_id, wanted in numbers.items():
            document = open_document(document_id, places.get(document_id, []), rasterizer, settings)
            for number, (jpeg, why_not) in zip(wanted, render_pages(document, wanted, rasterizer), strict=True):
                found[document_id, number] = (None, why_not) if jpeg is None else _small(jpeg)
    return found


def _small(jpeg: bytes) -> Thumbnail:
    with Image.open(io.BytesIO(jpeg)) as image:
        image.thumbnail(THUMBNAIL_PIXELS)
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=quality)
            if buffer.tell() <= MOST_THUMBNAIL_BYTES:
                return f"data:image/webp;base64,{b64encode(buffer.getvalue()).decode()}", None
    return None, f"its picture takes more than {MOST_THUMBNAIL_BYTES:,} bytes"
