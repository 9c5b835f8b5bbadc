"""The bytes of a document for the renderers: mapped into memory from an open file, not copied.

A renderer without a file name to open needs no right to open files. Bytes that vanish under the mapping (the file is
cut short, its disk fails) end the process with SIGBUS: only a process that may die should map files that others can
write. MuPDF crashes if it seeks in 2 GiB of memory or more, so larger files keep a name, too: that of the open file.
"""

import mmap
import os
from dataclasses import dataclass, replace
from pathlib import Path

from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason

LARGE_BYTES = 1 << 31


@dataclass(frozen=True, slots=True)
class MappedFile:
    """A document's bytes, and the ending of its name without the dot; empty if it is not a plain word."""

    data: memoryview
    suffix: str
    path: str | None = None  # of LARGE_BYTES or more

    def edges(self, size: int) -> bytes:
        """Return the first and the last `size` bytes."""
        return bytes(self.data[:size]) + bytes(self.data[size:][-size:])


def map_descriptor(descriptor: int, suffix: str) -> MappedFile:
    """Map an open file for as long as something refers to its bytes. Unless it is large, it may be closed.

    Raises:
        PageError: it cannot be mapped (`unreadable`).
    """
    try:
        size = os.fstat(descriptor).st_size
        if not size:  # an empty file cannot be mapped
            return MappedFile(memoryview(b""), suffix)
        mapping = mmap.mmap(descriptor, 0, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    except OSError as error:
        raise PageError(Reason.UNREADABLE, f"cannot be mapped into memory: {error.strerror}") from error
    return MappedFile(memoryview(mapping), suffix, f"/proc/self/fd/{descriptor}" if size >= LARGE_BYTES else None)


def map_path(path: str | Path) -> MappedFile:
    """Map a file by its name.

    Raises:
        OSError: it cannot be opened.
        PageError: it cannot be mapped (`unreadable`).
    """
    with Path(path).open("rb") as file:
        mapped = map_descriptor(file.fileno(), suffix_of(path))
    return replace(mapped, path=str(path)) if mapped.path else mapped


def suffix_of(path: str | Path) -> str:
    """Return the ending of a name, without the dot; empty if it is no plain word."""
    suffix = Path(path).suffix.strip(".")
    return suffix if suffix.isascii() and suffix.isalnum() else ""
