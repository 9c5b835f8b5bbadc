"""A second Ctrl-C ends an event loop whatever the loop is doing at that moment."""

import signal
import subprocess
import sys

import pytest

# Each time, the second signal comes at another moment of a loop that does nothing but wake tasks. A loop that does not
# end shows where it is.
OFTEN = """
import asyncio, faulthandler, os, signal, threading, time
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
    faulthandler.dump_traceback_later(60, exit=True)
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


def test_a_second_ctrl_c_leaves_no_task_that_waits_for_ever() -> None:
    """Raised between two steps of the loop it would lose the wake-up of a task, and the end waits for that task."""
    ended = subprocess.run([sys.executable, "-c", OFTEN], capture_output=True, text=True, timeout=240, check=False)

    assert ended.returncode == 0, ended.stderr[-4000:]
    assert int(ended.stdout) == 400


# Both signals come while the loop is in one step.
AT_ONCE = """
import asyncio, os, signal, sys
from ocrmill.workers.signals import stop_on_signals

async def work():
    for _ in range(int(sys.argv[2])):
        os.kill(os.getpid(), int(sys.argv[1]))
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.01)
        print("ended in order", flush=True)

with asyncio.Runner() as runner:
    stop_on_signals(runner.get_loop(), lambda: print("stopping", flush=True), "stopping")
    runner.run(work())
"""


@pytest.mark.parametrize("times", [2, 3])
def test_two_signals_during_one_step_of_the_loop_are_two(times: int) -> None:
    """Python tells of both once the step ends, a page for example; Ctrl-C still leaves tasks the time to end."""
    said, code = _send_at_once(signal.SIGINT, times)
    assert said == ["stopping", "ended in order"]
    assert code == -signal.SIGINT

    assert _send_at_once(signal.SIGTERM, times) == (["stopping"], -signal.SIGTERM)


def _send_at_once(number: signal.Signals, times: int) -> tuple[list[str], int]:
    """Send a signal so often during one step of a loop, and return what was said and the exit code."""
    program = [sys.executable, "-c", AT_ONCE, str(int(number)), str(times)]
    ended = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    return ended.stdout.splitlines(), ended.returncode
