"""Common parts of fault tests: a run in processes of its own, its victims, and the check that nothing is lost."""

import os
import secrets
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import duckdb
import psutil
from pdfs import scan_pdf, text_pdf

from ocrmill.commands.verify import verify
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.workers.rendering.child import PROCESS_NAME

ROOT = Path(__file__).parents[2]
MARK = "LC_OCRMILL_FAULT_TEST"  # in the environment of everything that a run starts, also of what gets a part of it
Found = TypeVar("Found")


def write_inputs(folder: Path) -> dict[str, int]:
    """Scans for the engines and text for the rasterizers, and the pages of each document."""
    pages = {"scans0.pdf": 12, "scans1.pdf": 12, "scans2.pdf": 4, "book.pdf": 30, "leaf0.pdf": 1, "leaf1.pdf": 2}
    for number, (name, count) in enumerate(pages.items()):
        if name.startswith("scans"):
            scan_pdf(folder / name, pages=count, dpi=72 + number)  # so that no two pages are the same
        else:
            text_pdf(folder / name, pages=count)
    return pages


class FaultyRun:
    """A run that is going to be harmed: `with FaultyRun(inputs, out) as run: ...`; at the end none of it is left."""

    def __init__(self, inputs: Path, out: Path, *overrides: str) -> None:
        self.out = out
        self.mark = secrets.token_hex(8)
        self.reads = inputs.with_name(f"reads-{self.mark}")
        self.log = inputs.with_name(f"log-{self.mark}")
        self._known: set[psutil.Process] = set()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(ROOT / "tests" / "support" / "fault_driver.py"),
                    str(inputs),
                    str(out),
                    str(self.reads),
                    *overrides,
                ],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), MARK: self.mark},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        if kind is None:
            assert eventually(lambda: not self.left(), 45), f"left behind: {self.left()}"
        for process in self.alive():
            process.kill()

    def alive(self) -> list[psutil.Process]:
        """The processes that the run has started and that are still there."""
        marked = [process for process in psutil.process_iter() if _marked(process, self.mark)]
        return [process for process in {*marked, *self._known} if _lives(process)]

    def left(self) -> list[psutil.Process]:
        """The living processes without two agents of Ray's, that take a minute to see that their raylet is gone."""
        return [process for process in self.alive() if not any("Agent" in word for word in _command(process)[:1])]

    def workers(self, name: str) -> list[psutil.Process]:
        """Its processes of a kind: `RasterizerActor`, `EngineActor`, the program of a template, or `PROCESS_NAME`."""
        if self.process.poll() is None:
            self._known |= set(psutil.Process(self.process.pid).children(recursive=True))
        return [process for process in {*self.alive()} if _is_called(process, name)]

    def worker(self, name: str) -> psutil.Process:
        """One of them, once there is one."""
        found = eventually(lambda: self.workers(name), 60)
        assert found, f"no {name} came up: {self.said()}"
        return found[0]

    def await_rows(self, rows: int) -> dict[tuple[str, int], str]:
        """Wait until so many pages are durable, and give them."""
        found = eventually(lambda: len(durable(self.out)) >= rows and durable(self.out), 90)
        assert found, f"{rows} rows did not come: {self.said()}"
        assert self.process.poll() is None, f"it ended too early to be harmed: {self.said()}"
        return found

    def end(self) -> int:
        """Wait for its end, and give its exit code."""
        code: int = self.process.wait(120)
        return code

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def times_read(self) -> Counter[str]:
        """The number of times that an engine has read each page image."""
        return Counter(self.reads.read_text().split()) if self.reads.exists() else Counter()


def durable(out: Path) -> dict[tuple[str, int], str]:
    """The pages that are there, and the run that made each."""
    if not list(out.glob("pages/*.parquet")):
        return {}
    found = duckdb.sql(f"select source, page_number, run_id from '{out}/pages/*.parquet'").fetchall()
    return {(Path(source).name, page): run for source, page, run in found}


def assert_whole(out: Path, pages: Mapping[str, int], *, failed: int = 0) -> None:
    """Every page has exactly one row, no more of them failed than may, and the output is sound."""
    rows = duckdb.sql(f"select source, page_number, status, detail from '{out}/pages/*.parquet'").fetchall()
    counted = Counter((Path(source).name, number) for source, number, _, _ in rows)
    assert counted == Counter((name, number) for name, count in pages.items() for number in range(1, count + 1))
    bad = [row for row in rows if row[2] == "failed"]
    assert len(bad) <= failed, bad
    assert verify(LocalStore(out), repair=False).findings == ()


def eventually(condition: Callable[[], Found], seconds: float) -> Found | None:
    """The first true answer within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := condition():
            return found
        time.sleep(0.1)
    return None


def _marked(process: psutil.Process, mark: str) -> bool:
    try:
        return bool(process.environ().get(MARK) == mark)
    except (psutil.Error, OSError):
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _is_called(process: psutil.Process, name: str) -> bool:
    try:
        if process.name() == PROCESS_NAME:  # its command line is that of its template
            return name == PROCESS_NAME
    except psutil.Error:
        return False
    return any(name in word for word in _command(process))


def _command(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []
