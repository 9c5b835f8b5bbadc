"""Pages as they look, rendered again from their sources: in a sandboxed process, and only of the very same bytes."""

import threading
from collections import OrderedDict
from dataclasses import dataclass

from ocrmill.commands.presentation.page_images import Shown, open_document, preview_settings, render_pages
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.places import places_of
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.pipeline.records import Document
from ocrmill.workers.rendering.rasterizer import Rasterizer

PICTURE_DPI = 150
KEPT = 24  # pictures: going back and forth renders none again; at most 1 MB each as a rule


@dataclass(slots=True)
class _Open:
    document_id: str
    document: Document | None


class SourcePages:
    """Renders pages of an output, one at a time; the document of the last one stays open."""

    def __init__(self, store: Store, settings: RunSettings) -> None:
        """Start nothing yet."""
        self._store = store
        self._settings = settings
        self._preview = preview_settings(settings, PICTURE_DPI)
        self._rasterizer: Rasterizer | None = None
        self._open: _Open | None = None
        self._pictures: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def picture(self, document_id: str, page_number: int) -> Shown:
        """Return the page as JPEG, or the reason why there is none: its source is gone, or holds another document.

        The source is looked at again for each document that is opened, and each time one could not be.
        """
        key = document_id, page_number
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
                return self._pictures[key], None
            document = self._document(document_id)
            jpeg, why_not = next(iter(render_pages(document, [page_number], self._renderer())))
            if jpeg is not None:
                self._pictures[key] = jpeg
                while len(self._pictures) > KEPT:
                    self._pictures.popitem(last=False)
            else:
                self._open = None
            return jpeg, why_not

    def close(self) -> None:
        """End the rendering processes."""
        with self._lock:
            if self._rasterizer is not None:
                self._rasterizer.close()
                self._rasterizer = None

    def _document(self, document_id: str) -> Document | None:
        if self._open is None or self._open.document_id != document_id:
            places = places_of(self._store, {document_id}).get(document_id, [])
            found = open_document(document_id, places, self._renderer(), self._settings)
            self._open = _Open(document_id, found)
        return self._open.document

    def _renderer(self) -> Rasterizer:
        if self._rasterizer is None:
            self._rasterizer = Rasterizer(self._preview)
        return self._rasterizer
