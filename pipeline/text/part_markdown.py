"""Parts of a page -> blocks of Markdown.

Every word of a part is written once. A paragraph mends hyphens at line ends, an item loses its bullet to Markdown's, a
listing keeps its blanks by position, a formula marks scripts with `_{}` and `^{}`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ocrmill.pipeline.text.contents.item_marks import BULLET, CHECK, DASHES, mark_of, without_mark
from ocrmill.pipeline.text.contents.part import Part, rows_of
from ocrmill.pipeline.text.inline.escapes import escape, escape_start
from ocrmill.pipeline.text.inline.hyphens import KnownWords
from ocrmill.pipeline.text.inline.index_entries import index_entries
from ocrmill.pipeline.text.inline.kept_lines import HARD_BREAK, are_kept, kept_paragraphs
from ocrmill.pipeline.text.inline.links import link
from ocrmill.pipeline.text.inline.listings import listing
from ocrmill.pipeline.text.inline.running_text import running_text, word_markdown
from ocrmill.pipeline.text.paragraphs import Written, heading_level
from ocrmill.pipeline.text.tables.table_markdown import table_to_markdown
from ocrmill.pipeline.text.words import Rise, Word

_UNMAPPED = "\ufffd"
_ORDERED = re.compile(r"\d{1,9}[.)]")
_WIDE_GAP = 1.5  # of the type size, between words of one row: columns


@dataclass(frozen=True, slots=True)
class PageContext:
    """Facts of a page that its blocks are written by."""

    known: KnownWords  # to tell hyphens of words from those of line ends
    body_size: Callable[[], float]  # of its type, in points; asked for headings whose lines do not tell their level


def write_parts(parts: Sequence[Part], context: PageContext) -> list[Written]:
    """Write every part, in their order."""
    written = []
    levels: list[tuple[float, int]] = []  # of the lists that are open: left edge of the text, width of the mark
    above: Part | None = None
    texts = _texts(parts, context)
    for part in parts:
        if part.label == "list":
            if above and part.box.y1 < above.box.y0:  # in the next column
                levels.clear()
            elif above and levels and part.lines[0].box.shares_row(above.lines[0].box):  # beside it, of its level
                levels.pop()
            written.append(_item(part, levels, context))
            above = part
            continue
        levels.clear()
        shown = texts[id(part)] if id(part) in texts else _block(part, context)
        written.append(Written(shown, part.label, part.box, part.elsewhere))
    return written


def _texts(parts: Sequence[Part], context: PageContext) -> dict[int, str]:
    """Write the parts that are texts, by their ids: those beside each other tell together if their lines are verses."""
    written: dict[int, str] = {}
    for is_text, group in groupby(parts, key=lambda part: part.label == "text" and not part.note):
        run = list(group) if is_text else []
        rows = [rows_of(part.lines) for part in run]
        for part, own, is_kept in zip(run, rows, kept_paragraphs(rows), strict=True):
            written[id(part)] = _paragraph(own, context, is_kept=is_kept)
    return written


def _block(part: Part, context: PageContext) -> str:
    rows = rows_of(part.lines)
    if part.label in ("title", "heading"):
        return heading(rows, part, context)
    if part.label == "code":
        return listing(part.lines)
    if part.label == "formula":
        return formula(rows)
    if part.table:
        return table_to_markdown(part.table, context.known)
    if part.label in ("table", "picture"):
        return "\n".join(escape_start(spaced_row(row)) for row in rows)
    note = f"[^{part.note}]: {running_text(rows, context.known)}" if part.note else ""
    return note or _paragraph(rows, context, is_kept=are_kept(rows))


def _paragraph(rows: Sequence[Sequence[Word]], context: PageContext, *, is_kept: bool) -> str:
    """Running text of rows; entries of an index, and lines that their author broke, stay lines."""
    lines = index_entries(rows) or ([[row] for row in rows] if is_kept else [list(rows)])
    return HARD_BREAK.join(escape_start(running_text(line, context.known)) for line in lines)


def heading(rows: Sequence[Sequence[Word]], part: Part, context: PageContext) -> str:
    """A heading of the level that its type has against the body: the same on every page of a document."""
    level = part.level or heading_level(max(line.size for line in part.lines), context.body_size())
    return f"{'#' * level} {running_text(rows, context.known, emphasis=False)}"


def spaced_row(row: Sequence[Word]) -> str:
    """A row of words that are no sentence: wider gaps stay wider."""
    written = ""
    before: Word | None = None
    for target, group in groupby(row, key=lambda word: word.link):
        text = ""
        for word in group:
            gap = max(word.box.x0 - before.box.x1, before.box.x0 - word.box.x1) if before else 0.0
            blank = "    " if before and gap > _WIDE_GAP * max(word.size, before.size) else " " * bool(before)
            if text:
                text += blank
            else:
                written += blank
            text += word_markdown(word)
            before = word
        written += link(text, target) if target else text
    return written


def formula(rows: Sequence[Sequence[Word]]) -> str:
    """The characters of a formula by rows, scripts as `_{}` and `^{}`; glyphs without a Unicode value are left out."""
    texts = []
    for row in rows:
        text = " ".join(filter(None, map(_formula_word, row)))
        if text:
            texts.append(escape_start(text))
    return "\n".join(texts)


def _formula_word(word: Word) -> str:
    written = ""
    for rise, pieces in groupby(word.pieces, key=lambda piece: piece.rise):
        text = escape("".join(piece.text for piece in pieces).replace(_UNMAPPED, ""))
        mark = {Rise.SUPERSCRIPT: "^", Rise.SUBSCRIPT: "_"}.get(rise)
        written += f"{mark}{{{text}}}" if mark and text else text
    return written


def _item(part: Part, levels: list[tuple[float, int]], context: PageContext) -> Written:
    """An item, indented below the item that it is part of."""
    rows = rows_of(part.lines)
    mark = mark_of(part.lines[0].words) or ""
    first = list(rows[0])
    left = first[0].box.x0
    size = max(line.size for line in part.lines)
    if CHECK.match(mark):
        shown = "-"
    elif BULLET.match(mark) or mark in DASHES:
        first = without_mark(first, mark)
        shown = "-"
    elif _ORDERED.fullmatch(mark):
        first = without_mark(first, mark)
        shown = mark
    else:
        shown = "-"
    while levels and left < levels[-1][0] + size / 2:
        levels.pop()
    indent = " " * sum(width for _, width in levels)
    levels.append((left, len(shown) + 1))
    text = running_text([first, *rows[1:]] if first else rows[1:], context.known)
    return Written(f"{indent}{shown} {escape_start(text)}", "list", part.box)
