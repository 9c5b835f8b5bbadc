"""The engine `endpoint` without a model: CPU time of a page beside its encoding, time to encode it, and a soak.

    python bench/endpoint.py [FILE_OR_FOLDER ...] [--skip NAME ...] [--pages 4096]
        [--in-flight 512] [--requests 0]

A server in a process of its own waits a second and answers. The engine has `--in-flight` pages there at a time, and the
CPU time of its process is counted. Then the first page of each PDF is encoded as each size and format asks. The soak
sends small pages over few connections, and fails if one is not answered, or if memory or open files grow.
"""

import argparse
import asyncio
import itertools
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import psutil
import pymupdf

from ocrmill.configs.engine_settings import EndpointSettings, EngineSettings
from ocrmill.configs.profiles.find import load_profile
from ocrmill.configs.profiles.profile import ImageFormat
from ocrmill.pipeline.records import RGB, PageGeometry, PageText
from ocrmill.workers.engines.endpoint.engine import EndpointEngine
from ocrmill.workers.engines.endpoint.request import RequestWriter, ServedModel
from ocrmill.workers.rendering.encoded_page import EncodedPage, encode

SERVER = Path(__file__).parents[1] / "tests" / "support" / "model_server.py"
PROFILE = "lightonocr-2-1b"
PAGE_BYTES = 460 << 10  # the median PNG of 1,540 px
MIB = 1 << 20
SOAK_IN_FLIGHT, WARM_UP, LOOKS = 32, 500, 20
MOST_GROWN_MIB = 16.0  # between the first look and the last
SMALL = ImageFormat(longest_side=256)
GEOMETRY = PageGeometry(595, 842, 0, 1088, 1540, 131.7)


def settings(url: str, in_flight: int) -> EngineSettings:
    """Return the engine's settings for the server of the bench."""
    endpoint = {"urls": [url], "profile": PROFILE, "check_page": False, "max_in_flight": in_flight}
    return EngineSettings(name="endpoint", endpoint=EndpointSettings.model_validate(endpoint))


async def read_pages(
    url: str, page: EncodedPage, count: int, in_flight: int, look: Callable[[int], None] = lambda _: None
) -> tuple[float, float]:
    """Read the page so often, with a look after each answer; return CPU and wall seconds."""
    engine = EndpointEngine(settings(url, in_flight))
    await engine.start(1.0)
    left, answered = iter(range(count)), itertools.count(1)

    async def reader() -> None:
        for _ in left:
            outcome = await engine.read(page, GEOMETRY)
            assert isinstance(outcome, PageText), outcome
            look(next(answered))

    started, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(reader() for _ in range(in_flight)))
    took = time.process_time() - cpu, time.monotonic() - started
    await engine.close()
    return took


def serving(wait_s: float) -> tuple[subprocess.Popen[str], str]:
    """Start the server; return its process and URL."""
    process = subprocess.Popen([sys.executable, SERVER, "0", str(wait_s)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, f"http://127.0.0.1:{int(process.stdout.readline())}/v1"


def measure_sending(pages: int, in_flight: int) -> None:
    """Print the CPU time of a page beside its encoding."""
    page = EncodedPage(np.random.default_rng(0).bytes(PAGE_BYTES), "png", 1088, 1540)
    process, url = serving(1.0)
    try:
        cpu_s, wall_s = asyncio.run(read_pages(url, page, pages, in_flight))
    finally:
        process.kill()
        process.wait()
    print(
        f"sending: {1000 * cpu_s / pages:.2f} ms of CPU a page, {in_flight} in flight, "
        f"{pages / wall_s:.0f} pages/s over {wall_s:.0f} s"
    )


def measure_soak(requests: int) -> None:
    """Send small requests, and print now and then the memory and the open files of this process.

    Raises:
        SystemExit: sockets or memory grow.
    """
    page = encode(np.full((256, 200, 3), 255, dtype=np.uint8), SMALL)
    process, url = serving(0.0)
    states: list[tuple[int, float, int]] = []  # answered, MiB, open files
    me = psutil.Process()

    def look(answered: int) -> None:
        if answered % max(requests // LOOKS, 1) == 0:
            mib, open_files = me.memory_info().rss / MIB, me.num_fds()
            states.append((answered, mib, open_files))
            print(f"soak: {answered} answered, {mib:.1f} MiB, {open_files} open files", flush=True)

    try:
        asyncio.run(read_pages(url, page, min(WARM_UP, requests), SOAK_IN_FLIGHT))
        cpu_s, wall_s = asyncio.run(read_pages(url, page, requests, SOAK_IN_FLIGHT, look))
    finally:
        process.kill()
        process.wait()
    grown = states[-1][1] - states[0][1]
    print(
        f"soak: {requests} requests answered in {wall_s:.0f} s, {1000 * cpu_s / requests:.2f} ms of CPU each, "
        f"{grown:.1f} MiB of memory more"
    )
    most_open = max(open_files for _, _, open_files in states)
    if grown > MOST_GROWN_MIB or most_open > states[0][2] + SOAK_IN_FLIGHT:
        sys.exit(f"soak: {grown:.1f} MiB of memory more, and up to {most_open} open files: something is not given back")


def measure_encoding(names: list[str], left_out: Sequence[str]) -> None:
    """Print the time to encode a page and to write its request, by format."""
    profile = load_profile(PROFILE)
    pages = [page for name in names for page in first_pages(Path(name), profile.image, left_out)]
    for kind in ("png", "jpeg", "webp"):
        image = profile.image.model_copy(update={"format": kind})
        writer = RequestWriter(profile, ServedModel("model"))
        times, sizes = [], []
        for page in pages:
            started = time.process_time()
            encoded = encode(page, image)
            writer.body(encoded)
            times.append(1000 * (time.process_time() - started))
            sizes.append(encoded.nbytes / 1024)
        print(
            f"encoding as {kind:5}: {statistics.median(times):.1f} ms a page (most {max(times):.0f}), "
            f"{statistics.median(sizes):.0f} KiB (most {max(sizes):.0f}), {len(pages)} pages of {PROFILE}"
        )


def first_pages(path: Path, image: ImageFormat, left_out: Sequence[str]) -> list[RGB]:
    """Render the first page of each PDF as the rasterizers do, which give up a page after a time limit."""
    pages = []
    for file in sorted(path.glob("*.pdf")) if path.is_dir() else [path]:
        if file.name in left_out:
            print(f"{file.name}: left out", file=sys.stderr)
            continue
        try:
            with pymupdf.open(file) as document:
                page = document[0]
                scale = (image.longest_side or 0) / max(page.rect.width, page.rect.height)
                pixmap = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False)
        except (RuntimeError, ValueError, IndexError, pymupdf.mupdf.FzErrorBase) as error:
            print(f"{file.name}: {error}", file=sys.stderr)
            continue
        pages.append(np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3))
    return pages


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", default=["samples"])
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="leave out this file")
    parser.add_argument("--pages", type=int, default=4096, help="0: the soak alone")
    parser.add_argument("--in-flight", type=int, default=512)
    parser.add_argument("--requests", type=int, default=0, help="of the soak")
    arguments = parser.parse_args()
    if arguments.requests:
        measure_soak(arguments.requests)
    if arguments.pages:
        measure_sending(arguments.pages, arguments.in_flight)
        measure_encoding(arguments.files, arguments.skip)


if __name__ == "__main__":
    main()
