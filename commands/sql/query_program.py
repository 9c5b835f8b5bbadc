"""The program of a process that runs one query of a person.

Its DuckDB is locked: no file but the database that it is given to read, no extension, no setting. Memory is limited by
the kernel, since DuckDB's own limit leaves out long strings. Whoever started it ends it (limited_query.py).
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle
from typing import TYPE_CHECKING, Any

import duckdb

from ocrmill.commands.sql.question import (
    ANSWER,
    BUFFER_LIMIT,
    LOCKS,
    PAGE_BITS,
    PROCESS_BYTES,
    QUERY_SPILL_LIMIT,
    REFUSAL,
    TOO_LARGE,
    WANTS,
    Question,
)
from ocrmill.pipeline.printable import printable
from ocrmill.workers.held_signals import ignore_signals
from ocrmill.workers.parent_death import end_with_parent

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ANSWERED = 1000  # rows of a SELECT
SHOWN_VALUE = 400  # characters
_READS = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


class AskedTable:
    """A table that the other side reads and sends, each time that DuckDB scans it."""

    def __init__(self, connection: Connection, name: str, schema: bytes) -> None:
        """Keep what to ask for."""
        import pyarrow as pa

        self._connection = connection
        self._name = name
        self._schema = pa.ipc.read_schema(pa.py_buffer(schema))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Stream the rows by Arrow's C interface."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self._schema, self._batches()).__arrow_c_stream__(requested_schema)

    def _batches(self) -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        self._connection.send_bytes(WANTS + self._name.encode())
        with os.fdopen(recv_handle(self._connection), "rb") as file:
            yield from pa.ipc.open_stream(file)


def answer(database: duckdb.DuckDBPyConnection, question: Question, connection: Connection) -> bytes:
    """Run the query: the JSON of a SELECT's first rows, or the 64-bit keys of the pages of a condition.

    Raises:
        ValueError: The query is not one SELECT.
        duckdb.Error: It is wrong, fails, or asks for what is locked.
        MemoryError: It needs too much.
    """
    for name, schema in question.schemas.items():
        database.register(name, AskedTable(connection, name, schema))
    return select(database, question.text) if question.kind == "select" else where(database, question.text)


def open_locked(question: Question) -> duckdb.DuckDBPyConnection:
    """Open the database that the question is about, only to read it, or an empty one."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": BUFFER_LIMIT,
        "temp_directory": question.spill,
        "max_temp_directory_size": QUERY_SPILL_LIMIT,
    }
    path = question.database
    database = duckdb.connect(path or ":memory:", read_only=path is not None, config=config)
    for setting in LOCKS:
        database.execute(f"SET {setting}")
    return database


def select(database: duckdb.DuckDBPyConnection, query: str) -> bytes:
    """Run one SELECT: its columns, its first rows as text, and if there are more."""
    statements = database.extract_statements(query)
    if len(statements) != 1 or statements[0].type not in _READS:
        raise ValueError("the box takes one SELECT: it only reads")
    database.execute(query)
    rows = database.fetchmany(MOST_ANSWERED + 1)
    columns = [printable(each[0]) for each in database.description or ()]
    shown = [[_shown(value) for value in row] for row in rows[:MOST_ANSWERED]]
    return json.dumps([columns, shown, len(rows) > MOST_ANSWERED]).encode()


def where(database: duckdb.DuckDBPyConnection, condition: str) -> bytes:
    """Find the rows of `page_rows` for which a condition is true: place of the document and number, in one integer."""
    import numpy as np

    key = f"(place::BIGINT << {PAGE_BITS}) | page_number AS key"
    chosen = database.view("page_rows").filter(condition).project("document_id, page_number")
    keys = chosen.join(database.view("places"), "document_id").project(key).fetchnumpy()
    return np.asarray(keys["key"], np.int64).tobytes()


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    text = (
        f"{value:.6g}"
        if isinstance(value, float)
        else f"{len(value)} bytes"
        if isinstance(value, bytes)
        else str(value)
    )
    text = printable(text[: SHOWN_VALUE + 1])
    return text if len(text) <= SHOWN_VALUE else f"{text[:SHOWN_VALUE]} …"


def confine(parent_pid: int) -> None:
    """Limit the memory, leave no core file, and end with the parent."""
    end_with_parent(parent_pid)
    resource.setrlimit(resource.RLIMIT_DATA, (PROCESS_BYTES, PROCESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer one question that comes on the standard input, a socket."""
    ignore_signals()
    confine(int(sys.argv[1]))
    connection = Connection(sys.stdin.fileno())
    question: Question = connection.recv()
    database = open_locked(question)
    try:
        reply = ANSWER + answer(database, question, connection)
    except (duckdb.OutOfMemoryException, MemoryError):
        reply = TOO_LARGE
    except (duckdb.Error, ValueError) as error:
        reply = REFUSAL + printable(str(error)).encode()
    connection.send_bytes(reply)
    os._exit(0)  # to close the database would wait for the rows of an endless query that nobody sees


if __name__ == "__main__":
    main()
