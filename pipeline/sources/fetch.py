"""The local file from which a source is opened, and the check that the source has not changed.

    with fetch(source, scratch, settings.input, settings.storage) as path:
        sha256_of(path)

A local file is read in place, so it may change meanwhile: `check_unchanged` detects it. An unpacked or downloaded file
is a copy of the version that was found, and does not change.

The other functions here, and `FileCache`, return the failure of a source as a value; `fetch` raises it.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Failure, Reason, Source
from ocrmill.pipeline.sources.archives.members import as_page_errors, file_version, member_now, unpack
from ocrmill.pipeline.sources.remote import as_output_errors, download, ending_of, is_remote, look_up
from ocrmill.pipeline.sources.uri import one_line


def check_unchanged(source: Source, settings: InputSettings, storage: StorageSettings) -> Failure | None:
    """Return None if a local source has the version that was found.

    Else the failure: it has another one (`changed_while_reading`), or is missing (`unreadable`).
    """
    try:
        _check_version(source, settings, storage)
    except PageError as error:
        return error.to_failure()
    return None


def current(source: Source, settings: InputSettings, storage: StorageSettings) -> Source | Failure:
    """Return the source in its present version, or the failure: it is missing, or its archive cannot be read."""
    try:
        return _current(source, settings, storage)
    except PageError as error:
        return error.to_failure()


def _check_version(source: Source, settings: InputSettings, storage: StorageSettings) -> None:
    if not is_remote(source.path) and _current(source, settings, storage).version != source.version:
        raise PageError(Reason.CHANGED, f"{source.uri}: changed since it was found; it is read by the next run")


def _current(source: Source, settings: InputSettings, storage: StorageSettings) -> Source:
    if source.member is not None:
        return member_now(source, settings, storage)
    if is_remote(source.path):
        found = look_up(source.path, settings, storage)
        if found is None:
            raise PageError(Reason.UNREADABLE, f"{source.uri}: it is gone")
        return found
    with as_page_errors(source.uri):
        status = Path(source.path).stat()
    return replace(source, version=file_version(status), bytes=status.st_size)


@contextmanager
def fetch(source: Source, scratch: Path, settings: InputSettings, storage: StorageSettings) -> Iterator[Path]:
    """Yield the local file with the source's bytes; a copy is in `scratch`, and removed after the block.

    Raises:
        PageError: the source cannot be read: its own reason if discovery gave one, else `unreadable`,
            `changed_while_reading`, `damaged`, `archive_limit` or `object_limit`.
        OutputError: `scratch` is full.
    """
    if source.reason is not None:
        raise PageError(source.reason, source.detail or source.uri)
    _check_version(source, settings, storage)
    if source.member is None and not is_remote(source.path):
        yield Path(source.path)
        return
    with as_output_errors(scratch):
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below
            dir=scratch, suffix=ending_of(source.member or source.path), buffering=0
        )
    with file:
        if source.member is None:
            download(source, cast("IO[bytes]", file), settings, storage)
        else:
            unpack(source, cast("IO[bytes]", file), settings, storage)
        yield Path(file.name)


def sha256_of(path: Path) -> str | Failure:
    """Return the sha256 of a file's bytes, in lower-case hex, or the failure if it cannot be read (`unreadable`)."""
    try:
        with as_page_errors(one_line(str(path))), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except PageError as error:
        return error.to_failure()
