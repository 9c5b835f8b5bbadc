"""Run every bench at its documented size, and write the results into the table of docs/performance.md.

    python bench/measure.py [BENCH ...] [--corpus FOLDER] [--checkpoint DIR]

The rows are those of bench/figures.py. A row gets its result, the machine and the date once its bench has ended well;
all other rows stay as they are, so that a part can be measured on each machine. All of them take hours: the machine
should do nothing else meanwhile. A bench whose files are missing is left out and says how to get them.
"""

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench import real_pdfs
from bench.figures import CHECKPOINT, CORPUS, FIGURES, Figure

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "performance.md"
BUSY = 0.25  # of the cores: with more at work than this before a bench begins, its row says so
_ROW = re.compile(
    r"^\| (?P<what>.+?) \| (?P<result>.*?) \| (?P<measured>.*?) \| (?P<command>`python (?:bench/|-m bench\.).*`) \|$"
)
Cells = tuple[str, str]  # a result, and when and where it was measured


def main() -> None:
    """Measure what is named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted({figure.command[0] for figure in FIGURES})
    parser.add_argument("bench", nargs="*", metavar="BENCH", help=f"of {', '.join(names)}")
    parser.add_argument("--corpus", type=Path, default=real_pdfs.CORPUS)
    parser.add_argument("--checkpoint", type=Path, help="of the size `encoder`; without one, it is seeded for the time")
    options = parser.parse_args()
    if unknown := set(options.bench) - set(names):
        parser.error(f"no row of the table comes from {', '.join(sorted(unknown))}")
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for command in dict.fromkeys(figure.command for figure in FIGURES):
            if options.bench and command[0] not in options.bench:
                continue
            if CORPUS in command and not options.corpus.is_dir():
                print(f"{command[0]}: left out, it needs the corpus of real PDFs; {real_pdfs.FETCH}, --corpus names it")
                continue
            if CHECKPOINT in command and options.checkpoint is None:
                options.checkpoint = seed(Path(scratch))
            places = {CORPUS: str(options.corpus), CHECKPOINT: str(options.checkpoint)}
            if not measure(command, places):
                failed.append(" ".join(command))
    if failed:
        sys.exit(f"failed: {'; '.join(failed)}")


def seed(folder: Path) -> Path:
    """Write the checkpoint that the benches of vLLM read: 2.1 GB."""
    program = str(Path(sys.executable).with_name("ocrmill"))
    subprocess.run([program, "model", "seed", str(folder / "encoder"), "--size", "encoder"], check=True)
    return folder / "encoder"


def measure(command: tuple[str, ...], places: dict[str, str]) -> bool:
    """Run one bench, show its output as it comes, and write its rows; False if it failed."""
    name, *arguments = command
    is_package = (ROOT / "bench" / name).is_dir()
    bench = ["-m", f"bench.{name}"] if is_package else [str(ROOT / "bench" / f"{name}.py")]
    program = [sys.executable, *bench, *(places.get(word, word) for word in arguments)]
    print(f"\n== {' '.join(command)}", flush=True)
    lines = []
    load = os.getloadavg()[0]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    if process.returncode:
        return False
    figures = [figure for figure in FIGURES if figure.command == command]
    results = {figure.what: (figure.read("".join(lines)), machine(load)) for figure in figures}
    TABLE.write_text(with_results(TABLE.read_text(encoding="utf-8"), results), encoding="utf-8")
    return True


def machine(load: float) -> str:
    """Name the day and this machine; `load` is the number of processes that ran already when a bench began."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    processor = found[1] if found else platform.machine()
    cores = os.cpu_count() or 1
    busy = ", busy" if load > BUSY * cores else ""
    return f"{datetime.now(UTC):%Y-%m-%d}, {processor}, {cores} cores{busy}"


def with_results(page: str, results: dict[str, Cells], figures: tuple[Figure, ...] = FIGURES) -> str:
    """Return the page with its table written again: a row for each figure, old results where there are no new ones."""
    known: dict[str, Cells] = {}
    for line in page.splitlines():
        if row := _ROW.match(line):
            known[row["what"]] = row["result"], row["measured"]
    known |= results
    rows = [
        f"| {figure.what} | {' | '.join(known.get(figure.what, ('not measured yet', '')))} | {figure.shown_command} |\n"
        for figure in figures
    ]
    begin, end = "<!-- figures: written by `make bench` -->\n", "<!-- end of figures -->"
    before, _, rest = page.partition(begin)
    head = "| what | result | measured | command |\n|---|---|---|---|\n"
    return f"{before}{begin}{head}{''.join(rows)}{end}{rest.partition(end)[2]}"


if __name__ == "__main__":
    main()
