"""Parse the output of DeepSeek-OCR into regions of the page: label, boxes and text, in the order of the output.

    <|ref|>sub_title<|/ref|><|det|>[[70, 44, 371, 62]]<|/det|>
    ## 2 Method

    <|ref|>image<|/ref|><|det|>[[75, 190, 930, 420]]<|/det|>

Or, where it was asked for lines or phrases, what stands there instead of a label:

    <|ref|>Invoice no. 17<|/ref|><|det|>[[610, 80, 905, 101]]<|/det|>

The output may be anything: cut off within a tag or a pair of them, looping, or told by a crafted page what to write.
Nothing in it is evaluated, every step is linear in its length, and what is not surely markup stays as text. Not
covered: a page that shows the model's own tokens in print loses them.
"""

import re
from dataclasses import dataclass, field

GRID = 999  # boxes run from 0 to this, both ends included, over the width and the height of the page
LINE = "line"  # the label of a region whose text stood where labels stand

_TAG = re.compile(r"(<\|/?(?:ref|det)\|>)")
# The other tokens that are no text, by the published tokenizer; `<td>` and `<tr>` are wanted. Full-width bars mark what
# the tokenizer keeps for itself: begin and end of sentence, padding, place holders, tools.
_CONTROL = re.compile(r"<\|(?:grounding|User|Assistant|EOT)\|>|<image>|<\uff5c[^<>\uff5c\s]{1,40}\uff5c>")
# Each tag is one token of the model, but text that somebody has cut off may end within one. A `<` alone is one only
# after a list of boxes.
_CUT_OFF = re.compile(
    r"(?:(?<=\]\])<|<\|/?(?:r(?:ef?)?|d(?:et?)?)?|<\|/?(?:ref|det)\||<\uff5c[^<>\uff5c\s]{0,40}+\uff5c?)\Z"
)
_ANY_TOKEN = re.compile(f"{_TAG.pattern}|{_CONTROL.pattern}")
_LABEL = re.compile(r"(?:[A-Za-z][A-Za-z0-9_-]{0,31})?")  # an open set: text, sub_title, table_caption ...

# Possessive throughout: what was matched is never given back, so that no input makes them slow.
_INTEGER = r"-?+[0-9]{1,9}+"
_BOX = rf"\[\s*+{_INTEGER}(?:\s*+,\s*+{_INTEGER}){{3}}+\s*+\]"
_BOXES = re.compile(rf"\s*+\[\s*+{_BOX}(?:\s*+,\s*+{_BOX})*+\s*+\]")
_INTEGERS = re.compile(_INTEGER)
_NUMBERS = re.compile(r"[\[\](),.0-9\s+-]*+")  # what a box list consists of, malformed or cut off


@dataclass(frozen=True, slots=True)
class GridBox:
    """A box in 1/999 of the page's width and height, from 0 to 999, its corners in order; its area may be zero."""

    x0: int
    y0: int
    x1: int
    y1: int


@dataclass(slots=True)
class Region:
    """A label, its boxes and its text: `LINE` as the label of lines, none before the first `<|ref|>`."""

    label: str | None
    pieces: list[str] = field(default_factory=list)
    boxes: list[GridBox] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text without any token of the model.

        What only became one when others were taken out of its midst is text, and is written as such, with `&lt;`.
        """
        return _ANY_TOKEN.sub(lambda token: f"&lt;{token[0][1:]}", "".join(self.pieces))


def read_regions(raw: str, *, refs_are_text: bool = False) -> list[Region]:
    """Regions in the order of the output; the first has what stands before any `<|ref|>`.

    With `refs_are_text`, what `<|ref|>` holds is text of the page, for prompts that ask for lines or phrases. Without,
    it is a label; if it cannot be one (a sentence), it is text all the same. So are all of them if one is a sentence
    and no region has text: the model then writes lines, whatever it was asked for.
    """
    pieces = _TAG.split(_CUT_OFF.sub("", _CONTROL.sub("", raw)))
    regions = _regions(pieces, refs_are_text=refs_are_text)
    return _regions(pieces, refs_are_text=True) if _are_lines(regions) else regions


def _regions(split: list[str], *, refs_are_text: bool) -> list[Region]:
    first, *rest = split
    tags, pieces = rest[::2], rest[1::2]
    regions = [Region(None, [first])]
    for tag, piece, next_tag in zip(tags, pieces, [*tags, ""][1:], strict=True):
        if tag == "<|ref|>":
            regions.append(_opened(piece, refs_are_text=refs_are_text))
        elif tag == "<|det|>":
            boxes, text = _split_boxes(piece, closed=next_tag == "<|/det|>")
            regions[-1].boxes += boxes
            regions[-1].pieces.append(text)
        else:
            regions[-1].pieces.append(piece)
    return regions


def _are_lines(regions: list[Region]) -> bool:
    """True if a region is a line, and none has text outside of `<|ref|>`."""
    outside = ("".join(region.pieces[region.label == LINE :]) for region in regions)
    return any(region.label == LINE for region in regions) and not any(text.strip() for text in outside)


def _opened(piece: str, *, refs_are_text: bool) -> Region:
    word = piece.strip()
    if not refs_are_text and _LABEL.fullmatch(word):
        return Region(word.lower() or "text")
    return Region(LINE, [word, "\n"])


def _split_boxes(piece: str, *, closed: bool) -> tuple[list[GridBox], str]:
    """The boxes that a piece begins with, and what in it is text: the page goes on where the closing tag is missing."""
    found = _BOXES.match(piece)
    boxes = parse_boxes(found[0]) if found else []
    text = piece[found.end() :] if found else piece
    is_markup = (closed or not found) and _NUMBERS.fullmatch(text)
    return boxes, "" if is_markup else text


def parse_boxes(text: str) -> list[GridBox]:
    """Boxes from `[[x1, y1, x2, y2], ...]`, clamped to the grid, corners put in order; none if it is anything else.

    Integers only, of at most nine digits.
    """
    if not _BOXES.fullmatch(text):
        return []
    numbers = [min(max(int(number), 0), GRID) for number in _INTEGERS.findall(text)]
    corners = zip(*(numbers[n::4] for n in range(4)), strict=True)
    return [GridBox(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)) for x1, y1, x2, y2 in corners]
