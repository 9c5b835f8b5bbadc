"""Hyperlinks of a page: their places and targets, and the words that they cover."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ocrmill.pipeline.text.layer.page_words import TextPlane
from ocrmill.pipeline.text.reading_order import Box, turned
from ocrmill.pipeline.text.words import Word

if TYPE_CHECKING:
    import pymupdf

_SCHEMES = ("http://", "https://", "mailto:")  # others open files, run programs, or name places of this document
_LONGEST = 2048  # characters of a target; browsers open no longer ones for sure
_MOST = 2000  # links of a page
_COVERED = 0.5  # of a word's box


@dataclass(frozen=True, slots=True)
class Link:
    """A place of a page that leads to another document."""

    box: Box  # on the page as displayed
    target: str  # URI


def page_links(page: "pymupdf.Page") -> list[Link]:
    """List links to the Web and to mail addresses, in the order of the file; none if they cannot be read."""
    found: list[Link] = []
    try:
        link = page.first_link
        for _ in range(_MOST):
            if link is None:
                break
            target = link.uri or ""
            if target.lower().startswith(_SCHEMES) and len(target) <= _LONGEST:
                found.append(Link(Box(*link.rect), target.strip()))
            link = link.next
    except Exception:  # noqa: BLE001 - MuPDF's errors are not one family; the page's words are there
        return []
    return found


def with_links(plane: TextPlane, links: Sequence[Link], width: float, height: float) -> TextPlane:
    """Give each word that lies mostly in a link its target; the page as displayed has this size."""
    if not links:
        return plane
    words = list(plane.words)
    by_height = sorted(range(len(words)), key=lambda n: words[n].box.middle)
    middles = [words[n].box.middle for n in by_height]
    for link in links:
        box = turned(link.box, plane.turn, width, height)
        for n in by_height[bisect_left(middles, box.y0) : bisect_right(middles, box.y1)]:
            if _covers(box, words[n]):
                words[n] = words[n]._replace(link=link.target)
    return replace(plane, words=tuple(words))


def _covers(box: Box, word: Word) -> bool:
    return min(box.x1, word.box.x1) - max(box.x0, word.box.x0) > _COVERED * word.box.width
