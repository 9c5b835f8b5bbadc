"""A DuckDB in a folder of this process, locked: it reads and writes no other file and keeps its settings."""

import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakSet

from ocrmill.commands.sql.database_folder import DatabaseFolder
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.printable import printable

if TYPE_CHECKING:
    import duckdb

_Found = TypeVar("_Found")
SPILL_LIMIT = "8GB"  # of what queries write to the temporary folder beside the database
_LOCKS = ("enable_external_access = false", "python_enable_replacements = false", "lock_configuration = true")
_FILE = "view.duckdb"
_SPILL = "spill"
_INTERRUPT_EVERY_S = 0.1


class LockedDatabase:
    """The database, with its folder."""

    def __init__(self, memory_limit: str, folder: DatabaseFolder | None = None) -> None:
        """Open the database of a folder, by default a temporary one; one that cannot be read begins empty.

        What does not fit into the memory goes to a folder beside its file.

        Raises:
            OutputError: Nothing can be written there.
        """
        import duckdb

        self._cursors: WeakSet[duckdb.DuckDBPyConnection] = WeakSet()
        self._cursors_lock = threading.Lock()
        self._folder = folder or DatabaseFolder.temporary()
        shutil.rmtree(self._folder.path / _SPILL, ignore_errors=True)  # of a process that was killed
        try:
            self._connection = self._open(memory_limit)
        except duckdb.Error:  # damaged, or of another version of DuckDB
            self._folder.clear()
            try:
                self._connection = self._open(memory_limit)
            except duckdb.Error as error:
                self._folder.close()
                raise OutputError(
                    f"the index of the output cannot be written: {printable(str(error))}\nFree some space, or name "
                    "another folder by XDG_CACHE_HOME, for kept indexes, or TMPDIR"
                ) from error
        for setting in _LOCKS:
            self._connection.execute(f"SET {setting}")

    def _open(self, memory_limit: str) -> "duckdb.DuckDBPyConnection":
        import duckdb

        path = self._folder.path
        config = {
            "memory_limit": memory_limit,
            "temp_directory": str(path / _SPILL),
            "max_temp_directory_size": SPILL_LIMIT,
            "preserve_insertion_order": "true",
        }
        return duckdb.connect(str(path / _FILE), config=config)

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """Return a connection for one thread."""
        cursor = self._connection.cursor()
        with self._cursors_lock:
            self._cursors.add(cursor)
        return cursor

    def interrupt(self) -> None:
        """Stop the queries that run now; each raises `duckdb.InterruptException` in its thread."""
        import duckdb

        with self._cursors_lock:
            cursors = list(self._cursors)
        for cursor in cursors:
            with suppress(duckdb.ConnectionException):  # its thread has closed it
                cursor.interrupt()

    def run(self, query: Callable[[], _Found]) -> _Found:
        """Run a query that may take long, and stop it at Ctrl-C.

        It has a thread of its own: where it runs in the main thread, DuckDB 2.0.1 notices one Ctrl-C of two.
        """
        with _holding_ctrl_c() as pressed, ThreadPoolExecutor(1) as thread:
            found = thread.submit(query)
            while not found.done():
                wait([found], _INTERRUPT_EVERY_S)
                if pressed.is_set():  # again and again: it may be between two queries
                    self.interrupt()
        return found.result()

    def close(self) -> None:
        """Close the file, and remove a temporary one; no thread may use a cursor any more."""
        self._connection.close()
        self._folder.close()


@contextmanager
def _holding_ctrl_c() -> Iterator[threading.Event]:
    """Note a Ctrl-C and raise it at the end, not between the start of a thread and the wait for it."""
    pressed = threading.Event()
    in_main = threading.current_thread() is threading.main_thread()
    is_ours = in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_ours:
        signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield pressed
    finally:
        if is_ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
    if pressed.is_set():
        raise KeyboardInterrupt
