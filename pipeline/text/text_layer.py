"""A page's own text -> Markdown with boxes.

The words come from the page's characters (page_words.py); a layout model says only what its regions are
(layout_model.py). So no word is lost, cut or moved by what the model errs in. Pages that are too much for the model,
and those that run vertically, are written as paragraphs in reading order.

The model's library writes into the document it reads (rotation, structure tree) and walks all of its pages for every
page; it therefore gets a copy that holds one page.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import TYPE_CHECKING

from ocrmill.pipeline.pages.drawing_log import DrawingLog
from ocrmill.pipeline.records import PageText
from ocrmill.pipeline.text.contents.drawn_bullets import small_shapes, with_drawn_bullets
from ocrmill.pipeline.text.contents.figure_text import has_figure_text
from ocrmill.pipeline.text.contents.footnotes import with_footnotes
from ocrmill.pipeline.text.contents.formulas import has_formulas
from ocrmill.pipeline.text.contents.part import Part, lines_of
from ocrmill.pipeline.text.layer.document_words import DocumentWords
from ocrmill.pipeline.text.layer.links import page_links, with_links
from ocrmill.pipeline.text.layer.page_copy import copy_of_page
from ocrmill.pipeline.text.layer.page_images import image_boxes
from ocrmill.pipeline.text.layer.page_words import TextPlane, read_planes
from ocrmill.pipeline.text.layout_model import TABLE, Region, find_regions, has_scattered_marks, with_images
from ocrmill.pipeline.text.order.blocks_beside import parted_at_rules, parted_boxes
from ocrmill.pipeline.text.order.continued_tables import with_continued_tables
from ocrmill.pipeline.text.order.facing_pages import facing_pages
from ocrmill.pipeline.text.order.line_numbers import without_line_numbers, without_numbered_lines
from ocrmill.pipeline.text.order.structure_order import in_structure_order
from ocrmill.pipeline.text.page_parts import parts_by_regions, plain_parts, with_heads
from ocrmill.pipeline.text.page_text import HIDDEN_TEXT, TABLE_UNCERTAIN, page_text, place_among, write_plane
from ocrmill.pipeline.text.paragraphs import Written
from ocrmill.pipeline.text.reading_order import Box, turned
from ocrmill.pipeline.text.table_parts import (
    parted_tables,
    with_rest_of_tables,
    with_rows_of_numbers,
    with_ruled_tables,
    with_tables,
)
from ocrmill.pipeline.text.tables.doubts import has_rows_of_own, may_break_numbers
from ocrmill.pipeline.text.tables.rules import page_rules
from ocrmill.pipeline.text.visible.visible_words import VisibleLayout, read_visible_layout

if TYPE_CHECKING:
    import pymupdf

_MAX_LINES = 1500  # the model takes 3 s and 0.6 GB for so many, 45 s and 2.2 GB for 6,000
_FEW_WORDS = 20  # that run another way than the page's text: a note in the margin has no regions
_ONE_LINE = 2.0  # of the type: boxes of words that slant are higher and wider
FORMULA = "formula"
FORMULA_AS_TEXT = "formula_as_text"  # the flag of a page with formulas, which are no LaTeX
FIGURE_TEXT = "figure_text"  # the flag of a page with pictures that show text

ENGINE_REASONS = {  # for which an engine that writes markup is asked, by the flag of the text
    FORMULA_AS_TEXT: "formulas",
    TABLE_UNCERTAIN: "complex_table",
    FIGURE_TEXT: "figure_text",
}


class Manner(Enum):
    """Ways to write a page, from the one that says most to the one that can err least."""

    FULL = auto()
    WITHOUT_TABLES = auto()  # tables row by row
    PLAIN = auto()  # paragraphs in reading order, without a layout model


def read_text_layer(
    document: "pymupdf.Document",
    page_index: int,
    *,
    right_to_left: bool,
    visible: VisibleLayout | None = None,
    manner: Manner = Manner.FULL,
    words: DocumentWords | None = None,
) -> PageText:
    """Markdown and blocks of a page from its own text, form fields and annotations included.

    Text that no reader sees is left out, and the page is flagged; `visible` is `read_visible_layout` of the page if
    that was asked before. `words` tell hyphens at line ends where the page's own do not. Boxes are in points of the
    page as displayed; `markdown[block.start:block.end]` is a block's text.

    The document is not written to. Raises what PyMuPDF raises for a page that it cannot load.
    """
    page = document[page_index]
    width, height = page.rect.width, page.rect.height
    written: list[Written] = []
    visible = read_visible_layout(page) if visible is None else visible
    notes = [HIDDEN_TEXT] if visible.lacks_text else []
    notes += _contents(page, visible)
    links = page_links(page)
    for n, plain in enumerate(read_planes(page, visible.layout)):
        plane, aside = without_line_numbers(with_links(plain, links, width, height))
        asked = manner is not Manner.PLAIN and (n == 0 or len(plane.words) >= _FEW_WORDS)
        regions = _regions(document, page_index, plane, visible.log) if asked else []
        regions = without_numbered_lines(regions, plane.words) if aside else regions
        if regions:
            images = [turned(box, plane.turn, width, height) for box in image_boxes(page)]
            shapes = small_shapes(page, visible.log, plane.turn)
            regions = with_images(regions, images)
            plane, regions = with_drawn_bullets(plane, regions, shapes, right_to_left=right_to_left)
        size = (height, width) if plane.turn in (90, 270) else (width, height)
        parts = [
            part
            for side, own in facing_pages(plane, regions, *size, right_to_left=right_to_left)
            for part in _parts(page, side, own, right_to_left=right_to_left, manner=manner)
        ]
        if plane.turn == page.rotation == 0:
            parts = in_structure_order(parts, visible.log.runs)
        parts += aside
        notes += _notes(parts)
        counts = dict if words is None else words.counts
        shown = write_plane(with_footnotes(parts, page_index + 1), plane, width, height, counts)
        if n and _stand_in_tables(plane, [block.box for block in written if block.label == TABLE], *size):
            notes.append(TABLE_UNCERTAIN)
        place = place_among(written, shown) if regions else len(written)
        written[place:place] = shown
    return page_text(written, width, height, notes)


def _regions(document: "pymupdf.Document", page_index: int, plane: TextPlane, log: DrawingLog) -> list[Region]:
    """Return the regions that the layout model finds; none if it fails, or is not asked."""
    if plane.vertical or len(lines_of(plane.words)) > _MAX_LINES:
        return []
    try:
        with copy_of_page(document, page_index, plane.turn) as copy:
            return find_regions(copy[0], is_scattered=has_scattered_marks(log.drawn))
    except Exception:  # noqa: BLE001 - whatever ails the model or the copy, the page's words are there
        return []


def _parts(
    page: "pymupdf.Page", plane: TextPlane, regions: list[Region], *, right_to_left: bool, manner: Manner
) -> list[Part]:
    """Put the words into regions, those of the model and those that the page's rules and images show."""
    if not regions:
        return plain_parts(lines_of(with_heads(plane.words)), right_to_left=right_to_left)

    def place(box: Box) -> Box:
        return turned(box, plane.turn, page.rect.width, page.rect.height)

    rules = page_rules(page).moved(place)
    regions = with_rest_of_tables(with_rows_of_numbers(regions, plane.words), plane.words)
    regions = with_ruled_tables(parted_tables(regions, plane.words, rules), plane.words, rules)
    regions = parted_boxes(parted_at_rules(regions, plane.words, rules), plane.words)
    parts = parts_by_regions(plane, regions, right_to_left=right_to_left)
    if manner is not Manner.FULL:
        return parts
    return with_continued_tables(with_tables(parts, rules, right_to_left=right_to_left), right_to_left=right_to_left)


def _stand_in_tables(plane: TextPlane, tables: Sequence[Box], width: float, height: float) -> bool:
    """Tell if words that run another way are cells of a table, such as headings that stand upright; a stamp is none."""
    boxes = [
        turned(word.box, -plane.turn, width, height)
        for word in plane.words
        if min(word.box.width, word.box.height) < _ONE_LINE * word.size
    ]
    return any(
        min(box.x1, table.x1) > max(box.x0, table.x0) and min(box.y1, table.y1) > max(box.y0, table.y0)
        for box in boxes
        for table in tables
    )


def _contents(page: "pymupdf.Page", visible: VisibleLayout) -> list[str]:
    """Flags of what text cannot hold; none if that cannot be told."""
    layout, drawn = visible.layout, visible.log.drawn
    try:
        held = {FORMULA_AS_TEXT: has_formulas(layout, drawn), FIGURE_TEXT: has_figure_text(page, layout, drawn)}
    except Exception:  # noqa: BLE001 - MuPDF's errors are not one family; the page's words are there
        return []
    return [flag for flag, is_held in held.items() if is_held]


def _notes(parts: Sequence[Part]) -> list[str]:
    """Flags of what is written otherwise than it is meant."""
    notes = []
    if any(part.label == FORMULA and part.lines for part in parts):
        notes.append(FORMULA_AS_TEXT)
    if any(
        (part.label == TABLE and part.lines and part.table is None)
        or (part.table and (may_break_numbers(part.table) or has_rows_of_own(part.table)))
        for part in parts
    ):
        notes.append(TABLE_UNCERTAIN)
    return notes
