"""Count how often a page's text is known to lack what is on it, and how often that is said of a page for nothing.

    python -m bench.content_reasons [--documents 1] [--python INTERPRETER ...] [--write docs/quality.md]

Three flags of a text layer send its page to an engine that writes markup (pipeline/text/text_layer.py). What a page
holds is known from its source (bench/quality), or drawn onto it here:

    formula_as_text   the source has formulas
    table_uncertain   a table of the source comes out with a TEDS below 0.9
    figure_text       a picture is put below the text of a page: lines of words, or boxes with words in them; others
                      get a photograph, a chart with a few numbers, or nothing

Both halves are counted: bounds may be chosen by `tuning`, and never by `held-back`.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.quality.generator import HALVES
from bench.quality.report import circumstances
from bench.quality.scores import score
from bench.quality.typesetters import TYPESETTERS, Page, find_typesetters, make_pages, read_pages
from bench.quality.vocabulary import english
from ocrmill.pipeline.quality.faithful_text import read_faithfully
from ocrmill.pipeline.text.page_text import TABLE_UNCERTAIN
from ocrmill.pipeline.text.text_layer import FIGURE_TEXT, FORMULA_AS_TEXT

if TYPE_CHECKING:  # mupdf.py imports it, without its layout model
    import pymupdf

BEGIN, END = "<!-- figures: written by `python -m bench.content_reasons` -->\n", "<!-- end of content figures -->"
GOOD_TABLE = 0.9  # TEDS
LEAST_ROOM = 130.0  # points below the text of a page, for a picture
KINDS = ("", "lines", "boxes", "photograph", "chart")
WITH_TEXT = frozenset({"lines", "boxes"})


@dataclass(frozen=True, slots=True)
class Seen:
    """A document: flags that its pages have, and those that they should have."""

    name: str
    flags: frozenset[str]
    right: frozenset[str]


def main() -> None:
    """Make both halves, read them, and print a line for each flag."""
    options = _options()
    measured = circumstances()
    found_setters = find_typesetters([sys.executable, *options.python])
    setters = {
        name: each for name, each in found_setters.items() if not options.typesetter or name in options.typesetter
    }
    rows = []
    for half in HALVES:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (options.folder or Path(scratch)) / half
            make_pages(folder, f"{half}/{options.seed}", options.documents, setters)
            found = [seen for number, page in enumerate(read_pages(folder)) for seen in read(page, number, half)]
        rows += list(table_rows(half, found))
    titles = (
        "| half | flag | documents with it | flagged | without it | flagged for nothing |\n|---|---|---|---|---|---|"
    )
    about = f"Measured {measured}: {options.documents} documents of each kind and typesetter, seed {options.seed}."
    written = "\n".join([about, "", titles, *rows]) + "\n"
    print(written)
    if options.write:
        before, _, rest = options.write.read_text(encoding="utf-8").partition(BEGIN)
        options.write.write_text(f"{before}{BEGIN}{written}{END}{rest.partition(END)[2]}", encoding="utf-8")


def read(page: Page, number: int, half: str) -> Iterator[Seen]:
    """Read a document as it is, or with a picture below its text, in turns."""
    import pymupdf

    kind = KINDS[number % len(KINDS)]
    random = Random(f"{half}/{page.path.stem}")
    with pymupdf.open(page.path) as document:
        drawn = kind if kind and _add_picture(document[0], kind, random) else ""
        with contextlib.redirect_stdout(io.StringIO()):
            right_to_left = page.kind in ("script-ar", "script-he")
            texts = [
                read_faithfully(document, index, right_to_left=right_to_left) for index in range(document.page_count)
            ]
    scores = score("\n\n".join(text.markdown for text in texts), page.truth, pages=page.pages)
    right = {
        FORMULA_AS_TEXT: bool(page.truth.formulas),
        TABLE_UNCERTAIN: any(value < GOOD_TABLE for value in scores.teds),
        FIGURE_TEXT: drawn in WITH_TEXT,
    }
    flags = frozenset(flag for text in texts for flag in text.notes)
    yield Seen(page.path.stem, flags, frozenset(flag for flag, holds in right.items() if holds))


def table_rows(half: str, found: Sequence[Seen]) -> Iterator[str]:
    """Yield a row for each flag, and print the documents on which it is wrong."""
    for flag in (FORMULA_AS_TEXT, TABLE_UNCERTAIN, FIGURE_TEXT):
        sides = [[seen for seen in found if (flag in seen.right) is holds] for holds in (True, False)]
        raised = [sum(flag in seen.flags for seen in side) for side in sides]
        missed = [seen.name for seen in sides[0] if flag not in seen.flags]
        false = [seen.name for seen in sides[1] if flag in seen.flags]
        print(f"{half}, {flag}: missed {missed or 'none'}; for nothing {false or 'none'}")
        yield f"| {half} | `{flag}` | {len(sides[0])} | {raised[0]} | {len(sides[1])} | {raised[1]} |"


def _add_picture(page: "pymupdf.Page", kind: str, random: Random) -> bool:
    """Put a picture below a page's text; False if there is no room."""
    import pymupdf

    end = max((word[3] for word in page.get_text("words") if word[3] < page.rect.height - 60), default=72.0)
    if page.rotation or page.rect.height - 60 - end < LEAST_ROOM:
        return False
    width, height = random.randint(220, 430), min(page.rect.height - 75 - end, random.randint(100, 220))
    left = random.uniform(60, page.rect.width - 60 - width)
    place = pymupdf.Rect(left, end + 12, left + width, end + 12 + height)
    page.insert_image(place, stream=_png(draw_picture(kind, round(width * 2), round(height * 2), random)))
    return True


def _png(picture: Image.Image) -> bytes:
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return kept.getvalue()


def draw_picture(kind: str, width: int, height: int, random: Random) -> Image.Image:
    """Draw a grey picture of one of the KINDS, with two pixels to a point."""
    if kind == "photograph":
        noise = np.random.default_rng(random.getrandbits(32))
        coarse = Image.fromarray(noise.integers(0, 255, (height // 16, width // 16), np.uint8))
        soft = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float64)
        return Image.fromarray(np.clip(soft + noise.normal(0, 10, soft.shape), 0, 255).astype(np.uint8))
    picture = Image.new("L", (width, height), random.choice((255, 250, 225)))
    pen, ink = ImageDraw.Draw(picture), random.choice((0, 40, 90))
    font = ImageFont.load_default(random.choice((18, 22, 28)))
    if kind == "lines":
        for y in range(10, height - 35, 40):
            text = " ".join(random.choices(english(), k=max(2, width // 160)))
            pen.text((12, y), text, fill=ink, font=font)
    elif kind == "boxes":
        for x in range(8, width - 190, 210):
            for y in range(8, height - 60, 80):
                pen.rectangle((x, y, x + 190, y + 52), outline=ink, width=2)
                pen.text((x + 12, y + 12), random.choice(english()), fill=ink, font=font)
    else:  # a chart: bars over an axis, and four numbers of one digit
        for n, x in enumerate(range(30, width - 40, 46)):
            pen.rectangle((x, random.randint(10, height - 60), x + 28, height - 40), fill=random.choice((90, 140, 190)))
            if n < 4:
                pen.text((x + 8, height - 34), str(n + 1), fill=ink, font=font)
        pen.line((20, height - 40, width - 10, height - 40), fill=ink, width=3)
    return picture


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1, help="of each kind and typesetter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the PDFs stay, in a folder for each half")
    parser.add_argument("--python", action="append", default=[], metavar="INTERPRETER")
    parser.add_argument("--typesetter", action="append", choices=[each.name for each in TYPESETTERS], help="only these")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table into this page")
    return parser.parse_args()


if __name__ == "__main__":
    main()
