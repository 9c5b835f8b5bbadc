"""A run that is to stop before its workers are up ends at the next step of its start, with nothing in work."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pdfs import text_pdf
from waiting import wait_for

from ocrmill.pipeline.errors import StoppedEarlyError
from ocrmill.workers.pools.early_stop import check_time, ended_early, signals_after

ROOT = Path(__file__).parents[3]


# Ray starts, and its start takes longer than anybody waits.
ENDLESS_START = """
import ray, time
start = ray.init
ray.init = lambda **arguments: (start(**arguments), time.sleep(600))
"""

# This process is connected to Ray by C++, which no signal breaks off, and the time is up before Python goes on.
LONG_CONNECTION = """
import time
import ray
from ray import _raylet
connect = _raylet.CoreWorker
def connect_long(*arguments):
    connected = connect(*arguments)
    time.sleep(6)
    return connected
_raylet.CoreWorker = connect_long
"""


def start_run(tmp_path: Path, *options: str, prepare: str = "") -> subprocess.Popen[str]:
    text_pdf(tmp_path / "in" / "a.pdf", pages=1)
    program = f"{prepare}\nimport sys; from ocrmill import cli; sys.argv[0] = 'ocrmill'; cli.main()"
    command: list[str | Path] = [
        sys.executable,
        "-c",
        program,
        "run",
        tmp_path / "in",
        "--out",
        tmp_path / "out",
        "--workers",
        "1",
    ]
    return subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("budget", "prepare"), [("3s", ENDLESS_START), ("6s", LONG_CONNECTION)])
def test_a_budget_shorter_than_the_start_ends_in_the_start(tmp_path: Path, budget: str, prepare: str) -> None:
    """A run does not wait until Ray and its workers are up, but until Ray is connected: exit code 75, and no row.

    A driver that is connected in part ends by SIGSEGV.
    """
    (tmp_path / "in").mkdir()
    with start_run(tmp_path, "--time-budget", budget, prepare=prepare) as run:
        _, errors = run.communicate(timeout=120)

    assert run.returncode == 75, errors
    assert "the time budget ended before the workers were up: nothing was read" in errors
    assert not (tmp_path / "out" / "pages").exists()
    assert not (tmp_path / "out" / "_lease").exists()


def test_signals_of_a_step_that_must_not_break_off_come_after_it() -> None:
    """Each signal is delivered once the block has ended, to the handler of before."""
    done: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: done.append("signal"))
    try:
        with signals_after():
            signal.raise_signal(signal.SIGTERM)
            done.append("step")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == ["step", "signal"]


def test_a_signal_at_the_start_ends_it(tmp_path: Path) -> None:
    """SIGTERM while Ray starts gives the lease back, so that the next run need not wait; exit code 75."""
    (tmp_path / "in").mkdir()
    with start_run(tmp_path) as run:
        assert run.stderr is not None
        while "starting Ray" not in (said := run.stderr.readline()):
            assert said, "it ended before"
        time.sleep(0.3)
        run.send_signal(signal.SIGTERM)
        _, errors = run.communicate(timeout=120)

    assert run.returncode == 75, errors
    assert "SIGTERM: stopped before the workers were up" in errors
    assert not (tmp_path / "out" / "_lease").exists()


def test_time_that_is_left_is_no_reason_to_stop() -> None:
    """Only a budget that has ended raises; handlers of signals are those of before again."""
    check_time(time.monotonic() + 60)
    with pytest.raises(StoppedEarlyError):
        check_time(time.monotonic())
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StoppedEarlyError, match="SIGTERM"), ended_early(time.monotonic() + 60):
        signal.raise_signal(signal.SIGTERM)
    assert before is signal.getsignal(signal.SIGTERM)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_heeded_where_python_drops_exceptions(number: signal.Signals) -> None:
    """Python drops what a handler raises in `__del__` or in a hook of a fork; the signal ends the start nonetheless."""

    class Signals:
        def __del__(self) -> None:
            signal.raise_signal(number)

    with pytest.raises(StoppedEarlyError, match=number.name), ended_early(time.monotonic() + 60):
        Signals()


def test_a_budget_ends_what_takes_long() -> None:
    """A step that never looks at the time, as the start of Ray, is interrupted; an alarm of before still comes."""
    heard = []
    before = signal.signal(signal.SIGALRM, lambda *_: heard.append("alarm"))
    timer = signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        started = time.monotonic()
        with pytest.raises(StoppedEarlyError, match="time budget"), ended_early(started + 0.2):
            time.sleep(30)
        assert time.monotonic() - started < 10
        wait_for(lambda: heard)
        assert heard == ["alarm"]
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)
