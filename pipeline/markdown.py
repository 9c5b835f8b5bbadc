"""What DeepSeek-OCR writes -> Markdown, and blocks that say where on the page each part of it is.

A picture leaves no mark in the Markdown: a reader of text wants none, and a link to a file that is not kept is noise.
Its block has an empty span at the place where it stands in the reading order. Tables stay the HTML that the model
writes, geometry and formulas the text that they are.
"""

import re

from pipeline.grounding import GRID, LINE, Region, read_regions
from pipeline.records import PICTURE, Block, PageGeometry

# The labels of the other readers of pages, so that a corpus has one set of them; what is not here keeps its name.
_LABELS = {
    "image": PICTURE,
    "figure": PICTURE,
    "chart": PICTURE,
    "sub_title": "heading",
    "equation": "formula",
    "image_caption": "caption",
    "figure_caption": "caption",
    "table_caption": "caption",
    "table_footnote": "footnote",
}
_COLON_EQUALS = re.compile(r"\\(coloneqq|eqqcolon)(?![A-Za-z])")  # commands that few renderers of formulas know
_PLAIN = {"coloneqq": ":=", "eqqcolon": "=:"}
_FENCE = re.compile(r" {0,3}(`{3,}+(?!.*`)|~{3,}+)")


def to_markdown(raw: str, geometry: PageGeometry, *, refs_are_text: bool = False) -> tuple[str, tuple[Block, ...]]:
    r"""Markdown and blocks of a page from the model's output, special tokens included.

    Output without tags comes through as it is, but for the clean-ups: blank lines never follow each other nor stand at
    the ends, `\coloneqq` and `\eqqcolon` become `:=` and `=:`, tokens of the model go. Code between fences keeps its
    blank lines and commands. No other character is lost.

    Blocks are in the order of the Markdown, and no two spans overlap. A block has the smallest box around all that the
    model gave for it, in points, within the page; the box's area may be zero. A region without a valid box has its text
    in the Markdown and no block. A block without text has an empty span.

    Args:
        raw: Any text.
        geometry: Of the page as displayed, of which the model saw an image.
        refs_are_text: Whether the prompt asked for lines or phrases, not for a document: `<|ref|>` then holds text.
    """
    parts: list[str] = []
    blocks = []
    length = 0
    before: Region | None = None
    for region in read_regions(raw, refs_are_text=refs_are_text):
        text = _tidied(region.text)
        if text and before:
            parts.append("\n" if before.label == region.label == LINE else "\n\n")
            length += len(parts[-1])
        parts.append(text)
        if region.label and region.boxes:
            blocks.append(_block(region, region.label, geometry, length, length + len(text)))
        length += len(text)
        before = region if text else before
    return "".join(parts), tuple(blocks)


def _block(region: Region, label: str, geometry: PageGeometry, start: int, end: int) -> Block:
    return Block(
        _LABELS.get(label, label),
        min(box.x0 for box in region.boxes) / GRID * geometry.width_pt,
        min(box.y0 for box in region.boxes) / GRID * geometry.height_pt,
        max(box.x1 for box in region.boxes) / GRID * geometry.width_pt,
        max(box.y1 for box in region.boxes) / GRID * geometry.height_pt,
        start,
        end,
    )


def _tidied(text: str) -> str:
    """The text of a region without blank lines to spare. A fence that nothing closes lasts to the end of the region."""
    lines: list[str] = []
    fence = ""
    for line in text.rstrip().split("\n"):
        mark = _FENCE.match(line)
        if fence:
            closes = mark and mark[1].startswith(fence) and not line[mark.end() :].strip()
            fence = "" if closes else fence
            lines.append(line)
        elif line.strip():
            fence = mark[1] if mark else ""
            lines.append(_COLON_EQUALS.sub(lambda command: _PLAIN[command[1]], line))
        elif lines and lines[-1]:
            lines.append("")
    return "\n".join(lines)
