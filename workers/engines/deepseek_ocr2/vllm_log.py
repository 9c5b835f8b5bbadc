"""Capture the output of vLLM's processes, which matters only after one of them dies."""

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

LAST_BYTES = 256 << 10  # searched after a death
# `(EngineCore pid=17) ERROR 11-22 06:14:46 [core.py:1051] ValueError: ...`, or the last line of a plain traceback
_EXCEPTION = re.compile(r"^(?:.*?\] )?((?:\w+\.)*\w*(?:Error|Exception): .*\S)\s*$", re.MULTILINE)
_ECHO = re.compile(r"See (?:the )?(?:stack trace|root cause)")  # of a process that died because another one did
_OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|can't allocate memory|std::bad_alloc|STATUS_ALLOC_FAILED", re.IGNORECASE
)


class VllmLog:
    """A file that child processes write to instead of this process's stdout and stderr."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None  # opened with the first child: until then an engine can be pickled

    @contextmanager
    def written_by_children(self) -> Iterator[None]:
        """Make this process and all that it starts in the block write to the file."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="ocrmill-vllm-")  # noqa: SIM115 - as long as the engine lives
        sys.stdout.flush()
        sys.stderr.flush()
        kept = [os.dup(1), os.dup(2)]
        try:
            os.dup2(self._file.fileno(), 1)
            os.dup2(self._file.fileno(), 2)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for target, original in enumerate(kept, start=1):
                os.dup2(original, target)
                os.close(original)

    def cause(self) -> str | None:
        """Return the last exception in the output that does not point to another one."""
        found = [line for line in _EXCEPTION.findall(self._tail()) if not _ECHO.search(line)]
        return found[-1] if found else None

    def is_out_of_memory(self) -> bool:
        """Tell if the GPU or the machine ran out of memory."""
        return _OUT_OF_MEMORY.search(self._tail()) is not None

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _tail(self) -> str:
        if self._file is None:
            return ""
        size = os.fstat(self._file.fileno()).st_size
        return os.pread(self._file.fileno(), LAST_BYTES, max(0, size - LAST_BYTES)).decode(errors="replace")
