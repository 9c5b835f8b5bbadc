"""The local file that a source is opened from, and whether the source is still what was found.

    with fetch(source, scratch, settings.input, settings.storage) as path:
        sha256_of(path)

A local file is read where it lies, so it may change under the reader: `check_unchanged` tells. What is unpacked or
downloaded is a copy of the version that was found, and stays that.
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
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.sources.archives.members import blaming, file_version, member_now, unpack
from ocrmill.pipeline.sources.remote import download, ending_of, is_remote, look_up, needing_room
from ocrmill.pipeline.sources.uri import one_line


def check_unchanged(source: Source, settings: InputSettings, storage: StorageSettings) -> None:
    """Make sure that a local source is still the version that was found.

    Raises:
        PageError: it is not (`changed_while_reading`), or it is gone (`unreadable`).
    """
    if not is_remote(source.path) and current(source, settings, storage).version != source.version:
        raise PageError(Reason.CHANGED, f"{source.uri}: changed since it was found; it is read by the next run")


def current(source: Source, settings: InputSettings, storage: StorageSettings) -> Source:
    """The source as it is now, in its version of now.

    Raises:
        PageError: it is gone, or its archive cannot be read.
    """
    if source.member is not None:
        return member_now(source, settings, storage)
    if is_remote(source.path):
        found = look_up(source.path, settings, storage)
        if found is None:
            raise PageError(Reason.UNREADABLE, f"{source.uri}: it is gone")
        return found
    with blaming(source.uri):
        status = Path(source.path).stat()
    return replace(source, version=file_version(status), bytes=status.st_size)


@contextmanager
def fetch(source: Source, scratch: Path, settings: InputSettings, storage: StorageSettings) -> Iterator[Path]:
    """The local file that holds the source's bytes; a copy is in `scratch` for as long as this lasts.

    Raises:
        PageError: the source cannot be read: its own reason if discovery gave one, else `unreadable`,
            `changed_while_reading`, `damaged`, `archive_limit` or `object_limit`.
        OutputError: there is no room in `scratch`.
    """
    if source.reason is not None:
        raise PageError(source.reason, source.detail or source.uri)
    check_unchanged(source, settings, storage)
    if source.member is None and not is_remote(source.path):
        yield Path(source.path)
        return
    with needing_room(scratch):
        file = tempfile.NamedTemporaryFile(  # noqa: SIM115 - closed below
            dir=scratch, suffix=ending_of(source.member or source.path), buffering=0
        )
    with file:
        if source.member is None:
            download(source, cast("IO[bytes]", file), settings, storage)
        else:
            unpack(source, cast("IO[bytes]", file), settings, storage)
        yield Path(file.name)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in lower-case hex.

    Raises:
        PageError: it cannot be read (`unreadable`).
    """
    with blaming(one_line(str(path))), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
