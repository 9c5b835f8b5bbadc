"""A bucket of Google Cloud Storage or Azure, through obstore.

Not covered: keys that obstore cannot name (an empty, `.` or `..` part, control characters). A listing that meets one
ends with an error that names it. Objects that Google unpacks on their way (Content-Encoding: gzip): they are refused.
Slashes at the ends of a key: a listing leaves them out, so that a folder's marker counts as a file of another kind.
"""

import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.client import HTTPException
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotFoundError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.buckets.bucket import ABSENT, Action, BucketErrorCode, ObjectInfo, explain, http_time

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import BackoffConfig

CHUNK = 1 << 20
LISTED_AT_ONCE = 1000
# Otherwise Google gives what anybody may read as it was up to an hour ago: the lease too, and rewritten shards.
UNCACHED = {"Cache-Control": "no-cache"}
# The wait before the next attempt is drawn between the first one and `base` times the last: on average twice the last.
# With obstore's own values six attempts take a second, in which Google takes no second write of an object.
BACKOFF: "BackoffConfig" = {
    "init_backoff": timedelta(seconds=0.2),
    "max_backoff": timedelta(seconds=20),
    "base": 4,
}
# What the clouds say where obstore has no error of its own, or a wider one.
_SAID: Mapping[BucketErrorCode, re.Pattern[str]] = {
    BucketErrorCode.NO_BUCKET: re.compile(
        r"NoSuchBucket|InvalidBucketName|ContainerNotFound|The specified bucket does not exist"
    ),
    # Google of the token that it is asked for, Azure of the signature
    BucketErrorCode.CLOCK: re.compile(r"RequestTimeTooSkewed|in a reasonable timeframe|(?i:date header too old)"),
}
_RAISED: Mapping[BucketErrorCode, tuple[type[Exception], ...]] = {
    BucketErrorCode.NO_OBJECT: (FileNotFoundError, NotFoundError),
    BucketErrorCode.CHANGED: (AlreadyExistsError, PreconditionError),
    BucketErrorCode.DENIED: (PermissionDeniedError, UnauthenticatedError, PermissionError),
    BucketErrorCode.OTHER: (InvalidPathError, ValueError),
}
# What is left, by the words of obstore and the status of the answer.
_WORDED: Mapping[BucketErrorCode, re.Pattern[str]] = {
    BucketErrorCode.DENIED: re.compile(
        r"(?i)credential|token request|pem file|account must be|authenticationfailed|authenticationinfo|"
        r"authorizationfailure|status code: 40[13]\b"
    ),
    # The last two: Google unpacks what has Content-Encoding: gzip on its way, and its tag and ranges are lost.
    BucketErrorCode.OTHER: re.compile(
        r"status code: 4(?!08|29)\d\d\b|Header missing from response|non-partial response"
    ),
}
_CODE = re.compile(r"<Code>(\w+)</Code>")
_ADDRESS = re.compile(r"\w+://\S+")  # in an error's text: it holds the key, which may be any word


def connect(scheme: str, name: str, storage: StorageSettings) -> "ObstoreBucket":
    """The bucket (`gs`) or container (`az`) of that name.

    Raises:
        BucketError: the settings or the environment do not suffice to reach it.
    """
    url = f"{scheme}://{name}"
    options: dict[str, Any] = {"skip_signature": True} if storage.anonymous else {}
    with explained(url, "", "read"):
        store = obstore.store.from_url(
            url,
            client_options={
                "allow_http": True,  # where the environment names a server without TLS, as obstore does by itself
                "connect_timeout": timedelta(seconds=storage.connect_s),
                "timeout": timedelta(seconds=storage.timeout_s),
                "user_agent": "ocrmill",
            },
            retry_config={
                "max_retries": storage.attempts - 1,
                "retry_timeout": timedelta(seconds=storage.timeout_s * storage.attempts),
                "backoff": BACKOFF,
            },
            **options,
        )
    return ObstoreBucket(url, store, storage.connect_s)


class ObstoreBucket:
    """One bucket and its connections; any thread may use it."""

    def __init__(self, url: str, store: Any, connect_s: float) -> None:
        self.url = url
        self._connect_s = connect_s
        self._store = store

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Implement the method of `Bucket`."""
        folder, _, name = prefix.rpartition("/")  # obstore lists whole folders: from where the prefix may begin
        offset = max(after, prefix[:-1] if name[1:] else "")
        with explained(self.url, prefix, "list"):
            chunks = iter(obstore.list(self._store, folder or None, offset=offset or None, chunk_size=LISTED_AT_ONCE))
        while True:
            with explained(self.url, prefix, "list"):
                chunk = next(chunks, None)
            if chunk is None:
                return
            for entry in chunk:
                if entry["path"].startswith(prefix):
                    yield self._info(entry)
                elif entry["path"] > prefix and self.url.startswith("gs:"):  # Google lists in the order of keys
                    return

    def head(self, key: str) -> ObjectInfo:
        """Implement the method of `Bucket`."""
        with explained(self.url, key, "read"):
            return self._info(obstore.head(self._store, key))

    def read(self, key: str, *, version: str | None = None, start: int = 0, end: int | None = None) -> bytes:
        """Implement the method of `Bucket`."""
        if end is not None and end <= start:
            return b""
        wanted: GetOptions = {} if version is None else {"if_match": version}
        if end is not None:
            wanted["range"] = (start, end)
        elif start:
            wanted["range"] = {"offset": start}
        with explained(self.url, key, "read"):
            return bytes(obstore.get(self._store, key, options=wanted).bytes())

    def tail(self, key: str, size: int) -> tuple[bytes, ObjectInfo]:
        """Implement the method of `Bucket`."""
        with explained(self.url, key, "read"):
            try:
                answer = obstore.get(self._store, key, options={"range": {"suffix": size}})
                return bytes(answer.bytes()), self._info(answer.meta)
            except NotSupportedError:  # Azure counts from the start only
                pass
            except BaseError as error:
                if "status code: 416" not in str(error):  # an empty object has no last byte
                    raise
        found = self.head(key)
        return self.read(key, version=found.version, start=max(0, found.bytes - size), end=found.bytes), found

    def download(self, key: str, file: IO[bytes], *, version: str) -> None:
        """Implement the method of `Bucket`."""
        with explained(self.url, key, "read"):  # obstore takes a body that breaks off up again by itself
            for chunk in obstore.get(self._store, key, options={"if_match": version}).stream(min_chunk_size=CHUNK):
                file.write(chunk)

    def write(self, key: str, data: bytes | memoryview, *, replacing: str | None = None) -> str:
        """Implement the method of `Bucket`."""
        mode: Any = "overwrite"
        if replacing is not None:
            mode = "create" if replacing == ABSENT else self._replacing(key, replacing)
        with explained(self.url, key, "write"):
            written = obstore.put(self._store, key, bytes(data), attributes=UNCACHED, mode=mode, use_multipart=False)
            return self._version(written)

    def _replacing(self, key: str, version: str) -> dict[str, Any]:
        """The condition for a write: Google wants the generation, which a listing does not tell."""
        with explained(self.url, key, "write"):
            present = obstore.head(self._store, key)
        if self._version(present) != version:
            raise explain(f"{self.url}/{key}", "write", BucketErrorCode.CHANGED, "")
        return {name: present[name] for name in ("e_tag", "version") if present[name] is not None}

    def delete(self, key: str) -> None:
        """Implement the method of `Bucket`."""
        with explained(self.url, key, "delete"):
            try:
                obstore.delete(self._store, key)
            except (FileNotFoundError, NotFoundError):
                return

    def now(self) -> datetime | None:
        """Ask the service for its time without credentials: obstore drops the date of an answer."""
        try:
            request = urllib.request.Request(_service(self.url[:2]), method="HEAD")  # noqa: S310 - as obstore takes it
            with urllib.request.urlopen(request, timeout=self._connect_s) as answer:  # noqa: S310
                return http_time(answer.headers["Date"])
        except urllib.error.HTTPError as error:  # a refusal is dated, too
            with error:
                return http_time(error.headers["Date"])
        except (OSError, HTTPException, ValueError):  # ValueError: no URL
            return None

    def _info(self, entry: Any) -> ObjectInfo:
        return ObjectInfo(entry["path"], entry["size"], self._version(entry), entry["last_modified"])

    def _version(self, answer: Any) -> str:
        """An entity tag as headers have it: in Azure's listings it lacks its quotes."""
        tag = str(answer["e_tag"] or answer["version"])
        return f'"{tag}"' if self.url.startswith(("az:", "gs:")) and not tag.endswith('"') else tag


def _service(scheme: str) -> str:
    """The URL of the service behind a scheme, as obstore finds it in the environment; empty if it is not told."""
    if scheme == "gs":
        return os.environ.get("GOOGLE_BASE_URL", "https://storage.googleapis.com")
    if os.environ.get("AZURE_STORAGE_USE_EMULATOR", "").lower() in {"1", "true"}:
        return os.environ.get("AZURITE_BLOB_STORAGE_URL", "http://127.0.0.1:10000")
    told = [os.environ.get(name) for name in ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")]
    account = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    return next(filter(None, told), f"https://{account}.blob.core.windows.net" if account else "")


@contextmanager
def explained(url: str, key: str, action: Action) -> Iterator[None]:
    """Turn obstore's errors into a BucketError that says what to do."""
    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError, ValueError) as error:
        raise explain(f"{url}/{key}" if key else url, action, _error_code(error, key), _said(error)) from error


def _error_code(error: Exception, key: str) -> BucketErrorCode:
    text = _ADDRESS.sub("", re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", "", str(error)))
    said = (code for code, words in _SAID.items() if words.search(text))
    raised = (code for code, kinds in _RAISED.items() if isinstance(error, kinds))
    worded = (code for code, words in _WORDED.items() if words.search(text))
    return next(chain(said, raised, worded), BucketErrorCode.UNREACHABLE)


def _said(error: Exception) -> str:
    """The first line, and of an answer in XML its code."""
    text = str(error) or type(error).__name__
    code = _CODE.search(text)
    return f"{code[1]}: {text.splitlines()[0]}" if code else text.splitlines()[0]
