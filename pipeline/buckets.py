"""Buckets: objects behind one small interface, whatever cloud they lie in.

    where = BucketUrl.parse("s3://papers/2024/a.pdf")
    open_bucket(where, settings.storage).read(where.key)

`s3://` goes through boto3 (s3_bucket.py): it brings AWS's whole credential chain, and lists keys like `a//b.pdf`, one
of which ends a listing of obstore. `gs://` and `az://` go through obstore (obstore_bucket.py): conditional writes,
ranges, retries and each cloud's own credentials in one library. Neither keeps a listing in memory.
"""

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import IO, Any, Final, Literal, Protocol

from configs.settings import StorageSettings
from pipeline.errors import OcrmillError, UsageError
from pipeline.redaction import redacted

ABSENT: Final = "absent"  # the version of what is not there
TAIL_BYTES = 256 << 10  # read at once from the end of a shard: the footer, or all of a small one
_URL = re.compile(r"(?is)(s3|gs|az)://([^/]*)(?:/(.*))?\Z")


class Trouble(StrEnum):
    """What went wrong with a bucket, as far as the answer tells."""

    NO_OBJECT = "no such object"
    NO_BUCKET = "no such bucket"
    CHANGED = "changed meanwhile"  # a condition on the object's version did not hold
    DENIED = "credentials missing, refused or expired"
    WRONG_REGION = "wrong region"
    CLOCK = "clock skew"
    UNREACHABLE = "unreachable"  # no answer, a server error or throttling, after all retries
    OTHER = "refused"

    @property
    def may_pass(self) -> bool:
        """Whether waiting may help: an outage ends, and expired credentials are renewed."""
        return self in (Trouble.UNREACHABLE, Trouble.DENIED)


class BucketError(OcrmillError):
    """A bucket did not do what it was asked; the text names the bucket, the trouble and the cure."""

    def __init__(self, trouble: Trouble, text: str) -> None:
        super().__init__(trouble, text)  # both, so that it can be pickled
        self.trouble = trouble
        self.text = text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """`scheme://name/key`. The key is taken as it stands: nothing is decoded, for keys are any text."""

    scheme: str
    name: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> "BucketUrl | None":
        """The parts of a bucket's URL; None for anything else.

        Raises:
            UsageError: it names no bucket.
        """
        found = _URL.match(text)
        if found is None:
            return None
        if not found[2]:
            raise UsageError(f"{text}: name a bucket, as in {found[1].lower()}://bucket/folder")
        if "@" in found[2]:
            raise UsageError(f"{redacted(text)}: credentials do not belong in a bucket's URL (README, Buckets)")
        return cls(found[1].lower(), found[2], found[3] or "")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}/{self.key}" if self.key else f"{self.scheme}://{self.name}"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object in a listing."""

    key: str
    bytes: int
    version: str  # its entity tag: differs where the bytes differ
    written: datetime | None = None  # by the clock of the store, to a second; a listing does not say it


class Bucket(Protocol):
    """The objects of a bucket. Every method raises BucketError, after the retries that the settings ask for."""

    url: str  # without a key

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """The objects whose keys begin with `prefix`, in the order of their keys; those behind `after`, if given."""

    def head(self, key: str) -> ObjectInfo:
        """One object as a listing shows it, and when it was written."""

    def read(self, key: str, *, version: str | None = None, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from `start` up to `end`, in the named version."""

    def tail(self, key: str, size: int) -> tuple[bytes, ObjectInfo]:
        """The last `size` bytes, all if it has fewer, and the object itself."""

    def download(self, key: str, file: IO[bytes], *, version: str) -> None:
        """Write all bytes of the named version to an empty file; a connection that breaks off is taken up again."""

    def write(self, key: str, data: bytes | memoryview, *, replacing: str | None = None) -> str:
        """Write an object in one step, and give its version.

        With `replacing` only if that version (or ABSENT) is there now, else Trouble.CHANGED. A retry of a write that
        had arrived gives that too: whoever asks has to look whose object it is.
        """

    def delete(self, key: str) -> None:
        """Delete an object, which may be gone already."""


@lru_cache(maxsize=32)
def _connected(scheme: str, name: str, storage: StorageSettings) -> Bucket:
    if scheme == "s3":
        from pipeline.s3_bucket import S3Bucket  # boto3 takes a third of a second

        return S3Bucket(name, storage)
    from pipeline.obstore_bucket import connect

    return connect(scheme, name, storage)


def hasty(storage: StorageSettings) -> StorageSettings:
    """The same settings for who waits in front of the screen: trouble is told within seconds."""
    return storage.model_copy(
        update={"attempts": min(2, storage.attempts), "timeout_s": min(10.0, storage.timeout_s), "outage_s": 0.0}
    )


def check_bucket(where: BucketUrl, storage: StorageSettings) -> None:
    """Find out within seconds whether a bucket answers us, by listing one key.

    Raises:
        BucketError: it does not, and why.
    """
    # of a folder: obstore would look for another prefix among all keys beside it, of which there may be millions
    folder = where.key if where.key.endswith("/") or not where.key else f"{where.key}/"
    next(open_bucket(where, hasty(storage)).list(folder), None)


def open_bucket(where: BucketUrl, storage: StorageSettings) -> Bucket:
    """The bucket of a URL; its connections are shared within this process.

    Raises:
        BucketError: no credentials or region can be found.
    """
    return _connected(where.scheme, where.name, storage)


class ObjectFile(io.RawIOBase):
    """An object as a file to read at random: one request for its end, then one for each range.

    All ranges are of one version: an object that is replaced meanwhile gives Trouble.CHANGED.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        self._tail, self.info = bucket.tail(key, TAIL_BYTES)
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.info.bytes}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes, as far as there are any; what `io.BufferedReader` calls."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes."""
        end = self.info.bytes if size is None or size < 0 else min(self._at + size, self.info.bytes)
        if end <= self._at:
            return b""
        tail_from = self.info.bytes - len(self._tail)
        if self._at >= tail_from:
            data = self._tail[self._at - tail_from : end - tail_from]
        else:
            data = self._bucket.read(self._key, version=self.info.version, start=self._at, end=end)
        self._at = end
        return data


Action = Literal["list", "read", "write", "delete"]
_DONE: Mapping[Action, str] = {"list": "listed", "read": "read", "write": "written", "delete": "deleted"}


def explain(url: str, action: Action, trouble: Trouble, answer: str) -> BucketError:
    """The error that a person needs; `answer` is what the other side said."""
    what = {
        Trouble.NO_OBJECT: "there is no such object",
        Trouble.NO_BUCKET: "there is no such bucket: check its name, and whether it belongs to another account",
        Trouble.CHANGED: "the object is not in the version that was expected",
        Trouble.DENIED: f"the credentials are missing, expired, or may not {action} there: check who you are and what "
        "that account may do (README, Buckets)",
        Trouble.WRONG_REGION: "the bucket is in another region: set storage.region to it",
        Trouble.CLOCK: "this machine's clock is off by more than the cloud allows: set it, for example by NTP",
        Trouble.UNREACHABLE: "no good answer after all retries (storage.attempts); is the service up, and "
        "storage.endpoint right?",
        Trouble.OTHER: f"it cannot be {_DONE[action]}",
    }[trouble]
    said = " ".join(answer.split())[:300]
    return BucketError(trouble, f"{url}: {what} [{said}]" if said else f"{url}: {what}")
