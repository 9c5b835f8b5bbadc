"""Queries in the locked database can be stopped, whichever cursor they run on."""

import signal
import subprocess
import sys
import threading

import duckdb
import pytest
from narrowed import present

from ocrmill.commands.sql.locked_database import LockedDatabase

ENDLESS = "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b"

_AT_CTRL_C = f"""
from ocrmill.commands.sql.locked_database import LockedDatabase
database = LockedDatabase("1GB")
cursor = database.cursor()
def query():
    print("begins", flush=True)
    return cursor.execute("{ENDLESS}").fetchall()
try:
    database.run(query)
except KeyboardInterrupt:
    database.close()
    print("stopped", flush=True)
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


def test_what_a_query_finds_and_raises_is_passed_on(database: LockedDatabase) -> None:
    """As without a thread."""
    cursor = database.cursor()

    assert database.run(lambda: cursor.execute("SELECT 7").fetchall()) == [(7,)]
    with pytest.raises(duckdb.CatalogException, match="nothing"):
        database.run(lambda: cursor.execute("SELECT * FROM nothing"))
    database.close()


@pytest.mark.parametrize("turn", range(3))
def test_ctrl_c_stops_a_query(turn: int) -> None:
    """Always, also while its thread starts: in the main thread DuckDB would let one in two go on."""
    with subprocess.Popen([sys.executable, "-c", _AT_CTRL_C], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert present(process.stdout).readline() == "begins\n"
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()

    assert (said, process.returncode) == ("stopped\n", 0), f"Ctrl-C number {turn} was missed"
