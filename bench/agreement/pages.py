"""Pages with their own words, and an honest Markdown of each.

Of PDFs in folders: those that routing sends to their text layer, and our own reading. Of typeset documents
(bench/quality): those of one page, and the Markdown of their source, with formulas as LaTeX.
"""

import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.layer_fidelity import ours, pages_of
from bench.quality.generator import HALVES
from bench.quality.typesetters import find_typesetters, make_pages, read_pages
from ocrmill.pipeline.measures import LayerLine
from ocrmill.pipeline.pages.mupdf import displayed_geometry
from ocrmill.pipeline.quality.agreement.layer_lines import lines_of
from ocrmill.pipeline.records import Block, PageGeometry
from ocrmill.pipeline.text.visible.visible_words import read_visible_layout, visible_words

if TYPE_CHECKING:
    import pymupdf

MOST_PAGES = 3  # of one document, from its first
_NOTE = re.compile(r"\[\^\d+\]:?")  # marks of footnotes in the source


@dataclass(frozen=True, slots=True)
class HostPage:
    """A page that damages are done to."""

    document: str
    number: int
    markdown: str
    blocks: tuple[Block, ...]  # the pictures
    lines: tuple[LayerLine, ...]
    geometry: PageGeometry


def read_real(folders: Sequence[Path], half: str, skipped: Sequence[str] = ()) -> Iterator[HostPage]:
    """Yield pages of the real PDFs of one half, by the hash of their names."""
    for path in (path for folder in folders for path in sorted(folder.glob("*.pdf"))):
        if path.name in skipped or HALVES[hashlib.sha256(path.name.encode()).digest()[0] % 2] != half:
            continue
        for name, document, index, right_to_left in pages_of(path, MOST_PAGES):
            text = ours(document, index, right_to_left)
            pictures = tuple(block for block in text.blocks if block.label == "picture")
            lines, geometry = layer_of(document[index])
            yield HostPage(name, index + 1, text.markdown, pictures, lines, geometry)


def read_typeset(folder: Path, half: str, documents: int, seed: int, names: Sequence[str]) -> Iterator[HostPage]:
    """Yield pages set by the typesetters of these names; each half is drawn from seeds of its own."""
    import pymupdf

    setters = {name: found for name, found in find_typesetters([sys.executable]).items() if name in names}
    make_pages(folder, f"agreement/{half}/{seed}", documents, setters)
    for page in read_pages(folder):
        if page.pages == 1:
            with pymupdf.open(page.path) as opened:
                lines, geometry = layer_of(opened[0])
            yield HostPage(page.path.stem, 1, _NOTE.sub("", page.truth.markdown), (), lines, geometry)


def layer_of(page: "pymupdf.Page") -> tuple[tuple[LayerLine, ...], PageGeometry]:
    """The page's own lines as a run compares them, and its size."""
    return tuple(lines_of(visible_words(page, read_visible_layout(page).hidden))), displayed_geometry(page)
