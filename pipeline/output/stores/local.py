"""An output in a local folder.

Its lease is a lock that the kernel releases when this process ends, however it ends; the text in `_lease` is for
people. Not covered: network file systems that only pretend to lock.
"""

import errno
import fcntl
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ocrmill.pipeline.errors import FileGoneError, LeaseHeldError, LeaseLostError, OutputError
from ocrmill.pipeline.output.stores.store import DAMAGED, FOLDERS, LEASE, LeaseOwner, heartbeat, seconds_with_sleep
from ocrmill.pipeline.run_progress import RunProgress

LEASE_BYTES = 2048  # the lease is rewritten in place, always whole, in one write
LEASE_WAIT_S = 2.0  # for a killed process to end, or for a reader that checks the lease to release it
CLOSED = -1
_NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS}
_PERMANENT = {*_NO_RIGHT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_IN_THE_WAY = "a file or a broken link stands where a folder has to be"
_TEMPORARY = ".ocrmill-{}.tmp"


class LocalLease:
    """The right to write to an output, held by this process, not by its children."""

    def __init__(self, path: Path, descriptor: int, owner: LeaseOwner) -> None:
        self._path = path
        self._descriptor = descriptor
        self._owner = owner
        self._progress: Callable[[], RunProgress | None] = lambda: None
        self._renewed = seconds_with_sleep()
        self._lock = threading.Lock()
        _close_in_forked_children(self)
        self.renew()

    def renew(self) -> None:
        """Implement the method of `Lease`."""
        with self._lock:
            self._check()
            text = self._owner.to_json(datetime.now(UTC), self._progress()).ljust(LEASE_BYTES - 1) + b"\n"
            try:
                os.pwrite(self._descriptor, text, 0)
            except OSError as error:
                raise _write_error(self._path, error) from error
            self._renewed = seconds_with_sleep()

    def carry(self, progress: Callable[[], RunProgress]) -> None:
        """Implement the method of `Lease`."""
        self._progress = progress

    def age_s(self) -> float:
        """Implement the method of `Lease`."""
        return seconds_with_sleep() - self._renewed

    def check(self) -> None:
        """Implement the method of `Lease`."""
        with self._lock:
            self._check()

    def release(self) -> None:
        """Release the lease."""
        with self._lock:
            if _is_at(self._descriptor, self._path):
                self._path.unlink()  # under the lock: a waiting process then finds the file gone, and tries again
            self.close()

    def _check(self) -> None:
        if not _is_at(self._descriptor, self._path):
            raise LeaseLostError(f"{self._path} was deleted during the run: stopping, another run may have started")

    def close(self) -> None:
        """Close the descriptor. In a forked child this leaves the lock to its parent."""
        if self._descriptor != CLOSED:
            os.close(self._descriptor)
        self._descriptor = CLOSED


class LocalStore:
    """An output folder. Nothing is created before the first lease or write."""

    reads_at_a_time = 2  # more compete for the interpreter: 16 take half as much CPU again

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()  # the current folder changes while Ray starts
        self.url = str(root)
        self._lease: LocalLease | None = None

    def list(self, folder: str, suffix: str = ".parquet") -> list[str]:
        """Implement the method of `Store`."""
        return [
            name for name in self._files(folder) if name.endswith(suffix) and not _base(name).startswith((".", "_"))
        ]

    def sizes(self, folder: str, suffix: str = ".parquet") -> dict[str, int]:
        """Implement the method of `Store`."""
        found = {}
        for name in self.list(folder, suffix):
            with suppress(FileNotFoundError):  # removed since it was listed
                found[name] = (self.root / name).stat().st_size
        return found

    def temporary_files(self, folder: str) -> Sequence[str]:
        """Implement the method of `Store`."""
        head, tail = _TEMPORARY.split("{}")
        return [name for name in self._files(folder) if _base(name).startswith(head) and name.endswith(tail)]

    def file(self, name: str) -> str:
        """Implement the method of `Store`."""
        return str(self.root / name)

    def read(self, name: str) -> bytes:
        """Implement the method of `Store`."""
        try:
            return (self.root / name).read_bytes()
        except FileNotFoundError as error:
            raise FileGoneError(f"{self.root / name} is gone: it was removed meanwhile") from error
        except OSError as error:
            raise OutputError(f"{self.root / name} cannot be read: {error.strerror}") from error

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Implement the method of `Store`."""
        self._check_lease()
        path = self.root / name
        temporary = path.with_name(_TEMPORARY.format(path.name))
        try:
            _make_folder(path.parent)
            _write_durably(temporary, data)
            temporary.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            with suppress(OSError):  # the first error is reported
                temporary.unlink()
            raise _write_error(path, error) from error

    def delete(self, name: str) -> None:
        """Implement the method of `Store`."""
        self._check_lease()
        path = self.root / name
        try:
            path.unlink(missing_ok=True)
            _sync_folder(path.parent)
        except OSError as error:
            raise _write_error(path, error) from error

    def set_aside(self, name: str) -> str:
        """Implement the method of `Store`."""
        base = f"{DAMAGED}/{name.replace('/', '-')}"
        target = base
        for number in range(1, 1_000_000):
            if not (self.root / target).exists():
                break
            target = f"{base}.{number}"
        try:
            _make_folder(self.root / DAMAGED)
            (self.root / name).rename(self.root / target)
            _sync_folder(self.root / DAMAGED)
            _sync_folder((self.root / name).parent)
        except OSError as error:
            raise _write_error(self.root / target, error) from error
        return target

    @contextmanager
    def lease(self, owner: LeaseOwner) -> Iterator[LocalLease]:
        """Implement the method of `Store`."""
        self._lease = lease = LocalLease(self.root / LEASE, self._lock(), owner)
        try:
            for folder in FOLDERS:
                for name in self.temporary_files(folder):
                    self.delete(name)
            with heartbeat(lease.renew):
                yield lease
        finally:
            self._lease = None
            lease.release()

    def is_leased(self) -> bool:
        """Implement the method of `Store`."""
        try:
            descriptor = os.open(self.root / LEASE, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return not _try_lock(descriptor, fcntl.LOCK_SH)
        finally:
            os.close(descriptor)

    def now(self) -> datetime:
        """Return the time of this machine, which on a network file system may differ from the server's."""
        return datetime.now(UTC)

    def lease_owner(self) -> LeaseOwner | None:
        """Implement the method of `Store`."""
        path = self.root / LEASE
        try:
            owner = LeaseOwner.from_json(path.read_bytes())
            heartbeat_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)  # the file system's clock, not the owner's
        except OSError:
            return None
        return None if owner is None else replace(owner, heartbeat=heartbeat_at)

    def _lock(self) -> int:
        """Return a descriptor of the lease file that holds its lock. Not inheritable: a child would keep the lock."""
        path = self.root / LEASE
        deadline = time.monotonic() + LEASE_WAIT_S
        while True:
            try:
                _make_folder(self.root)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                raise _write_error(path, error) from error
            if _try_lock(descriptor, fcntl.LOCK_EX) and _is_at(descriptor, path):
                return descriptor
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise LeaseHeldError(self._held_text())
            time.sleep(LEASE_WAIT_S / 20)

    def _check_lease(self) -> None:
        if self._lease is not None:
            self._lease.check()

    def _held_text(self) -> str:
        owner = self.lease_owner()
        if owner is None:
            return f"{self.root}: another run is writing there. Wait for it to end."
        return (
            f"{self.root}: {owner.to_text()} is writing there. Wait for it to end, or stop it with `kill {owner.pid}` "
            f"on {owner.host}; its finished rows are kept."
        )

    def _files(self, folder: str) -> Sequence[str]:
        try:
            with os.scandir(self.root / folder) as entries:
                names = sorted(entry.name for entry in entries if not entry.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OutputError(f"{self.root / folder} cannot be listed: {error.strerror}") from error
        return [f"{folder}/{name}" if folder else name for name in names]


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise OutputError(
            f"the output's file system cannot lock files ({error.strerror}): use another folder"
        ) from error
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Tell if the path still leads to this open file."""
    try:
        return descriptor != CLOSED and os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _close_in_forked_children(lease: LocalLease) -> None:
    """Close the lock in forked children, which would keep it when their parent is killed."""
    reference = weakref.ref(lease)

    def close() -> None:
        held = reference()
        if held is not None:
            held.close()

    os.register_at_fork(after_in_child=close)


def _make_folder(path: Path) -> None:
    """Make a folder and its parents, each durably."""
    if path.is_dir():
        return
    _make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync_folder(path.parent)


def _write_durably(path: Path, data: bytes | memoryview) -> None:
    with path.open("wb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Make a rename, a deletion or a new entry in a folder survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_error(path: Path, error: OSError) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(
            f"{path} cannot be written: the disk is full. Finished work is kept: make room, then run the command again",
            transient=True,
        )
    why = _IN_THE_WAY if error.errno in (errno.EEXIST, errno.ENOTDIR) else error.strerror
    if error.errno in _NO_RIGHT:
        why = f"{why}. Write as a user who may, or name another output"
    return OutputError(f"{path} cannot be written: {why}", transient=error.errno not in _PERMANENT)
