"""Measure what the sandbox of the rendering processes costs: to start one, and for each page.

    python bench/sandbox.py [PDF] [--pages N] [--repeats R]

A rendering process is started, opens a document and reads its pages for OCR, in turn with and without its sandbox; who
is first changes with every repeat. Times are CPU times of the process, which a busy machine changes less than others.
"""

import argparse
import statistics
from pathlib import Path

from bench.cpu_time import cpu_seconds
from ocrmill.configs.settings import RasterSettings, RoutingSettings
from ocrmill.workers.rendering.process import RenderProcess
from ocrmill.workers.rendering.protocol import ChildSettings, OpenedDocument

SAMPLE = Path(__file__).parents[1] / "samples" / "text.pdf"


def seconds(mode: str, path: str, pages: int) -> tuple[float, float]:
    """CPU seconds to start and open, and for a page."""
    raster = RasterSettings.model_validate({"sandbox": mode})
    with RenderProcess("mupdf", ChildSettings(raster, RoutingSettings(mode="ocr"))) as process:
        opened = process.open(path, ())
        assert isinstance(opened, OpenedDocument)
        started = _used(process)
        for number in range(pages):
            process.read(path, None, number % opened.page_count + 1)
        return started, (_used(process) - started) / pages


def _used(process: RenderProcess) -> float:
    assert process.pid is not None
    return cpu_seconds(process.pid)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pdf", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    modes = ["off", "require"]
    found: dict[str, list[tuple[float, float]]] = {mode: [] for mode in modes}
    for _ in range(options.repeats):
        for mode in modes:
            found[mode].append(seconds(mode, str(options.pdf), options.pages))
        modes.reverse()
    for mode, times in found.items():
        starts, pages = ([1000 * value for value in column] for column in zip(*times, strict=True))
        print(f"sandbox {mode:8} start {_spread(starts)} ms   page {_spread(pages)} ms")
    for column, name in enumerate(("start", "page")):
        ratios = [
            inside[column] / outside[column] for inside, outside in zip(found["require"], found["off"], strict=True)
        ]
        print(f"{name}: with over without {_spread(ratios, 2)}")


def _spread(values: list[float], digits: int = 1) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
