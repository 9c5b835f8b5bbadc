"""A second Ctrl-C ends an event loop whatever the loop is doing at that moment."""

import subprocess
import sys

import pytest

# Each time, the second signal comes at another moment of a loop that does nothing but wake tasks.
OFTEN = """
import asyncio, os, signal, threading, time
from ocrmill.workers.signals import stop_on_signals

async def wake(stopped):
    await stopped.wait()
    while True:
        await asyncio.sleep(0)

async def work(stopped):
    await asyncio.gather(*(wake(stopped) for _ in range(20)))

def send(sent, after_s):
    sent.wait()
    until = time.perf_counter() + after_s
    while time.perf_counter() < until:
        pass
    os.kill(os.getpid(), signal.SIGINT)

interrupted = 0
for turn in range(400):
    stopped, sent = asyncio.Event(), threading.Event()
    def stop():
        stopped.set()
        sent.set()
    second = threading.Thread(target=send, args=(sent, turn * 2e-6))
    second.start()
    try:
        with asyncio.Runner() as runner:
            stop_on_signals(runner.get_loop(), stop, "stopping")
            runner.get_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
            runner.run(work(stopped))
    except KeyboardInterrupt:
        interrupted += 1
    second.join()
print(interrupted)
"""


@pytest.mark.timeout(120)
def test_a_second_ctrl_c_leaves_no_task_that_waits_for_ever() -> None:
    """Raised between two steps of the loop it would lose the wake-up of a task, and the end waits for that task."""
    ended = subprocess.run([sys.executable, "-c", OFTEN], capture_output=True, text=True, timeout=100, check=True)

    assert int(ended.stdout) == 400
