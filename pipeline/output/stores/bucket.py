"""An output in a bucket.

Its lease is an object that is written only on the condition that its version has not changed. The owner rewrites it
every HEARTBEAT_S seconds; if it was not rewritten for EXPIRES_S, its owner is dead, and it may be taken over. An owner
that was frozen meanwhile notices before it writes: each write first checks that the lease was renewed recently.

The bucket's own clock decides how old a lease is: it stamps the lease, and an object that a taker writes beside it to
learn the time there; a reader uses the date of an answer. All other clocks may be off by hours.

Not covered: a single write that takes longer than a lease lasts. It would arrive late, beside the new owner's;
`ocrmill verify --repair` removes such duplicate rows.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from ocrmill.pipeline.buckets.bucket import ABSENT, Bucket, BucketError, BucketErrorCode, ObjectInfo
from ocrmill.pipeline.buckets.object_file import ObjectFile
from ocrmill.pipeline.errors import FileGoneError, LeaseHeldError, LeaseLostError, OutputError
from ocrmill.pipeline.output.stores.store import DAMAGED, HEARTBEAT_S, LEASE, LeaseOwner, heartbeat, seconds_with_sleep
from ocrmill.pipeline.run_progress import RunProgress

EXPIRES_S = 6 * HEARTBEAT_S  # five heartbeats may fail before the owner counts as dead
FRESH_S = 2 * HEARTBEAT_S  # for so long after a renewal the lease is surely ours: nobody takes over before EXPIRES_S
WATCH_S = 1.5 * HEARTBEAT_S  # a taker waits for one more heartbeat: a bucket's clock is right to some seconds only
LEASE_READ_BYTES = 4096
LEASE_TRIES = 5  # of a reader, while the owner rewrites it
CLOCK = "_clock"  # the name of a temporary object, without the token behind it
log = logging.getLogger(__name__)


class BucketLease:
    """The right to write to an output in a bucket."""

    def __init__(self, bucket: Bucket, key: str, owner: LeaseOwner, version: str, asked: float) -> None:
        """Hold what a write gave; `asked` is the time of `seconds_with_sleep` before that write."""
        self._bucket, self._key, self._owner = bucket, key, owner
        self._version = version
        self._progress: Callable[[], RunProgress | None] = lambda: None
        self._renewed = asked
        self._lost: LeaseLostError | None = None
        self._lock = threading.Lock()

    def renew(self) -> None:
        """Implement the method of `Lease`."""
        with self._lock:
            self._renew(self._owner.to_json(datetime.now(UTC), self._progress()))

    def carry(self, progress: Callable[[], RunProgress]) -> None:
        """Implement the method of `Lease`."""
        self._progress = progress

    def age_s(self) -> float:
        """Implement the method of `Lease`."""
        return seconds_with_sleep() - self._renewed

    def check(self) -> None:
        """Implement the method of `Lease`."""
        with self._lock:
            if self._lost is not None:
                raise self._lost
            if seconds_with_sleep() - self._renewed > FRESH_S:
                self._renew(self._owner.to_json(datetime.now(UTC), self._progress()))

    def release(self) -> None:
        """Release the lease, unless another owner has it now."""
        with self._lock:
            try:
                self._renew(b"{}")
            except OutputError as error:
                log.warning("the lease was not released, and expires in %.0f s: %s", EXPIRES_S, error)

    def _renew(self, text: bytes) -> None:
        asked = seconds_with_sleep()  # the bucket may stamp the lease now, however late its answer is
        try:
            self._version = self._bucket.write(self._key, text, replacing=self._version)
        except BucketError as error:
            if error.code not in (BucketErrorCode.CHANGED, BucketErrorCode.NO_OBJECT):
                raise OutputError(str(error), transient=True) from error
            self._version = self._version_if_ours()
        self._renewed = asked

    def _version_if_ours(self) -> str:
        """Return the present version if we wrote it: the answer to a write may be lost although it succeeded."""
        try:
            owner, info = _read_lease(self._bucket, self._key)
        except BucketError as error:
            raise OutputError(str(error), transient=True) from error
        if owner is not None and owner.token == self._owner.token:
            return info.version
        by = "was deleted" if owner is None else f"is held by {owner.to_text()}"
        self._lost = LeaseLostError(f"{self._bucket.url}/{self._key} {by}: stopping, nothing more is written")
        raise self._lost


class BucketStore:
    """An output below a prefix of a bucket."""

    reads_at_a_time = 16  # an answer takes tens of milliseconds, and hardly any CPU

    def __init__(self, bucket: Bucket, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.url = f"{bucket.url}/{self._prefix}".rstrip("/")
        self._lease: BucketLease | None = None

    def list(self, folder: str, suffix: str = ".parquet") -> list[str]:
        """Implement the method of `Store`."""
        return list(self.sizes(folder, suffix))

    def sizes(self, folder: str, suffix: str = ".parquet") -> dict[str, int]:
        """Implement the method of `Store`."""
        below = f"{self._prefix}{folder}/"
        found = ((entry.key.removeprefix(below), entry.bytes) for entry in self._bucket.list(below))
        visible = ((key, size) for key, size in found if _is_visible(key) and key.endswith(suffix))
        return {f"{folder}/{key}": size for key, size in sorted(visible)}

    def temporary_files(self, folder: str) -> Sequence[str]:
        """Implement the method of `Store`: an interrupted write leaves nothing."""
        del folder
        return ()

    def file(self, name: str) -> ObjectFile:
        """Implement the method of `Store`."""
        with self._missing_as_gone(name):
            return ObjectFile(self._bucket, self._prefix + name)

    def read(self, name: str) -> bytes:
        """Implement the method of `Store`."""
        with self._missing_as_gone(name):
            return self._bucket.read(self._prefix + name)

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Implement the method of `Store`."""
        self._check_lease()
        with _as_output_error():
            self._bucket.write(self._prefix + name, data)

    def delete(self, name: str) -> None:
        """Implement the method of `Store`."""
        self._check_lease()
        with _as_output_error():
            self._bucket.delete(self._prefix + name)

    def set_aside(self, name: str) -> str:
        """Implement the method of `Store`."""
        base = f"{DAMAGED}/{name.replace('/', '-')}"
        taken = {entry.key.removeprefix(self._prefix) for entry in self._bucket.list(f"{self._prefix}{DAMAGED}/")}
        target = next(name for name in (base, *(f"{base}.{at}" for at in range(1, 1_000_000))) if name not in taken)
        self.write(target, self.read(name))
        self.delete(name)
        return target

    @contextmanager
    def lease(self, owner: LeaseOwner) -> Iterator[BucketLease]:
        """Implement the method of `Store`."""
        self._lease = lease = self._take_lease(owner)
        try:
            with heartbeat(lease.renew):
                yield lease
        finally:
            self._lease = None
            lease.release()

    def is_leased(self) -> bool:
        """Implement the method of `Store`."""
        owner = self.lease_owner()
        return owner is not None and _age_s(owner, self.now()) < EXPIRES_S

    def now(self) -> datetime:
        """Return the time by the bucket's clock, as its answers are dated, or by this machine's if they are not."""
        return self._bucket.now() or datetime.now(UTC)

    def lease_owner(self) -> LeaseOwner | None:
        """Implement the method of `Store`."""
        return _read_lease(self._bucket, self._prefix + LEASE)[0]

    def _take_lease(self, owner: LeaseOwner) -> BucketLease:
        key = self._prefix + LEASE
        holder, info = _read_lease(self._bucket, key)
        version = info.version
        if holder is not None:
            age_s = _age_s(holder, self._bucket_time(owner.token))
            if age_s < EXPIRES_S:
                raise LeaseHeldError(self._held_text(holder, age_s))
            log.warning("%s: %s seems to be dead; taking over in %.0f s", self.url, holder.to_text(), WATCH_S)
            self._watch(key, version)
        asked = seconds_with_sleep()
        with _as_output_error():
            try:
                taken = self._bucket.write(key, owner.to_json(datetime.now(UTC)), replacing=version)
                return BucketLease(self._bucket, key, owner, taken, asked)
            except BucketError as error:
                if error.code is not BucketErrorCode.CHANGED:
                    raise
        now, info = _read_lease(self._bucket, key)
        if now is not None and now.token == owner.token:  # our write arrived, its answer did not
            return BucketLease(self._bucket, key, owner, info.version, asked)
        raise LeaseHeldError(f"{self.url}: another run is writing there." if now is None else self._held_text(now))

    def _watch(self, key: str, version: str) -> None:
        """Wait for a heartbeat of an owner that seems to be dead."""
        until = seconds_with_sleep() + WATCH_S
        while seconds_with_sleep() < until:
            time.sleep(WATCH_S / 10)
            holder, seen = _read_lease(self._bucket, key)
            if holder is not None and seen.version != version:
                raise LeaseHeldError(self._held_text(holder))

    def _bucket_time(self, token: str) -> datetime:
        """Return the time of the bucket's clock, from an object with a unique name that is written now."""
        key = f"{self._prefix}{CLOCK}-{token}"
        with _as_output_error():
            self._bucket.write(key, b"")
            written = self._bucket.head(key).written
        with suppress(BucketError):  # without the right to delete, an empty object is left behind
            self._bucket.delete(key)
        return written or datetime.now(UTC)

    def _held_text(self, owner: LeaseOwner, age_s: float = 0.0) -> str:
        return (
            f"{self.url}: {owner.to_text()} is writing there. Wait for it to end, or stop it with `kill {owner.pid}` "
            f"on {owner.host}; its finished rows are kept. If it is dead, its lease can be taken over "
            f"{max(0.0, EXPIRES_S - age_s):.0f} s from now."
        )

    def _check_lease(self) -> None:
        if self._lease is not None:
            self._lease.check()

    @contextmanager
    def _missing_as_gone(self, name: str) -> Iterator[None]:
        try:
            yield
        except BucketError as error:
            if error.code is BucketErrorCode.NO_OBJECT:
                raise FileGoneError(f"{self.url}/{name} is gone: it was removed meanwhile") from error
            raise


def _read_lease(bucket: Bucket, key: str) -> tuple[LeaseOwner | None, ObjectInfo]:
    """Return the owner of the lease, if any, with the heartbeat by the bucket's clock, and its object."""
    for left in reversed(range(LEASE_TRIES)):
        try:
            text, info = bucket.tail(key, LEASE_READ_BYTES)
            break
        except BucketError as error:
            if error.code is BucketErrorCode.NO_OBJECT:
                return None, ObjectInfo(key, 0, ABSENT)
            if (
                error.code is not BucketErrorCode.CHANGED or not left
            ):  # on Azure a heartbeat may come between two requests
                raise
    owner = LeaseOwner.from_json(text)
    if owner is not None and info.written is not None:
        owner = replace(owner, heartbeat=info.written)
    return owner, info


def _is_visible(key: str) -> bool:
    return bool(key) and "/" not in key and not key.startswith((".", "_"))


def _age_s(owner: LeaseOwner, now: datetime) -> float:
    return (now - owner.heartbeat).total_seconds()


@contextmanager
def _as_output_error() -> Iterator[None]:
    try:
        yield
    except BucketError as error:
        raise OutputError(str(error), transient=error.code.may_pass) from error
