"""Measure a rendering process from its start to its first page: forked from a template, and with a template of its own.

    python bench/renderer_start.py [PDF] [--repeats R]

The second is what a process that loads everything itself would take: Python, the renderer, our modules and the layout
model. Wall and CPU times, with those of the template that is its own; both in turn, who is first changes each time.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

import psutil

from bench.cpu_time import cpu_seconds
from ocrmill.configs.settings import RasterSettings, RoutingSettings
from ocrmill.workers.rendering.process import RenderProcess
from ocrmill.workers.rendering.protocol import ChildSettings

SAMPLE = Path(__file__).parents[1] / "samples" / "text.pdf"
VARIABLE = "LC_BENCH"  # a template with other variables is another one


def seconds(path: str, template: str) -> tuple[float, float]:
    """Wall and CPU seconds until a page has come from a fork of the template of this name, started if it is new."""
    is_new = os.environ.get(VARIABLE) != template
    os.environ[VARIABLE] = template
    began = time.perf_counter()
    with RenderProcess("mupdf", ChildSettings(RasterSettings(), RoutingSettings())) as process:
        process.open(path, ())
        process.read(path, None, 1)
        took = time.perf_counter() - began
        child = psutil.Process(process.pid)
        used = cpu_seconds(child.pid)
        if is_new:
            used += cpu_seconds(child.ppid())
    return took, used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pdf", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    found: dict[str, list[tuple[float, float]]] = {"fork": [], "alone": []}
    for repeat in range(options.repeats):
        for kind in sorted(found, reverse=repeat % 2 == 0):
            name = f"{kind} {repeat}"
            if kind == "fork":
                seconds(str(options.pdf), name)  # so that its template is there
            found[kind].append(seconds(str(options.pdf), name))
    for kind, times in found.items():
        wall, cpu = ([1000 * value for value in column] for column in zip(*times, strict=True))
        print(f"{kind:6} wall {_spread(wall)} ms   CPU {_spread(cpu)} ms")
    for column, what in enumerate(("wall", "CPU")):
        ratios = [alone[column] / fork[column] for alone, fork in zip(found["alone"], found["fork"], strict=True)]
        print(f"{what}: alone over fork {_spread(ratios)}")


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


if __name__ == "__main__":
    main()
