"""Honest differences between a text and its page's own words: none of them is a damage."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from bench.agreement.pages import HostPage
from ocrmill.pipeline.quality.agreement.ocr_agreement import MARGIN

_LIGATURES = {"ffi": "\ufb03", "ffl": "\ufb04", "fi": "\ufb01", "fl": "\ufb02", "ff": "\ufb00"}
_GREEK = {"\u03b1": "\\alpha ", "\u03b2": "\\beta ", "\u03b3": "\\gamma ", "\u03bb": "\\lambda ", "\u03c3": "\\sigma "}
_OTHER_MARKS = str.maketrans("'\u2019\u2013\u2212", "\u2019'--")


@dataclass(frozen=True, slots=True)
class Variation:
    """A kind of honest difference."""

    name: str
    do: Callable[[HostPage, random.Random], str]
    held_back: bool = False


def _unchanged(page: HostPage, _: random.Random) -> str:
    return page.markdown


def _blocks_moved(page: HostPage, draw: random.Random) -> str:
    """One or two blocks of up to a tenth of the page, as captions, boxes and footnotes stand elsewhere."""
    blocks = page.markdown.split("\n\n")
    small = [at for at, block in enumerate(blocks) if 10 * len(block) <= len(page.markdown)]
    for at in sorted(draw.sample(small, min(2, len(small))), reverse=True):
        blocks.insert(draw.randrange(len(blocks)), blocks.pop(at))
    return "\n\n".join(blocks)


def _ligatures(page: HostPage, _: random.Random) -> str:
    text = page.markdown
    for letters, ligature in _LIGATURES.items():
        text = text.replace(letters, ligature)
    return text


def _hyphenated(page: HostPage, draw: random.Random) -> str:
    """Words broken at the end of a line, with their hyphen."""
    return re.sub(
        r"(?<![\w\\|])([^\W\d_]{4,})([^\W\d_]{3,})(?![\w|])",
        lambda word: f"{word[1]}-\n{word[2]}" if draw.random() < 0.05 and "|" not in page.markdown else word[0],
        page.markdown,
    )


def _margins_left_out(page: HostPage, _: random.Random) -> str:
    """Headers and footers, the first and last line of the page, left out."""
    lines = sorted(page.lines, key=lambda line: line.y0)
    edge = MARGIN * min(page.geometry.height_pt, page.geometry.width_pt)
    text = page.markdown
    for line in lines:
        if line.y1 <= edge or line.y0 >= page.geometry.height_pt - edge:
            text = re.sub(rf"(?m)^{re.escape(line.text)}$", "", text, count=1)
    return text


def _formulas(page: HostPage, _: random.Random) -> str:
    """Words with raised or lowered letters, and Greek letters that stand alone, as LaTeX."""
    if "$" in page.markdown or "\\" in page.markdown:
        return page.markdown
    scripted = r"(?<!\S)(?!\|)[^\s|]*[_^]\{[^{}\n|]*\}[^\s|]*"
    text = re.sub(scripted, lambda found: f"\\({found[0]}\\)", page.markdown)
    alone = rf"(?<!\S)[{''.join(_GREEK)}](?!\S)"
    return re.sub(alone, lambda letter: f"\\({_GREEK[letter[0]]}\\)", text)


def _tables_as_html(page: HostPage, _: random.Random) -> str:
    def html(table: re.Match[str]) -> str:
        rows = [row.strip().strip("|") for row in table[0].strip().split("\n") if not re.fullmatch(r"[|\s:-]+", row)]
        cells = ["".join(f"<td>{cell.strip()}</td>" for cell in re.split(r"(?<!\\)\|", row)) for row in rows]
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>\n"

    return re.sub(r"(?m)(?:^\|.*\|\n)+", html, page.markdown)


def _quotes_and_dashes(page: HostPage, _: random.Random) -> str:
    return page.markdown.translate(_OTHER_MARKS)


def _blanks_lost(page: HostPage, draw: random.Random) -> str:
    """Two in a hundred blanks between words lost, as where letters stand close."""
    return re.sub(
        r"(?<=[^\W\d_]{2}) (?=[^\W\d_]{2})", lambda blank: "" if draw.random() < 0.02 else blank[0], page.markdown
    )


VARIATIONS = (
    Variation("unchanged", _unchanged),
    Variation("blocks moved", _blocks_moved),
    Variation("ligatures kept", _ligatures),
    Variation("hyphens kept", _hyphenated),
    Variation("headers and footers left out", _margins_left_out),
    Variation("formulas as LaTeX", _formulas),
    Variation("tables as HTML", _tables_as_html, held_back=True),
    Variation("quotes and dashes changed", _quotes_and_dashes, held_back=True),
    Variation("blanks lost", _blanks_lost, held_back=True),
)
