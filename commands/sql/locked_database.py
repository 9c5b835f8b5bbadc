"""A DuckDB of this process in a temporary file, locked: it reads and writes no other file and keeps its settings."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

SPILL_LIMIT = "8GB"  # of what queries write to the temporary folder beside the database
_LOCKS = ("enable_external_access = false", "python_enable_replacements = false", "lock_configuration = true")


class LockedDatabase:
    """The database, with the file that goes when it is closed."""

    def __init__(self, memory_limit: str) -> None:
        """Make an empty database; what does not fit into the memory goes to a folder beside its file."""
        import duckdb

        self._folder = TemporaryDirectory(prefix="ocrmill-view-")
        path = Path(self._folder.name)
        config = {
            "memory_limit": memory_limit,
            "temp_directory": str(path / "spill"),
            "max_temp_directory_size": SPILL_LIMIT,
            "preserve_insertion_order": "true",
        }
        self._connection = duckdb.connect(str(path / "view.duckdb"), config=config)
        for setting in _LOCKS:
            self._connection.execute(f"SET {setting}")

    def cursor(self) -> "duckdb.DuckDBPyConnection":
        """Return a connection for one thread."""
        return self._connection.cursor()

    def interrupt(self) -> None:
        """Stop the query that runs on the first connection."""
        self._connection.interrupt()

    def close(self) -> None:
        """Remove the file; no thread may use a cursor any more."""
        self._connection.close()
        self._folder.cleanup()
