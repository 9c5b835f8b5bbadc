"""Read drawn scans in ten scripts with the CPU engine, and count what it reads, flags, fails and gets wrong in silence.

    python bench/scanned_scripts.py [--pages 2] [--half held-back] [--write docs/quality.md]

Every page is drawn from a seed: prose, two columns, a list of short lines or a table of numbers, in words of one
script (bench/quality/vocabulary.py) and a serif or sans of Noto's fonts (`apt install fonts-noto-core fonts-noto-cjk`).
Each is read upright and turned by 90, 180 and 270 degrees, clean and degraded: skewed, blurred, faint, noisy, as a
coarse JPEG. A page counts as read if its text has at least `_READ` of its trigrams in common with the right one. Bounds
are chosen on `--half tuning`; the figures are those of the other half. Not covered: handwriting, photographs of pages,
real scans.
"""

import argparse
import asyncio
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from bench.quality.report import circumstances
from bench.quality.vocabulary import COMMAS, SCRIPTS, STOPS, WITHOUT_BLANKS
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.pages.raster_size import with_raster
from ocrmill.pipeline.quality.agreement.trigrams import text_layer_agreement
from ocrmill.pipeline.records import RGB, Document, PageGeometry, RenderedPage, Route, RouteDecision, Source, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.workers.engines.rapidocr.engine import CpuEngine
from ocrmill.workers.engines.recognizer import Recognizer

HALVES = ("tuning", "held-back")
KINDS = ("prose", "columns", "list", "numbers")
TURNS = (0, 90, 180, 270)
BEGIN, END = "<!-- figures: written by `python bench/scanned_scripts.py` -->\n", "<!-- end of scanned figures -->"
_READ = 0.6  # trigrams.py: a tenth of wrong characters has 0.64 to 0.73
_DPI, _WIDTH, _HEIGHT = 144, 840, 1190  # A5
_MARGIN, _GUTTER = 70, 40
FONTS = "apt install fonts-noto-core fonts-noto-cjk"
_NOTO = Path("/usr/share/fonts/truetype/noto")
_CJK = Path("/usr/share/fonts/opentype/noto")
_FONTS = {  # of each language, a serif and a sans, with the number of the font in its file
    "fr": ("NotoSerif-Regular.ttf", "NotoSans-Regular.ttf"),
    "el": ("NotoSerif-Regular.ttf", "NotoSans-Regular.ttf"),
    "ru": ("NotoSerif-Regular.ttf", "NotoSans-Regular.ttf"),
    "ar": ("NotoNaskhArabic-Regular.ttf", "NotoSansArabic-Regular.ttf"),
    "he": ("NotoSerifHebrew-Regular.ttf", "NotoSansHebrew-Regular.ttf"),
    "hi": ("NotoSerifDevanagari-Regular.ttf", "NotoSansDevanagari-Regular.ttf"),
    "th": ("NotoSerifThai-Regular.ttf", "NotoSansThai-Regular.ttf"),
}
_CJK_NUMBER = {"ja": 0, "ko": 1, "zh": 2}  # in Noto's collections
_RIGHT_TO_LEFT = frozenset({"ar", "he"})
DOCUMENT = Document("d" * 64, Source("/drawn.pdf", "1", 1, "/drawn.pdf"), 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One page that was read."""

    language: str
    kind: str
    turn: int
    degraded: bool
    right: bool  # its text is the page's
    flags: tuple[str, ...]  # with the reason of a page that failed
    confidence: float | None
    seconds: float  # CPU time

    @property
    def silent(self) -> bool:
        """True without a flag or reason."""
        return not self.flags


def main() -> None:
    """Draw and read the pages, print what became of each, and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2, help="drawn for each script; read in eight states each")
    parser.add_argument("--half", choices=HALVES, default="held-back")
    parser.add_argument("--language", action="append", choices=sorted(SCRIPTS), default=[])
    parser.add_argument("--write", type=Path, metavar="PAGE", help="write the table into this page")
    options = parser.parse_args()
    if lacking := [language for language in options.language or SCRIPTS if not has_fonts(language)]:
        parser.error(f"no fonts for {', '.join(lacking)}: {FONTS}")
    measured = circumstances()
    recognizer = Recognizer(CpuEngine(RunSettings().engine), RunSettings())
    outcomes = []
    for outcome in read_all(recognizer, options.language or list(SCRIPTS), options.half, options.pages):
        print(shown(outcome), flush=True)
        outcomes.append(outcome)
    about = f"Measured {measured}: {options.pages} pages of each script in eight states, half `{options.half}`."
    written = f"{about}\n\n{table(outcomes)}\n"
    print(written)
    if options.write:
        before, _, rest = options.write.read_text(encoding="utf-8").partition(BEGIN)
        options.write.write_text(f"{before}{BEGIN}{written}{END}{rest.partition(END)[2]}", encoding="utf-8")


def read_all(recognizer: Recognizer, languages: Iterable[str], half: str, pages: int) -> Iterator[Outcome]:
    """Draw and read the pages of some languages in all states."""
    for language in languages:
        for number in range(pages):
            kind = KINDS[(number + list(SCRIPTS).index(language)) % len(KINDS)]
            image, text = draw(language, kind, f"{half}/{language}/{number}")
            for degraded in (False, True):
                seen = degrade(image, f"{half}/{language}/{number}") if degraded else image
                for turn in TURNS:
                    yield read(recognizer, (language, kind, turn, degraded), seen, text)


def read(recognizer: Recognizer, state: tuple[str, str, int, bool], image: RGB, text: str) -> Outcome:
    """Read one page that lies on the glass as it does, without a text layer."""
    turned = np.ascontiguousarray(np.rot90(image, state[2] // 90))
    height, width = turned.shape[:2]
    geometry = with_raster(PageGeometry(width * 72 / _DPI, height * 72 / _DPI, 0), turned)
    started = time.process_time()
    row = asyncio.run(recognizer.read(DOCUMENT, RenderedPage(1, geometry, RouteDecision(Route.OCR, "no_text")), turned))
    assert isinstance(row, PageRow), row
    took = time.process_time() - started
    right = row.text is not None and text_layer_agreement(row.text.markdown, text) >= _READ
    return Outcome(*state, right, raised(row), row.text.confidence if row.text else None, took)


def raised(row: PageRow) -> tuple[str, ...]:
    """Return the flags of a row, or the reason why it has no text."""
    return (str(row.reason),) if row.status is Status.FAILED else row.flags


# Pages


def draw(language: str, kind: str, seed: str) -> tuple[RGB, str]:
    """Draw a page; return it and its text."""
    dice = Random(seed)
    font = font_of(language, dice.randrange(2), dice.randint(18, 24))
    page = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    pen = ImageDraw.Draw(page)
    columns = 2 if kind == "columns" else 1
    width = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GUTTER) // columns
    step, written = round(1.5 * font.size), []
    rows = dice.randint(12, 20) if kind in {"list", "numbers"} else (_HEIGHT - 2 * _MARGIN) // step
    for column in range(columns):
        left = _MARGIN + column * (width + _GUTTER)
        for row in range(rows):
            line = _line(language, kind, dice, font, width)
            place = (left + width, "ra") if language in _RIGHT_TO_LEFT else (left, "la")
            pen.text((place[0], _MARGIN + row * step), line, "black", font, anchor=place[1])
            written.append(line)
    return np.asarray(page), "\n".join(written)


def has_fonts(language: str) -> bool:
    """Tell if the fonts of a language are installed."""
    return all(path.exists() for path in _font_files(language))


def font_of(language: str, sans: int, size: int) -> ImageFont.FreeTypeFont:
    """Load the serif (0) or sans (1) of a language; `size` is in pixels."""
    return ImageFont.truetype(_font_files(language)[sans], size, _CJK_NUMBER.get(language, 0))


def _font_files(language: str) -> tuple[Path, Path]:
    if language in _CJK_NUMBER:
        return _CJK / "NotoSerifCJK-Regular.ttc", _CJK / "NotoSansCJK-Regular.ttc"
    serif, sans = _FONTS[language]
    return _NOTO / serif, _NOTO / sans


def _line(language: str, kind: str, dice: Random, font: ImageFont.FreeTypeFont, width: int) -> str:
    """A line of a page: as many words as fit, or a few, or a word with numbers."""
    words = SCRIPTS[language][1].split()
    blank = "" if language in WITHOUT_BLANKS else " "
    if kind == "numbers":
        sums = "   ".join(f"{dice.randint(100, 99999) / 100:,.2f}" for _ in range(3))
        return f"{dice.choice(words)}   {sums}"
    most = dice.randint(2, 4) if kind == "list" else 100
    line = dice.choice(words)
    for _ in range(most - 1):
        comma = COMMAS.get(language, ",") if dice.random() < 0.15 else ""
        longer = f"{line}{comma}{blank}{dice.choice(words)}"
        if font.getlength(longer) > width - font.size:
            break
        line = longer
    return line + (STOPS.get(language, ".") if dice.random() < 0.3 else "")


def degrade(image: RGB, seed: str) -> RGB:
    """Make a poor scan of a page: skewed, blurred, faint, noisy, as a coarse JPEG."""
    dice = Random(f"{seed}/scan")
    page = Image.fromarray(image).rotate(dice.uniform(-1.5, 1.5), Image.Resampling.BICUBIC, fillcolor="white")
    page = page.filter(ImageFilter.GaussianBlur(dice.uniform(0.6, 1.1)))
    ink = dice.randint(50, 110)  # grey level of what was black
    grey = ink + np.asarray(page, dtype=np.float32) * (240 - ink) / 255
    noise = np.random.default_rng(dice.randrange(1 << 30)).normal(0, dice.uniform(6, 12), grey.shape[:2])
    noisy = Image.fromarray((grey + noise[..., None]).clip(0, 255).astype(np.uint8))
    coarse = io.BytesIO()
    noisy.save(coarse, "JPEG", quality=dice.randint(30, 50))
    return np.asarray(Image.open(coarse).convert("RGB"))


# Figures


def shown(outcome: Outcome) -> str:
    """One page in a line."""
    quality = "degraded" if outcome.degraded else "clean"
    sure = "" if outcome.confidence is None else f" confidence {outcome.confidence:.2f}"
    end = "right" if outcome.right else "wrong"
    return (
        f"{outcome.language} {outcome.kind:8}{quality:9}{outcome.turn:4} {end}{sure} {outcome.seconds:.1f} s "
        f"{' '.join(outcome.flags)}"
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """A row for each script and quality, and one for all."""
    titles = ("script", "scan", "pages", *(f"read at {turn}" for turn in TURNS))
    titles += ("right, flagged", "wrong, flagged or failed", "wrong in silence", "CPU s a page")
    rows = [_row(titles), "|---" * len(titles) + "|"]
    for language in dict.fromkeys(outcome.language for outcome in outcomes):
        for degraded in (False, True):
            part = [each for each in outcomes if (each.language, each.degraded) == (language, degraded)]
            rows.append(_figures(SCRIPTS[language][0], "degraded" if degraded else "clean", part))
    for degraded in (False, True):
        part = [each for each in outcomes if each.degraded == degraded]
        rows.append(_figures("all", "degraded" if degraded else "clean", part))
    return "\n".join(rows)


def _figures(name: str, scan: str, part: Sequence[Outcome]) -> str:
    by_turn = [[each.right for each in part if each.turn == turn] for turn in TURNS]
    wrong = [each for each in part if not each.right]
    return _row(
        (
            name,
            scan,
            str(len(part)),
            *(f"{sum(right)} of {len(right)}" for right in by_turn),
            str(sum(each.right and not each.silent for each in part)),
            str(sum(not each.silent for each in wrong)),
            str(sum(each.silent for each in wrong)),
            f"{sum(each.seconds for each in part) / len(part):.1f}",
        )
    )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
