"""Buckets of all clouds, behind one small interface.

    where = BucketUrl.parse("s3://papers/2024/a.pdf")
    open_bucket(where, settings.storage).read(where.key)

`s3://` goes through boto3 (s3.py): it has AWS's whole credential chain, and lists keys like `a//b.pdf`; one
such key ends a listing of obstore. `gs://` and `az://` go through obstore (obstore.py): conditional writes,
ranges, retries and each cloud's own credentials in one library. Neither keeps a listing in memory.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import IO, Final, Literal, Protocol

from ocrmill.pipeline.errors import OcrmillError, UsageError
from ocrmill.pipeline.redaction import redacted

ABSENT: Final = "absent"  # the version of a missing object
_URL = re.compile(r"(?is)(s3|gs|az)://([^/]*)(?:/(.*))?\Z")


class BucketErrorCode(StrEnum):
    """The kind of a bucket's failure, as far as its answer shows."""

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
        """Tell if waiting may help: an outage may end, and expired credentials may be renewed."""
        return self in (BucketErrorCode.UNREACHABLE, BucketErrorCode.DENIED)


class BucketError(OcrmillError):
    """A request to a bucket failed; the text names the bucket, the problem and what to do."""

    def __init__(self, code: BucketErrorCode, text: str) -> None:
        super().__init__(code, text)  # both, so that it can be pickled
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """`scheme://name/key`. The key is used unchanged: nothing is decoded, because a key may be any text."""

    scheme: str
    name: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> "BucketUrl | None":
        """Parse a bucket's URL; None for anything else.

        Raises:
            UsageError: it names no bucket.
        """
        found = _URL.match(text)
        if found is None:
            return None
        if not found[2]:
            raise UsageError(f"{text}: name a bucket, as in {found[1].lower()}://bucket/folder")
        if "@" in found[2]:
            raise UsageError(f"{redacted(text)}: credentials do not belong in a bucket's URL (docs/operations.md)")
        return cls(found[1].lower(), found[2], found[3] or "")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}/{self.key}" if self.key else f"{self.scheme}://{self.name}"


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object in a listing."""

    key: str
    bytes: int
    version: str  # its entity tag, which differs if the bytes differ
    written: datetime | None = None  # by the store's clock, to a second; a listing has no such time


class Bucket(Protocol):
    """The objects of a bucket. Every method raises BucketError after the retries in the settings."""

    url: str  # without a key

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """List the objects whose keys begin with `prefix`, sorted by key; only those after `after`, if given."""

    def head(self, key: str) -> ObjectInfo:
        """Return one object as in a listing, and the time when it was written."""

    def read(self, key: str, *, version: str | None = None, start: int = 0, end: int | None = None) -> bytes:
        """Read the bytes from `start` up to `end`, in the named version."""

    def tail(self, key: str, size: int) -> tuple[bytes, ObjectInfo]:
        """Read the last `size` bytes, all if it has fewer, and the object's description."""

    def download(self, key: str, file: IO[bytes], *, version: str) -> None:
        """Write all bytes of the named version to an empty file; resume after a broken connection."""

    def write(self, key: str, data: bytes | memoryview, *, replacing: str | None = None) -> str:
        """Write an object in one step, and return its version.

        With `replacing` only if that version (or ABSENT) is the present one, else BucketErrorCode.CHANGED. A retry of a
        write that had succeeded gives that, too: the caller has to check whose object it is.
        """

    def delete(self, key: str) -> None:
        """Delete an object, which may be gone already."""

    def now(self) -> datetime | None:
        """Return the time by the store's clock, to a second, from the date of an answer; None if it has none.

        It sends a request that writes nothing; an answer that denies access has a date, too.
        """


def http_time(header: str | None) -> datetime | None:
    """Parse the time in a header, `Sat, 28 Nov 2026 20:58:48 GMT`; None if it is missing or has another form."""
    try:
        moment = parsedate_to_datetime(header or "")
    except (ValueError, TypeError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Action = Literal["list", "read", "write", "delete"]
_DONE: Mapping[Action, str] = {"list": "listed", "read": "read", "write": "written", "delete": "deleted"}


def explain(url: str, action: Action, code: BucketErrorCode, answer: str) -> BucketError:
    """Make an error with an explanation for people; `answer` is the server's text."""
    what = {
        BucketErrorCode.NO_OBJECT: "there is no such object",
        BucketErrorCode.NO_BUCKET: "there is no such bucket: check its name, and whether it belongs to another account",
        BucketErrorCode.CHANGED: "the object has another version than expected",
        BucketErrorCode.DENIED: f"the credentials are missing, expired, or may not {action} there: check who you are "
        "and what that account may do (docs/operations.md)",
        BucketErrorCode.WRONG_REGION: "the bucket is in another region: set storage.region to it",
        BucketErrorCode.CLOCK: "this machine's clock is off by more than the cloud allows: set it, for example by NTP",
        BucketErrorCode.UNREACHABLE: "no good answer after all retries (storage.attempts); is the service up, and "
        "storage.endpoint right?",
        BucketErrorCode.OTHER: f"it cannot be {_DONE[action]}",
    }[code]
    said = " ".join(answer.split())[:300]
    return BucketError(code, f"{url}: {what} [{said}]" if said else f"{url}: {what}")
