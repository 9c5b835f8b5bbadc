"""Queries in the locked database can be stopped, and other processes read it while nobody writes."""

import subprocess
import sys
import threading
from contextlib import ExitStack

import duckdb
import pytest

from ocrmill.commands.sql.locked_database import MOST_READERS, LockedDatabase

ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"

_READER = """
import duckdb, sys
database = duckdb.connect(sys.argv[1], read_only=True)
print(database.execute("SELECT count(*) FROM numbers").fetchall()[0][0])
"""


@pytest.fixture
def database() -> LockedDatabase:
    return LockedDatabase("1GB")


def test_a_query_of_each_cursor_is_stopped(database: LockedDatabase) -> None:
    """Each in its thread, and the database can be closed then."""
    raised = []

    def query() -> None:
        cursor = database.cursor()
        try:
            cursor.execute(ENDLESS)
        except duckdb.InterruptException as error:
            raised.append(error)

    threads = [threading.Thread(target=query) for _ in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        database.interrupt()
        threads[0].join(0.1)
        threads[1].join(0.1)
    database.close()

    assert len(raised) == 2


def test_a_cursor_that_was_closed_has_nothing_to_stop(database: LockedDatabase) -> None:
    """The viewer closes some when their request ends."""
    closed, cursor = database.cursor(), database.cursor()
    closed.close()
    database.interrupt()

    assert cursor.execute("SELECT 7").fetchall() == [(7,)]
    database.close()


def test_another_process_reads_what_was_written(database: LockedDatabase) -> None:
    """The reader sees each row that was committed before, also those that only the log has."""
    cursor = database.cursor()
    for rows in (7, 300_000):
        with database.writing():
            cursor.execute(f"CREATE OR REPLACE TABLE numbers AS SELECT range FROM range({rows})")
        with database.read_by_others(1.0) as path:
            found = subprocess.run([sys.executable, "-c", _READER, str(path)], capture_output=True, check=True)
        assert int(found.stdout) == rows
    database.close()


def test_nobody_writes_while_others_read(database: LockedDatabase) -> None:
    """Some readers at once: one more waits, and so does who writes."""
    done: list[str] = []

    def write() -> None:
        with database.writing():
            done.append("written")

    writer = threading.Thread(target=write)
    with database.read_by_others(1.0), ExitStack() as others:
        for _ in range(MOST_READERS - 1):
            assert others.enter_context(database.read_by_others(1.0)) is not None
        with database.read_by_others(0.05) as refused:
            assert refused is None
        writer.start()
        writer.join(0.2)
        assert done == []
    writer.join()

    assert done == ["written"]
    database.close()
