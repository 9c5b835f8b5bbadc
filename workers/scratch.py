"""Folders for temporary files that a killed process cannot leave behind for ever.

The process that makes a scratch folder holds a lock on it (flock), which the kernel takes back when that process ends,
however it ends; in another container, too, where a process id would mean nothing. Whoever makes one first removes
those that nobody holds.
"""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

PREFIX = "ocrmill-scratch-"
ENDING_S = 2.0  # that Ray's processes take to end


class Scratch:
    """A new folder for this process alone, in `parent` or where temporary files go."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        clear_abandoned(parent)
        self.path, self._lock = _make(parent)

    def close(self) -> None:
        """Remove the folder with everything in it; processes that are just ending may write there meanwhile."""
        until = time.monotonic() + ENDING_S
        shutil.rmtree(self.path, ignore_errors=True)
        while self.path.exists() and time.monotonic() < until:
            time.sleep(ENDING_S / 20)
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def clear_abandoned(parent: Path) -> int:
    """Remove our user's scratch folders whose owner is dead; return their number."""
    removed = 0
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # another user's, or gone
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            removed += not folder.exists()
        except OSError:  # its owner lives, or the file system has no locks
            pass
        finally:
            os.close(lock)
    return removed


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # taken for abandoned before it could be locked
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:  # the file system has no locks: nobody will take it for abandoned
            return folder, lock
        if folder.exists():
            return folder, lock
        os.close(lock)
