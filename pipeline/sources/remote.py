"""Sources on other machines: look up and download objects of buckets and documents of web servers.

    found = look_up("s3://papers/2024/a.pdf", settings.input, settings.storage)
    download(found, file, settings.input, settings.storage)

The path of such a source is its URL, with the key unescaped. A download has the version that was found, or fails with
`changed_while_reading`. It waits for a bucket that is down (storage.outage_s); an error after that is a `PageError`
with its cause, without credentials.
"""

import errno
import io
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar, cast

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode, BucketUrl, ObjectInfo
from ocrmill.pipeline.buckets.connect import open_bucket
from ocrmill.pipeline.buckets.object_file import ObjectFile
from ocrmill.pipeline.errors import OutputError, PageError
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.redaction import redacted
from ocrmill.pipeline.sources.http import WebAccess, WebChangedError, WebError
from ocrmill.pipeline.sources.http import download as download_from_web
from ocrmill.pipeline.sources.http import look_up as look_up_on_web
from ocrmill.pipeline.sources.uri import one_line

READ_AHEAD = 1 << 20  # in a zip in a bucket: the header and the bytes of a small member in one request
WAIT_S = 2.0  # at most, between two checks if a bucket is back
LONGEST_DETAIL = 500
_WEB = re.compile(r"(?i)https?://")
_BUCKET = re.compile(r"(?i)(?:s3|gs|az)://")
_WITH_CREDENTIALS = re.compile(r"(?i)https?://|[a-z][a-z0-9+.-]*://[^/]*@")  # the second is for messages only
_ENDING = re.compile(r"(?:\.tar)?\.[a-z0-9]{2,5}\Z")
_Result = TypeVar("_Result")


def is_remote(path: str) -> bool:
    """Tell if a source's path leads to another machine."""
    return _BUCKET.match(path) is not None or _WEB.match(path) is not None


def shown(path: str) -> str:
    """Return the path without the credentials that a URL may hold; keys of buckets are unchanged."""
    return redacted(path) if _WITH_CREDENTIALS.match(path) else path


def look_up(path: str, settings: InputSettings, storage: StorageSettings) -> Source | None:
    """Look up the object or document at a URL in its present version; None if there is none, or only a folder's marker.

    Raises:
        PageError: the lookup fails.
    """
    where = BucketUrl.parse(path)
    if where is None:
        url = path.partition("#")[0]
        with remote_errors():
            file = look_up_on_web(url, WebAccess.of(settings, storage))
        return None if file is None else Source(one_line(shown(url)), file.version, file.bytes, url)
    if not where.key or where.key.endswith("/"):
        return None
    with remote_errors():
        try:
            return object_source(where, outlasting(storage, lambda: open_bucket(where, storage).head(where.key)))
        except BucketError as error:
            if error.code is not BucketErrorCode.NO_OBJECT:
                raise
            return None


def object_source(where: BucketUrl, found: ObjectInfo) -> Source:
    """Make the source of an object."""
    path = str(BucketUrl(where.scheme, where.name, found.key))
    return Source(one_line(path), f"{found.bytes}-{found.version}", found.bytes, path)


def download(source: Source, file: IO[bytes], settings: InputSettings, storage: StorageSettings) -> None:
    """Write all bytes of a source, in the version that was found, to an empty, unbuffered file.

    Raises:
        PageError: they cannot be read (`unreadable`), are in another version (`changed_while_reading`), or too many
            (`object_limit`).
        OutputError: the disk is full.
    """
    limit = _Limit(settings.max_object_mb)
    limit.check(source.bytes)
    target = cast("IO[bytes]", _Scratch(file, limit))
    where = BucketUrl.parse(source.path)
    with remote_errors():
        if where is None:
            access = WebAccess.of(settings, storage)
            download_from_web(source.path, target, version=source.version, access=access)
        else:
            tag = source.version.partition("-")[2]
            outlasting(storage, lambda: _download(where, target, tag, storage))


def _download(where: BucketUrl, file: IO[bytes], tag: str, storage: StorageSettings) -> None:
    file.seek(0)
    file.truncate()
    open_bucket(where, storage).download(where.key, file, version=tag)


@contextmanager
def local_archive(archive: Source, settings: InputSettings, storage: StorageSettings) -> Iterator[str | IO[bytes]]:
    """Yield an archive to open: a zip in a bucket is read in place; others are downloaded.

    A downloaded file has a name until the block ends. A reader that opened it may keep it open; its disk space is then
    freed when it is closed, however this process ends.
    """
    where = BucketUrl.parse(archive.path)
    if where is not None and where.key.lower().endswith(".zip"):
        with remote_errors():
            file = outlasting(storage, lambda: _PatientFile(where, storage))
        if object_source(where, file.info).version != archive.version:
            raise PageError(Reason.CHANGED, f"{archive.uri}: changed since it was found")
        yield io.BufferedReader(file, READ_AHEAD)
        return
    with as_output_errors(Path(tempfile.gettempdir())):
        scratch = tempfile.NamedTemporaryFile(prefix="ocrmill-", buffering=0)  # noqa: SIM115 - closed below
    with scratch:
        download(archive, cast("IO[bytes]", scratch), settings, storage)
        yield scratch.name


def outlasting(storage: StorageSettings, action: Callable[[], _Result]) -> _Result:
    """Call `action`, again while the bucket is unreachable, for `storage.outage_s`."""
    until = time.monotonic() + storage.outage_s
    while True:
        try:
            return action()
        except BucketError as error:
            if error.code is not BucketErrorCode.UNREACHABLE or time.monotonic() >= until:
                raise
            wait_a_little()


def wait_a_little() -> None:
    """Wait before the next check if a bucket is back, with jitter, so that not all workers check at once."""
    time.sleep(random.uniform(0, WAIT_S))  # noqa: S311 - jitter, not a secret


@contextmanager
def remote_errors() -> Iterator[None]:
    """Turn errors of buckets and web servers into a `PageError`."""
    try:
        yield
    except (BucketError, WebError) as error:
        changed = isinstance(error, WebChangedError) or (
            isinstance(error, BucketError) and error.code is BucketErrorCode.CHANGED
        )
        reason = Reason.CHANGED if changed else Reason.UNREADABLE
        raise PageError(reason, one_line(redacted(str(error)))[:LONGEST_DETAIL]) from error


@contextmanager
def as_output_errors(scratch: Path) -> Iterator[None]:
    """Turn an error of the scratch folder into an error of the run: it is not the fault of a document."""
    try:
        yield
    except OSError as error:
        cure = "; make room, or set TMPDIR to a larger disk" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
        raise OutputError(f"{scratch}: cannot unpack or download there: {error.strerror}{cure}") from error


def ending_of(name: str) -> str:
    """Return the ending of a name, which renderers and archives use; empty if it has no usual one."""
    ending = _ENDING.search(name.lower())
    return ending[0] if ending else ""


class _PatientFile(ObjectFile):
    """An object with random access, which waits for a bucket that is down."""

    def __init__(self, where: BucketUrl, storage: StorageSettings) -> None:
        super().__init__(open_bucket(where, storage), where.key)
        self._storage = storage

    def read(self, size: int | None = -1) -> bytes:
        return outlasting(self._storage, lambda: ObjectFile.read(self, size))


@dataclass(frozen=True, slots=True)
class _Limit:
    """The limit of one download."""

    mib: int

    def check(self, size: int) -> None:
        if size > self.mib << 20:
            raise PageError(
                Reason.OBJECT_LIMIT,
                f"{size >> 20} MiB to download; if it may, raise input.max_object_mb ({self.mib})",
            )


class _Scratch:
    """A file that writes every byte or raises an error of ours, which tells a full disk from a lost connection."""

    def __init__(self, file: IO[bytes], limit: _Limit) -> None:
        self._file, self._limit = file, limit

    def write(self, data: bytes) -> int:
        self._limit.check(self._file.tell() + len(data))
        rest = memoryview(data)
        with as_output_errors(Path(self._file.name).parent):
            while rest:
                rest = rest[self._file.write(rest) :]
        return len(data)

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, position: int) -> int:
        return self._file.seek(position)

    def truncate(self) -> int:
        return self._file.truncate()
