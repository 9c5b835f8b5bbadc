"""A page's Markdown in pieces: the blocks that its row names, and the paragraphs outside of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from ocrmill.pipeline.records import PICTURE

TABLE = "table"
APART = "\n\n"  # between paragraphs, and between pages
FURNITURE = frozenset({"header", "footer", "page_number"})  # labels of what stands at the edges of a page
_FENCE = re.compile(r"^ {0,3}(?:`{3}|~{3})", re.MULTILINE)
_PARAGRAPH = re.compile(r"\S(?:.*?\S)?(?=\s*?\n[^\S\n]*\n|\s*\Z)", re.DOTALL)
_TABLE_START = re.compile(r"\||<table\b", re.IGNORECASE)

BlockSpan = tuple[str | None, int, int]  # label, and start and end in the page's Markdown, in characters


@dataclass(slots=True)
class Piece:
    """A part of a document, of one page or of several."""

    label: str | None  # of its block; `table` also without a block
    parts: list[tuple[int, str]]  # page number, and the text from there
    gap: str  # the white space before it

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(text for _, text in self.parts)


def block_spans(blocks: Sequence[Mapping[str, Any]]) -> list[BlockSpan]:
    """Return the spans of blocks that have text, in the order of the Markdown; of two that overlap the first."""
    apart: list[BlockSpan] = []
    for start, end, label in sorted((block["start"], block["end"], block["label"]) for block in blocks):
        if start < end and (not apart or start >= apart[-1][2]):
            apart.append((label, start, end))
    return apart


def pieces_of(
    markdown: str, spans: Sequence[BlockSpan], page_number: int, links: Sequence[tuple[int, str]] = ()
) -> list[Piece]:
    """Cut a page's Markdown into pieces; with their gaps they are the Markdown, but for white space at its end.

    Args:
        markdown: Of the page, as its row has it.
        spans: Of its blocks (`block_spans`).
        page_number: From 1.
        links: Pictures to show, each with its place in the Markdown; each becomes a piece of its own.
    """
    pieces: list[Piece] = []
    waiting = sorted(links, key=itemgetter(0))
    done = 0
    for label, start, end in _all_spans(markdown, spans):
        gap = markdown[done:start]
        while waiting and waiting[0][0] <= start:
            pieces.append(Piece(PICTURE, [(page_number, waiting.pop(0)[1])], APART))
            gap = APART
        pieces.append(Piece(label, [(page_number, markdown[start:end])], gap))
        done = end
    return pieces + [Piece(PICTURE, [(page_number, link)], APART) for _, link in waiting]


def joined_text(pieces: Sequence[Piece]) -> str:
    """Return the text of pieces that follow each other."""
    return "".join(f"{piece.gap if number else ''}{piece.text}" for number, piece in enumerate(pieces))


def _all_spans(markdown: str, spans: Sequence[BlockSpan]) -> Iterator[BlockSpan]:
    """Yield the spans, and those of the paragraphs between them."""
    done = 0
    for span in [*spans, (None, len(markdown), len(markdown))]:
        _, start, end = span
        yield from _paragraphs(markdown, done, start)
        if start < end:
            yield span
        done = end


def _paragraphs(markdown: str, start: int, end: int) -> Iterator[BlockSpan]:
    """Yield the paragraphs in a part of the Markdown; a part with fenced code is one."""
    text = markdown[start:end]
    if _FENCE.search(text):
        stripped = text.strip()
        at = start + text.index(stripped)
        yield None, at, at + len(stripped)
        return
    for found in _PARAGRAPH.finditer(text):
        label = TABLE if _TABLE_START.match(found[0]) else None
        yield label, start + found.start(), start + found.end()
