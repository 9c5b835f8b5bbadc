"""Read scans with faults by the CPU engine, and count how often it knows that it read them wrongly.

    python -m bench.poor_scans [--half held-back] [--pages 1] [--scans 500] [--write docs/quality.md]

Parts of pages of the corpus that have a good text layer are rendered at 144 dpi and spoilt from a seed, some a little,
some beyond reading: lines that curve into a gutter, print that shines through from the back, a half that is upside
down, a part out of focus, few pixels, uneven light. Others are drawn: lines that mix Latin words with Greek or Cyrillic
ones, lines in a script that the engine cannot write, and pages with photographs and charts, which are no text. The
layer, or what was drawn, is what the text should be.

A text is wrong if it has fewer than 0.9 of the trigrams of the right one, or fewer than 0.9 of its own are in the right
one; it is right with 0.95 of both. Bounds are chosen on the documents of the half `tuning`; figures are of the other
half's documents.
"""

import argparse
import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from bench.content_reasons import draw_picture
from bench.quality.report import circumstances
from bench.quality.vocabulary import SCRIPTS, WITHOUT_BLANKS, english
from bench.real_pdfs import CORPUS, FETCH
from bench.scanned_scripts import DOCUMENT, FONTS, HALVES, font_of, has_fonts, raised
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.pages.inspection import text_of
from ocrmill.pipeline.pages.mupdf import render
from ocrmill.pipeline.pages.raster_size import with_raster
from ocrmill.pipeline.quality.agreement.trigrams import markdown_trigrams, trigrams
from ocrmill.pipeline.quality.flags import LOW_CONFIDENCE, UNREAD_INK, UNSURE_LINES
from ocrmill.pipeline.records import RGB, PageGeometry, RenderedPage, Route, RouteDecision
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.text.page_text import TABLE_UNCERTAIN
from ocrmill.workers.engines.rapidocr.engine import CpuEngine
from ocrmill.workers.engines.recognizer import Recognizer

if TYPE_CHECKING:  # mupdf.py imports it, without its layout model
    import pymupdf

BEGIN, END = "<!-- figures: written by `python -m bench.poor_scans` -->\n", "<!-- end of poor scans -->"
WRONG, RIGHT = 0.9, 0.95  # of trigrams
# Documents whose layer is what the page shows, by half; each has pages of its own kind.
DOCUMENTS = {
    "tuning": (
        *("DeepSeek_OCR2_paper.pdf", "form_dd0293.pdf", "issue-461-example.pdf", "test_241.pdf", "multi_page.pdf"),
        "lots_of_sci_tables.pdf",
    ),
    "held-back": (
        *("195981.pdf", "tracemonkey.pdf", "issue-463-example.pdf", "2305.03393v1-pg9.pdf"),
        *("linearized_bad_xref_offset.pdf", "multi_column_miss.pdf"),
    ),
}
FLAGS = (LOW_CONFIDENCE, UNSURE_LINES, UNREAD_INK)
LEAST_LETTERS = 1000  # of a page
_DPI, _ORDER = 144, 5
_DRAWN_SIZE = (1190, 520)
_PART = 0.2  # of a page's height, somewhere on it: a dozen lines are enough, and take a fifth of the time
_MARGIN, _LEADING = 60, 1.5


@dataclass(frozen=True, slots=True)
class Scan:
    """A page as it is scanned, and the text that it should have."""

    name: str
    fault: str
    image: RGB
    text: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row of a scan, and the lower one of the shares of trigrams that its text and the right one have in common."""

    name: str
    fault: str
    row: PageRow
    shared: float

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags that put the text in doubt, or the reason of a page that failed."""
        return tuple(flag for flag in raised(self.row) if flag != TABLE_UNCERTAIN)


# Faults. Each takes a page, another one of the same document, and dice.


def _as_it_is(page: RGB, _other: RGB, _dice: Random) -> RGB:
    return page


def _curve(page: RGB, _other: RGB, dice: Random) -> RGB:
    """Bend lines into the gutter of a book, which is dark, at one side of the page."""
    height, width = page.shape[:2]
    reach, depth = dice.uniform(0.15, 0.35) * width, dice.uniform(10, 110)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    near = np.clip(1 - x / reach, 0, 1)
    if dice.random() < 1 / 2:
        near = near[:, ::-1]
    bent = cv2.remap(page, x, y + dice.choice((-1, 1)) * depth * near**2, cv2.INTER_LINEAR, borderValue=(255,) * 3)
    shade = 1 - dice.uniform(0.1, 0.5) * near**2
    return np.asarray(bent * shade[..., None], np.uint8)


def _bleed(page: RGB, other: RGB, dice: Random) -> RGB:
    """Let the back of the sheet shine through."""
    mirrored = cv2.resize(other[:, ::-1], page.shape[1::-1]).astype(np.float32)
    back = cv2.GaussianBlur(mirrored, (0, 0), dice.uniform(0.5, 1.2))
    strength = dice.uniform(0.15, 0.6)
    return np.asarray(np.minimum(page, 255 - strength * (255 - back)), np.uint8)


def _turn_half(page: RGB, _other: RGB, dice: Random) -> RGB:
    """Turn the lower part upside down, from the whitest row around a place."""
    height = len(page)
    place = round(height * dice.uniform(0.3, 0.7))
    rows = page[place - 40 : place + 40].min(axis=2).mean(axis=1)
    cut = place - 40 + int(rows.argmax())
    return np.concatenate([page[:cut], page[cut:][::-1, ::-1]])


def _two_up(page: RGB, other: RGB, dice: Random) -> RGB:
    """Put two pages side by side, smaller, one of them upside down."""
    size = (1000, round(1000 * page.shape[0] / page.shape[1]))
    sides = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.LANCZOS)) for each in (page, other)]
    turned = dice.randrange(2)
    sides[turned] = sides[turned][::-1, ::-1]
    return np.concatenate(sides, axis=1)


def _blur_part(page: RGB, _other: RGB, dice: Random) -> RGB:
    """Put a part of the page out of focus."""
    height = len(page)
    top, tall = round(height * dice.uniform(0, 0.6)), round(height * dice.uniform(0.15, 0.5))
    part = page.copy()
    part[top : top + tall] = cv2.GaussianBlur(page[top : top + tall], (0, 0), dice.uniform(1.2, 5))
    return part


def _coarsen(page: RGB, _other: RGB, dice: Random) -> RGB:
    """Scan with 40 to 100 dpi, enlarged again."""
    height, width = page.shape[:2]
    scale = dice.uniform(40, 100) / _DPI
    few = cv2.resize(page, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC))


def _shade(page: RGB, _other: RGB, dice: Random) -> RGB:
    """Light the page from one side, with noise; ink fades where it is dark."""
    height, width = page.shape[:2]
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    light = np.clip(dice.uniform(0.1, 0.5) + dice.uniform(0.5, 1) * (x * dice.random() + y), 0.05, 1)
    noise = np.random.default_rng(dice.randrange(1 << 30)).normal(0, dice.uniform(3, 14), page.shape[:2])
    paper = dice.uniform(0.3, 0.9)  # of the contrast stays
    seen = (255 - paper * (255 - page.astype(np.float32))) * light[..., None] + noise[..., None]
    return seen.clip(0, 255).astype(np.uint8)


FAULTS: dict[str, Callable[[RGB, RGB, Random], RGB]] = {
    "none": _as_it_is,
    "curved": _curve,
    "shining through": _bleed,
    "half upside down": _turn_half,
    "two-up, one upside down": _two_up,
    "part out of focus": _blur_part,
    "few pixels": _coarsen,
    "uneven light": _shade,
}


# Drawn pages


def _two_scripts(dice: Random) -> tuple[RGB, str]:
    """Mix words of Latin with some of Greek or Cyrillic in each line."""
    language, share = dice.choice(("el", "ru")), dice.uniform(0.05, 0.6)
    foreign = SCRIPTS[language][1].split()
    font = font_of("ru", dice.randrange(2), dice.randint(22, 30))
    return _drawn([(lambda: dice.choice(foreign if dice.random() < share else english()), " ", font)], dice)


def _foreign_lines(dice: Random) -> tuple[RGB, str]:
    """Put lines of a script that cannot be written between lines of English, or below them."""
    language, size = dice.choice(("ar", "he", "hi", "th", "ko", "el", "ru")), dice.randint(22, 30)
    words, blank = SCRIPTS[language][1].split(), "" if language in WITHOUT_BLANKS else " "
    own = (lambda: dice.choice(english()), " ", font_of("fr", dice.randrange(2), size))
    other = (lambda: dice.choice(words), blank, font_of(language, dice.randrange(2), size))
    share = dice.uniform(0.03, 0.5)
    lines = [other if dice.random() < share else own for _ in range(12)]
    return _drawn(lines if dice.randrange(2) else sorted(lines, key=lambda line: line is other), dice)


def _with_picture(dice: Random) -> tuple[RGB, str]:
    """Write half a page above a photograph or a chart."""
    image, text = _drawn([(lambda: dice.choice(english()), " ", font_of("fr", 0, dice.randint(22, 30)))] * 6, dice)
    drawn = draw_picture(dice.choice(("photograph", "chart")), dice.randint(400, 900), 150, dice)
    page = Image.fromarray(image)
    page.paste(drawn.convert("RGB"), (dice.randint(_MARGIN, 180), 340))
    return np.asarray(page), text


def _ideographs(dice: Random) -> tuple[RGB, str]:
    """Write a page in Chinese or Japanese."""
    language = dice.choice(("zh", "ja"))
    words = SCRIPTS[language][1].split()
    return _drawn([(lambda: dice.choice(words), "", font_of(language, dice.randrange(2), dice.randint(22, 30)))], dice)


Line = tuple[Callable[[], str], str, ImageFont.FreeTypeFont]
"""A line's source of words, what stands between them, and its font."""


def _drawn(lines: Sequence[Line], dice: Random) -> tuple[RGB, str]:
    """Draw a page of justified lines, repeated if they are few; return it and its text."""
    page = Image.new("RGB", _DRAWN_SIZE, "white")
    pen = ImageDraw.Draw(page)
    step = round(_LEADING * lines[0][2].size)
    rows = min((_DRAWN_SIZE[1] - 2 * _MARGIN) // step, len(lines) if len(lines) > 1 else 40)
    written = []
    for row in range(rows):
        word, blank, font = lines[row % len(lines)]
        line = word()
        while font.getlength(longer := f"{line}{blank}{word()}") < _DRAWN_SIZE[0] - 2 * _MARGIN:
            line = longer
        pen.text((_MARGIN, _MARGIN + row * step), line, "black", font)
        written.append(line)
    page = page.filter(ImageFilter.GaussianBlur(dice.uniform(0, 0.8)))
    return np.asarray(page), "\n".join(written)


DRAWN: dict[str, Callable[[Random], tuple[RGB, str]]] = {
    "two scripts in a line": _two_scripts,
    "lines of another script": _foreign_lines,
    "none, with a picture": _with_picture,
    "none, Chinese or Japanese": _ideographs,
}


def scans(half: str, pages: int) -> Iterator[Scan]:
    """Make the scans of a half: each fault of a part of so many pages of each document, and drawn ones."""
    import pymupdf

    for name in DOCUMENTS[half]:
        dice = Random(f"{half}/{name}")
        with pymupdf.open(CORPUS / name) as document:
            good = [page.number for page in document if len(page.get_text()) >= LEAST_LETTERS]
        for number in dice.sample(good, min(pages, len(good))):
            other = good[(good.index(number) + 1) % len(good)]
            with pymupdf.open(CORPUS / name) as document:
                yield from _spoilt(f"{half}/{name}/{number}", document[number], document[other])
    for fault, draw in DRAWN.items():
        for number in range(4 * pages):
            image, text = draw(Random(f"{half}/{fault}/{number}"))
            yield Scan(f"drawn {number + 1}", fault, image, text)


def _spoilt(seed: str, page: "pymupdf.Page", other: "pymupdf.Page") -> Iterator[Scan]:
    """Make a scan with each fault of parts of two pages; the second one is only seen beside or behind the first."""
    dice = Random(seed)
    for each in {page.number: page, other.number: other}.values():
        _cut(each, dice)
    first, second = render(page, _DPI / 72), render(other, _DPI / 72)
    for fault, spoil in FAULTS.items():
        text = text_of(page) + text_of(other) * (fault == "two-up, one upside down")
        yield Scan(seed, fault, spoil(first, second, Random(f"{seed}/{fault}")), text)


def _cut(page: "pymupdf.Page", dice: Random) -> None:
    """Leave a part of a page, between two lines of text."""
    import pymupdf

    width, height = page.rect.width, page.rect.height
    bottoms = sorted(word[3] for word in page.get_text("words"))
    top = dice.uniform(0.05, 0.5) * height
    top = next((bottom for bottom in bottoms if bottom >= top), top) + 0.5
    end = next((bottom for bottom in bottoms if bottom >= top + _PART * height), height) + 0.5
    page.set_cropbox(pymupdf.Rect(0, top, width, min(end, height)) * page.derotation_matrix)


# Figures


def read(recognizer: Recognizer, scan: Scan) -> Outcome:
    """Read a scan, which has no text layer."""
    height, width = scan.image.shape[:2]
    geometry = with_raster(PageGeometry(width * 72 / _DPI, height * 72 / _DPI, 0), scan.image)
    page = RenderedPage(1, geometry, RouteDecision(Route.OCR, "no_text"))
    row = asyncio.run(recognizer.read(DOCUMENT, page, scan.image))
    assert isinstance(row, PageRow), row
    ours, right = markdown_trigrams(row.text.markdown if row.text else ""), trigrams(scan.text)
    both = (ours & right).total()
    return Outcome(scan.name, scan.fault, row, min(both / max(1, ours.total()), both / max(1, right.total())))


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each fault, and one for all."""
    titles = ("fault", "scans", "wrong", "flagged or failed", *FLAGS, "in silence", "right", "flagged for nothing")
    rows = [_row(titles), "|---" * len(titles) + "|"]
    parts = {fault: [each for each in outcomes if each.fault == fault] for fault in (*FAULTS, *DRAWN)}
    return "\n".join([*rows, *(_figures(*part) for part in parts.items()), _figures("all", outcomes)])


def _figures(name: str, part: Sequence[Outcome]) -> str:
    wrong, right = [each for each in part if each.shared < WRONG], [each for each in part if each.shared >= RIGHT]
    said = [each for each in wrong if each.flags]
    counts = [
        *(len(part), len(wrong), len(said)),
        *(sum(flag in each.flags for each in wrong) for flag in FLAGS),
        *(len(wrong) - len(said), len(right), sum(any(flag in each.flags for flag in FLAGS) for each in right)),
    ]
    return _row([name, *map(str, counts)])


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Make and read the scans of a half, print what became of each, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, default="held-back")
    parser.add_argument("--pages", type=int, default=1, help="of each document; four times as many drawn of each kind")
    parser.add_argument("--scans", type=int, default=500, help="at most so many of these, drawn at random")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table into this page")
    options = parser.parse_args()
    if lacking := [language for language in SCRIPTS if not has_fonts(language)]:
        parser.error(f"no fonts for {', '.join(lacking)}: {FONTS}")
    if not CORPUS.is_dir():
        parser.error(f"{CORPUS} is missing; {FETCH}")
    measured = circumstances()
    recognizer = Recognizer(CpuEngine(RunSettings().engine), RunSettings())
    outcomes = []
    drawn = list(scans(options.half, options.pages))
    Random(_ORDER).shuffle(drawn)
    for scan in drawn[: options.scans]:
        outcomes.append(read(recognizer, scan))
        print(shown(outcomes[-1]), flush=True)
    about = f"Measured {measured}: half `{options.half}`, {len(outcomes)} scans of {len(drawn)}, drawn at random."
    written = f"{about}\n\n{table(outcomes)}\n"
    print(written)
    if options.write:
        before, _, rest = options.write.read_text(encoding="utf-8").partition(BEGIN)
        options.write.write_text(f"{before}{BEGIN}{written}{END}{rest.partition(END)[2]}", encoding="utf-8")


def shown(outcome: Outcome) -> str:
    """One scan in a line."""
    doubts = None if outcome.row.text is None else outcome.row.text.line_doubts
    measures = "" if doubts is None else f"unsure {doubts.unsure_share:.3f} unread {doubts.unread_share:.3f}"
    return f"{outcome.name:45} {outcome.fault:26} {outcome.shared:.2f} {measures} {' '.join(outcome.flags)}"


if __name__ == "__main__":
    main()
