"""Model servers on bad days: killed and started again in mid-run, full, hanging; no page is lost, failed or doubled."""

import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psutil
import pytest
from faulty_run import ROOT, eventually
from model_server import Answer, Asked, Hang, Say, Status, serving_model
from pdfs import scan_pdf

from ocrmill.commands.verify import verify
from ocrmill.pipeline.output.stores.local import LocalStore

pytestmark = pytest.mark.fault
SERVER = ROOT / "tests" / "support" / "model_server.py"
PAGES = 24


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with pages that only an engine can read, no two alike."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        scan_pdf(tmp_path / "in" / f"{number}.pdf", pages=PAGES // 3, dpi=72 + number)
    return tmp_path / "in"


def start(scans: Path, *urls: str) -> subprocess.Popen[str]:
    """Start a run; few pages in flight make it last a few seconds."""
    flags = [flag for url in urls for flag in ("--url", url)]
    program = Path(sys.executable).with_name("ocrmill")
    command = [
        str(program),
        "run",
        str(scans),
        "--out",
        str(scans.with_name("out")),
        "--no-ray",
        "--profile",
        "lightonocr-2-1b",
    ]
    sets = ["engine.endpoint.max_in_flight=8", "engine.page_timeout_s=10"]
    sets.append("engine.endpoint.check_page=false")
    command += [*flags, *(word for setting in sets for word in ("--set", setting))]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def assert_whole(scans: Path, run: subprocess.Popen[str], code: int = 0) -> None:
    """Every page has one row, with its text, and no failure."""
    said, _ = run.communicate(timeout=100)
    assert run.returncode == code, said
    out = scans.with_name("out")
    rows = duckdb.sql(f"select document_id, page_number, status from '{out}/pages/*.parquet'").fetchall()
    assert Counter(status for _, _, status in rows) == {"ok": PAGES}
    assert len({row[:2] for row in rows}) == PAGES
    assert verify(LocalStore(out), repair=False).sound


def model_process(port: int = 0, wait_s: float = 0.2) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, SERVER, str(port), str(wait_s)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    with process.stdout as said:
        return process, f"http://127.0.0.1:{int(said.readline())}/v1"


def connections(run: subprocess.Popen[str], port: int) -> int:
    """Count the connections of a run to a server: more than two have pages in work."""
    return sum(bool(one.raddr) and one.raddr.port == port for one in psutil.Process(run.pid).net_connections("tcp"))


@pytest.fixture
def model() -> Iterator[tuple[subprocess.Popen[str], str]]:
    process, url = model_process()
    yield process, url
    process.kill()
    process.wait()


def test_sigkill_of_the_only_model_server(scans: Path, model: tuple[subprocess.Popen[str], str]) -> None:
    """SIGKILL of the only model server in mid-run, up again a while later: its pages wait, and none fails."""
    process, url = model
    with start(scans, url) as run:
        port = int(url.rpartition(":")[2].removesuffix("/v1"))
        assert eventually(lambda: connections(run, port) > 2, 40)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(1)
        again, _ = model_process(port)
        try:
            assert_whole(scans, run)
        finally:
            again.kill()
            again.wait()


def test_a_model_server_that_hangs(scans: Path) -> None:
    """One of two model servers stops to answer in mid-run, its /health still 200: the other one reads its pages."""
    hangs = threading.Event()
    with (
        serving_model(lambda _: Hang() if hangs.is_set() else Say("A page.", wait_s=0.1)) as first,
        serving_model(lambda _: Say("A page.", wait_s=0.1)) as second,
        start(scans, first.url, second.url) as run,
    ):
        while len(first.asked) < 5:
            assert run.poll() is None
            time.sleep(0.05)
        hangs.set()
        with urllib.request.urlopen(f"{first.url.removesuffix('/v1')}/health", timeout=5) as health:
            assert health.status == 200
        assert_whole(scans, run)
    assert len(second.asked) > 8


def test_a_storm_of_429(scans: Path) -> None:
    """The only model server answers 429 with Retry-After to three of four requests: it rests, no page fails."""
    refused: list[float] = []

    def answer(asked: Asked) -> Answer:
        if asked.number % 4 == 0:
            return Say("A page.")
        refused.append(asked.at)
        return Status(429, {"Retry-After": "0.1"})

    with serving_model(answer) as server, start(scans, server.url) as run:
        assert_whole(scans, run)
    assert len(refused) > PAGES
    assert len(server.asked) < 10 * PAGES
