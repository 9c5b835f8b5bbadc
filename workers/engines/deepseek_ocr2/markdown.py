"""Turn the output of DeepSeek-OCR into Markdown, and blocks that say where on the page each part is.

A picture leaves no mark in the Markdown: a reader of text wants none, and a link to a file that is not kept is noise.
Its block has an empty span at the place where it stands in the reading order. Tables stay the HTML that the model
writes, with the tags that it forgot; geometry and formulas stay the text that they are.
"""

import re
from collections.abc import Sequence

from ocrmill.pipeline.records import PICTURE, Block, PageGeometry
from ocrmill.pipeline.text.markup.html_tables import valid_tables
from ocrmill.pipeline.text.markup.ragged_tables import find_pipe_table
from ocrmill.workers.engines.deepseek_ocr2.grounding import GRID, LINE, GridBox, Region, read_regions

# The model's labels in the words of the other readers of pages, so that a corpus has one set of them. DeepSeek-OCR 2
# writes `figure_title` (and `table_title`, by its users), the first version `image_caption` and `table_caption`. The
# set is open: a label that is not here keeps its name.
_LABELS = {
    "image": PICTURE,
    "figure": PICTURE,
    "chart": PICTURE,
    "sub_title": "heading",
    "equation": "formula",
    "figure_title": "caption",
    "table_title": "caption",
    "chart_title": "caption",
    "image_caption": "caption",
    "figure_caption": "caption",
    "chart_caption": "caption",
    "table_caption": "caption",
    "table_footnote": "footnote",
    "image_footnote": "footnote",
    "figure_footnote": "footnote",
}
_BESIDE_TABLES = ("caption", "footnote")
_TABLE_HTML = re.compile(r"(?i)<table(?:\s[^<>]{0,200})?>(?=\s*(?:<(?:t[rdh]|thead|tbody|colgroup|caption)\b|\Z))")
_COLON_EQUALS = re.compile(r"\\(coloneqq|eqqcolon)(?![A-Za-z])")  # commands that few renderers of formulas know
_PLAIN = {"coloneqq": ":=", "eqqcolon": "=:"}
_FENCE = re.compile(r" {0,3}(`{3,}+(?!.*`)|~{3,}+)")


def to_markdown(raw: str, geometry: PageGeometry, *, refs_are_text: bool = False) -> tuple[str, tuple[Block, ...]]:
    r"""Markdown and blocks of a page from the model's output, special tokens included.

    Output without tags comes through as it is, but for the clean-ups: blank lines never follow each other nor stand at
    the ends, `\coloneqq` and `\eqqcolon` become `:=` and `=:`, tokens of the model go. Code between fences keeps its
    blank lines and commands. Tables become valid HTML (html_tables.py). No other character is lost.

    Blocks are in the order of the Markdown. A region with several boxes becomes one block for each of them, in the
    model's order, all with the same label and span; spans of different regions do not overlap. Boxes are in points,
    within the page; their area may be zero. A region without a valid box has its text in the Markdown and no block. A
    block without text has an empty span.

    Args:
        raw: Any text.
        geometry: Of the page as displayed; the model saw an image of it.
        refs_are_text: Whether the prompt asked for lines or phrases, not for a document: `<|ref|>` then holds text.
    """
    parts: list[str] = []
    blocks: list[Block] = []
    length = 0
    before: Region | None = None
    for region in _part_tables_from_captions(read_regions(raw, refs_are_text=refs_are_text)):
        text = valid_tables(_tidied(region.text))
        if text and before:
            parts.append("\n" if before.label == region.label == LINE else "\n\n")
            length += len(parts[-1])
        parts.append(text)
        if region.label:
            label = _LABELS.get(region.label, region.label)
            blocks += [_block(label, box, geometry, length, length + len(text)) for box in region.boxes]
        length += len(text)
        before = region if text else before
    return "".join(parts), tuple(blocks)


def _part_tables_from_captions(regions: Sequence[Region]) -> list[Region]:
    """Give tables their content back where the model writes it below a caption that comes between.

    The model may write the tags of a table, then those of its caption and its footnote, then their text, and then the
    HTML or the rows of Markdown. The table then moves behind them. A table whose own tags are missing gets a region
    without a box.
    """
    parted: list[Region] = []
    waiting: list[Region] = []
    for region in regions:
        text = region.text
        label = _LABELS.get(region.label or "", region.label)
        start = _find_table(text) if label in _BESIDE_TABLES else None
        if start is not None:
            table = waiting.pop(0) if waiting else Region("table")
            parted = [other for other in parted if other is not table]
            parted.append(Region(region.label, [text[:start]], region.boxes))
            parted.append(Region(table.label, [text[start:]], table.boxes))
            continue
        if label == "table" and not text.strip():
            waiting.append(region)
        elif text.strip() and label not in _BESIDE_TABLES:
            waiting.clear()
        parted.append(region)
    return parted


def _find_table(text: str) -> int | None:
    """Return the place where the first table begins, of HTML or Markdown."""
    html = _TABLE_HTML.search(text)
    starts = [start for start in (html.start() if html else None, find_pipe_table(text)) if start is not None]
    return min(starts, default=None)


def _block(label: str, box: GridBox, geometry: PageGeometry, start: int, end: int) -> Block:
    return Block(
        label,
        box.x0 / GRID * geometry.width_pt,
        box.y0 / GRID * geometry.height_pt,
        box.x1 / GRID * geometry.width_pt,
        box.y1 / GRID * geometry.height_pt,
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
