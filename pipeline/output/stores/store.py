"""The store of an output: a local folder or a bucket, behind one small interface.

Names are relative to the output and use `/`: `pages/20260101-020000-000001.parquet`. A file is visible once it is
complete; names that start with a dot or an underscore are not part of the result.

The lease keeps a second writer out. Its owner renews it every few seconds, as a heartbeat.
"""

import json
import logging
import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from ocrmill.pipeline.errors import OcrmillError, UsageError
from ocrmill.pipeline.printable import printable_line
from ocrmill.pipeline.run_progress import RunProgress
from ocrmill.pipeline.sources.uri import one_line

LEASE = "_lease"
DAMAGED = "_damaged"
JOURNAL = "_journal"
FORGOTTEN = "_forgotten"
FOLDERS = ("pages", "documents", "sources", "runs", JOURNAL, FORGOTTEN)
HEARTBEAT_S = 10.0  # between two renewals of the lease
_LONGEST_NAME = 60  # of a name in a lease, which anybody may have written
URL = re.compile(r"(?i)[a-z][a-z0-9+.-]*:/")  # also `s3:/bucket`, as a Path writes it
log = logging.getLogger(__name__)


def seconds_with_sleep() -> float:
    """Return seconds of a clock that includes the machine's sleep."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class LeaseOwner:
    """The owner of a lease."""

    host: str
    pid: int
    run_id: str
    started: AwareDatetime
    heartbeat: AwareDatetime
    token: str = ""  # differs for any two owners
    progress: RunProgress | None = None  # at the last heartbeat; versions before 0.2 write none

    @classmethod
    def current(cls, run_id: str) -> "LeaseOwner":
        """Describe this process, now."""
        now = datetime.now(UTC)
        return cls(socket.gethostname(), os.getpid(), run_id, now, now, secrets.token_hex(8))

    def to_json(self, heartbeat: datetime, progress: RunProgress | None = None) -> bytes:
        """Return the content of the lease file: one JSON object."""
        record = {
            "host": self.host,
            "pid": self.pid,
            "run_id": self.run_id,
            "started": self.started.isoformat(),
            "heartbeat": heartbeat.isoformat(),
            "token": self.token,
            **({} if progress is None else {"progress": asdict(progress)}),
        }
        return json.dumps(record, indent=1).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "LeaseOwner | None":
        """Read the owner from a lease file; None if it has none, because it was released or is being taken."""
        try:
            return TypeAdapter(cls).validate_json(text)
        except ValidationError:
            return None

    def to_text(self) -> str:
        """Describe the owner in words."""
        return (
            f"run {printable_line(self.run_id, _LONGEST_NAME)} (process {self.pid} on "
            f"{printable_line(self.host, _LONGEST_NAME)}, since {self.started:%Y-%m-%d %H:%M:%S} UTC, last seen "
            f"{self.heartbeat:%H:%M:%S})"
        )


class Lease(Protocol):
    """The right to write to an output, held by this process."""

    def renew(self) -> None:
        """Show that this process is alive; any thread may call it.

        Raises:
            LeaseLostError: Another may be writing by now.
            OutputError: The renewal failed for now.
        """

    def carry(self, progress: Callable[[], RunProgress]) -> None:
        """Have each heartbeat from now on carry what this function returns, for `ocrmill status`."""

    def age_s(self) -> float:
        """Return the seconds since this process last renewed it; any thread may call it."""

    def check(self) -> None:
        """Make sure that the lease is still ours.

        Raises:
            LeaseLostError: It is not.
            OutputError: The lease cannot be read.
        """


class Store(Protocol):
    """An output. Nothing is created before the first lease or write."""

    url: str  # as a person names it
    reads_at_a_time: int  # of files, side by side, at which reading many is fastest

    def list(self, folder: str, suffix: str = ".parquet") -> list[str]:
        """The names of the visible files in a folder, sorted; none if there is no such folder."""

    def sizes(self, folder: str, suffix: str = ".parquet") -> dict[str, int]:
        """Yield the same files in the same order, with their sizes in bytes."""

    def temporary_files(self, folder: str) -> Sequence[str]:
        """Yield the files that our own writers left half-written in a folder when they were killed."""

    def file(self, name: str) -> Any:
        """Return what pyarrow opens to read a file: a path, or a file object.

        Raises:
            FileGoneError: There is none of that name (any more).
        """

    def read(self, name: str) -> bytes:
        """A file's bytes.

        Raises:
            OutputError: It cannot be read.
        """

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Make a file visible, complete and durable in one step; one of that name is replaced.

        Raises:
            OutputError: It cannot be written. Nothing is visible of it then, and the one that was there is still there.
            LeaseLostError: The lease under which it was to be written is another's.
        """

    def delete(self, name: str) -> None:
        """Delete a file; it may be gone already."""

    def set_aside(self, name: str) -> str:
        """Move a file out of the result, into `_damaged/`, and give its new name, which is free."""

    def lease(self, owner: LeaseOwner) -> AbstractContextManager[Lease]:
        """Hold the right to write, alive in the background, and clear away what a killed writer left half-written.

        Raises:
            LeaseHeldError: Another process holds it.
            OutputError: The output cannot be written.
        """

    def is_leased(self) -> bool:
        """Tell if some process is writing now."""

    def now(self) -> datetime:
        """The time by the clock that dates heartbeats, with a time zone."""

    def lease_owner(self) -> LeaseOwner | None:
        """Return the owner of the lease, or the last one if it was killed; None if nobody has it yet."""


def _check_place(path: Path) -> None:
    """Refuse a path that is a file or a link to nothing, or leads through one."""
    with suppress(OSError, ValueError):  # the write reports it
        for place in (path, *path.parents):
            if place.is_dir():
                return
            if place.exists():
                raise UsageError(f"{one_line(str(place))} is a file, and an output is a folder: name another one")
            if place.is_symlink():
                raise UsageError(f"{one_line(str(place))} is a link to nothing, and an output is a folder")


@contextmanager
def heartbeat(renew: Callable[[], None]) -> Iterator[None]:
    """Renew a lease every HEARTBEAT_S seconds in a thread of its own.

    A renewal that fails is tried again, and `check` tells the rest.
    """
    stopped = threading.Event()

    def keep() -> None:
        while not stopped.wait(HEARTBEAT_S):
            try:
                renew()
            except OcrmillError as error:
                log.warning("the lease could not be renewed: %s", error)

    thread = threading.Thread(target=keep, name="ocrmill-lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
