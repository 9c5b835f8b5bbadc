"""A query of a person, as it goes to the process that runs it (limited_query.py), its locks and limits."""

from dataclasses import dataclass
from typing import Literal

LOCKS = ("enable_external_access = false", "python_enable_replacements = false", "lock_configuration = true")
BUFFER_LIMIT = "1GB"  # of what DuckDB counts; what does not fit is written to the spill folder
PROCESS_BYTES = 2 << 30  # of all memory of the process, also what DuckDB does not count, as it does long strings
QUERY_SPILL_LIMIT = "4GB"  # of what queries write to the spill folder
PAGE_BITS = 32  # of a page's number in its key; the place of its document is above them
WANTS, ANSWER, REFUSAL, TOO_LARGE = b"w", b"a", b"r", b"t"  # what a message of the process begins with


@dataclass(frozen=True, slots=True)
class Question:
    """A query, and all that it may read."""

    kind: Literal["select", "where"]
    text: str  # of the SELECT, or of the condition
    spill: str  # a folder for temporary files
    schemas: dict[str, bytes]  # tables that are asked for when they are read, and their Arrow schemas
    database: str | None = None  # a file of DuckDB
