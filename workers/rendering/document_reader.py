"""Reads documents in the first rendering process: images with Pillow, PDFs and what Pillow cannot read with MuPDF."""

from collections.abc import Sequence
from dataclasses import replace

from ocrmill.pipeline.document_types import HEAD_BYTES, image_format
from ocrmill.pipeline.pages.mapped_file import MappedFile
from ocrmill.pipeline.records import Reason, RenderedPage
from ocrmill.workers.rendering.image_reader import ImageReader
from ocrmill.workers.rendering.mupdf_reader import MupdfReader
from ocrmill.workers.rendering.protocol import ChildSettings, OpenReply, PageImage

_MUPDF_FORMATS = frozenset({"PNG", "JPEG", "TIFF", "BMP", "GIF", "JPEG2000"})
_WORTH_A_TRY = frozenset({Reason.DAMAGED, Reason.PAGE_DAMAGED})


class DocumentReader:
    """Holds one document open."""

    renderer = "mupdf"

    def __init__(self, settings: ChildSettings) -> None:
        self._mupdf = MupdfReader(settings)
        self._images = ImageReader(settings)
        self._file: MappedFile | None = None  # if it is an image
        self._format: str | None = None
        self._failed = False

    def open(self, file: MappedFile, passwords: Sequence[str]) -> OpenReply:
        """Open a document and describe it, or say why no page of it can be read."""
        self._mupdf.close()
        self._images.close()
        self._format = image_format(bytes(file.data[:HEAD_BYTES]))
        self._file = file if self._format else None
        self._failed = False
        if self._format is None:
            return self._mupdf.open(file, passwords)
        reply = self._images.open(file)
        if reply.reason not in _WORTH_A_TRY or self._format not in _MUPDF_FORMATS:
            return reply
        second = self._mupdf.open(file, passwords)
        if second.reason is not None:
            return replace(reply, detail=f"{reply.detail}; {second.detail}")
        self._failed = True
        return replace(second, detail=f"{reply.detail}; read with MuPDF instead")

    def read(self, page_number: int) -> tuple[RenderedPage, PageImage | None]:
        """Read one page of the open document. One that cannot be read is a `RenderedPage` with its reason."""
        if self._file is None or self._failed:
            return self._mupdf.read(page_number)
        page, image = self._images.read(page_number)
        if page.reason not in _WORTH_A_TRY or self._format not in _MUPDF_FORMATS:
            return page, image
        opened = self._mupdf.open(self._file, ())
        if opened.reason is not None or opened.page_count < page_number:
            return page, None
        second, image = self._mupdf.read(page_number)
        self._mupdf.close()
        if second.reason is not None:
            return replace(page, detail=f"{page.detail}; {second.detail}"), None
        notes = (page.detail, "read with MuPDF instead", second.detail)
        return replace(second, detail="; ".join(filter(None, notes))), image
