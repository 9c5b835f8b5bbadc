"""Compare settings of the `cpu` engine on pages of the corpus whose text is known.

    python bench/ocr.py CORPUS [--setting RENDER_DPI:DETECTOR_DPI ...] [--page NAME.pdf:PAGE ...]

Every setting runs in a process of its own, so that memory can be told apart. The truth is the text layer of the page,
or the ground truth beside the file. Seconds are CPU time of one thread; word order tells how columns were put in order.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.real_pdfs import refuse_missing
from bench.text_scores import letter_f1, word_f1, word_order
from ocrmill.configs.engine_settings import CpuEngineSettings, EngineSettings
from ocrmill.pipeline.pages import mupdf as rasterize
from ocrmill.pipeline.pages.mapped_file import map_path
from ocrmill.pipeline.records import PageText
from ocrmill.workers.engines.rapidocr.engine import CpuEngine

PAGES = (  # born digital, then scans with an OCR layer or a known text, then sideways
    ("tracemonkey.pdf", 1),
    ("multi_page.pdf", 0),
    ("2305.03393v1-pg9.pdf", 0),
    ("multi_column_miss.pdf", 0),
    ("lots_of_sci_tables.pdf", 1),
    ("issue-461-example.pdf", 0),
    ("issue-336-example.pdf", 0),
    ("a1977-backus-p21.pdf", 0),
    ("edgar-rotated90.pdf", 0),
)
SETTINGS = ("144:90", "144:115", "144:144", "200:115", "200:200")


@dataclass(frozen=True, slots=True)
class Score:
    """One page read with one setting."""

    page: str
    word_f1: float
    letter_f1: float
    word_order: float
    seconds: float


def main() -> None:
    """Print a table of settings, then the pages of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--setting", action="append", metavar="RENDER_DPI:DETECTOR_DPI")
    parser.add_argument("--page", action="append", metavar="NAME.pdf:PAGE", help="instead of those of the corpus")
    parser.add_argument("--as-json", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = options.setting or SETTINGS
    pages = [f"{name}:{index + 1}" for name, index in PAGES] if options.page is None else options.page
    refuse_missing(*(options.corpus / page.rpartition(":")[0] for page in pages))
    if options.as_json:
        print(json.dumps(measure(options.corpus, settings[0], pages)))
        return
    print(f"{'render:detect dpi':18} {'word F1':>8} {'letter F1':>9} {'order':>6} {'s/page':>7} {'RSS MB':>7}")
    for setting in settings:
        command = [sys.executable, __file__, str(options.corpus), "--setting", setting, "--as-json"]
        command += [f"--page={page}" for page in pages]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print_setting(setting, [Score(**page) for page in result["pages"]], result["rss_mb"])


def measure(corpus: Path, setting: str, pages: list[str]) -> dict[str, Any]:
    """Read all pages with one setting, in this process."""
    places = [page.rpartition(":") for page in pages]
    render_dpi, detector_dpi = map(int, setting.split(":"))
    engine = CpuEngine(EngineSettings(cpu=CpuEngineSettings(detector_dpi=detector_dpi)))
    rasterize.quiet()
    scores = [asdict(read_page(engine, corpus / name, int(number) - 1, render_dpi)) for name, _, number in places]
    return {"pages": scores, "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}


def read_page(engine: CpuEngine, path: Path, index: int, dpi: int) -> Score:
    """Render one page, read it, and compare with its own text."""
    page = rasterize.open_document(map_path(path), ()).document[index]
    geometry = rasterize.displayed_geometry(page)
    image = rasterize.render(page, rasterize.page_scale(page, geometry, dpi, 4096))
    truth = page.get_text()
    started = time.process_time()
    read = asyncio.run(engine.read(image, geometry))
    text = read.markdown if isinstance(read, PageText) else ""
    seconds = time.process_time() - started
    name = f"{path.name} {index + 1}"
    return Score(name, word_f1(text, truth), letter_f1(text, truth), word_order(text, truth), seconds)


def print_setting(setting: str, scores: list[Score], rss_mb: int) -> None:
    """One line for the setting, one for each page."""

    def line(name: str, part: list[Score]) -> str:
        means = [
            sum(getattr(score, field) for score in part) / len(part)
            for field in ("word_f1", "letter_f1", "word_order", "seconds")
        ]
        return f"{name:18.18} {means[0]:8.3f} {means[1]:9.3f} {means[2]:6.3f} {means[3]:7.1f}"

    print(f"{line(setting, scores)} {rss_mb:7}", flush=True)
    for score in scores:
        print(f"  {line(score.page, [score])[2:]}")


if __name__ == "__main__":
    main()
