"""The way of a page is short enough to be followed: from a command to its pixels, and to vLLM.

Functions of ours are counted on the stacks of all processes, where MuPDF makes a pixmap and where vLLM's `generate` is
called; of asyncio's tasks, those count as well that wait for this one.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from pdfs import scan_pdf

MOST_TO_PIXELS = 12
MOST_TO_VLLM = 9

# A run whose driver notes, at each call of an actor, the stack of the task and those of the tasks that wait for it.
DRIVER = """
import asyncio, sys
import stack_capture
from ocrmill.commands.run import Job, run
from ocrmill.configs.load import load_settings
from ray.actor import ActorMethod

plain = ActorMethod._remote

def waiting(task):
    frames, coroutine = [], task.get_coro()
    while coroutine is not None and getattr(coroutine, "cr_frame", None) is not None:
        frames.append(coroutine.cr_frame)
        coroutine = coroutine.cr_await
    return frames

def remote(self, *arguments, **options):
    if self._method_name == "read":
        given = arguments[0] if arguments else options["args"]
        where = "to engine" if len(given) > 1 else "to rasterizer"  # which gets one range
        stack_capture.note(where, sys._getframe(1))
        current = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not current and task.get_coro().__qualname__ == "Coordinator.run":
                frames = waiting(task)[:1]  # it may still be listing, which is another way
                stack_capture.note_all(f"{where}, waits", frames)
    return plain(self, *arguments, **options)

ActorMethod._remote = remote
sets = ["engine.name=" + sys.argv[3], "routing.mode=ocr", "workers.rasterizers=1", "workers.engines=1"]
make_pool = None
if sys.argv[3] == "deepseek-ocr2":
    from quiet_vllm import QuietEngine
    from ocrmill.workers.pools.ray_pool import RayPool
    make_pool = lambda job: RayPool(job.settings, QuietEngine)
print(run(Job((sys.argv[1],), sys.argv[2], load_settings([], sets)), make_pool).pages)
"""

# Our engine on something in the place of vLLM's, which writes one word on every page.
QUIET_VLLM = """
from types import SimpleNamespace
from ocrmill.workers.engines.deepseek_ocr2.engine import DeepseekOcr2Engine

class QuietVllm:
    def __init__(self):
        self.renderer = self

    async def render_cmpl_async(self, pages):
        return pages

    async def generate(self, *_, **__):
        said = SimpleNamespace(text="word", token_ids=[7], finish_reason="stop")
        yield SimpleNamespace(outputs=[said], prompt_token_ids=[1])

    def shutdown(self):
        pass

class QuietEngine(DeepseekOcr2Engine):
    async def start(self, memory):
        self._llm = QuietVllm()
"""


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Our functions at each border of a run that reads a scanned page on Ray: the outermost first."""
    folder, engine = tmp_path_factory.mktemp("run"), "deepseek-ocr2" if find_spec("vllm") else "cpu"
    capture = Path(__file__).parent / "support" / "stack_capture.py"
    for name in ("stack_capture.py", "sitecustomize.py"):
        shutil.copy(capture, folder / name)
    (folder / "quiet_vllm.py").write_text(QUIET_VLLM)
    (folder / "driver.py").write_text(DRIVER)
    command = [sys.executable, "driver.py", str(scan_pdf(folder / "scan.pdf")), "out", engine]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    ended = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    lines = (line.split(": ", 1) for line in (folder / "stacks.txt").read_text().splitlines())
    return {where: names.split(" > ") for where, names in lines}  # of several calls the last one


def listed(*parts: list[str]) -> str:
    return "\n".join(f"{number:2d} {name}" for number, name in enumerate(chain.from_iterable(parts), 1))


@pytest.mark.slow
def test_functions_from_a_command_to_the_pixels_of_a_page(
    stacks: dict[str, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """From `run` through the driver, a rasterizer's actor and its rendering process, no more than so many."""
    path = [stacks[where] for where in ("to rasterizer, waits", "to rasterizer", "to child", "pixels")]
    with capsys.disabled():
        print(f"\n{listed(*path)}")

    assert all(path)
    assert sum(map(len, path)) <= MOST_TO_PIXELS


@pytest.mark.slow
def test_functions_from_a_command_to_vllm(stacks: dict[str, list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """From `run` through the driver and an engine's actor to `generate`, no more than so many."""
    pytest.importorskip("vllm")
    path = [stacks[where] for where in ("to engine, waits", "to engine", "vllm")]
    with capsys.disabled():
        print(f"\n{listed(*path)}")

    assert all(path)
    assert sum(map(len, path)) <= MOST_TO_VLLM
