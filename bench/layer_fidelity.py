"""Fidelity of Markdown to the text layer: ours and PyMuPDF's, page by page, in one run.

    python bench/layer_fidelity.py PDF_OR_FOLDER ... [--pages 25] [--without-peer]

Every page that routing sends to its text layer is read by `ocrmill`'s reader and by pymupdf4llm, and each Markdown is
measured against the page's visible words (pipeline/quality/agreement/layer_fidelity.py). Pages under 0.97 of recall or
precision are listed with both. Of the order of PyMuPDF's Markdown only the sequence of words is measured, for it has no
blocks of ours. Pages per second are per CPU second, of the reading alone; a page that fails counts as one without a
word.
"""

import argparse
import contextlib
import importlib
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.measures import LayerFidelity
from ocrmill.pipeline.pages.inspection import inspect_page
from ocrmill.pipeline.pages.mapped_file import map_path
from ocrmill.pipeline.pages.mupdf import count_pages, displayed_geometry, open_document, quiet, render_thumbnail
from ocrmill.pipeline.pages.routing import decide, is_right_to_left
from ocrmill.pipeline.quality.agreement.layer_fidelity import measure_fidelity
from ocrmill.pipeline.records import PageText, Route
from ocrmill.pipeline.text.layout_model import load_layout_model
from ocrmill.pipeline.text.text_layer import read_text_layer
from ocrmill.pipeline.text.visible.visible_words import read_visible_layout, visible_words

if TYPE_CHECKING:  # mupdf.py imports it, without its layout model
    import pymupdf

Read = Callable[["pymupdf.Document", int, bool], PageText]
BOUNDS = (0.97, 0.95)
NO_WORD = PageText("")


@dataclass(slots=True)
class Reader:
    """A way to read a page's layer, and what came of it."""

    name: str
    read: Read
    has_blocks: bool
    pages: dict[str, LayerFidelity] = field(default_factory=dict)
    seconds: float = 0.0  # of CPU
    failed: int = 0

    def take(self, name: str, document: "pymupdf.Document", index: int, right_to_left: bool) -> None:
        """Read a page and measure it."""
        started = time.process_time()
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                text = self.read(document, index, right_to_left)
        except Exception as error:  # noqa: BLE001 - of two libraries, whose errors are not one family
            print(f"{self.name} fails on {name}: {error}", file=sys.stderr)
            self.failed += 1
            text = NO_WORD
        self.seconds += time.process_time() - started
        blocks = text.blocks if self.has_blocks else None
        page = document[index]
        words = visible_words(page, read_visible_layout(page).hidden)
        self.pages[name] = measure_fidelity(text.markdown, blocks, words)


def ours(document: "pymupdf.Document", index: int, right_to_left: bool) -> PageText:
    """Markdown and blocks as `ocrmill run` writes them."""
    return read_text_layer(document, index, right_to_left=right_to_left)


def peer(document: "pymupdf.Document", index: int, _: bool) -> PageText:
    """PyMuPDF's Markdown with its layout model, from a copy: it writes into what it reads."""
    import pymupdf

    library = load_peer()
    try:
        with pymupdf.open() as copy:
            copy.insert_pdf(document, from_page=index, to_page=index)
            return PageText(library.to_markdown(copy, use_ocr=False))
    finally:
        pymupdf.TOOLS.unset_quad_corrections(False)  # it changes the boxes that PyMuPDF reports, for everybody


@cache
def load_peer() -> Any:
    """pymupdf4llm, which mupdf.py keeps out of processes that do not want its model."""
    load_layout_model()
    sys.modules.pop("pymupdf4llm", None)
    return importlib.import_module("pymupdf4llm")


def pages_of(path: Path, most: int) -> Iterator[tuple[str, "pymupdf.Document", int, bool]]:
    """The pages of a PDF that are read from their text layer, with whether they run from right to left."""
    routing = RunSettings().routing
    try:
        document = open_document(map_path(path), ()).document
        count = count_pages(document)
    except PageError:
        return
    for index in range(min(count, most)):
        try:
            page = document[index]
            geometry = displayed_geometry(page)
            features = inspect_page(page, render_thumbnail(page, geometry))
        except Exception as error:  # noqa: BLE001 - MuPDF's errors are not one family
            print(f"{path.name} page {index + 1} is left out: {error}", file=sys.stderr)
            continue
        if decide(features, routing, geometry).route is Route.TEXT_LAYER:
            yield f"{path.name} page {index + 1}", document, index, is_right_to_left(features)


def main() -> None:
    """Read all pages and print the worst, then one line for each reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PDF_OR_FOLDER")
    parser.add_argument("--pages", type=int, default=10**6, help="of a document, from its first")
    parser.add_argument("--without-peer", action="store_true")
    parser.add_argument("--leave-out", action="append", default=[], metavar="NAME", help="a file that is not read")
    options = parser.parse_args()
    quiet()
    load_layout_model()
    readers = [Reader("ours", ours, has_blocks=True)]
    if not options.without_peer:
        load_peer()
        readers.append(Reader("pymupdf4llm", peer, has_blocks=False))
    files = [file for path in options.paths for file in (sorted(path.glob("*.pdf")) if path.is_dir() else [path])]
    for file in (file for file in files if file.name not in options.leave_out):
        for page in pages_of(file, options.pages):
            for reader in readers:
                reader.take(*page)
    if not readers[0].pages:
        sys.exit("no page is read from its text layer")
    print_worst(readers)
    for reader in readers:
        print(summary(reader))


def print_worst(readers: Sequence[Reader]) -> None:
    """Print the pages on which ours falls short, with the measures of each reader."""
    print(f"{'pages under ' + str(BOUNDS[0]):44} " + "   ".join(f"{reader.name:>29}" for reader in readers))
    print(f"{'':44} " + "   ".join("recall precis. order  numbers" for _ in readers))
    worst = sorted(readers[0].pages, key=lambda name: least(readers[0].pages[name]))
    for name in worst:
        if least(readers[0].pages[name]) < BOUNDS[0]:
            print(f"{name:44.44} " + "   ".join(row(reader.pages[name]) for reader in readers))


def row(found: LayerFidelity) -> str:
    """The measures of a page."""
    return f"{found.recall:6.3f} {found.precision:7.3f} {found.order:5.3f} {found.changed_numbers:8}"


def least(found: LayerFidelity) -> float:
    """The smaller of recall and precision."""
    return min(found.recall, found.precision)


def summary(reader: Reader) -> str:
    """Return one line for a reader."""
    found = list(reader.pages.values())
    means = [statistics.mean(values) for values in zip(*((f.recall, f.precision, f.order) for f in found), strict=True)]
    under = ", ".join(f"{sum(least(f) < bound for f in found)} under {bound}" for bound in BOUNDS)
    changed = sum(f.changed_numbers for f in found)
    pages = sum(f.changed_numbers > 0 for f in found)
    return (
        f"{reader.name}: {len(found)} pages, {under}; mean recall {means[0]:.4f}, precision {means[1]:.4f}, order "
        f"{means[2]:.4f}; {changed} changed numbers on {pages} pages; {len(found) / reader.seconds:.2f} pages/s a "
        f"core; {reader.failed} failed"
    )


if __name__ == "__main__":
    main()
