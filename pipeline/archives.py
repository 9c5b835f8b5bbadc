r"""Sources inside zip and tar archives, and the local file that any source is opened from.

A URI is one line of valid Unicode, and no two sources share one:

    /data/a.zip!scans/page.pdf      member `scans/page.pdf` of /data/a.zip
    /data/a.zip!scans/page.pdf#2    the second member of that name; tar and zip allow several
    /data/caf\xe9.pdf               a file whose name holds the byte E9, which is not UTF-8

What reading costs: the index of an archive stays in the process that reads from it, so ten thousand members cost one
listing in each process and not ten thousand. Each process unpacks a tar.gz once, and may then step back in it cheaply
(seekable_gzip.py); nothing but the member in use is ever on disk.
"""

import errno
import hashlib
import lzma
import os
import re
import struct
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, cast

from configs.settings import InputSettings
from pipeline.archive_index import Member, TarIndex, ZipIndex, open_index
from pipeline.errors import OutputError, PageError
from pipeline.records import Reason, Source

ARCHIVE_ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
UNREAD_ARCHIVE_ENDINGS = (".7z", ".rar", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".pdf.gz")

_LONGEST_DETAIL = 500
_SMALL = 1 << 20  # bytes of a member that may have grown as much as it likes
# What the libraries raise on bytes that are not theirs, or broken: found by feeding them such bytes.
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
_ESCAPED = re.compile(
    r"[\x00-\x1f\x7f\ud800-\udfff]|\\(?=x[0-9a-f]{2})|(?i:(?<=\.zip)|(?<=\.tar)|(?<=\.tar\.gz)|(?<=\.tgz))!"
)
_MEMBER_URI = re.compile(r"(?is)(.+?\.(?:zip|tar|tar\.gz|tgz))!(.+?)(?:#([1-9]\d{0,8}))?\Z")
_reading = threading.Lock()  # an open archive has one position


def one_line(text: str) -> str:
    r"""The text as one line of valid Unicode, undoable by `original`.

    Control characters and bytes that are not UTF-8 become `\xNN`, and so do a `!` that could be taken for the end of an
    archive's path and a backslash that could be taken for such an escape.
    """
    return _ESCAPED.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", text)


def original(line: str) -> str:
    """The text that `one_line` was given."""
    escape = re.compile(rb"\\x([0-9a-f]{2})")
    return os.fsdecode(escape.sub(lambda found: bytes.fromhex(found[1].decode()), os.fsencode(line)))


def file_version(status: os.stat_result) -> str:
    """The version of a file: its size and the time of its last change."""
    return f"{status.st_size}-{status.st_mtime_ns}"


def members(path: str, settings: InputSettings) -> Iterator[Source]:
    """Every file inside an archive, in its order, without unpacking.

    Raises:
        PageError: the archive cannot be read, or not to its end; what came before is good.
    """
    with _blaming("the archive cannot be read"):
        version = file_version(Path(path).stat())
        for member in open_index(path, version, settings.max_member_ratio):
            yield _source(path, member)


@dataclass(frozen=True, slots=True)
class MemberName:
    """The parts of a member's URI."""

    archive: str
    member: str
    ordinal: int


def split_uri(uri: str) -> MemberName | None:
    """The parts of a member's URI; None for what cannot be one."""
    parts = _MEMBER_URI.match(uri)
    return MemberName(original(parts[1]), original(parts[2]), int(parts[3] or 1)) if parts else None


def joined_uri(name: MemberName) -> str:
    """The URI of a member."""
    repeated = f"#{name.ordinal}" if name.ordinal > 1 else ""
    return f"{one_line(name.archive)}!{one_line(name.member)}{repeated}"


def member_at(path: str, name: str, ordinal: int, settings: InputSettings) -> Source:
    """One member of an archive.

    Raises:
        PageError: the archive cannot be read, or holds none such.
    """
    with _reading, _blaming("the archive cannot be read"):
        member = _index(path, settings).find(name, ordinal)
    if member is None:
        raise PageError(Reason.UNREADABLE, "the archive holds no such member")
    return _source(path, member)


def check_unchanged(source: Source, settings: InputSettings) -> None:
    """Make sure that the source is still the version that was found.

    Raises:
        PageError: it is not (`changed_while_reading`), or it is gone (`unreadable`).
    """
    with _reading, _blaming(source.uri):
        if source.member is None:
            version = file_version(Path(source.path).stat())
        else:
            version = _located(source, settings)[1].version
    if version != source.version:
        raise PageError(Reason.CHANGED, f"{source.uri}: changed since it was found; it is read by the next run")


def current(source: Source, settings: InputSettings) -> Source:
    """The source as it is now, in its version of now.

    Raises:
        PageError: it is gone, or its archive cannot be read.
    """
    if source.member is not None:
        return member_at(source.path, source.member, _ordinal(source), settings)
    with _blaming(source.uri):
        status = Path(source.path).stat()
    return replace(source, version=file_version(status), bytes=status.st_size)


@contextmanager
def fetch(source: Source, scratch: Path, settings: InputSettings) -> Iterator[Path]:
    """The local file that holds the source's bytes; a member is unpacked into `scratch` for as long as this lasts.

    Raises:
        PageError: the source cannot be had: its own reason if discovery gave one, else `unreadable`,
            `changed_while_reading`, `damaged`, or `archive_limit`.
        OutputError: there is no room in `scratch`.
    """
    if source.reason is not None:
        raise PageError(source.reason, source.detail or source.uri)
    check_unchanged(source, settings)
    if source.member is None:
        yield Path(source.path)
        return
    suffix = PurePosixPath(source.member.lower()).suffix
    with _needing_room(scratch):
        file = tempfile.NamedTemporaryFile(dir=scratch, suffix=suffix, buffering=0)  # noqa: SIM115 - closed below
    with file:
        _unpack(source, cast("IO[bytes]", file), settings)
        yield Path(file.name)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in lower-case hex.

    Raises:
        PageError: it cannot be read (`unreadable`).
    """
    with _blaming(one_line(str(path))), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unpack(source: Source, file: IO[bytes], settings: InputSettings) -> None:
    with _reading, _blaming(source.uri):
        index, member = _located(source, settings)
        _check_limits(member, settings)
        for chunk in index.chunks(member):
            rest = memoryview(chunk)
            with _needing_room(Path(file.name).parent):
                while rest:
                    rest = rest[file.write(rest) :]


@contextmanager
def _needing_room(scratch: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{scratch}: cannot unpack an archive member there: {error.strerror}") from error


def _check_limits(member: Member, settings: InputSettings) -> None:
    if member.bytes > settings.max_member_mb << 20:
        raise PageError(
            Reason.ARCHIVE_LIMIT,
            f"{member.bytes >> 20} MiB unpacked; if it may, raise input.max_member_mb ({settings.max_member_mb})",
        )
    most = max(_SMALL, member.packed * settings.max_member_ratio) if member.packed is not None else member.bytes
    if member.bytes > most:
        raise PageError(
            Reason.ARCHIVE_LIMIT,
            f"grows from {member.packed} to {member.bytes} bytes on unpacking; if it may, "
            f"raise input.max_member_ratio ({settings.max_member_ratio})",
        )


def _located(source: Source, settings: InputSettings) -> tuple[ZipIndex | TarIndex, Member]:
    """The index of a member's archive, and the member in it."""
    index = _index(source.path, settings)
    member = index.find(source.member or "", _ordinal(source))
    if member is None:
        raise PageError(Reason.CHANGED, f"{source.uri}: no longer in its archive")
    if member.reason is not None:
        raise PageError(member.reason, one_line(member.detail or ""))
    return index, member


def _ordinal(source: Source) -> int:
    """Which of several members of one name. The name ends as a document does, so it can only be what follows."""
    ordinal = re.search(r"#(\d+)\Z", source.uri)
    return int(ordinal[1]) if ordinal else 1


def _index(path: str, settings: InputSettings) -> ZipIndex | TarIndex:
    return _kept_index(path, file_version(Path(path).stat()), settings.max_member_ratio)


@lru_cache(maxsize=4)
def _kept_index(path: str, archive_version: str, max_ratio: int) -> ZipIndex | TarIndex:
    """An archive's index, kept until the archive changes or others push it out."""
    return open_index(path, archive_version, max_ratio)


def _source(path: str, member: Member) -> Source:
    return Source(
        uri=joined_uri(MemberName(path, member.name, member.ordinal)),
        version=member.version,
        bytes=member.bytes,
        path=path,
        member=member.name,
        reason=member.reason,
        detail=one_line(member.detail) if member.detail else None,
    )


@contextmanager
def _blaming(what: str) -> Iterator[None]:
    """Turn what the libraries raise into a `PageError` that tells damage from what cannot be reached."""
    try:
        yield
    except OSError as error:
        # bz2 and gzip raise it without a number for broken data; zipfile seeks where a broken directory sends it.
        reason = Reason.DAMAGED if error.errno in {None, errno.EINVAL} else Reason.UNREADABLE
        raise PageError(reason, _detail(what, error.strerror or error)) from error
    except _DAMAGE as error:
        raise PageError(Reason.DAMAGED, _detail(what, error)) from error


def _detail(what: str, error: object) -> str:
    return f"{what}: {one_line(str(error)) or type(error).__name__}"[:_LONGEST_DETAIL]
