"""Output without text: boxes, cells and tags with nothing in them.

Text is at least one letter, digit, or sign outside ASCII (a tick box, a note, a formula's integral). What is left of
Markdown, HTML and LaTeX without any (bars, dashes, dots, tags, comments, fences, `&nbsp;`, the frame of a `tabular`)
shows that a table or a line was drawn, and says nothing.
"""

import html
import re
import unicodedata
from collections.abc import Sequence

from ocrmill.pipeline.records import PICTURE, Block, PageText

LEAST_EMPTY = 10  # boxes: a page of a worksheet has a few for its answers
MOST_EMPTY_ELEMENTS = (
    100  # pairs of tags around nothing: blank lines of a form are written as `<u> </u>`, some 60 a page
)

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})[^<>]{0,200}>")
_MARKUP = re.compile(
    rf"{_TAG.pattern}"
    r"|<!--[^<>]{0,2000}-->"
    r"|^[ ]{0,3}(?:`{3,}|~{3,})[ ]?[A-Za-z0-9+-]{0,20}[ ]*$"  # a fence and its language
    r"|!\[\s*\]\([^()\s]{0,500}\)"  # a picture without a description
    r"|\\(?:begin|end)\{[A-Za-z]{1,20}\*?\}(?:\{[lcr|@ ]{0,40}\})?"
    r"|\\(?:hline|quad|qquad)(?![A-Za-z])",
    re.MULTILINE,
)
# An empty cell is a cell; a void element never holds anything.
_TABLE = {"table", "thead", "tbody", "tfoot", "tr", "td", "th", "caption", "col", "colgroup"}
_NEVER_DRIFT = _TABLE | {"br", "hr", "img", "input", "wbr"}


def has_text(markdown: str) -> bool:
    """Tell if there is any text in the markup."""
    return any(_is_text(character) for character in html.unescape(_MARKUP.sub(" ", markdown)))


def is_empty(text: PageText) -> bool:
    """Tell if an engine read nothing: no text, and no picture except among drifting boxes."""
    if has_text(text.markdown):
        return False
    return is_mostly_empty(text) or all(block.label != PICTURE for block in text.blocks)


def is_mostly_empty(text: PageText) -> bool:
    """Tell if most of the output is empty: it drifted off the page, whatever its beginning.

    That is so if at least `LEAST_EMPTY` boxes without a picture, and more than half of them, have no text, or if more
    than `MOST_EMPTY_ELEMENTS` pairs of tags outside tables are empty.
    """
    empty, boxes = _empty_boxes(text.markdown, text.blocks)
    return (empty >= LEAST_EMPTY and 2 * empty > boxes) or _empty_elements(text.markdown) > MOST_EMPTY_ELEMENTS


def _is_text(character: str) -> bool:
    return character.isalnum() or (not character.isascii() and unicodedata.category(character)[0] == "S")


def _empty_boxes(markdown: str, blocks: Sequence[Block]) -> tuple[int, int]:
    boxes = [block for block in blocks if block.label != PICTURE]
    return sum(not has_text(markdown[block.start : block.end]) for block in boxes), len(boxes)


def _empty_elements(markdown: str) -> int:
    """Count pairs of an opening and its closing tag with no text between, nested ones included."""
    count, end = 0, 0
    opened: list[str] = []
    for tag in _TAG.finditer(markdown):
        if opened and has_text(markdown[end : tag.start()]):
            opened.clear()
        end = tag.end()
        name = tag[2].lower()
        if name in _NEVER_DRIFT:
            continue
        if not tag[1]:
            opened.append(name)
        elif opened and opened.pop() == name:
            count += 1
    return count
