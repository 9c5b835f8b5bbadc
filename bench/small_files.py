"""Cost of a document beside its pages: documents per second of `ocrmill run` over one-page PDFs, one worker.

    python bench/small_files.py [--documents 600] [--pairs 3] [--peer CHECKOUT]

Draws born-digital PDFs of one page each, no two alike: 17 in 20 are a heading and paragraphs over a footer, 2 have a
list, one has a table. Each measurement is two runs of the real command in processes of their own, over a
few and over all documents; their difference is free of the start of Ray. Printed are documents a second, and the CPU
time of each kind of process for a document. With `--peer`, another checkout is measured in turn (A B A B ...), with the
same interpreter and libraries.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import pymupdf

from bench.sampling import Sampling
from samples.prose import TIDE_MILL

HERE = Path(__file__).parents[1]
FEW = 20  # documents of the run that is subtracted
MEASURED_AGAIN = 3
LIST_AT, TABLE_AT = 17, 19  # of 20 documents
SENTENCES = [
    f"{sentence.strip()}."
    for parts in TIDE_MILL
    for style, text in parts
    if style == "paragraph"
    for sentence in text.split(".")
    if len(sentence) > 20
]
PROGRAM = (
    "import os, sys\n"
    "if os.path.isdir(os.path.join(os.environ['PYTHONPATH'], 'ocrmill')): from ocrmill import cli\n"
    "else: import cli\n"  # a checkout from before the package; the installed one is not the peer
    "sys.argv[0] = 'ocrmill'\n"
    "cli.main()\n"
)


@dataclass(frozen=True, slots=True)
class Costs:
    """Times of a run."""

    wall_s: float
    cpu_s: dict[str, float]  # by kind of process

    def less(self, other: "Costs", documents: int) -> "Costs":
        """Cost of a document, the start of the run left out."""
        cpu = {kind: (seconds - other.cpu_s.get(kind, 0.0)) / documents for kind, seconds in self.cpu_s.items()}
        return Costs((self.wall_s - other.wall_s) / documents, cpu)


def draw(folder: Path, documents: int) -> None:
    """Draw one-page PDFs; the same ones each time."""
    folder.mkdir()
    for number in range(documents):
        choose = random.Random(number)
        with pymupdf.open() as document:
            page = document.new_page(width=612, height=792)
            page.insert_text(
                (72, 80), f"Report {number}: {choose.choice(SENTENCES)[:40]}", fontsize=16, fontname="tibo"
            )
            top = 100.0
            for _ in range(choose.randint(2, 5)):
                text = " ".join(choose.choices(SENTENCES, k=choose.randint(2, 5)))
                left = page.insert_textbox((72, top, 540, top + 150), text, fontsize=11, fontname="tiro")
                top += 160 - max(left, 0.0)
            if number % 20 in range(LIST_AT, TABLE_AT):
                for item in range(1, 5):
                    page.insert_text((90, top + 18 * item), f"{item}. {choose.choice(SENTENCES)[:60]}", fontsize=11)
            if number % 20 >= TABLE_AT:
                _draw_table(page, top, choose)
            page.insert_text((300, 760), str(number), fontsize=9, fontname="tiro")
            document.save(folder / f"{number:06}.pdf")


def _draw_table(page: pymupdf.Page, top: float, choose: random.Random) -> None:
    for row in range(4):
        for column in range(4):
            x, y = 72 + 100 * column, top + 20 * row
            page.draw_rect((x, y, x + 100, y + 20))
            page.insert_text((x + 5, y + 14), str(choose.randint(1, 9999)), fontsize=10)


def measure(checkout: Path, inputs: Path) -> Costs:
    """Run the command of a checkout over a folder."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = [
            sys.executable,
            "-c",
            PROGRAM,
            "run",
            str(inputs),
            "--out",
            str(out),
            "--engine",
            "cpu",
            "--workers",
            "1",
        ]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        log = Path(folder) / "log"
        with log.open("wb") as said:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
            seen: dict[tuple[int, float], tuple[str, float]] = {}
            with Sampling(0.5, lambda: _look(process.pid, seen)):
                code = process.wait()
        records = list(out.glob("runs/*.json"))
        if code or not records:
            sys.exit(f"{checkout}: the run ended with {code}:\n{log.read_text(errors='replace')[-2000:]}")
        cpu: dict[str, float] = {}
        for kind, seconds in seen.values():
            cpu[kind] = cpu.get(kind, 0.0) + seconds
        return Costs(json.loads(records[0].read_text())["totals"]["wall_s"], cpu)


def measure_difference(checkout: Path, few: Path, all_of_them: Path, documents: int) -> Costs:
    """Measure what a document costs beside the start of a run; again if two starts differ by more than all documents.

    On a busy machine the start of Ray may take ten seconds more or less.
    """
    for _ in range(MEASURED_AGAIN):
        start = measure(checkout, few)
        costs = measure(checkout, all_of_them).less(start, documents)
        if costs.wall_s > 0:
            return costs
        print("measured again: the start of the first run took longer than all of the second", flush=True)
    sys.exit(
        f"{checkout}: the starts of {MEASURED_AGAIN} runs took longer than {documents} documents: take more of them"
    )


def _look(pid: int, seen: dict[tuple[int, float], tuple[str, float]]) -> None:
    """Note the CPU seconds of a process and all below it, up to now."""
    try:
        top = psutil.Process(pid)
        for process in [top, *top.children(recursive=True)]:
            with process.oneshot():
                used = process.cpu_times()
                kind = "driver" if process.pid == pid else _kind(" ".join(process.cmdline()))
                seen[process.pid, process.create_time()] = kind, used.user + used.system
    except psutil.Error:
        pass  # one that ends meanwhile was seen before


def _kind(command: str) -> str:
    kinds = {"mupdf": "rendering", "RasterizerActor": "rasterizer", "EngineActor": "engine", "ray": "Ray"}
    return next((kind for mark, kind in kinds.items() if mark in command), "others")


def spread(values: list[float], digits: int) -> str:
    """Return the median with the least and the most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main() -> None:
    """Parse, draw, measure in turn, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=600)
    parser.add_argument("--pairs", type=int, default=3, help="how often all is measured")
    parser.add_argument("--peer", type=Path, help="another checkout, measured in turn")
    arguments = parser.parse_args()
    checkouts = {"here": HERE, **({"peer": arguments.peer.resolve()} if arguments.peer else {})}
    found: dict[str, list[Costs]] = {name: [] for name in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        few, all_of_them = Path(folder) / "few", Path(folder) / "all"
        draw(few, FEW)
        draw(all_of_them, FEW + arguments.documents)
        for _ in range(arguments.pairs):
            for name, checkout in checkouts.items():
                found[name].append(measure_difference(checkout, few, all_of_them, arguments.documents))
                print(f"{name}: {1 / found[name][-1].wall_s:.1f} documents/s", flush=True)
    for name, costs in found.items():
        print(f"\n{name}: {spread([1 / each.wall_s for each in costs], 1)} documents/s")
        for kind in sorted({kind for each in costs for kind in each.cpu_s}):
            print(f"  {kind:12} {spread([1000 * each.cpu_s.get(kind, 0.0) for each in costs], 1)} ms of CPU a document")
    if arguments.peer:
        pairs = list(zip(found["here"], found["peer"], strict=True))
        print(f"\nhere / peer: {spread([peer.wall_s / mine.wall_s for mine, peer in pairs], 2)} times the documents/s")
        cpu = [sum(peer.cpu_s.values()) / sum(mine.cpu_s.values()) for mine, peer in pairs]
        print(f"  {spread(cpu, 2)} times less CPU")


if __name__ == "__main__":
    main()
