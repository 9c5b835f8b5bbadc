"""Measure `ocrmill view` over an output of ten million pages: how long a person waits.

    python bench/view.py [--pages 10000000] [--out DIR]

first paint   from the start of the command to the overview's first answer, while the index is still empty
index         until every shard is indexed; this is computed before, once, and kept for the next start
a line each   seconds until the whole answer is here: the least, the median and the most of `REPEATS`
next start    the same two for a second start, which finds the index
search        seconds to the first hit of a frequent and of a rare word, which one text of 400 has; given up after 5 s

The rows are those of `made_nights.py`; with --out they are kept there, and used again. The server is a process of its
own, and the client asks by HTTP as a browser does. What the index holds is in commands/presentation/columns.py.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pyarrow.parquet as pq

from bench.made_nights import write_nights
from ocrmill.workers.pools.machine import usable_cores

REPEATS = 5
TIMEOUT_S = 1800.0
GIVEN_UP_S = 5.0
QUERIES = {
    "overview": "/",
    "all pages": "/pages",
    "one status": "/pages?status=failed",
    "two flags, sorted by loops": "/pages?flags=repetition&flags=truncated&sort=-loop_score",
    "language and script": "/pages?text_language=uk&text_script=cyrillic",
    "a bound of seconds": "/pages?min_engine_ms=4000&sort=-engine_ms",
    "a part of the source": "/pages?source=report-0007-0012",
    "one run, failed": "/pages?run_id=20260103T020000Z-000002&status=failed",
    "all, sorted by confidence": "/pages?sort=engine_confidence",
    "documents by failed pages": "/documents?sort=-pages_failed",
    "plot of rates": "/plot/rates",
    "plot of runs": "/plot/runs",
    "slowest documents": "/worst-documents",
    "SQL: the process of a query alone": "/sql?q=SELECT+1",
    "SQL: a group by": "/sql?q=SELECT+engine,status,count(*),avg(engine_ms)+FROM+pages+GROUP+BY+ALL",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=10_000_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder) / "out"
        if not out.exists():
            write_nights(out, options.pages)
        measure(out)


def measure(out: Path) -> None:
    """Start a server, ask it, and start it once more."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{usable_cores()} cores, load average {load} before the start")
    with tempfile.TemporaryDirectory() as caches:
        with started(out, caches, "") as client:
            for name, address in QUERIES.items():
                times = sorted(seconds(client, address) for _ in range(REPEATS))
                print(f"{name}: {times[0]:.2f} / {statistics.median(times):.2f} / {times[-1]:.2f} s", flush=True)
            measure_search(client, rare_word(out))
        with started(out, caches, "next start, "):
            pass


@contextmanager
def started(out: Path, caches: str, what: str) -> Iterator[httpx.Client]:
    """Start a server that keeps its index in `caches`; print when it shows a page, and when its index is whole."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "ocrmill.cli", "view", str(out), "--no-browser"]
    environment = {**os.environ, "XDG_CACHE_HOME": caches}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            client = httpx.Client(base_url=server.stdout.readline().strip(), timeout=TIMEOUT_S)
            listening = time.perf_counter() - began
            client.get("/").raise_for_status()
            paint = time.perf_counter() - began
            print(f"{what}first paint: {paint:.2f} s, of that {listening:.2f} s until the server listened", flush=True)
            pages, process = wait_for_index(client), psutil.Process(server.pid)
            took, cpu, memory = time.perf_counter() - began, process.cpu_times(), process.memory_info().rss / 1e6
            spent = f"{took:.0f} s, {cpu.user + cpu.system:.0f} s of CPU, {memory:,.0f} MB of memory"
            print(f"{what}index: {pages:,} pages in {spent}", flush=True)
            yield client
        finally:
            server.terminate()


def wait_for_index(client: httpx.Client) -> int:
    """Wait until the index is whole; return its pages."""
    while True:
        state = client.get("/state").raise_for_status().json()
        if state["error"]:
            raise SystemExit(state["error"])
        if state["is_complete"]:
            return int(state["pages"])
        time.sleep(0.2)


def seconds(client: httpx.Client, address: str) -> float:
    """Time one whole answer."""
    started = time.perf_counter()
    client.get(address).raise_for_status()
    return time.perf_counter() - started


def rare_word(out: Path) -> str:
    """Return a word that a single one of the different texts has, the first by the alphabet."""
    first = min((out / "pages").glob("*.parquet"))
    texts: list[str | None] = pq.read_table(first, columns=["markdown"])["markdown"].unique().to_pylist()
    seen: Counter[str] = Counter(word for text in texts for word in set(re.findall(r"[a-z]{6,}", (text or "").lower())))
    found = (word for word in sorted(seen) if sum(word in (text or "").lower() for text in texts) == 1)
    return next(found)


def measure_search(client: httpx.Client, rare: str) -> None:
    """Time searches to their first hit, and one that is given up."""
    for what, address in {
        "frequent": "/search?q=page",
        f"rare ({rare})": f"/search?q={rare}",
        "none": "/search?q=no+such+words+at+all",
    }.items():
        started, first, searched = time.perf_counter(), None, 0
        with client.stream("GET", address) as answer:
            for line in answer.iter_lines():
                found = json.loads(line)
                searched = found.get("searched", searched)
                if "match" in found:
                    first = time.perf_counter() - started
                    break
                if time.perf_counter() > started + GIVEN_UP_S:
                    break
        took = time.perf_counter() - started
        after = seconds(client, "/pages?status=failed")
        hit = "no hit" if first is None else f"first hit after {first:.2f} s"
        print(
            f"search, {what}: {hit}, {searched:,} pages searched in {took:.1f} s; the next answer took {after:.2f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
