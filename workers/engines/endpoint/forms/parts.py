"""Parts of a page, as the forms read them, and what every form makes of them: Markdown and blocks of one vocabulary."""

from collections.abc import Sequence
from dataclasses import dataclass

from ocrmill.pipeline.records import PICTURE, Block, PageGeometry
from ocrmill.pipeline.text.markup.html_tables import valid_tables

# What the models call a part, in the words of the other readers of pages (lower case, `_` for a dash or a blank). The
# set is open: a label that is not here keeps its name.
_LABELS = {
    "section_header": "heading",
    "sub_title": "heading",
    "subtitle": "heading",
    "paragraph": "text",
    "plain_text": "text",
    "list_item": "list",
    "list_group": "list",
    "otsl": "table",
    "image": PICTURE,
    "figure": PICTURE,
    "chart": PICTURE,
    "diagram": PICTURE,
    "equation": "formula",
    "equation_block": "formula",
    "code_block": "code",
    "page_header": "header",
    "page_footer": "footer",
    "page_footnote": "footnote",
    "table_of_contents": "list",
}
_MARKS = {"title": "# ", "heading": "## "}


class MalformedOutputError(ValueError):
    """An answer that is not of the form that the profile names; the text says where it leaves it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a page in the order of reading; its box in shares of the page's width and height."""

    label: str
    text: str
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """A page as its form was read."""

    markdown: str
    blocks: tuple[Block, ...] = ()
    turn: int = 0  # degrees, clockwise, by which the page has to be turned to lie the right way up


def label_of(word: str) -> str:
    """Return a model's word for a part in the one vocabulary."""
    plain = word.strip().lower().replace("-", "_").replace(" ", "_")
    return _LABELS.get(plain, plain) or "text"


def assemble(parts: Sequence[Part], geometry: PageGeometry, drop_labels: Sequence[str] = ()) -> Parsed:
    """Write parts one below the other, HTML tables with the tags that they lack.

    A picture leaves no mark but its block, nor do parts of `drop_labels`.
    """
    written: list[str] = []
    blocks: list[Block] = []
    length = 0
    before = ""
    for part in parts:
        label = label_of(part.label)
        is_left_out = label == PICTURE or label in drop_labels
        text = "" if is_left_out else _marked(label, valid_tables(part.text.strip()))
        if text and written:
            written.append("\n" if before == label == "list" else "\n\n")
            length += len(written[-1])
        if text:
            written.append(text)
            before = label
        if part.box is not None:
            blocks.append(_block(label, part.box, geometry, length, length + len(text)))
        length += len(text)
    return Parsed("".join(written), tuple(blocks))


def scaled_box(values: Sequence[float], width: float, height: float) -> tuple[float, float, float, float] | None:
    """Return a box of four numbers as shares of the page, within it, its corners in order; None if it is none."""
    if len(values) != 4 or width <= 0 or height <= 0:  # noqa: PLR2004 - corners
        return None
    x0, y0, x1, y1 = (min(max(value / side, 0.0), 1.0) for value, side in zip(values, (width, height) * 2, strict=True))
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)


def _marked(label: str, text: str) -> str:
    mark = _MARKS.get(label)
    return f"{mark}{text}" if mark and text and not text.startswith("#") else text


def _block(label: str, box: tuple[float, float, float, float], geometry: PageGeometry, start: int, end: int) -> Block:
    x0, y0, x1, y1 = box
    width, height = geometry.width_pt, geometry.height_pt
    return Block(label, x0 * width, y0 * height, x1 * width, y1 * height, start, end)
