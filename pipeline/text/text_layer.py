"""A page's own text -> Markdown with boxes.

PyMuPDF's library and its layout models (layout_model.py) write the Markdown of pages read from left to right. They
destroy Arabic and leave out text that runs vertically, so such pages, and those that are too much for them, are written
from their bare lines (paragraphs.py): nothing is lost. bench/markdown_libraries.py has the measurements behind this.

The library writes into the document it reads (rotation, structure tree) and walks all of its pages for every page;
it therefore gets a copy that holds one page.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any

from ocrmill.pipeline.records import PageText
from ocrmill.pipeline.text.layout_markdown import label_of, trim_block, without_markup
from ocrmill.pipeline.text.layout_model import Chunk, full_chunk, light_chunk
from ocrmill.pipeline.text.page_copy import copy_of_page
from ocrmill.pipeline.text.paragraphs import Line, Written, assemble, body_size, heading_level, paragraphs, to_written
from ocrmill.pipeline.text.reading_order import Box, reading_order, turned

if TYPE_CHECKING:
    import pymupdf

_MAX_LINES = 1500  # the model takes 3 s and 0.6 GB for so many, 45 s and 2.2 GB for 6,000
# Of the letters. On 75 pages of the corpus the layout's Markdown has 2 % too few at most, and 1 % too many; boxes that
# it nests give a text twice.
_LOST_SHARE = 0.1
_SAME_SHARE = 0.01  # a copy whose letters differ more shows a hidden layer, or has lost something
_HEADING_RATIO = 1.1  # type sizes in a PDF are exact
_SURROGATES = re.compile("[\ud800-\udfff]")
_TURNS = {(1, 0): 0, (0, -1): 90, (-1, 0): 180, (0, 1): 270}  # by the way text runs: what makes it upright, clockwise
_PRESENTATION_FORMS = re.compile("[\ufb1d-\ufd3d\ufd50-\ufdff\ufe70-\ufefc]")  # Hebrew and Arabic letters as drawn
_THIN = 0.01  # points
_RIGHT_TO_LEFT = {"R", "AL"}  # bidirectional classes of letters


@dataclass(frozen=True, slots=True)
class _Run:
    """A line of text on the page as displayed."""

    line: Line
    turn: int  # degrees clockwise that would make it upright
    vertical: bool  # written from top to bottom, as Japanese can be

    @property
    def letters(self) -> int:
        return _letters(self.line.text)


def clean_text(text: str) -> str:
    """Text that UTF-8 and Arrow can hold, and C strings too: without NUL, lone surrogates as U+FFFD."""
    return _SURROGATES.sub("\ufffd", text.replace("\0", ""))


def read_text_layer(document: "pymupdf.Document", page_index: int, *, right_to_left: bool) -> PageText:
    """Markdown and blocks of a page from its own text, form fields and annotations included.

    Boxes are in points of the page as displayed; `markdown[block.start:block.end]` is a block's text. The document is
    not written to. Raises what PyMuPDF raises for a page that it cannot load.
    """
    page = document[page_index]
    runs = _runs(page, mend_ligatures=right_to_left)
    turn, vertical = _main_direction(runs)
    width, height = page.rect.width, page.rect.height
    flat = [replace(run, line=replace(run.line, box=turned(run.line.shown, turn, width, height))) for run in runs]
    written = None
    if 0 < len(runs) <= _MAX_LINES and not right_to_left and not vertical:
        written = _laid_out(document, page_index, flat, turn)
    if written is None:
        lines = [run.line for run in flat]
        written = to_written(paragraphs(lines, right_to_left=right_to_left, heading_ratio=_HEADING_RATIO))
    displayed = Box(0, 0, width, height)
    markdown, blocks = assemble([replace(part, box=part.box.clipped(displayed)) for part in written])
    return PageText(markdown, blocks=blocks)


def _laid_out(document: "pymupdf.Document", page_index: int, runs: Sequence[_Run], turn: int) -> list[Written] | None:
    """Return the text that the layout model makes of the page; None if it fails, or loses or doubles text."""
    letters = sum(run.letters for run in runs)
    try:
        with copy_of_page(document, page_index, turn) as copy:
            copied = _letters(copy[0].get_text(flags=_text_flags()))
            size = copy[0].rect
            if abs(copied - letters) > _SAME_SHARE * letters:
                return None
            chunk = light_chunk(copy, [run.line.box for run in runs])
        if chunk is None or not _has_letters(chunk, letters):
            with copy_of_page(document, page_index, turn) as copy:
                chunk = full_chunk(copy)
    except Exception:  # noqa: BLE001 - whatever ails the model or the copy, the page's lines still have its text
        return None
    if not _has_letters(chunk, letters):
        return None
    lines = [run.line for run in runs]
    blocks = _in_order(_blocks(chunk, lines), lines)
    shown = [replace(block, box=turned(block.box, -turn, size.width, size.height)) for block in blocks]
    return shown + _left_out(blocks, [run.line for run in runs if run.turn != turn])


def _has_letters(chunk: Chunk, letters: int) -> bool:
    """Tell if the Markdown has about as many letters as the page."""
    return abs(_letters(without_markup(chunk["text"])) - letters) <= _LOST_SHARE * letters


def _blocks(chunk: Chunk, lines: Sequence[Line]) -> list[Written]:
    """The blocks of the page as it lies, trimmed."""
    words = {word for line in lines for word in re.findall(r"\w+", line.text)}
    body = body_size(lines)
    blocks = []
    for found in chunk["page_boxes"]:
        start, end = found["pos"]
        label = label_of(found["class"])
        box = Box(*map(float, found["bbox"]))
        text = trim_block(clean_text(chunk["text"][start:end]), label, words)
        if label in ("title", "heading"):
            text = _with_level(text, _type_size(box, lines), body)
        blocks.append(Written(text, label, box))
    return blocks


def _with_level(heading: str, size: float, body: float) -> str:
    """The library ranks the headings of one page among themselves; ours mean the same on every page."""
    words = heading.lstrip("#").strip()
    return f"{'#' * heading_level(size, body)} {words}" if words else ""


def _type_size(box: Box, lines: Sequence[Line]) -> float:
    """The largest type in a box; 0 if it has none."""
    return max((line.size for line in lines if box.contains_centre_of(line.box)), default=0.0)


def _in_order(blocks: Sequence[Written], lines: Sequence[Line]) -> list[Written]:
    """The blocks in the order in which their lines are read, between headers and footers.

    The library's own order interleaves columns more often: bench/markdown_libraries.py.
    """
    ranks: list[list[int]] = [[] for _ in blocks]
    for rank, index in enumerate(reading_order([line.box for line in lines])):
        inside = (n for n, block in enumerate(blocks) if block.box.contains_centre_of(lines[index].box))
        for n in islice(inside, 1):
            ranks[n].append(rank)
    keys: list[tuple[int, float]] = []
    for block, found in zip(blocks, ranks, strict=True):
        place = {"header": 0, "footer": 2}.get(block.label, 1)
        before = keys[-1][1] if keys else -1.0  # a picture without text stays behind what it was behind
        keys.append((place, median(found) if found else before))
    return [blocks[n] for n in sorted(range(len(blocks)), key=keys.__getitem__)]


def _left_out(blocks: Sequence[Written], lines: Sequence[Line]) -> list[Written]:
    """Lines that run another way than the page's text, as margin notes do: the library leaves them out of text."""
    have = _squeezed(" ".join(block.text for block in blocks))
    aside = [line for line in lines if (squeezed := _squeezed(line.text)) and squeezed not in have]
    return [Written(line.text.strip(), "text", line.shown) for line in aside]


def _runs(page: "pymupdf.Page", *, mend_ligatures: bool) -> list[_Run]:
    """All lines of a page that show something, with their boxes on the page as displayed."""
    kind = "rawdict" if mend_ligatures else "dict"
    blocks = page.get_text(kind, flags=_text_flags())["blocks"]
    width, height = page.rect.width, page.rect.height
    if page.rotation in (90, 270):
        width, height = height, width
    runs = []
    for line in (line for block in blocks for line in block["lines"]):
        text = "".join(_mended(span["chars"]) if mend_ligatures else span["text"] for span in line["spans"])
        if not text.strip():
            continue
        shown = turned(Box(*line["bbox"]), page.rotation, width, height)
        _, size = max((span["bbox"][2] - span["bbox"][0], span["size"]) for span in line["spans"])
        turn = (_turn_of(line["dir"]) - page.rotation) % 360
        runs.append(_Run(Line(clean_text(text), shown, size, shown), turn, line["wmode"] == 1))
    return runs


def _text_flags() -> int:
    """Return MuPDF's flags for plain text with Latin ligatures taken apart, as the layout engine does."""
    import pymupdf

    return int(pymupdf.TEXTFLAGS_TEXT & ~pymupdf.TEXT_PRESERVE_LIGATURES)


def _turn_of(direction: tuple[float, float]) -> int:
    nearest = max(_TURNS, key=lambda axis: axis[0] * direction[0] + axis[1] * direction[1])
    return _TURNS[nearest]


def _main_direction(runs: Sequence[_Run]) -> tuple[int, bool]:
    """The turn that makes most letters upright, and whether these are written from top to bottom."""
    votes: Counter[tuple[int, bool]] = Counter()
    for run in runs:
        votes[run.turn, run.vertical] += run.letters
    return max(votes, key=lambda vote: votes[vote], default=(0, False))


def _mended(characters: Sequence[dict[str, Any]]) -> str:
    """The text of a span, with plain letters for presentation forms, and those of right-to-left ligatures in order.

    A ligature such as lam-alef is one glyph that stands for two letters. MuPDF reverses the glyphs of a line, these
    letters along with them: it gives the second one first, without width.
    """
    mended = []
    waiting: list[str] = []
    for character in characters:
        letter = character["c"]
        thin = character["bbox"][2] - character["bbox"][0] < _THIN
        if thin and unicodedata.bidirectional(letter) in _RIGHT_TO_LEFT:
            waiting.append(letter)
        else:
            mended += [letter, *reversed(waiting)]
            waiting = []
    return _PRESENTATION_FORMS.sub(lambda form: unicodedata.normalize("NFKC", form[0]), "".join(mended + waiting))


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _squeezed(text: str) -> str:
    return "".join(filter(str.isalnum, text))
