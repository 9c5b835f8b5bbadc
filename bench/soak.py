"""Look for growth over a long run: memory, open files and child processes, of the driver and of all below it.

    python bench/soak.py [--simulated 100000] [--real 5000] [--every 2]

Two runs over Ray, with the real coordinator, sink and lease, and an engine that answers at once:

simulated   page images made out of nothing (the rasterizer of bench/coordinator.py): what is kept for each page
real        PDFs drawn here (text, a picture, a line each), every page rendered by the real rasterizers

Every process is looked at every two seconds: RSS less what it shares, in MiB, open files, children. (Ray's object store
is shared, has a fixed size, and counts in the RSS of all who have touched a part of it.) The first fifth of the samples
is warm-up; of the rest the mean of the last quarter is held against that of the first. More than 10 % and 16 MiB, 10 %
and 8 files, or 2 children too many are growth, and the exit code is 1 then; fewer than 30 looks are not judged. A
rendering process that was recycled goes on under the name of its successor; a process that was not there for nine
tenths of that time is in the sum alone.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil
import pymupdf

from bench.coordinator import SimulatedRasterizer, run_simulated
from bench.sampling import Sampling
from ocrmill.commands.run import Job, run
from ocrmill.configs.settings import RoutingSettings, RunSettings
from ocrmill.configs.worker_settings import WorkerSettings
from ocrmill.pipeline.records import EngineDescription, PageGeometry, PageText, RetryParams
from ocrmill.workers.pools.ray_pool import RayPool
from ocrmill.workers.rendering.child import PROCESS_NAME
from ocrmill.workers.rendering.forking.forked_process import TEMPLATE
from ocrmill.workers.rendering.protocol import PageImage

WARM_UP = 0.2  # of the samples
LEAST_SAMPLES = 30  # with fewer, most of what is seen is the start and the end
LIVED = 0.9  # of the time after it
PAGE_BYTES = 16 << 10  # of a simulated page image: bytes are bounded by `MemoryBudget` anyway, and cost time here
PAGES_PER_DOCUMENT = 20  # of a drawn PDF
ALL = "all processes"


@dataclass(frozen=True, slots=True)
class Sample:
    """The memory, files and children of a process."""

    own_mib: float = 0.0
    files: float = 0.0
    children: float = 0.0

    def __add__(self, other: "Sample") -> "Sample":
        return Sample(*(mine + others for mine, others in zip(astuple(self), astuple(other), strict=True)))


LIMITS = Sample(16, 8, 2)  # growth up to there is noise
SHARES = Sample(0.10, 0.10, 0.0)  # and up to that share of what was there
Samples = dict[str, list[Sample]]


class InstantEngine:
    """Gives every page the same text at once."""

    def describe(self) -> EngineDescription:
        """Say what it is."""
        return EngineDescription("instant", 16)

    async def start(self, memory: float) -> None:
        """Nothing to load."""

    def idle_s(self) -> float:
        """Always 0: the engine is never stuck."""
        return 0.0

    async def close(self) -> None:
        """Nothing to end."""

    async def read(self, _image: PageImage, geometry: PageGeometry, _params: RetryParams | None) -> PageText:
        """Answer without looking."""
        return PageText(f"{geometry.width_pt:g} pt in {geometry.width_px} px.\n" * 40, finish_reason="stop")


def look_at_processes(samples: Samples) -> None:
    """Add what this process and all below it hold, by what each process is, and the sum of all."""
    me = psutil.Process()
    held: dict[str, Sample] = defaultdict(Sample)
    names: dict[int, str] = {}
    for process in (me, *me.children(recursive=True)):  # parents come before their children
        try:
            with process.oneshot():
                name, parent = _name(process, me), process.ppid()
                memory = process.memory_info()
                held[name] += Sample((memory.rss - memory.shared) / 2**20, process.num_fds())
        except psutil.Error:  # it ended while we looked
            continue
        names[process.pid] = name
        if parent in names:
            held[names[parent]] += Sample(children=1)
    for name, sample in {**held, ALL: sum(held.values(), Sample())}.items():
        samples[name].append(sample)


def _name(process: psutil.Process, me: psutil.Process) -> str:
    if process.pid == me.pid:
        return "driver"
    words = process.cmdline()
    if TEMPLATE in words:
        kind = "renderer" if process.name() == PROCESS_NAME else "template"
        return f"{kind} ({words[words.index(TEMPLATE) + 1]}) of {process.ppid()}"
    first = Path(words[0]).name if words else process.name()
    return f"{first.partition('.')[0][:32]} {process.pid}"  # an actor adds what it does just now: .read


def soak(samples: Samples, run_pages: Callable[[Path], int], every_s: float) -> int:
    """Run while looking, and say how many pages got their row."""
    with tempfile.TemporaryDirectory() as folder, Sampling(every_s, lambda: look_at_processes(samples)):
        started = time.monotonic()
        pages = run_pages(Path(folder))
        print(f"{pages:,} pages, {pages / (time.monotonic() - started):.0f} a second with starting", flush=True)
    return pages


def simulated(pages: int) -> Callable[[Path], int]:
    """A run over pages made out of nothing."""
    settings = RunSettings(workers=WorkerSettings(rasterizers=1, engines=1, in_flight_mb=64))

    def run_pages(folder: Path) -> int:
        pool = RayPool(settings, lambda _: InstantEngine(), lambda *_: SimulatedRasterizer(PAGE_BYTES))  # type: ignore[arg-type]
        try:
            return run_simulated(pool, settings, folder, pages).pages_done
        finally:
            pool.close()

    return run_pages


def real(pages: int) -> Callable[[Path], int]:
    """A run over drawn PDFs."""
    settings = RunSettings(
        routing=RoutingSettings(mode="ocr"), workers=WorkerSettings(rasterizers=2, engines=1, in_flight_mb=256)
    )

    def run_pages(folder: Path) -> int:
        inputs = folder / "in"
        inputs.mkdir()
        draw(inputs, pages // PAGES_PER_DOCUMENT, PAGES_PER_DOCUMENT)
        job = Job((str(inputs),), str(folder / "out"), settings)
        return run(job, lambda _: RayPool(settings, lambda _: InstantEngine())).pages_done

    return run_pages


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


def judge(samples: Samples) -> bool:
    """Print what each process held, and say whether nothing grew."""
    flat = True
    length = len(samples[ALL])
    after_warm_up = length - int(WARM_UP * length)
    for name, held in sorted(samples.items()):
        if len(held) < LIVED * after_warm_up:
            continue
        settled = held[-after_warm_up:]
        quarter = max(1, len(settled) // 4)
        early, late = _mean(settled[:quarter]), _mean(settled[-quarter:])
        grown = [
            after - before > max(limit, share * before)
            for before, after, limit, share in zip(*map(astuple, (early, late, LIMITS, SHARES)), strict=True)
        ]
        flat = flat and not any(grown)
        print(
            f"{name:40} {early.own_mib:6.0f} to {late.own_mib:6.0f} MiB {late.own_mib / early.own_mib - 1:+7.1%}, "
            f"{early.files:5.1f} to {late.files:5.1f} files, {early.children:4.1f} to {late.children:4.1f} children"
            f"{'  GREW' if any(grown) else ''}"
        )
    if length < LEAST_SAMPLES:
        print(f"{length} samples: too few to judge growth", flush=True)
        return True
    print(f"{length} samples: {'flat' if flat else 'something grew'}", flush=True)
    return flat


def _mean(samples: list[Sample]) -> Sample:
    return Sample(*map(statistics.mean, zip(*map(astuple, samples), strict=True)))


def main() -> None:
    """Run both, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulated", type=int, default=100_000, help="pages; 0: leave it out")
    parser.add_argument("--real", type=int, default=5_000, help="pages; 0: leave it out")
    parser.add_argument("--every", type=float, default=2.0, help="seconds between two looks")
    options = parser.parse_args()
    flat = True
    for name, pages, make_run in (("simulated", options.simulated, simulated), ("real", options.real, real)):
        if pages:
            print(f"{name}: ", end="")
            samples: Samples = defaultdict(list)
            done = soak(samples, make_run(pages), options.every)
            flat = judge(samples) and done > pages - PAGES_PER_DOCUMENT and flat  # only whole documents are made
    sys.exit(0 if flat else 1)


if __name__ == "__main__":
    main()
