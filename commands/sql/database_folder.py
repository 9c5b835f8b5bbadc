"""The folder of a database about an output: kept between two starts of the viewer, or temporary."""

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import time
from pathlib import Path

from ocrmill.pipeline.output.stores.store import URL

UNUSED_S = 30 * 86400.0  # after so long without a start, the index of an output is removed
_LOCK = "lock"
log = logging.getLogger(__name__)


class DatabaseFolder:
    """A folder for one process: no other may open the database in it meanwhile."""

    def __init__(self, path: Path, lock: int | None) -> None:
        """Take a folder; without a lock it is temporary, and goes when it is closed."""
        self.path = path
        self._lock = lock

    @classmethod
    def temporary(cls) -> "DatabaseFolder":
        """Make a folder that is removed when it is closed."""
        return cls(Path(tempfile.mkdtemp(prefix="ocrmill-view-")), None)

    @classmethod
    def kept(cls, url: str, caches: Path) -> "DatabaseFolder":
        """Open the folder of the output at a path or URL, and remove those that nobody used for `UNUSED_S`.

        A temporary one takes its place if another viewer has it, or if nothing can be written there.
        """
        name = url if URL.match(url) else str(Path(url).resolve())
        path = caches / hashlib.sha256(name.encode()).hexdigest()[:32]
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _take(path)
        except OSError as error:
            log.warning("the index of this output is not kept: %s: %s", path, error.strerror or error)
            return cls.temporary()
        if lock is None:
            log.warning("another viewer has the index of this output: this one makes its own, which takes longer")
            return cls.temporary()
        _remove_unused(caches, path)
        return cls(path, lock)

    def clear(self) -> None:
        """Remove what is in it, but for the lock."""
        for entry in self.path.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != _LOCK:
                entry.unlink()

    def close(self) -> None:
        """Let others have the folder, or remove it."""
        if self._lock is None:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            os.close(self._lock)


def default_caches() -> Path:
    """Return the folder for the indexes of this user's outputs: `ocrmill/view` in the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache") / "ocrmill" / "view"


def _take(path: Path) -> int | None:
    """Lock a folder for this process; None if another one has it."""
    lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.utime(lock)
    return lock


def _remove_unused(caches: Path, own: Path) -> None:
    oldest = time.time() - UNUSED_S
    for path in caches.iterdir():
        try:
            if path == own or (path / _LOCK).stat().st_mtime > oldest:
                continue
            lock = _take(path)
        except OSError:  # not a folder of an index, or removed by another viewer
            continue
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)
