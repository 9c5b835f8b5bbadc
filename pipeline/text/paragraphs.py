"""Lines of text with their boxes -> paragraphs and headings -> Markdown with spans.

For text that comes as bare lines: from OCR, and from text layers that the layout model cannot read.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Generic, TypeVar

from ocrmill.pipeline.records import PICTURE, Block
from ocrmill.pipeline.text.inline.escapes import escape, escape_start
from ocrmill.pipeline.text.inline.running_text import join_lines
from ocrmill.pipeline.text.reading_order import Box, enclosing, reading_order
from ocrmill.pipeline.text.words import BULLETS, PRIVATE_BULLETS

# In heights of a line.
_PARAGRAPH_GAP = 0.8  # white space below a line that ends its paragraph; single-spaced lines have 0.1 to 0.4
_MAX_SPACING, _WIDER = 1.6, 1.15  # ... in text set wide, double-spaced at most; times that of its lines
_STEPS, _LONG = 2, 10.0  # from line to line that tell, and how long the lines are
_INDENT = 0.8  # a first line is indented by 1 to 2
_SHORT = 3.0  # a line that stops so far before the edge of its column, at the end of a sentence, is a last line
_SIZE_STEP = 1.1  # times the ratio that makes a heading: lines that differ more belong to different paragraphs
_HEADING_LINES, _HEADING_CHARACTERS = 3, 200  # longer ones are text in large type
# Times the body's type, of headings of levels 1 to 3; level 4 is as large as it. HTML's sizes, 2, 1.5 and 1.17, less
# what is rounded. On two tuning sets of typeset pages F1 of levels is 0.90 and 0.89; with 1.6, 1.2 and 1.08 it is
# 0.83 and 0.82.
_LEVELS = (1.98, 1.45, 1.15)
_BODY_LINES = 3  # without so many lines of another size nothing says what is large

_SENTENCE_END = re.compile(r"[.!?:;\u3002\uff01\uff1f\uff1a\u061f\u06d4][\"')\]\u201d\u2019\u00bb]*$")
_BULLET = re.compile(rf"^[{BULLETS}{PRIVATE_BULLETS}]\s*(?=\S)")
_ITEM = re.compile(r"^(?:[-\u2013*]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s+\S")


@dataclass(frozen=True, slots=True)
class Line:
    """A piece of a line of text."""

    text: str
    box: Box  # as it would be if the page lay so that the text runs straight: what decides its order
    size: float  # of its type, or what stands for it, in the unit of the box
    shown: Box  # where it is on the page as displayed


AnyLine = TypeVar("AnyLine", bound=Line)


@dataclass(frozen=True, slots=True)
class Paragraph(Generic[AnyLine]):
    """Lines that belong together, in their order. Level 0 is text, 1 to 4 a heading."""

    lines: tuple[AnyLine, ...]
    level: int = 0

    @property
    def shown(self) -> Box:
        """Return the box that encloses its lines on the page as displayed."""
        return enclosing([line.shown for line in self.lines])


@dataclass(frozen=True, slots=True)
class Written:
    """A block's Markdown, its label and its boxes."""

    text: str
    label: str
    box: Box
    elsewhere: tuple[Box, ...] = ()  # where it goes on, in the next columns


def paragraphs(
    lines: Sequence[AnyLine], *, right_to_left: bool, heading_ratio: float, typical: Sequence[Line] = ()
) -> list[Paragraph[AnyLine]]:
    """Put lines into reading order and group them.

    A short paragraph whose type is `heading_ratio` times that of the body, or more, becomes a heading. `typical` are
    the lines that tell the body's type, if they are not these: those of the whole page.
    """
    lines = [line for line in lines if line.text.strip()]
    ordered = [lines[i] for i in reading_order([line.box for line in lines], right_to_left=right_to_left)]
    groups = [
        part
        for column in _columns(ordered, _SIZE_STEP * heading_ratio, right_to_left=right_to_left)
        for part in _split_at_first_lines(column, right_to_left=right_to_left)
    ]
    body = body_size(typical or ordered)
    plain = sum(line.size < heading_ratio * body for line in typical or ordered) >= _BODY_LINES
    return [Paragraph(tuple(part), heading_level_of(part, body, heading_ratio) if plain else 0) for part in groups]


def body_size(lines: Sequence[Line]) -> float:
    """The type size that the middle character has; 0 without characters."""
    left = sum(len(line.text) for line in lines) / 2
    for line in sorted(lines, key=lambda line: line.size):
        left -= len(line.text)
        if left <= 0:
            return line.size
    return 0.0


def heading_level(size: float, body: float) -> int:
    """1 to 4 by how much larger than the body the type is: the same on every page of a document."""
    return next((level for level, ratio in enumerate(_LEVELS, 1) if size >= ratio * body), len(_LEVELS) + 1)


def to_written(parts: Sequence[Paragraph[Line]]) -> list[Written]:
    """Every paragraph as Markdown."""
    return [_written(part) for part in parts]


def assemble(written: Sequence[Written]) -> tuple[str, tuple[Block, ...]]:
    """Join blocks by blank lines, items of a list by a line break; `start` and `end` are the exact span of a block.

    A paragraph over columns is as many blocks with one span. Of blocks without text, pictures stay, with an empty span.
    """
    markdown = ""
    blocks = []
    before: Written | None = None
    for part in written:
        text = part.text if part.text.strip() else ""
        if not text and part.label != PICTURE:
            continue
        if text and before:
            markdown += "\n" if before.label == part.label == "list" else "\n\n"
        start = len(markdown)
        markdown += text
        end = len(markdown)
        boxes = (part.box, *part.elsewhere)
        blocks += [Block(part.label, box.x0, box.y0, box.x1, box.y1, start, end) for box in boxes]
        before = part if text else before
    return markdown, tuple(blocks)


def _written(part: Paragraph[Line]) -> Written:
    text = escape(join_lines([line.text for line in part.lines]))
    if part.level:
        return Written(f"{'#' * part.level} {text}", "title" if part.level == 1 else "heading", part.shown)
    if _BULLET.match(text):
        return Written(f"- {escape_start(_BULLET.sub('', text))}", "list", part.shown)
    if _ITEM.match(text):
        return Written(text, "list", part.shown)
    return Written(escape_start(text), "text", part.shown)


def _columns(ordered: Sequence[AnyLine], size_step: float, *, right_to_left: bool) -> list[list[AnyLine]]:
    """Cut where the next line does not continue below the last one, or in other type, or after white space."""
    columns: list[list[AnyLine]] = []
    wide = _wide_gap(ordered, right_to_left=right_to_left)
    for line in ordered:
        if columns and _continues(columns[-1], line, size_step, wide):
            columns[-1].append(line)
        else:
            columns.append([line])
    return columns


def _wide_gap(ordered: Sequence[Line], *, right_to_left: bool) -> float:
    """Return the white space that ends a paragraph, in heights of a line: more than that within sentences.

    Drafts, pleadings and vertical Japanese are set with a line's height or more between lines.
    """
    steps = [
        (lower.box.y0 - upper.box.y1) / min(upper.box.height, lower.box.height)
        for upper, lower in pairwise(ordered)
        if _goes_on(upper, lower, right_to_left=right_to_left)
    ]
    usual = median(steps) if len(steps) >= _STEPS else 0.0
    return _WIDER * usual if _PARAGRAPH_GAP <= usual <= _MAX_SPACING else _PARAGRAPH_GAP


def _goes_on(upper: Line, lower: Line, *, right_to_left: bool) -> bool:
    """Tell if a sentence goes on from a long line into one below it that is hardly longer."""
    unit, begin = min(upper.box.height, lower.box.height), lower.text.lstrip()[:1]
    starts = upper.box.x1 - lower.box.x1 if right_to_left else upper.box.x0 - lower.box.x0
    ends = lower.box.x0 - upper.box.x0 if right_to_left else upper.box.x1 - lower.box.x1
    return (
        unit > 0
        and upper.box.width >= _LONG * unit
        and lower.box.y0 > upper.box.y1
        and abs(starts) < _SHORT * unit
        and ends > -_SHORT * unit
        and begin.isalpha()
        and not begin.isupper()
        and not _SENTENCE_END.search(upper.text.rstrip())
    )


def _continues(column: Sequence[Line], line: Line, size_step: float, wide: float) -> bool:
    last = column[-1]
    if last.box.shares_row(line.box):
        return True
    unit = min(last.box.height, line.box.height)
    above = enclosing([other.box for other in column[-4:]])  # the last rows; one may be short
    beside = line.box.x0 >= above.x1 or line.box.x1 <= above.x0
    sizes = sorted((last.size, line.size))
    return not beside and -0.5 * unit < line.box.y0 - last.box.y1 < wide * unit and sizes[1] < size_step * sizes[0]


def _split_at_first_lines(column: list[AnyLine], *, right_to_left: bool) -> list[list[AnyLine]]:
    """Cut a column before indented lines, after last lines, and before items of a list."""
    edges = enclosing([line.box for line in column])
    unit = median(line.box.height for line in column)
    starts = [edges.x1 - line.box.x1 if right_to_left else line.box.x0 - edges.x0 for line in column]
    ends = [line.box.x0 - edges.x0 if right_to_left else edges.x1 - line.box.x1 for line in column]
    parts = [[column[0]]]
    for n in range(1, len(column)):
        new_row = not column[n - 1].box.shares_row(column[n].box)
        indented = starts[n] - starts[n - 1] > _INDENT * unit
        ended = ends[n - 1] > _SHORT * unit and _SENTENCE_END.search(column[n - 1].text.rstrip()) is not None
        item = bool(_BULLET.match(column[n].text) or _ITEM.match(column[n].text))
        hangs = len(parts[-1]) == 1 and ends[n - 1] <= _SHORT * unit and _hangs_below(column[n - 1], column[n])
        if new_row and (ended or item or (indented and not hangs and not _is_item(parts[-1]))):
            parts.append([column[n]])
        else:
            parts[-1].append(column[n])
    return parts


def _hangs_below(upper: Line, lower: Line) -> bool:
    """Tell if a sentence goes on from a long line into one that is set in, as below the first line of a note."""
    end, begin = upper.text.rstrip()[-1], lower.text.lstrip()[:1]
    return upper.box.width >= _LONG * upper.box.height and (end.isalnum() or end == ",") and begin.islower()


def _is_item(part: Sequence[Line]) -> bool:
    return bool(_BULLET.match(part[0].text) or _ITEM.match(part[0].text))


def heading_level_of(part: Sequence[Line], body: float, ratio: float) -> int:
    """1 to 4 if lines are few, short and in larger type than the body, 0 if they are text."""
    characters = sum(len(line.text) for line in part)
    size = median(line.size for line in part)
    letters = any(unicodedata.category(character)[0] == "L" for line in part for character in line.text)
    if not letters or len(part) > _HEADING_LINES or characters > _HEADING_CHARACTERS or size < ratio * body:
        return 0
    return heading_level(size, body)
