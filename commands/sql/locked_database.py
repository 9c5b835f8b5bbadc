"""A DuckDB in a folder of this process, locked: it reads and writes no other file and keeps its settings."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from ocrmill.commands.sql.database_folder import DatabaseFolder
from ocrmill.commands.sql.question import LOCKS
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.printable import printable

if TYPE_CHECKING:
    import duckdb

SPILL_LIMIT = "8GB"  # of what queries write to the temporary folder beside the database
MOST_READERS = 2  # other processes that read the file at once
_FILE = "view.duckdb"
_SPILL = "spill"


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
        self._readers = threading.Semaphore(MOST_READERS)
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
        for setting in LOCKS:
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

    @contextmanager
    def read_by_others(self, wait_s: float) -> Iterator[Path | None]:
        """Let another process read the file, which nobody writes meanwhile: its path, or None if others read too long.

        DuckDB's own lock keeps other processes out. It is one of fcntl(2), and ends with any descriptor of the file
        that is closed; DatabaseFolder has a lock that stays.
        """
        path = self._folder.path / _FILE
        if not self._readers.acquire(timeout=wait_s):
            yield None
            return
        try:
            os.close(os.open(path, os.O_RDONLY))
            yield path
        finally:
            self._readers.release()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Wait until no other process reads the file, and keep others from it while it is written."""
        for _ in range(MOST_READERS):
            self._readers.acquire()
        try:
            yield
        finally:
            self._readers.release(MOST_READERS)

    def close(self) -> None:
        """Close the file, and remove a temporary one; no thread may use a cursor any more."""
        self._connection.close()
        self._folder.close()
