"""Pages of an output beside what was read of them, as a web page: `ocrmill inspect OUT --html FILE`."""

import sys
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NoReturn

from tqdm import tqdm

from ocrmill.commands.export.places.new_file import new_file, regular_file, reporting_os_errors
from ocrmill.commands.inspect.page_html import BEGINS, COLUMNS, head, section
from ocrmill.commands.inspect.query import PageQuery, select_documents, select_rows
from ocrmill.commands.presentation.page_images import open_document, preview_settings, render_pages
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.places import places_of
from ocrmill.pipeline.output.stores.store import Store
from ocrmill.workers.rendering.rasterizer import Rasterizer

MOST_PAGES = 200  # in one file: 32 MB, which a browser still opens; 799 pages were 127 MB and took 3:39
SAY_EVERY_S = 10.0  # without a terminal


def write_view(store: Store, query: PageQuery, limit: int, settings: RunSettings, destination: Path) -> str:
    """Write the pages that match, at most `limit` and MOST_PAGES, by source and page number, into one HTML file.

    Return a sentence with their number, and a hint if more match. Progress goes to stderr.

    The pages are rendered again, in sandboxed processes. If a document is no longer at its source, its text is shown
    without an image.

    Raises:
        OutputError: The output cannot be read or the file not written; an older file is kept.
        UsageError: The destination is a folder, a pipe, a device, a URL or somebody's file.
    """
    most = min(limit, MOST_PAGES)
    rows = list(select_rows(store, query, most + 1, COLUMNS))
    has_more = len(rows) > most
    rows = rows[:most]
    without_pages = [document.to_text() for document in select_documents(store, query, limit)]
    places = places_of(store, {row["document_id"] for row in rows})
    numbers = iter(range(1, len(rows) + 1))
    with (
        reporting_os_errors(destination),
        new_file(regular_file(destination, BEGINS)) as file,
        closing(Rasterizer(preview_settings(settings))) as rasterizer,
        _progress_bar(len(rows)) as bar,
    ):
        file.write(head(f"{store.url}: {len(rows)} pages", without_pages).encode())
        for document_id, group in groupby(rows, itemgetter("document_id")):
            pages = list(group)
            document = open_document(document_id, places.get(document_id, []), rasterizer, settings)
            images = render_pages(document, [row["page_number"] for row in pages], rasterizer)
            for row, (jpeg, why_not) in zip(pages, images, strict=True):
                file.write(section(row, next(numbers), jpeg, why_not).encode())
                bar.update()
    return f"{len(rows)} pages are in {destination}{_more_text(limit) if has_more else ''}"


def _progress_bar(pages: int) -> "tqdm[NoReturn]":
    """Return a progress bar over `pages`; without a terminal it prints a line now and then."""
    every_s = 0.2 if sys.stderr.isatty() else SAY_EVERY_S
    return tqdm(total=pages, unit="page", desc="rendering", file=sys.stderr, mininterval=every_s, miniters=1)


def _more_text(limit: int) -> str:
    if limit < MOST_PAGES:
        return f"; more match, at most {limit} are shown: --limit shows up to {MOST_PAGES}"
    return f"; more match, and a file holds at most {MOST_PAGES}: choose with --document, --reason or --flagged"
