"""A bucket of Google Cloud Storage or Azure, through obstore.

Not covered: keys that obstore cannot name (an empty, `.` or `..` part, control characters). A listing that meets one
ends with an error that names it.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from configs.settings import StorageSettings
from pipeline.buckets import ABSENT, Action, ObjectInfo, Trouble, explain

if TYPE_CHECKING:
    from obstore import GetOptions

CHUNK = 1 << 20
LISTED_AT_ONCE = 1000
# What the clouds say where obstore has no error of its own.
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_DENIED = re.compile(
    r"(?i)credential|token request|account must be|authenticationfailed|authorizationfailure|status code: 40[13]\b"
)
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
                "connect_timeout": timedelta(seconds=storage.connect_s),
                "timeout": timedelta(seconds=storage.timeout_s),
                "user_agent": "ocrmill",
            },
            retry_config={
                "max_retries": storage.attempts - 1,
                "retry_timeout": timedelta(seconds=storage.timeout_s * storage.attempts),
            },
            **options,
        )
    return ObstoreBucket(url, store)


class ObstoreBucket:
    """One bucket and its connections; any thread may use it."""

    def __init__(self, url: str, store: Any) -> None:
        self.url = url
        self._store = store

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """See Bucket."""
        folder = prefix.rpartition("/")[0]  # obstore lists whole folders
        with explained(self.url, prefix, "list"):
            chunks = iter(obstore.list(self._store, folder or None, offset=after or None, chunk_size=LISTED_AT_ONCE))
        while True:
            with explained(self.url, prefix, "list"):
                chunk = next(chunks, None)
            if chunk is None:
                return
            for entry in chunk:
                if entry["path"].startswith(prefix):
                    yield _info(entry)

    def head(self, key: str) -> ObjectInfo:
        """See Bucket."""
        with explained(self.url, key, "read"):
            return _info(obstore.head(self._store, key))

    def read(self, key: str, *, version: str | None = None, start: int = 0, end: int | None = None) -> bytes:
        """See Bucket."""
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
        """See Bucket."""
        with explained(self.url, key, "read"):
            answer = obstore.get(self._store, key, options={"range": {"suffix": size}})
            return bytes(answer.bytes()), _info(answer.meta)

    def download(self, key: str, file: IO[bytes], *, version: str) -> None:
        """See Bucket."""
        with explained(self.url, key, "read"):  # obstore takes a body that breaks off up again by itself
            for chunk in obstore.get(self._store, key, options={"if_match": version}).stream(min_chunk_size=CHUNK):
                file.write(chunk)

    def write(self, key: str, data: bytes | memoryview, *, replacing: str | None = None) -> str:
        """See Bucket."""
        mode: Any = "overwrite"
        if replacing is not None:
            mode = "create" if replacing == ABSENT else self._replacing(key, replacing)
        with explained(self.url, key, "write"):
            return _version(obstore.put(self._store, key, bytes(data), mode=mode, use_multipart=False))

    def _replacing(self, key: str, version: str) -> dict[str, Any]:
        """The condition for a write: Google wants the generation, which a listing does not tell."""
        with explained(self.url, key, "write"):
            present = obstore.head(self._store, key)
        if _version(present) != version:
            raise explain(f"{self.url}/{key}", "write", Trouble.CHANGED, "")
        return {name: present[name] for name in ("e_tag", "version") if present[name] is not None}

    def delete(self, key: str) -> None:
        """See Bucket."""
        with explained(self.url, key, "delete"):
            try:
                obstore.delete(self._store, key)
            except (FileNotFoundError, NotFoundError):
                return


@contextmanager
def explained(url: str, key: str, action: Action) -> Iterator[None]:
    """Turn obstore's errors into a BucketError that says what to do."""
    try:
        yield
    except (BaseError, FileNotFoundError, PermissionError, ValueError) as error:
        raise explain(f"{url}/{key}" if key else url, action, _trouble(error, key), _first_line(error)) from error


def _trouble(error: Exception, key: str) -> Trouble:
    text = _ADDRESS.sub("", str(error).replace(key, "") if key else str(error))
    if any(word in text for word in _NO_BUCKET):
        return Trouble.NO_BUCKET
    if isinstance(error, (FileNotFoundError, NotFoundError)):
        return Trouble.NO_OBJECT
    if isinstance(error, (AlreadyExistsError, PreconditionError)):
        return Trouble.CHANGED
    if isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError)):
        return Trouble.DENIED
    if isinstance(error, (InvalidPathError, ValueError)):
        return Trouble.OTHER
    return Trouble.DENIED if _DENIED.search(text) else Trouble.UNREACHABLE


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _info(entry: Any) -> ObjectInfo:
    return ObjectInfo(entry["path"], entry["size"], _version(entry))


def _version(answer: Any) -> str:
    return str(answer["e_tag"] or answer["version"])
