"""Commands and scripts in processes of their own, which are forks of one that has imported ours.

A command that Python starts for computes a second and a half before it does anything: it imports ours, and pandas,
which pyarrow takes wherever that is installed. Tests of what is imported, of what Python reads when it starts, of
signals and of Ray start Python.

Nor does each command that reads pages start a template of rendering processes, which takes two seconds: they have that
of the process that they are forks of.
"""

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

ROOT = Path(__file__).parents[2]
USUAL = "import boto3, pandas, pyarrow.dataset\nfrom ocrmill.commands import run, status, verify"
_SERVER = """
import json, os, runpy, sys
{imports}
from ocrmill import cli
from ocrmill.workers.rendering.forking import forked_process as rendering
templates, own = rendering._templates, os.getpid()
def have_template():
    held = templates.get((own, "mupdf"))
    if held is not None and held.has_ended():
        del templates[own, "mupdf"]
    return rendering._template("mupdf")
def begin(asked):
    for number, name in enumerate((os.devnull, "stdout", "stderr")):
        path = os.path.join(asked["streams"], name)
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.chdir(asked["folder"])
for line in sys.stdin:
    asked = json.loads(line)
    os.environ.clear()
    os.environ.update(asked["environment"])
    first, *_ = command = asked["command"]
    template = have_template() if {renders} and first.endswith(("run", "retry", "plan", ".py")) else None
    if not (child := os.fork()):
        templates.clear()
        if template is not None:
            templates[os.getpid(), "mupdf"] = template
        begin(asked)
        {prepare}
        if first.endswith(".py"):
            sys.argv[:] = command
            sys.exit(runpy.run_path(first, run_name="__main__") and 0)
        sys.argv[:] = ["ocrmill", *command]
        sys.exit(cli.main())
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Runs commands in forks of one process, one at a time."""

    def __init__(self, server: "subprocess.Popen[str]", asks: IO[str], answers: IO[str]) -> None:
        self._server = server
        self._asks, self._answers = asks, answers

    def run(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command, or a script by its path, in this folder, and return how it ended and what it wrote.

        A test that is broken off meanwhile, because it takes too long, ends the process for all that follow.
        """
        with TemporaryDirectory() as streams:
            asked = {"command": command, "folder": str(folder), "environment": {**environment}, "streams": streams}
            try:
                self._asks.write(json.dumps(asked) + "\n")
                self._asks.flush()
                code = int(self._answers.readline())
            except BaseException:
                self._server.kill()
                raise
            out, err = ((Path(streams) / name).read_text(encoding="utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess([*command], code, out, err)


@contextmanager
def forking(imports: str = USUAL, prepare: str = "", *, renders: bool = True) -> Iterator[Forks]:
    """The process whose forks run commands, once each has prepared itself; it ends with the block.

    Unless it `renders`, it has no template of rendering processes.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-P", "-c", _SERVER.format(imports=imports, prepare=prepare, renders=renders)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        yield Forks(server, server.stdin, server.stdout)
        server.stdin.close()


@cache
def _forks() -> Forks:
    """The process of all tests that need no other."""
    running = forking()
    atexit.register(running.__exit__, None, None, None)
    return running.__enter__()


def run_script(path: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a file of Python in this folder, which is not on its import path."""
    return _forks().run([str(path)], folder, os.environ)


def ocrmill(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in the root of the repository, not on a terminal, with these variables besides."""
    return _forks().run([*map(str, arguments)], ROOT, {**os.environ, **environment})
