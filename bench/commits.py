"""Measure what leases and commits cost a run.

    python bench/commits.py [INPUT...] [--minutes 3] [--rate 200] [--repeats 1]

Wall and CPU seconds in `Sink.flush` (encode, write, fsync) and in the lease's beats and checks, as shares of the run's
wall seconds and of the CPU seconds of all its processes:

real        INPUT, by default PDFs drawn here whose pages are read from their text layers (so pages come fast, and
            commits are a larger share than with OCR), with default settings over Ray, until the minutes are over
simulated   the same minutes of finished pages of 3,000 characters and 25 blocks that come at a steady rate, from no
            process but this one: its CPU share is of what the coordinator takes, since there are no workers

Flushes run beside the work; their share of the wall time is what they would cost if they stopped it.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import psutil

from bench.coordinator import PAGES_PER_DOCUMENT, run_simulated
from bench.sampling import Sampling
from bench.soak import draw
from ocrmill.commands.run import Job, run
from ocrmill.configs.settings import RunSettings
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalLease
from ocrmill.pipeline.quality.page_row import recognized_row
from ocrmill.pipeline.records import (
    Attempt,
    Block,
    Document,
    EngineDescription,
    PageGeometry,
    PageRange,
    PageText,
    RenderedPage,
    RetryParams,
    Route,
    RouteDecision,
    Source,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.pools.pool import Image
from ocrmill.workers.pools.worker_slots import WorkerLoad

CHARACTERS = 3_000  # of a page
BLOCKS = 25
DRAWN = (400, 20)  # documents, and pages of each


@dataclass(slots=True)
class Meter:
    """The time that the calls of some functions took."""

    calls: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0  # of the calling thread, which does all of the work

    def measure(self, owner: type, name: str) -> None:
        """Count every call of a method from now on."""
        method = getattr(owner, name)

        @wraps(method)
        def measured(*arguments: Any) -> Any:
            wall, cpu = time.perf_counter(), time.thread_time()
            try:
                return method(*arguments)
            finally:
                self.calls += 1
                self.wall_s += time.perf_counter() - wall
                self.cpu_s += time.thread_time() - cpu

        setattr(owner, name, measured)

    def reset(self) -> None:
        """Forget the calls so far."""
        self.calls, self.wall_s, self.cpu_s = 0, 0.0, 0.0


class PacedPool:
    """Gives pages, read already, at a steady rate."""

    rasterizers = 4
    engines = 1
    in_flight_bytes = 64 << 20

    def __init__(self, settings: RunSettings, pages_per_s: float) -> None:
        dice = random.Random(0)
        words = " ".join(f"{dice.getrandbits(dice.randrange(8, 40)):x}" for _ in range(CHARACTERS))[:CHARACTERS]
        step = CHARACTERS // BLOCKS
        blocks = tuple(Block("text", 50, 9.0 * n, 550, 9.0 * n + 8, step * n, step * n + step) for n in range(BLOCKS))
        self._text = PageText(words, raw=words, blocks=blocks, finish_reason="stop", output_tokens=CHARACTERS // 4)
        self._quality = settings.quality
        self._every_s = 1 / pages_per_s
        self._next = 0.0
        self._row: PageRow | None = None

    def describe(self) -> EngineDescription:
        """Say what it is."""
        return EngineDescription("paced", 64)

    def load(self) -> Mapping[str, WorkerLoad]:
        """Return nothing: no worker is behind this pool."""
        return {}

    async def open(self, source: Source) -> Document:
        """Open a document of `PAGES_PER_DOCUMENT` pages."""
        return Document(f"{int(source.version):064x}", source, PAGES_PER_DOCUMENT)

    async def read(self, pages: PageRange) -> AsyncGenerator[tuple[RenderedPage, Image], None]:
        """Render nothing."""
        geometry, decision = PageGeometry(612, 792, 0, 1224, 1584, 144), RouteDecision(Route.OCR, "no_text")
        for number in pages.page_numbers:
            yield RenderedPage(number, geometry, decision, renderer="mupdf", image_bytes=1 << 20), None

    async def recognize(
        self, document: Document, page: RenderedPage, _image: Image, _params: RetryParams | None = None
    ) -> PageRow:
        """Give the page when it is its turn."""
        now = time.monotonic()
        self._next = max(self._next + self._every_s, now - 1)
        await asyncio.sleep(self._next - now)
        if self._row is None:
            self._row = recognized_row(document, page, self._text, Attempt("paced", 0.1), self._quality)
        row = replace(self._row, document_id=document.document_id, source=document.source.uri)
        return replace(row, page_number=page.page_number, page=page)

    async def stop(self) -> None:
        """Nothing to end."""

    def close(self) -> None:
        """Nothing to end."""


def cpu_seconds() -> float:
    """Of this process and all below it, with those that ended and were waited for."""
    me = psutil.Process()
    total = 0.0
    for process in (me, *me.children(recursive=True)):
        try:
            total += sum(process.cpu_times()[:4])
        except psutil.Error:  # it ended while we looked
            continue
    return total


def measure(name: str, flushes: Meter, beats: Meter, run_pages: Callable[[], RunReport]) -> None:
    """Run, and print the shares."""
    flushes.reset()
    beats.reset()
    before = cpu_seconds()
    seen = [before]
    started = time.perf_counter()
    with Sampling(1.0, lambda: seen.append(cpu_seconds())):
        report = run_pages()
    wall_s, cpu_s = time.perf_counter() - started, max(seen) - before  # workers that are gone count no more
    print(f"{name}: {report.pages_done:,} pages in {wall_s:.0f} s, {report.pages_done / wall_s:.1f} a second")
    for what, meter in (("flushes", flushes), ("beats and checks", beats)):
        print(
            f"    {meter.calls} {what}: wall {meter.wall_s:.2f} s, {meter.wall_s / wall_s:.3%}; "
            f"CPU {meter.cpu_s:.2f} s, {meter.cpu_s / cpu_s:.3%} of {cpu_s:.0f} s, "
            f"{1000 * meter.cpu_s / max(1, report.pages_done):.3f} ms a page",
            flush=True,
        )


def main() -> None:
    """Run both, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", nargs="*", metavar="INPUT")
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=200.0, help="simulated pages a second")
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    seconds = 60 * options.minutes
    flushes, beats = Meter(), Meter()
    flushes.measure(Sink, "flush")
    beats.measure(LocalLease, "renew")
    beats.measure(LocalLease, "check")
    settings = RunSettings()
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            pool = PacedPool(settings, options.rate)
            pages = int(seconds * options.rate)
            measure("simulated", flushes, beats, lambda: run_simulated(pool, settings, Path(folder), pages))  # noqa: B023
        with tempfile.TemporaryDirectory() as folder:
            inputs = options.inputs
            if not inputs:
                inputs = [f"{folder}/in"]
                Path(inputs[0]).mkdir()
                draw(Path(inputs[0]), *DRAWN)
            job = Job(tuple(inputs), f"{folder}/out", settings, time_budget_s=seconds)
            measure("real", flushes, beats, lambda: run(job))  # noqa: B023


if __name__ == "__main__":
    main()
