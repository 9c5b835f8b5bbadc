"""Does memory grow over a long run? Memory of every process of a run, over many pages.

    python bench/memory.py [--pages 20000] [--pages-per-document 20]

Documents are drawn (text, a picture, a table each) and every page is rendered by the real rasterizer on Ray; only the
engine is simulated. A process's own memory (USS: RSS without what it shares) is sampled every two seconds; its drift is
the mean of the last quarter over the mean of the second quarter (the first one is warm-up). Recycled rendering
processes count as one line, since their worker replaces them.
"""

import argparse
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import psutil
import pymupdf

from bench.sampling import Sampling
from configs.settings import OutputSettings, RoutingSettings, RunSettings
from configs.worker_settings import WorkerSettings
from pipeline.records import RGB, EngineDescription, PageGeometry, PageText
from workers.ray_pool import RayPool
from workers.run import Job, run

SAMPLE_S = 2.0


class InstantEngine:
    """Gives every page the same text at once."""

    def describe(self) -> EngineDescription:
        """Say what it is."""
        return EngineDescription("instant", 16)

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to end."""

    async def read(self, image: RGB, geometry: PageGeometry) -> PageText:
        """Answer without looking."""
        return PageText(f"{geometry.width_pt:g} pt in {image.shape[1]} px.\n" * 40, finish_reason="stop")


def look_at_processes(samples: dict[str, list[float]]) -> None:
    """Add the memory in MiB of this process and of all below it, by what each process is."""
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            samples[_name(process, me)].append(process.memory_full_info().uss / 2**20)
        except psutil.Error:  # it ended while we looked
            continue


def _name(process: psutil.Process, me: psutil.Process) -> str:
    if process.pid == me.pid:
        return "driver"
    words = process.cmdline()
    if "workers.render_child" in words:
        return f"renderer ({words[words.index('workers.render_child') + 1]}) of {process.ppid()}"
    first = Path(words[0]).name if words else process.name()
    return f"{first} {process.pid}"


def drift(values: list[float]) -> tuple[float, float]:
    """Mean of the second quarter, and how much more the last quarter has, as a share."""
    quarter = len(values) // 4
    early, late = statistics.mean(values[quarter : 2 * quarter]), statistics.mean(values[-quarter:])
    return early, late / early - 1


def draw(folder: Path, documents: int, pages: int) -> None:
    """Draw documents that differ in their text, so that none is known by its bytes."""
    for number in range(documents):
        with pymupdf.open() as document:
            for page_number in range(pages):
                page = document.new_page()
                text = f"Document {number}, page {page_number}. " + "It holds words, a box and a line. " * 60
                page.insert_textbox((50, 50, 550, 600), text)
                page.draw_rect((50, 620, 300, 760), fill=(0.2, 0.4, (number % 10) / 10))
            document.save(folder / f"{number:05d}.pdf")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=20_000)
    parser.add_argument("--pages-per-document", type=int, default=20)
    options = parser.parse_args()
    settings = RunSettings(
        routing=RoutingSettings(mode="ocr"),
        output=OutputSettings(flush_s=10),
        workers=WorkerSettings(rasterizers=2, engines=1, in_flight_mb=256),
    )
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder) / "in"
        inputs.mkdir()
        draw(inputs, options.pages // options.pages_per_document, options.pages_per_document)
        job = Job((str(inputs),), str(Path(folder) / "out"), settings)
        samples: dict[str, list[float]] = defaultdict(list)
        with Sampling(SAMPLE_S, lambda: look_at_processes(samples)):
            report = run(job, lambda _: RayPool(settings, lambda _: InstantEngine()))
    print(f"{report.pages_done} pages in {report.wall_s:.0f} s, {report.pages_done / report.wall_s:.1f} pages/s")
    for name, values in sorted(samples.items()):
        if len(values) >= 40:
            early, growth = drift(values)
            print(f"{name:45} {early:7.0f} MiB {growth:+7.1%}")


if __name__ == "__main__":
    main()
