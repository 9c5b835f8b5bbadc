"""Calibrate the repetition flag: how often it is raised on honest pages, and which loops it finds.

    python bench/repetition.py FOLDER [--skip NAME ...] [--password PASSWORD ...]

The honest pages are the text layers of the PDFs in FOLDER; what cannot be opened is named and left out.
The loops are put into those same pages, at the end or in the middle.
"""

import argparse
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.quality.flags import judge
from ocrmill.pipeline.quality.repetition import measure_repetition
from ocrmill.pipeline.records import RepetitionMeasures

QUANTILES = (0.5, 0.9, 0.99, 0.999, 1.0)
PERIODS = (1, 2, 8, 40, 120, 600)
REPEATS = (3, 10, 30, 100, 300, 1000, 3000)
LONGEST_LOOP = 30_000  # characters; more than a model writes in 8,192 tokens
SAMPLED_PAGES = 40
LEAST_PAGE_CHARS = 1000  # of a page that a loop is put into
MEASURES = RepetitionMeasures.__slots__


@dataclass(frozen=True, slots=True)
class HonestPage:
    """A page's text layer, and what was measured on it."""

    name: str
    text: str
    measures: RepetitionMeasures
    seconds: float  # CPU time of measuring


def main() -> None:
    """Print both calibrations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave out this file")
    parser.add_argument("--password", action="append", default=[], help="try this one on encrypted files")
    arguments = parser.parse_args()
    settings = QualitySettings()
    paths = [path for path in sorted(arguments.folder.glob("*.pdf")) if path.name not in arguments.skip]
    pages = [measured(name, text) for name, text in page_texts(paths, arguments.password) if text.strip()]
    if not pages:
        parser.error(f"{arguments.folder}: no page with text")
    print_honest(pages, settings)
    hosts = [page.text for page in pages if len(page.text) >= LEAST_PAGE_CHARS]
    print_detection(random.Random(0).sample(hosts, min(SAMPLED_PAGES, len(hosts))), settings)


def page_texts(paths: list[Path], passwords: list[str]) -> Iterator[tuple[str, str]]:
    """Name and text layer of each page of each PDF."""
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    for path in paths:
        try:
            document = pymupdf.open(path)
            if document.needs_pass and not any(map(document.authenticate, passwords)):
                print(f"left out: {path.name}: needs another password")
                continue
            for index in range(document.page_count):
                yield f"{path.name} page {index + 1}", document[index].get_text()
        except (RuntimeError, pymupdf.mupdf.FzErrorBase) as error:
            print(f"left out from here on: {path.name}: {error}")


def measured(name: str, text: str) -> HonestPage:
    """Measure a page and take the CPU time."""
    started = time.thread_time()
    measures = measure_repetition(text)
    return HonestPage(name, text, measures, time.thread_time() - started)


def print_honest(pages: list[HonestPage], settings: QualitySettings) -> None:
    """Quantiles and highest pages of each measure, and every page that is flagged although nothing looped."""
    seconds = sum(page.seconds for page in pages)
    chars = sum(len(page.text) for page in pages)
    print(f"\n{len(pages)} pages with text, {chars / len(pages):.0f} characters on average")
    print(
        f"{1e3 * seconds / len(pages):.2f} ms CPU per page, {1e9 * seconds / chars / 1e3:.2f} ms per 1,000 characters\n"
    )
    print(f"{'measure':20}" + "".join(f"{f'q{quantile:g}':>9}" for quantile in QUANTILES) + "   highest")
    for measure in MEASURES:
        values = np.array([getattr(page.measures, measure) for page in pages], dtype=np.float64)
        highest = ", ".join(f"{pages[index].name} {values[index]:.3g}" for index in np.argsort(-values)[:3])
        print(f"{measure:20}" + "".join(f"{value:9.3f}" for value in np.quantile(values, QUANTILES)) + f"   {highest}")
    for finish_reason in ("stop", "length"):
        flagged = [page for page in pages if is_flagged(page.text, page.measures, finish_reason, settings)]
        print(
            f"\nflagged for repetition, finish_reason {finish_reason}: {len(flagged)} ({len(flagged) / len(pages):.2%})"
        )
        for page in flagged:
            print(f"  {page.name}: {page.measures}")


def print_detection(hosts: list[str], settings: QualitySettings) -> None:
    """Share of the loops found, by kind, period and repeats."""
    print(f"\nshare found of loops put into {len(hosts)} pages of {LEAST_PAGE_CHARS} characters or more")
    print(f"{'loop':10}{'period':>8}{'repeats':>9}{'chars':>8}{'cut off':>10}{'at the end':>12}{'in the middle':>15}")
    for kind, periods in (("words", PERIODS), ("counting", PERIODS[3:]), ("numbers", PERIODS[1:4]), ("markup", (9,))):
        for period in periods:
            for repeats in REPEATS:
                if period * repeats <= LONGEST_LOOP:
                    print_rates(kind, period, repeats, hosts, settings)


def print_rates(kind: str, period: int, repeats: int, hosts: list[str], settings: QualitySettings) -> None:
    """One line of the table: the loop is cut off by the engine's limit, ends the page, or stands in its middle."""
    found = np.zeros(3)
    for seed, host in enumerate(hosts):
        loop = draw_loop(kind, period, repeats, host, random.Random(seed))
        middle = len(host) // 2
        ended, followed = f"{host}\n{loop}", f"{host[:middle]}\n{loop}\n{host[middle:]}"
        texts = ((ended, "length"), (ended, "stop"), (followed, "stop"))
        found += [is_flagged(text, measure_repetition(text), reason, settings) for text, reason in texts]
    cut_off, at_end, in_middle = found / len(hosts)
    print(f"{kind:10}{period:8}{repeats:9}{len(loop):8}{cut_off:10.2f}{at_end:12.2f}{in_middle:15.2f}")


def draw_loop(kind: str, period: int, repeats: int, host: str, draw: random.Random) -> str:
    """A loop of `repeats` units of `period` characters; `counting` ones carry a number that rises."""
    if kind == "markup":
        return "<td></td>" * repeats
    if kind == "numbers":
        return "".join([*draw.choices("0123456789", k=period - 1), " "]) * repeats
    words = "".join(char for char in " ".join(host.split()) if char.isalpha() or char == " ")
    words *= math.ceil((period + 1) / max(len(words), 1))
    start = draw.randrange(len(words) - period)
    unit = words[start : start + period].strip().ljust(period, "e")
    return "".join(f"{unit} {number}\n" for number in range(repeats)) if kind == "counting" else unit * repeats


def is_flagged(text: str, measures: RepetitionMeasures, finish_reason: str, settings: QualitySettings) -> bool:
    """Return True if the page counts as repetitive."""
    return judge(measures, text_chars=len(text), finish_reason=finish_reason, settings=settings).repetition_flag


if __name__ == "__main__":
    main()
