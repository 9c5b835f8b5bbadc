"""Ctrl-C once ends a run in order, twice at once; the exit code tells which."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from narrowed import present
from pdfs import scan_pdf

from ocrmill.commands.terminal.failing import EXIT_CODES
from ocrmill.commands.terminal.output_commands import verify

ROOT = Path(__file__).parents[1]

# The program itself, but for an engine that never comes to the end of its first page.
HANGING = """
import asyncio, sys
import ocrmill.workers.pools.pool
from ocrmill import cli
from fake_engine import FakeEngine
from ocrmill.pipeline.records import EngineDescription

class Hanging(FakeEngine):
    def describe(self):
        return EngineDescription("hanging", 1)
    async def read(self, image, geometry, repair):
        print("reading", file=sys.stderr, flush=True)
        await asyncio.sleep(600)

ocrmill.workers.pools.pool.make_engine = lambda settings: Hanging()
sys.argv[0] = "ocrmill"
cli.main()
"""


def interrupt_twice(tmp_path: Path) -> tuple[int, str, Path]:
    """Send SIGINT to a run that has a page in work, and again once it says that it ends.

    Gives the exit code, what was said after that, and the output.
    """
    scan, out = scan_pdf(tmp_path / "scan.pdf", pages=2), tmp_path / "out"
    arguments = ["run", str(scan), "--out", str(out), "--no-ray", "--engine", "cpu", "--route", "ocr"]
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "tests" / "support"), "HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(process, "reading")
        process.send_signal(signal.SIGINT)
        wait_for(process, "send it again to end at once")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        return process.returncode, said, out
    finally:
        process.kill()
        process.communicate()


def wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    """Read what the process says until it says this."""
    said = []
    for line in present(process.stderr):
        said.append(line)
        if words in line:
            return
    raise AssertionError("".join(said))


@pytest.mark.timeout(180)
def test_a_second_ctrl_c_ends_the_run_with_130(tmp_path: Path) -> None:
    """The exit code is 130, in the run's record too, and nobody is shown a traceback."""
    code, said, out = interrupt_twice(tmp_path)
    (record,) = (json.loads(path.read_text()) for path in (out / "runs").iterdir())

    assert code == 130
    assert record["exit_code"] == 130
    assert "Traceback" not in said


def main_of(command: str, after: str = "") -> tuple[int, bytes]:
    """Run `cli.main` with these lines as all that the commands do, in a process: its code, and what it said."""
    lines = "".join(f"    {line}\n" for line in command.strip().split("\n"))
    program = f"import signal\nfrom ocrmill import cli\ndef app():\n{lines}cli.app = app\ncli.main()\n{after}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT, timeout=60, check=False)
    return ended.returncode, ended.stderr


def test_ctrl_c_before_a_command_begins_ends_with_130() -> None:
    """Typer takes care of it only once it has made the commands."""
    assert main_of("signal.raise_signal(signal.SIGINT)") == (130, b"")


def test_ctrl_c_while_the_command_line_is_imported_says_nothing() -> None:
    """Nothing of ours runs yet that could take it; shells make 130 of the signal."""
    program = """
import importlib.abc, signal, sys
class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "ocrmill.cli": signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from ocrmill.program import main
main()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=ROOT, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, b"")


def test_ctrl_c_during_a_query_ends_with_130() -> None:
    """DuckDB makes an error of its own of it where a query runs in the main thread, as in `report` and `view`."""
    assert main_of('raise RuntimeError("Query interrupted")') == (130, b"")


def test_ctrl_c_after_a_command_says_nothing() -> None:
    """A second or third one may come while Python ends, which would show where; shells make 130 of the code."""
    assert main_of("pass", after="signal.raise_signal(signal.SIGINT)") == (-signal.SIGINT, b"")


@pytest.mark.parametrize("text", [(ROOT / "docs/commands.md").read_text(), EXIT_CODES, verify.__doc__])
def test_every_list_of_exit_codes_has_130(text: str) -> None:
    """docs/commands.md, `ocrmill --help`, `run --help`, `retry --help` and `verify --help` name it."""
    lists = [part for part in text.split("\n\n") if "xit code 0:" in part or "Exit codes: 0" in part]

    assert lists
    assert all("130" in part for part in lists)
