"""Measure `ocrmill report` over an output of ten million pages: its time, its memory, and the size of the file.

    python bench/report.py [--pages 10000000] [--out DIR]

The rows are those of `made_nights.py`; with --out they are kept there, and used again. Their sources do not exist, so
that no page is rendered; a report renders twenty at most. The command is a process of its own; memory is the largest
that it had, with its children's beside it.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.made_nights import write_nights
from ocrmill.workers.pools.machine import usable_cores


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
        measure(out, Path(folder) / "report.html")


def measure(out: Path, destination: Path) -> None:
    """Write a report, and print what that took."""
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{usable_cores()} cores, load average {load} before the start", flush=True)
    started = time.perf_counter()
    command = [sys.executable, "-m", "ocrmill.cli", "report", str(out), "-o", str(destination)]
    subprocess.run(command, check=True)
    took, spent = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu, memory = spent.ru_utime + spent.ru_stime, spent.ru_maxrss / 1e3
    size = destination.stat().st_size / 1e6
    print(f"report: {took:.0f} s, {cpu:.0f} s of CPU, at most {memory:,.0f} MB of memory, a file of {size:.2f} MB")


if __name__ == "__main__":
    main()
