"""A process that asked for it never outlives the one that started it."""

import subprocess
import sys
import time

import psutil
import pytest

CHILD = """
import os, sys, time
from ocrmill.workers.parent_death import end_with_parent
{before}
end_with_parent(int(sys.argv[1]))
print(os.getpid(), flush=True)
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid())])
{then}
"""


@pytest.mark.parametrize(("end", "code"), [("kill", -9), ("terminate", -15)])
def test_it_is_killed_with_its_parent(end: str, code: int) -> None:
    """However the parent ends, the kernel kills the child at once."""
    program = [sys.executable, "-c", PARENT.format(then="time.sleep(60)"), CHILD.format(before="")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))

        getattr(parent, end)()

        assert parent.wait() == code
        child.wait(timeout=10)


def test_it_ends_where_the_parent_died_before_it_asked() -> None:
    """The kernel tells of no death that was before: the child finds it by its new parent, and says nothing."""
    waiting = "while os.getppid() == int(sys.argv[1]): time.sleep(0.05)"
    program = [sys.executable, "-c", PARENT.format(then="os._exit(0)"), CHILD.format(before=waiting)]
    began = time.monotonic()

    said = subprocess.run(program, stdout=subprocess.PIPE, check=True).stdout  # ends once the child has closed it, too

    assert said == b""
    assert time.monotonic() - began < 30
