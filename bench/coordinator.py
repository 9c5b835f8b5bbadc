"""Measure how much of what the engines could do a run gets out of them.

    python bench/coordinator.py [--engines 1 2 4] [--pages 1500] [--page-bytes 131072] [--scale 1.0] [--repeats 3]

Real: Ray, its object store, the coordinator, the sink. Simulated: the engine (64 pages in flight, 0.5 to 2 s each,
log-normal, so with a heavy tail) and the rasterizer (pages of `--page-bytes` that cost nothing to make), so that the
scheduling is measured and not MuPDF. Efficiency is the time in which a perfect greedy scheduler on the same latencies
would have begun its last page, over the time in which this run did: the tail, when no page waits, is left out.
"""

import argparse
import asyncio
import heapq
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds

from bench.sampling import Sampling
from ocrmill.commands.run import new_run_id
from ocrmill.configs.settings import RouteMode, RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.schema import RunStamp
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.store import LeaseOwner
from ocrmill.pipeline.quality.flags import QUALITY_VERSION
from ocrmill.pipeline.records import (
    RGB,
    Document,
    EngineDescription,
    PageGeometry,
    PageText,
    RenderedPage,
    RetryParams,
    Route,
    RouteDecision,
    Source,
)
from ocrmill.pipeline.run_report import RunReport
from ocrmill.workers.pools.pool import Pool
from ocrmill.workers.pools.ray_pool import RayPool
from ocrmill.workers.rendering.protocol import PageImage
from ocrmill.workers.scheduling.coordinator import Coordinator
from ocrmill.workers.scheduling.progress import Progress

SLOTS = 64
PAGES_PER_DOCUMENT = 6
TEXT = " ".join(f"{random.Random(word).getrandbits(40):x}" for word in range(180))


def latency(seed: int, scale: float) -> float:
    """Seconds for one page: log-normal with a median of 0.8, between 0.5 and 2, times `scale`."""
    return scale * min(2.0, max(0.5, 0.8 * random.Random(seed).lognormvariate(0, 0.4)))


class SimulatedEngine:
    """Waits, and says when it began and ended."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._number = 0

    def describe(self) -> EngineDescription:
        """Say what it is."""
        return EngineDescription("simulated", SLOTS)

    async def start(self, memory: float) -> None:
        """Nothing to load."""

    def idle_s(self) -> float:
        """Always 0: the engine is never stuck."""
        return 0.0

    async def close(self) -> None:
        """Nothing to end."""

    async def read(self, image: PageImage, geometry: PageGeometry, _params: RetryParams | None) -> PageText:
        """Take as long as the page's own number says (it is written in the image)."""
        began = time.time()
        assert isinstance(image, np.ndarray)
        seed = int(image[0, 0, 0]) | int(image[0, 0, 1]) << 8 | int(image[0, 0, 2]) << 16
        await asyncio.sleep(latency(seed, self._scale))
        return PageText(TEXT, raw=f"{seed} {began} {time.time()} {geometry.dpi}")


class SimulatedRasterizer:
    """Makes documents and page images out of nothing."""

    def __init__(self, page_bytes: int) -> None:
        side = int((page_bytes / 3) ** 0.5)
        self._image = np.full((side, side, 3), 255, np.uint8)

    def open(self, source: Source) -> Document:
        """Open a document of `PAGES_PER_DOCUMENT` pages."""
        return Document(f"{int(source.version):064x}", source, PAGES_PER_DOCUMENT)

    def of_route(self, _route: RouteMode | None) -> "SimulatedRasterizer":
        """Return itself: it has one route."""
        return self

    def read(self, document: Document, number: int) -> tuple[RenderedPage, RGB]:
        """Make a page; its first pixel tells it apart."""
        side = self._image.shape[0]
        seed = int(document.source.version) * PAGES_PER_DOCUMENT + number
        image = self._image.copy()
        image[0, 0] = seed & 255, seed >> 8 & 255, seed >> 16 & 255
        geometry, decision = PageGeometry(612, 792, 0, side, side, 144), RouteDecision(Route.OCR, "no_text")
        return RenderedPage(number, geometry, decision, image_bytes=image.nbytes), image


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    efficiency: float
    pages_per_s: float
    loop_ms: float  # CPU a page of the coordinator's own thread
    driver_ms: float  # CPU a page of its whole process: with Ray's client threads and the writing
    store_mb: float  # most that the object store held


def perfect_last_start(latencies: Sequence[float], slots: int) -> float:
    """Seconds until a greedy scheduler with `slots` always full begins the last page."""
    free = [0.0] * slots
    start = 0.0
    for each in latencies:
        start = heapq.heappop(free)
        heapq.heappush(free, start + each)
    return start


def measure(engines: int, pages: int, page_bytes: int, scale: float) -> Measured:
    """Run `pages` pages through `engines` engines."""
    rasterizers = max(1, engines // 2)
    settings = RunSettings(
        workers=WorkerSettings(
            rasterizers=rasterizers, engines=engines, in_flight_mb=max(64, engines * 96 * page_bytes >> 20)
        )
    )
    pool = RayPool(settings, lambda _: SimulatedEngine(scale), lambda *_: SimulatedRasterizer(page_bytes))  # type: ignore[arg-type]
    try:
        held: list[float] = [0.0]
        with tempfile.TemporaryDirectory() as folder, Sampling(0.5, lambda: held.append(object_store_mb())):
            cpu, loop = time.process_time(), time.thread_time()
            report = run_simulated(pool, settings, Path(folder), pages)
            cpu, loop = time.process_time() - cpu, time.thread_time() - loop
            raw = ds.dataset(f"{folder}/pages").to_table(columns=["raw"])["raw"].to_pylist()
    finally:
        pool.close()
    spans = sorted((float(began), float(ended), int(seed)) for seed, began, ended, _ in map(str.split, raw))
    began = spans[0][0]
    measured = spans[-1][0] - began
    perfect = perfect_last_start([latency(seed, scale) for _, _, seed in spans], SLOTS * engines)
    assert report.pages_done == len(spans), "a page is missing"
    return Measured(
        efficiency=perfect / measured,
        pages_per_s=len(spans) / (max(ended for _, ended, _ in spans) - began),
        loop_ms=1000 * loop / len(spans),
        driver_ms=1000 * cpu / len(spans),
        store_mb=max(held),
    )


def run_simulated(pool: Pool, settings: RunSettings, folder: Path, pages: int) -> RunReport:
    """Run about so many simulated pages, their documents whole, under a lease."""
    store = LocalStore(folder)
    ledger = read_ledger(store)
    run_id = new_run_id()
    stamp = RunStamp(run_id, datetime.now(UTC), settings.fingerprint(), QUALITY_VERSION, pool.describe(), "0.1.0")
    report = RunReport()
    sources = (Source(f"/simulated/{n}.pdf", str(n), 1, "") for n in range(pages // PAGES_PER_DOCUMENT))
    sink = Sink(store, stamp, settings.output, ledger)
    coordinator = Coordinator(pool, sink, ledger, settings, report, Progress(report, sys.stderr))
    with store.lease(LeaseOwner.current(run_id)) as lease:
        asyncio.run(coordinator.run(sources, heartbeat=lease.check))
    return report


def object_store_mb() -> float:
    """Bytes that Ray's object store holds."""
    import ray

    total = ray.cluster_resources().get("object_store_memory", 0.0)
    free = ray.available_resources().get("object_store_memory", 0.0)
    return float(total - free) / 2**20


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engines", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--pages", type=int, default=1500, help="pages for each engine")
    parser.add_argument("--page-bytes", type=int, default=128 << 10)
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the latencies")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    for engines in options.engines:
        runs = [
            measure(engines, options.pages * engines, options.page_bytes, options.scale) for _ in range(options.repeats)
        ]
        efficiency = sorted(run.efficiency for run in runs)
        print(
            f"{engines} engines: efficiency {statistics.median(efficiency):.3f} "
            f"({efficiency[0]:.3f} to {efficiency[-1]:.3f}), "
            f"{statistics.median(run.pages_per_s for run in runs):.0f} pages/s, coordinator "
            f"{statistics.median(run.loop_ms for run in runs):.2f} ms CPU a page "
            f"({statistics.median(run.driver_ms for run in runs):.2f} with Ray's threads), "
            f"object store at most {max(run.store_mb for run in runs):.0f} MiB"
        )


if __name__ == "__main__":
    main()
