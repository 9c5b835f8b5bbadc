"""Documents per second of `ocrmill serve`, beside `ocrmill run` over the same documents, and the seconds for one.

    python bench/serve.py [--documents 300] [--clients 8] [--repeats 3]

The documents are those of `small_files.py`: born-digital PDFs of one page. Both commands read them with one rasterizer
and the CPU engine under Ray, and take turns. A run is measured without its start, as there; the service is up, and has
answered `WARM_UP` documents that load its models, before the clock starts. Then each of several clients sends its next
document when the last one is answered, and at the end a single client does.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from bench.small_files import FEW, HERE, draw, measure_difference, spread

WARM_UP = 20
ALONE = 40  # documents of the single client
TIMEOUT_S = 120.0
STARTED_S = 300.0
WORKERS = ("--engine", "cpu", "--workers", "1")


@contextmanager
def service() -> Iterator[str]:
    """Start the service; give its address once it is ready."""
    command = [sys.executable, "-m", "ocrmill.cli", "serve", *WORKERS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address, give_up = process.stdout.readline().strip(), time.monotonic() + STARTED_S
            while httpx.get(f"{address}/ready").status_code != httpx.codes.OK:
                if process.poll() is not None or time.monotonic() > give_up:
                    raise SystemExit("the service did not start: run `ocrmill serve --engine cpu` to see why")
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()


def ask(client: httpx.Client, document: Path) -> float:
    """Send a document; return the seconds until its rows are here."""
    began = time.perf_counter()
    rows = client.post("/v1/pages", content=document.read_bytes()).raise_for_status().json()
    assert len(rows["pages"]) == 1
    return time.perf_counter() - began


def measure_service(documents: list[Path], clients: int) -> tuple[float, list[float], list[float]]:
    """Return the documents a second with several clients, their seconds, and those with a single one."""
    with service() as address, httpx.Client(base_url=address, timeout=TIMEOUT_S) as client:
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(lambda document: ask(client, document), documents[:WARM_UP]))
            began = time.perf_counter()
            together = list(pool.map(lambda document: ask(client, document), documents))
            rate = len(documents) / (time.perf_counter() - began)
        return rate, together, [ask(client, document) for document in documents[:ALONE]]


def main() -> None:
    """Parse, draw, measure in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rates: list[tuple[float, float]] = []
    together: list[float] = []
    alone: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        few, all_of_them = Path(folder) / "few", Path(folder) / "all"
        draw(few, FEW)
        draw(all_of_them, FEW + options.documents)
        documents = sorted(all_of_them.iterdir())[FEW:]
        for _ in range(options.repeats):
            run = 1 / measure_difference(HERE, few, all_of_them, options.documents).wall_s
            rate, with_others, single = measure_service(documents, options.clients)
            rates.append((rate, run))
            together += with_others
            alone += single
            print(f"serve {rate:.1f}, run {run:.1f} documents/s", flush=True)
    for name, seconds in ((f"{options.clients} clients", together), ("one client", alone)):
        slow = statistics.quantiles(seconds, n=20)[-1]
        print(f"{name}: {statistics.median(seconds):.3f} s for a document, 95 % within {slow:.3f} s")
    print(f"serve / run: {spread([rate / run for rate, run in rates], 2)} times the documents/s")


if __name__ == "__main__":
    main()
