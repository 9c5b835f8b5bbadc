"""Pages as pairs, to train a model that reads pages: the picture of a page, and its Markdown.

Pictures are rendered again from the sources, in a sandboxed process, with the `raster.dpi` of the settings. A source
that is gone or holds other bytes by now loses its pairs, with a message and a count. So do blank pages and those that
failed, because they have no text, and pages with a flag unless `--flagged` keeps them.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.document_text import page_text
from ocrmill.commands.export.export_report import ExportReport
from ocrmill.commands.export.formats.exported_folder import ExportedFolder
from ocrmill.commands.export.records import page_facts
from ocrmill.commands.export.whole_documents import WholeDocument
from ocrmill.commands.presentation.page_images import open_document, preview_settings, render_pages
from ocrmill.pipeline.output.places import SOURCES_TRIED
from ocrmill.workers.rendering.rasterizer import Rasterizer

_SAY_EVERY_S = 10.0  # without a terminal
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pair:
    """A page: its picture and its text."""

    key: str  # document_id and page number, without a dot
    jpeg: bytes
    text: str
    facts: dict[str, Any]  # what is known of the page

    @property
    def file(self) -> Path:
        """A path for its picture, in one of 256 folders."""
        return Path("images", self.key[:2], f"{self.key}.jpg")


def pair_options(options: ExportOptions | None) -> ExportOptions:
    """Return the options of an export of pairs: pages with flags are left out by default."""
    options = options or ExportOptions()
    return replace(options, flagged=bool(options.flagged))


def page_pairs(folder: ExportedFolder, options: ExportOptions) -> Iterator[Pair]:
    """Yield the pairs of the chosen pages, document by document. Progress goes to stderr."""
    settings = preview_settings(options.settings, options.settings.raster.dpi)
    every_s = 0.2 if sys.stderr.isatty() else _SAY_EVERY_S
    documents = tqdm(folder.documents, "rendering", unit="document", file=sys.stderr, mininterval=every_s, miniters=1)
    with closing(Rasterizer(settings)) as rasterizer:
        for document in documents:
            yield from _pairs_of(document, rasterizer, folder.report, options)


def _pairs_of(
    document: WholeDocument, rasterizer: Rasterizer, report: ExportReport, options: ExportOptions
) -> Iterator[Pair]:
    texts = {page.page_number: page_text(page, options.form) for page in document.pages}
    pages = [page for page in document.pages if texts[page.page_number].strip()]
    report.without_text += len(document.pages) - len(pages)
    report.pages -= len(document.pages)
    report.documents -= not pages
    if not pages:
        return
    facts = document.facts
    assert facts.document_id is not None, "a document with pages has an id"
    places = list(dict.fromkeys([facts.source, *facts.sources]))[:SOURCES_TRIED]
    opened = open_document(facts.document_id, places, rasterizer, options.settings)
    shown = render_pages(opened, [page.page_number for page in pages], rasterizer)
    for page, (jpeg, why_not) in zip(pages, shown, strict=True):
        if jpeg is None:
            report.without_picture[f"{facts.source}: {why_not}"] += 1
            log.warning("%s, page %d is left out: %s", facts.source, page.page_number, why_not)
            continue
        report.pages += 1
        about = {"document_id": facts.document_id, "source": facts.source, "page_count": facts.page_count}
        key = f"{facts.document_id}-{page.page_number:05}"
        yield Pair(key, jpeg, texts[page.page_number], {**about, **page_facts(page)})
