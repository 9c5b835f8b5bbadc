"""A run inside a program: the caller's process is as it was before, and other threads and signals stop it."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from held_run import hold_later_documents, wait_for_pages
from hostile_folder import hostile_folder, marks
from pdfs import text_pdf

import ocrmill

ROOT = Path(__file__).parents[2]


def test_the_process_is_as_it_was(papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a run, one that fails too, folder, handlers, environment, import path and loggers are the caller's own."""
    monkeypatch.chdir(tmp_path)

    def own(*_: object) -> None:
        raise AssertionError("nobody sent a signal")

    handlers = {number: signal.signal(number, own) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        before = _state()
        ocrmill.run(papers / "blank.pdf", "out", use_ray=False)
        ocrmill.plan(papers / "blank.pdf")
        with pytest.raises(ocrmill.InputError):
            ocrmill.run("none.pdf", "out", use_ray=False)
        assert _state() == before
        assert before[0] is own
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _state() -> tuple[object, ...]:
    logger = logging.getLogger("ocrmill")
    return (
        signal.getsignal(signal.SIGTERM),
        signal.getsignal(signal.SIGINT),
        Path.cwd(),
        dict(os.environ),
        list(sys.path),
        list(sys.argv),
        (logger.level, logger.propagate, list(logger.handlers)),
        (logging.root.level, list(logging.root.handlers)),
    )


@pytest.mark.slow
def test_the_process_is_as_it_was_after_ray(papers: Path, tmp_path: Path) -> None:
    """Ray sets a handler of its own; the process is as it was even so, in a program that knows `ocrmill` alone."""
    program = f"""
import logging, os, signal, sys, ocrmill
def own(*_): raise SystemExit(9)
signal.signal(signal.SIGTERM, own); signal.signal(signal.SIGINT, own)
os.chdir({str(tmp_path)!r})
def state():
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT), sys.excepthook
    path = [each for each in sys.path if "/ray/" not in each]  # importing Ray adds its own
    return handlers, os.getcwd(), sys.argv, path, dict(os.environ), logging.root.handlers[:]
before = state()
settings = ocrmill.load_settings(overrides={{"workers.rasterizers": 1, "workers.engines": 1}})
report = ocrmill.run({str(papers / "report.pdf")!r}, "out", settings=settings)
assert report.pages["text_layer"] == 2, report
differing = [pair for pair in zip(before, state()) if pair[0] != pair[1]]
assert not differing, differing
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=200)

    assert done.returncode == 0, done.stderr


def test_it_runs_in_a_thread(papers: Path, tmp_path: Path) -> None:
    """A run in a thread that is not the main one needs no signals, and its result comes out."""
    reports = []
    thread = threading.Thread(
        target=lambda: reports.append(ocrmill.run(papers / "report.pdf", tmp_path / "out", use_ray=False))
    )
    thread.start()
    thread.join(120)

    assert reports[0].pages["text_layer"] == 2


def test_it_runs_inside_an_event_loop(papers: Path, tmp_path: Path) -> None:
    """In a notebook, where a loop runs already, `run` and `plan` work and their errors come out."""

    async def cell() -> tuple[ocrmill.RunReport, ocrmill.Plan]:
        report = ocrmill.run(papers / "report.pdf", tmp_path / "out", use_ray=False)
        with pytest.raises(ocrmill.InputError):
            ocrmill.run("none.pdf", tmp_path / "out", use_ray=False)
        return report, ocrmill.plan(papers / "report.pdf")

    report, plan = asyncio.run(cell())

    assert (report.pages["text_layer"], plan.documents) == (2, 1)


def write_documents(folder: Path) -> None:
    """Twelve documents of four pages."""
    folder.mkdir()
    for number in range(12):
        text_pdf(folder / f"{number:02d}.pdf", pages=4, text=f"Document number {number} says this. ")


def test_another_thread_can_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`stop` ends a run as SIGTERM does: what is in flight is finished, work is left, and the next call goes on."""
    write_documents(tmp_path / "in")
    hold_later_documents(monkeypatch.setattr)
    stop, out = threading.Event(), tmp_path / "out"
    settings = ocrmill.load_settings(overrides={"output.flush_s": 0.2})
    reports: list[ocrmill.RunReport] = []
    thread = threading.Thread(
        target=lambda: reports.append(ocrmill.run(tmp_path / "in", out, settings=settings, use_ray=False, stop=stop))
    )
    thread.start()
    wait_for_pages(out)
    stop.set()
    thread.join(120)
    first = reports[0]
    rest = ocrmill.run(tmp_path / "in", out, settings=settings, use_ray=False)

    assert first.stopped
    assert first.exit_code == 75
    assert 0 < first.pages.total() <= 4
    assert first.pages.total() + rest.pages.total() == 48


def test_an_interrupt_in_a_notebook_stops_it(tmp_path: Path) -> None:
    """Ctrl-C while a cell waits for a run stops it as it stops the command: the report says so."""
    write_documents(tmp_path / "in")
    program = f"""
import asyncio, pathlib, signal, threading, os, ocrmill
from held_run import hold_later_documents, wait_for_pages
hold_later_documents()
out = pathlib.Path({str(tmp_path / "out")!r})
signal.signal(signal.SIGINT, signal.default_int_handler)
def interrupt():
    wait_for_pages(out)
    os.kill(os.getpid(), signal.SIGINT)
async def cell():
    settings = ocrmill.load_settings(overrides={{"output.flush_s": 0.2}})
    threading.Thread(target=interrupt, daemon=True).start()
    report = ocrmill.run({str(tmp_path / "in")!r}, out, settings=settings, use_ray=False)
    print(report.stopped, 0 < report.pages.total() <= 4)
loop = asyncio.new_event_loop()  # no asyncio.run: a notebook leaves SIGINT to Python
loop.run_until_complete(cell())
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support")}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.stdout == "True True\n", done.stderr


def test_a_program_configures_our_loggers(papers: Path, tmp_path: Path) -> None:
    """Messages go to loggers named after modules below `ocrmill`; the program decides about level and handlers."""
    program = f"""
import logging, ocrmill
records = []
class Keep(logging.Handler):
    def emit(self, record): records.append(record.name)
logging.getLogger("ocrmill").addHandler(Keep())
logging.getLogger("ocrmill").setLevel(logging.INFO)
ocrmill.run({str(papers / "blank.pdf")!r}, {str(tmp_path / "out")!r}, use_ray=False)
assert "ocrmill.commands.run" in records, records
seen = len(records)
logging.getLogger("ocrmill").setLevel(logging.ERROR)
ocrmill.run({str(papers / "blank.pdf")!r}, {str(tmp_path / "out")!r}, use_ray=False)
assert len(records) == seen
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_nothing_from_the_current_folder_is_imported(tmp_path: Path) -> None:
    """A program in a folder that holds `pipeline/`, `configs/` and `pyarrow.py` takes none of them through us."""
    folder = hostile_folder(tmp_path / "folder")
    program = "import ocrmill; print(ocrmill.run('docs/text.pdf', 'out', use_ray=False).pages['text_layer'])"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )

    assert done.stdout.strip() == "2", done.stderr
    assert marks(folder) == []
