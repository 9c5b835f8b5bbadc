"""Does the light layout model write what the full one writes, where it is asked? And how many pages are spared?

    python bench/layout_models.py PDF_OR_FOLDER ... [--pages 25]

Every page that is read from its text layer is read by rule (pipeline/text/layout_model.py) and by the full model
alone. The blocks of the two are compared: text, label and span. Pages on which they differ are shown; the exit code
is 1 then.
"""

import argparse
import difflib
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.pages.inspection import inspect_page
from ocrmill.pipeline.pages.mapped_file import map_path
from ocrmill.pipeline.pages.mupdf import count_pages, displayed_geometry, open_document, quiet, render_thumbnail
from ocrmill.pipeline.pages.routing import decide, is_right_to_left
from ocrmill.pipeline.records import PageText, Route
from ocrmill.pipeline.text import text_layer
from ocrmill.pipeline.text.layout_model import Chunk, light_chunk
from ocrmill.pipeline.text.reading_order import Box

if TYPE_CHECKING:  # mupdf.py imports it, without its layout model
    import pymupdf


@dataclass(frozen=True, slots=True)
class Both:
    """A page as both read it."""

    name: str
    by_rule: PageText
    full: PageText
    by_rule_ms: float  # of CPU
    full_ms: float
    is_light: bool  # whether the light model decided

    @property
    def is_equal(self) -> bool:
        """Compare text, labels and spans; boxes may differ by a hair."""
        shapes = [
            [(block.label, block.start, block.end) for block in text.blocks] for text in (self.by_rule, self.full)
        ]
        return self.by_rule.markdown == self.full.markdown and shapes[0] == shapes[1]


def read_both(path: Path, most_pages: int) -> Iterator[Both]:
    """Read the pages of a PDF that have a trusted text layer."""
    routing = RunSettings().routing
    try:
        document = open_document(map_path(path), ()).document
        pages = count_pages(document)
    except PageError:
        return
    for index in range(min(pages, most_pages)):
        try:
            page = document[index]
            geometry = displayed_geometry(page)
            features = inspect_page(page, render_thumbnail(page, geometry))
        except Exception as error:  # noqa: BLE001 - MuPDF's errors are not one family
            print(f"{path.name} page {index + 1} is left out: {error}", file=sys.stderr)
            continue
        if decide(features, routing, geometry).route is Route.TEXT_LAYER:
            yield _read_by_both(f"{path.name} page {index + 1}", document, index, is_right_to_left(features))


def _read_by_both(name: str, document: "pymupdf.Document", index: int, right_to_left: bool) -> Both:
    decided: list[bool] = []

    def by_rule(copy: "pymupdf.Document", lines: Sequence[Box]) -> Chunk | None:
        chunk = light_chunk(copy, lines)
        decided.append(chunk is not None)
        return chunk

    read = []
    for choose in (by_rule, _never):
        vars(text_layer)["light_chunk"] = choose
        started = time.process_time()
        text = text_layer.read_text_layer(document, index, right_to_left=right_to_left)
        read.append((text, (time.process_time() - started) * 1000))
    (mine, mine_ms), (full, full_ms) = read
    return Both(name, mine, full, mine_ms, full_ms, any(decided))


def _never(_copy: "pymupdf.Document", _lines: Sequence[Box]) -> None:
    """Leave it to the full model."""


def main() -> None:
    """Parse, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, metavar="PDF_OR_FOLDER")
    parser.add_argument("--pages", type=int, default=25, help="of a document, at most")
    arguments = parser.parse_args()
    quiet()
    paths = [one for path in arguments.paths for one in (sorted(path.rglob("*.pdf")) if path.is_dir() else [path])]
    every = [both for path in paths for both in read_both(path, arguments.pages)]
    light = [both for both in every if both.is_light]
    different = [both for both in every if not both.is_equal]
    print(f"{len(every)} pages with a trusted text layer, {len(light)} decided by the light model")
    if light:
        spared = statistics.median(both.full_ms / both.by_rule_ms for both in light)
        print(f"there {spared:.1f} times as fast as the full model (median of the pages, CPU time)")
    print(f"{len(different)} pages differ")
    for both in different:
        full, mine = both.full.markdown.split("\n"), both.by_rule.markdown.split("\n")
        print(f"\n== {both.name}", *difflib.unified_diff(full, mine, "full", "by rule", lineterm="", n=0), sep="\n")
        print("labels:", *(block.label for block in both.full.blocks))
        print("by rule:", *(block.label for block in both.by_rule.blocks))
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
