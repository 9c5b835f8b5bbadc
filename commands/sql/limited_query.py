"""A query of a person, run by a process of its own, which is ended when its time is over.

DuckDB counts only a part of what a query takes: `repeat('x', 2000000000)` is not in its memory limit, and cannot be
interrupted. So the kernel limits the process (query_program.py). It has no access to the output: rows that it scans are
read here, and sent to it through a pipe.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Pipe
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Literal, TypeAlias

import pyarrow as pa

from ocrmill.commands.sql.page_rows import FullRows
from ocrmill.commands.sql.question import ANSWER, PROCESS_BYTES, QUERY_SPILL_LIMIT, REFUSAL, TOO_LARGE, WANTS, Question
from ocrmill.pipeline.errors import UsageError
from ocrmill.workers.held_signals import holding_signals
from ocrmill.workers.import_path import safe_variables

_PROGRAM = "ocrmill.commands.sql.query_program"
_MOST_BYTES = PROCESS_BYTES  # of an answer
_TOO_LARGE = (
    f"the query was stopped: it needs more than {PROCESS_BYTES >> 30} GB of memory, "
    f"or {QUERY_SPILL_LIMIT} of temporary files"
)
Rows: TypeAlias = "FullRows | pa.Table"


def run_limited(
    kind: Literal["select", "where"],
    text: str,
    tables: Mapping[str, Rows],
    *,
    database: Path | None = None,
    spill_in: Path | None = None,
    time_limit_s: float | None = None,
) -> bytes:
    """Run a query over tables and a database; return what query_program.py answers.

    Args:
        kind: A SELECT, or a condition on the rows of `page_rows`.
        text: The SQL.
        tables: What it may scan, by name.
        database: A file of DuckDB that it may read.
        spill_in: The folder of its temporary files; by default the temporary folder.
        time_limit_s: Its process is ended after so many seconds; None for no limit.

    Raises:
        UsageError: The query is wrong, needs too much memory, or takes too long.
        OcrmillError: A table cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="ocrmill-query-", dir=spill_in) as spill:
        schemas = {name: rows.schema.serialize().to_pybytes() for name, rows in tables.items()}
        question = Question(kind, text, spill, schemas, None if database is None else str(database))
        return _Asked(question, tables, time_limit_s).wait()


class _Asked:
    """The process that runs a query, and the threads that send it rows."""

    def __init__(self, question: Question, tables: Mapping[str, Rows], time_limit_s: float | None) -> None:
        self._tables = tables
        self._threads: list[threading.Thread] = []
        self._unreadable: list[Exception] = []
        self._limit_s = time_limit_s
        self._until = None if time_limit_s is None else time.monotonic() + time_limit_s
        self._connection, theirs = Pipe()
        variables = {name: value or "" for name, value in safe_variables(os.environ).items()}
        with theirs, holding_signals():
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _PROGRAM, str(os.getpid())],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env={**os.environ, **variables},
            )
        with suppress(OSError):  # it has ended already: that is found below
            self._connection.send(question)

    def wait(self) -> bytes:
        try:
            message = self._next_answer()
        finally:
            self._process.kill()
            self._process.wait()
            self._connection.close()
            for thread in self._threads:
                thread.join()
        if self._unreadable:
            raise self._unreadable[0]
        if not message.startswith(ANSWER):
            raise UsageError(message.removeprefix(REFUSAL).decode() if message.startswith(REFUSAL) else _TOO_LARGE)
        return message.removeprefix(ANSWER)

    def _next_answer(self) -> bytes:
        """Wait for the answer, and send the tables that are asked for meanwhile."""
        try:
            while self._connection.poll(None if self._until is None else max(0.0, self._until - time.monotonic())):
                message = self._connection.recv_bytes(_MOST_BYTES)
                if not message.startswith(WANTS):
                    return message
                self._send(self._tables[message.removeprefix(WANTS).decode()])
        except (EOFError, OSError) as error:
            code = self._process.wait()
            if code < 0:  # by a signal, as where DuckDB does not expect that memory is refused
                return TOO_LARGE
            raise RuntimeError(f"{_PROGRAM} ended with exit code {code}: its message is above") from error
        raise UsageError(f"the query was stopped: it took longer than {self._limit_s:g} s")

    def _send(self, rows: Rows) -> None:
        reading, writing = os.pipe()
        try:
            send_handle(self._connection, reading, None)
        finally:
            os.close(reading)
        thread = threading.Thread(target=self._write, args=(rows, writing), name="rows for a query")
        self._threads.append(thread)
        thread.start()

    def _write(self, rows: Rows, writing: int) -> None:
        """Write rows into a pipe; an error is raised in place of what the process makes of the rows that it has."""
        try:
            with os.fdopen(writing, "wb") as pipe, pa.ipc.new_stream(pipe, rows.schema) as sent:
                for batch in rows.to_batches():
                    sent.write_batch(batch)
        except BrokenPipeError:  # nobody reads any more: the answer needs no more
            pass
        except Exception as error:  # noqa: BLE001 - raised by `wait`
            self._unreadable.append(error)
