"""Killed at any moment and started again: the same rows as an undisturbed run, and no finished page done twice."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
from forks import ROOT, ocrmill
from held_run import wait_for_pages
from output_rows import select_rows
from pdfs import encrypted_pdf, mixed_pdf, text_pdf, truncated_pdf
from waiting import wait_for

from ocrmill.commands.verify import verify
from ocrmill.pipeline.output.stores.local import LocalStore

PROGRAM = "import sys; from ocrmill import cli; sys.argv[0] = 'ocrmill'; cli.main()"
HELD = f"import held_run; held_run.hold_later_documents(); {PROGRAM}"
KILLS = 8
# What may differ between two runs over the same files: when, by which run, and how long it took.
VOLATILE = "run_id, ingested_at, render_ms, engine_ms, attempts"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long and short documents, two sources of one, one without a password, one cut off."""
    folder = tmp_path_factory.mktemp("inputs")
    text_pdf(folder / "book.pdf", pages=24)
    for number in range(4):
        text_pdf(folder / f"leaf{number}.pdf", pages=number + 1)
    (folder / "same.pdf").write_bytes((folder / "leaf1.pdf").read_bytes())
    mixed_pdf(folder / "mixed.pdf")
    encrypted_pdf(folder / "secret.pdf", "unknown")
    truncated_pdf(folder / "cut.pdf")
    return folder


def arguments_of(inputs: Path, out: Path, *options: str) -> list[str]:
    # Small ranges and prompt flushes, so that a kill finds work in every state.
    settings = ("--set", "output.flush_s=0.3", "--set", "workers.pages_per_range=3")
    return ["run", str(inputs), "--out", str(out), "--workers", "1", *settings, *options]


def command(inputs: Path, out: Path, *options: str, program: str = PROGRAM) -> list[str]:
    return [sys.executable, "-c", program, *arguments_of(inputs, out, *options)]


def finished(inputs: Path, out: Path, *options: str) -> int:
    return ocrmill(*arguments_of(inputs, out, *options)).returncode


def finished_by_python(inputs: Path, out: Path, *options: str) -> int:
    """Run as `start` and `kill_at` do, imports and all."""
    return subprocess.run(
        command(inputs, out, *options), cwd=ROOT, capture_output=True, check=False, timeout=240
    ).returncode


def start(inputs: Path, out: Path, *options: str, program: str = PROGRAM) -> subprocess.Popen[str]:
    """Start a run; `HELD` is a program whose run does not end before it is stopped."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests" / "support")}
    arguments = command(inputs, out, *options, program=program)
    return subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def kill_at(seconds: float, inputs: Path, out: Path, *options: str) -> None:
    """Start a run and kill it after some seconds, as the kernel would: it cannot tidy up."""
    process = subprocess.Popen(
        command(inputs, out, *options), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


def rows(out: Path) -> list[tuple[Any, ...]]:
    return select_rows(out, f"* exclude ({VOLATILE})", order="document_id, page_number")


def documents(out: Path) -> list[tuple[Any, ...]]:
    return select_rows(out, "* exclude (run_id, ingested_at, sequence)", "documents", order="document_id")


def durable(out: Path) -> dict[tuple[str, int], str]:
    """The pages that are there, and the run that made each."""
    if not list(out.glob("pages/*.parquet")):
        return {}
    found = duckdb.sql(f"select document_id, page_number, run_id from '{out}/pages/*.parquet'").fetchall()
    return {(document, page): run for document, page, run in found}


@pytest.fixture(scope="module")
def undisturbed_s(inputs: Path, undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Seconds that a run takes here and now, by which kills are timed."""
    started = time.monotonic()
    finished_by_python(inputs, tmp_path_factory.mktemp("timed") / "out", "--no-ray")
    return time.monotonic() - started


@pytest.fixture(scope="module")
def undisturbed(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert finished(inputs, out, "--no-ray") == 3, "the locked and the cut-off file fail, the rest is read"
    return out


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_many_kills_change_nothing(inputs: Path, undisturbed: Path, undisturbed_s: float, tmp_path: Path) -> None:
    """After eight SIGKILLs at random moments the output is the same, and every page kept the run that first made it."""
    out = tmp_path / "out"
    dice = random.Random(20_552)
    seen: dict[tuple[str, int], str] = {}
    for _ in range(KILLS):
        kill_at(dice.uniform(0.2, 0.8) * undisturbed_s, inputs, out, "--no-ray")
        now = durable(out)
        assert seen.items() <= now.items(), "a finished page was lost or done again"
        seen = now
    assert finished(inputs, out, "--no-ray") in {0, 3}

    assert seen, "no kill came late enough to leave a page"
    assert seen.items() <= durable(out).items()
    assert rows(out) == rows(undisturbed)
    assert documents(out) == documents(undisturbed)
    assert verify(LocalStore(out), repair=False).findings == ()


@pytest.mark.fault
def test_a_killed_cluster_run_is_continued(inputs: Path, undisturbed: Path, tmp_path: Path) -> None:
    """With Ray too, workers of the killed run do not write, hold the lease or disturb the next run."""
    out = tmp_path / "out"
    with start(inputs, out) as process:
        wait_for_pages(out)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    seen = durable(out)
    assert finished_by_python(inputs, out) in {0, 3}

    assert seen.items() <= durable(out).items()
    assert rows(out) == rows(undisturbed)
    assert documents(out) == documents(undisturbed)


def test_a_stop_is_a_clean_end(inputs: Path, undisturbed: Path, tmp_path: Path) -> None:
    """SIGTERM ends with 75 and durable pages; a run that is over says so; the next one goes on and ends as usual."""
    out = tmp_path / "out"
    process = start(inputs, out, "--no-ray", program=HELD)
    wait_for_pages(out)
    process.terminate()
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 75, said
    assert "SIGTERM" in said
    assert finished(inputs, out, "--no-ray") in {0, 3}

    assert rows(out) == rows(undisturbed)
    assert finished(inputs, out, "--no-ray") == 0, "nothing is left to do"


def test_a_second_run_stops_at_once(inputs: Path, tmp_path: Path) -> None:
    """While one run writes, another on the same output ends with an error that names it."""
    out = tmp_path / "out"
    first = start(inputs, out, "--no-ray", program=HELD)
    try:
        wait_for((out / "_lease").exists, seconds=60, what="the lease")
        second = ocrmill(*arguments_of(inputs, out, "--no-ray"))
    finally:
        first.kill()
        first.communicate()

    assert second.returncode == 1
    assert str(first.pid) in second.stderr


def test_the_time_budget_leaves_work_for_the_next_night(inputs: Path, tmp_path: Path) -> None:
    """A budget that is too short for the work ends with 75."""
    with start(inputs, tmp_path / "out", "--no-ray", "--time-budget", "1s", program=HELD) as process:
        _, said = process.communicate(timeout=120)

    assert process.returncode == 75, said
