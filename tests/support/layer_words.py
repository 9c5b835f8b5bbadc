"""Makes words of a page from MuPDF's characters, with as little as tables need."""

from itertools import groupby

import pymupdf

from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word


def words_of(page: pymupdf.Page, clip: Box | None = None) -> list[Word]:
    """The words of a page whose text is upright, in the layer's order; `clip` keeps those with their centre inside."""
    words = []
    number = 0
    for block in page.get_text("rawdict", flags=pymupdf.TEXTFLAGS_RAWDICT & ~pymupdf.TEXT_PRESERVE_IMAGES)["blocks"]:
        for line in block["lines"]:
            number += 1
            characters = [(char, span) for span in line["spans"] for char in span["chars"]]
            for blank, run in groupby(characters, key=lambda pair: pair[0]["c"].isspace()):
                if not blank:
                    words.append(_word(list(run), number))
    return [word for word in words if clip is None or clip.contains_centre_of(word.box)]


def _word(run: list[tuple[dict, dict]], line: int) -> Word:
    pieces = []
    for _, same_type in groupby(run, key=lambda pair: id(pair[1])):
        part = list(same_type)
        span = part[0][1]
        text = "".join(char["c"] for char, _ in part)
        bold = bool(span["flags"] & 16) or "bold" in span["font"].lower()
        pieces.append(Piece(text, _around([char["bbox"] for char, _ in part]), span["size"], bold=bold))
    return Word(tuple(pieces), _around([char["bbox"] for char, _ in run]), run[0][0]["origin"][1], line)


def _around(boxes: list[tuple[float, float, float, float]]) -> Box:
    x0s, y0s, x1s, y1s = zip(*boxes, strict=True)
    return Box(min(x0s), min(y0s), max(x1s), max(y1s))
