"""Sources inside zip, tar and WARC archives.

Cost: each process keeps the index of an archive that it reads, so ten thousand members cost it one listing and not ten
thousand. Each process unpacks a tar.gz or warc.gz once, and can then seek back cheaply (seekable_gzip.py). Only the
needed ranges of a zip in a bucket are read; other remote archives are downloaded once in each process, and kept while
they are in use (remote.py).
"""

import errno
import lzma
import os
import re
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.buckets.bucket import BucketError, BucketErrorCode
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.redaction import redacted
from ocrmill.pipeline.sources.archives.warc import WarcIndex
from ocrmill.pipeline.sources.archives.zip_tar import Member, TarIndex, ZipIndex
from ocrmill.pipeline.sources.http import UNVERSIONED
from ocrmill.pipeline.sources.remote import LONGEST_DETAIL, as_output_errors, is_remote, local_archive, look_up, shown
from ocrmill.pipeline.sources.uri import MemberName, joined_uri, one_line

WARC_ENDINGS = (".warc", ".warc.gz")
ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", *WARC_ENDINGS)
UNREAD_ARCHIVE_ENDINGS = (
    *(".7z", ".rar", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".pdf.gz"),
    *(".arc.gz", ".warc.bz2", ".warc.xz", ".warc.zst", ".wacz"),
)
ArchiveIndex = ZipIndex | TarIndex | WarcIndex

_SMALL = 1 << 20  # bytes of a member below which its growth is not limited
# Errors of the libraries on foreign or broken bytes, found by trying such bytes.
_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    RecursionError,
)
_reading = threading.Lock()  # an open archive has one position


def file_version(status: os.stat_result) -> str:
    """Return the version of a file: its size and the time of its last change."""
    return f"{status.st_size}-{status.st_mtime_ns}"


def members(path: str, settings: InputSettings, storage: StorageSettings) -> Iterator[Source]:
    """Yield every file inside an archive, in its order, without unpacking; of a WARC, the possible documents.

    Raises:
        PageError: the archive cannot be read, or not to its end; the members before are good.
    """
    with as_page_errors("the archive cannot be read"):
        documents = size = 0
        for member in _open_index(_find_archive(path, settings, storage), settings, storage):
            documents += member.is_document is not False
            size += member.bytes if member.reason is None and member.bytes <= settings.max_member_mb << 20 else 0
            _check_totals(documents, size, settings)
            yield _make_source(path, member)


def member_at(path: str, name: str, ordinal: int, settings: InputSettings, storage: StorageSettings) -> Source:
    """Find one member of an archive.

    Raises:
        PageError: the archive cannot be read, or has no such member.
    """
    with _reading, as_page_errors("the archive cannot be read"):
        member = _cached_index(path, settings, storage).find(name, ordinal)
    if member is None:
        raise PageError(Reason.UNREADABLE, "the archive has no such member")
    return _make_source(path, member)


def member_now(source: Source, settings: InputSettings, storage: StorageSettings) -> Source:
    """Return a member in its present version.

    Raises:
        PageError: it is missing (`changed_while_reading`), its archive cannot be read, or it cannot be unpacked.
    """
    with _reading, as_page_errors(source.uri):
        return _make_source(source.path, _locate(source, settings, storage)[1])


def unpack(source: Source, file: IO[bytes], settings: InputSettings, storage: StorageSettings) -> None:
    """Write the bytes of a member to an unbuffered file.

    Raises:
        PageError: it has another version (`changed_while_reading`), is `damaged`, or over a limit (`archive_limit`).
        OutputError: the disk is full.
    """
    with _reading, as_page_errors(source.uri):
        index, member = _locate(source, settings, storage)
        if member.version != source.version:
            raise PageError(Reason.CHANGED, f"{source.uri}: changed since it was found")
        _check_limits(member, member.bytes, settings)
        written = 0
        for chunk in index.chunks(member):
            written += len(chunk)
            _check_limits(member, written, settings)  # compressed content does not tell its size before
            rest = memoryview(chunk)
            with as_output_errors(Path(file.name).parent):
                while rest:
                    rest = rest[file.write(rest) :]


def _check_totals(documents: int, size: int, settings: InputSettings) -> None:
    if documents > settings.max_archive_members:
        raise PageError(
            Reason.ARCHIVE_LIMIT,
            f"more than {settings.max_archive_members} members; to allow it, raise input.max_archive_members",
        )
    if size > settings.max_archive_gb << 30:
        raise PageError(
            Reason.ARCHIVE_LIMIT,
            f"more than {settings.max_archive_gb} GiB unpacked; to allow it, raise input.max_archive_gb",
        )


def _check_limits(member: Member, size: int, settings: InputSettings) -> None:
    if size > settings.max_member_mb << 20:
        raise PageError(
            Reason.ARCHIVE_LIMIT,
            f"{size >> 20} MiB unpacked; to allow it, raise input.max_member_mb ({settings.max_member_mb})",
        )
    most = max(_SMALL, member.packed * settings.max_member_ratio) if member.packed is not None else member.bytes
    if size > most:
        raise PageError(
            Reason.ARCHIVE_LIMIT,
            f"grows from {member.packed} to {size} bytes on unpacking; to allow it, "
            f"raise input.max_member_ratio ({settings.max_member_ratio})",
        )


def _locate(source: Source, settings: InputSettings, storage: StorageSettings) -> tuple[ArchiveIndex, Member]:
    """Find the index of a member's archive, and the member in it."""
    index = _cached_index(source.path, settings, storage)
    member = index.find(source.member or "", _ordinal(source))
    if member is None:
        raise PageError(Reason.CHANGED, f"{source.uri}: no longer in its archive")
    if member.reason is not None:
        raise PageError(member.reason, one_line(member.detail or ""))
    return index, member


def _ordinal(source: Source) -> int:
    """Return the number among members of the same name; only this can follow the ending of a document."""
    ordinal = re.search(r"#(\d+)\Z", source.uri)
    return int(ordinal[1]) if ordinal else 1


def _cached_index(path: str, settings: InputSettings, storage: StorageSettings) -> ArchiveIndex:
    kept = _kept_remote_index if is_remote(path) else _kept_index
    return kept(_find_archive(path, settings, storage), settings, storage)


def _find_archive(path: str, settings: InputSettings, storage: StorageSettings) -> Source:
    """Return an archive as a source in its present version."""
    if not is_remote(path):
        status = Path(path).stat()
        return Source(one_line(path), file_version(status), status.st_size, path)
    found = look_up(path, settings, storage)
    if found is None:
        raise PageError(Reason.UNREADABLE, f"{one_line(shown(path))}: there is no such object")
    if found.version.startswith(UNVERSIONED):
        raise PageError(
            Reason.UNREADABLE, f"{found.uri}: its server sends neither ETag nor date; download it, and name the file"
        )
    return found


def _open_index(archive: Source, settings: InputSettings, storage: StorageSettings) -> ArchiveIndex:
    """Open the index of an archive, by its ending."""
    if not is_remote(archive.path):
        return _index_of(archive.path, archive, settings)
    with local_archive(archive, settings, storage) as file:
        return _index_of(file, archive, settings)


def _index_of(file: str | IO[bytes], archive: Source, settings: InputSettings) -> ArchiveIndex:
    name = archive.path.lower()
    if name.endswith(".zip"):
        opened = Path(file).open("rb") if isinstance(file, str) else file  # noqa: SIM115 - the index closes it
        return ZipIndex(opened, settings.max_archive_members)
    assert isinstance(file, str)
    kind = WarcIndex if name.endswith(WARC_ENDINGS) else TarIndex
    return kind(file, archive.version, settings.max_member_ratio)


# An archive's index is cached until the archive changes or it is evicted. A remote one may take input.max_object_mb on
# the disk.
_kept_index = lru_cache(maxsize=4)(_open_index)
_kept_remote_index = lru_cache(maxsize=2)(_open_index)


def _make_source(path: str, member: Member) -> Source:
    return Source(
        uri=joined_uri(MemberName(shown(path), member.name, member.ordinal)),
        version=member.version,
        bytes=member.bytes,
        path=path,
        member=member.name,
        reason=member.reason,
        detail=one_line(member.detail)[:LONGEST_DETAIL] if member.detail else None,
        is_document=member.is_document,
    )


@contextmanager
def as_page_errors(what: str) -> Iterator[None]:
    """Turn errors of the libraries into a `PageError` that tells damage from unreadable bytes."""
    try:
        yield
    except OSError as error:
        # bz2 and gzip raise it without a number for broken data; zipfile seeks where a broken directory sends it.
        reason = Reason.DAMAGED if error.errno in {None, errno.EINVAL} else Reason.UNREADABLE
        raise PageError(reason, _detail(what, error.strerror or error)) from error
    except BucketError as error:  # a zip is read in place
        reason = Reason.CHANGED if error.code is BucketErrorCode.CHANGED else Reason.UNREADABLE
        raise PageError(reason, redacted(_detail(what, error))) from error
    except _DAMAGE as error:
        raise PageError(Reason.DAMAGED, _detail(what, error)) from error


def _detail(what: str, error: object) -> str:
    return f"{what}: {one_line(str(error)) or type(error).__name__}"[:LONGEST_DETAIL]
