"""List the members of a zip or tar archive and their places, without unpacking it.

`ZipIndex` and `TarIndex`, as `WarcIndex` (warc.py), iterate over their members in the archive's order, find one by its
name and ordinal, and yield a member's bytes. Errors of zipfile, tarfile and zlib pass through; members.py translates
them. Names inside an archive are never used as paths. Not covered: archives inside archives, encrypted members, zip
methods other than stored, deflate, bzip2 and lzma, links in zip, sparse files in tar, tars packed by other than gzip.
"""

import io
import posixpath
import stat
import tarfile
import weakref
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.sources.archives.seekable_gzip import SeekableGzip

_CHUNK = 1 << 20
_LONGEST_HEADER = 1 << 20  # of a tar header with its extensions; tarfile loads it into memory, real ones are a few kB
_LONGEST_NAME = 1 << 13  # of a tar's member and what it links to, in characters; systems allow 4096 bytes
_LONGEST_GLOBAL = 1 << 16  # of a tar's global headers; tarfile copies them for each member, `git archive` writes 52
_ZIP_ENTRY = b"PK\1\2"
_ZIP_ENTRY_BYTES = 1 << 10  # on average for a directory's entries, at most; real ones have 100 to 200
_ZIP_LOCAL_HEADER = 30  # bytes before a member's own, beside its name
_MOST_HOPS = 8  # from link to link
_NORMALISED_UNTIL = (
    315_705_600  # 1980-01-03 UTC; reproducible builds stamp members 0, 1, or the first day that zip knows
)
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive."""

    name: str  # as the archive spells it
    ordinal: int  # 1 for the first of its name; tar and zip allow several
    bytes: int  # unpacked; neither format yields more than it declares
    packed: int | None  # bytes in the archive, if the format has them
    version: str  # differs if the bytes may differ, and only then if that can be known
    place: int  # tar: the start of its bytes; zip: its number in the directory
    link: str | None = None  # tar: the member whose bytes it shares, as a path inside the archive
    reason: Reason | None = None  # why it cannot be read
    detail: str | None = None
    is_document: bool | None = None  # by the archive's record; None if its name has to tell


class ZipIndex:
    """A zip file. zipfile holds its whole directory in memory, about 1 kB for each member."""

    def __init__(self, file: IO[bytes], max_members: int) -> None:
        weakref.finalize(self, file.close)
        reader = _ZipReader(file, max_members)
        self._zip = zipfile.ZipFile(cast("IO[bytes]", reader))
        reader.in_directory = False
        self._infos = self._zip.infolist()
        packed = sum(info.compress_size + _ZIP_LOCAL_HEADER for info in self._infos)
        if packed > file.seek(0, io.SEEK_END):  # one packed byte would be unpacked many times
            raise zipfile.BadZipFile(f"its members overlap: they claim {packed} bytes")
        self._members: dict[tuple[str, int], Member] = {}
        seen: Counter[str] = Counter()
        for place, info in enumerate(self._infos):
            if info.filename and not info.is_dir():  # some entries have no name; they are no documents
                seen[info.filename] += 1
                self._members[info.filename, seen[info.filename]] = _zip_member(info, seen[info.filename], place)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def find(self, name: str, ordinal: int) -> Member | None:
        """Find the member of that name and ordinal."""
        return self._members.get((name, ordinal))

    def chunks(self, member: Member) -> Iterator[bytes]:
        """Yield the member's bytes; its CRC and size are checked at the end."""
        left = member.bytes
        with self._zip.open(self._infos[member.place]) as file:
            while data := file.read(_CHUNK):
                left -= len(data)
                yield data
        if left:  # zipfile accepts fewer bytes if their CRC is right
            raise zipfile.BadZipFile(f"{left} bytes of this member are missing")


class _ZipReader:
    """A file for zipfile. It refuses a directory of more members than allowed."""

    def __init__(self, file: IO[bytes], max_members: int) -> None:
        self._file, self._max_members = file, max_members
        self.in_directory = True
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if not self.in_directory:
            return self._file.read(size)
        if size <= max(_CHUNK, self._max_members * _ZIP_ENTRY_BYTES):
            data = self._file.read(size)
            if data.count(_ZIP_ENTRY) <= self._max_members:
                return data
        raise PageError(
            Reason.ARCHIVE_LIMIT,
            f"more than {self._max_members} members; to allow it, raise input.max_archive_members",
        )


def _zip_member(info: zipfile.ZipInfo, ordinal: int, place: int) -> Member:
    version = f"{info.file_size}-crc{info.CRC:08x}"
    member = Member(info.filename, ordinal, info.file_size, info.compress_size, version, place)
    if info.flag_bits & 0x1:
        detail = "encrypted inside the archive; unpack the archive with its password"
        return replace(member, reason=Reason.ENCRYPTION_UNSUPPORTED, detail=detail)
    if info.compress_type not in _ZIP_METHODS:
        detail = f"packed by zip method {info.compress_type}, which is not read; unpack the archive"
        return replace(member, reason=Reason.UNSUPPORTED_TYPE, detail=detail)
    if stat.S_ISLNK(info.external_attr >> 16):
        return replace(member, reason=Reason.UNREADABLE, detail="a link; links inside a zip archive are not followed")
    return member


class TarIndex:
    """A tar or tar.gz file, with any ending. Its headers are read on demand, and cached."""

    def __init__(self, path: str, archive_version: str, max_ratio: int) -> None:
        file = Path(path).open("rb")  # noqa: SIM115 - open as long as this index lives
        weakref.finalize(self, file.close)
        self._gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self._stream = SeekableGzip(file, max_ratio) if self._gzipped else file
        self._headers = _Headers(self._stream)
        self._tar = tarfile.open(fileobj=cast("IO[bytes]", self._headers), mode="r:")  # noqa: SIM115 - as above
        self._archive_version, self._ended = archive_version, False
        self._members: list[Member] = []
        self._by_key: dict[tuple[str, int], int] = {}
        self._by_path: dict[str, int] = {}
        self._seen: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Member]:
        done = 0
        while done < len(self._members) or self._advance():
            yield self._resolve_link(self._members[done])
            done += 1

    def find(self, name: str, ordinal: int) -> Member | None:
        """Find the member of that name and ordinal."""
        while (name, ordinal) not in self._by_key:
            if not self._advance():
                return None
        return self._resolve_link(self._members[self._by_key[name, ordinal]])

    def chunks(self, member: Member) -> Iterator[bytes]:
        """Yield the member's bytes; tar has no checksum for them."""
        self._stream.seek(member.place)
        left = member.bytes
        while left:
            data = self._stream.read(min(_CHUNK, left))
            if not data:
                raise EOFError("the archive ends inside this member")
            left -= len(data)
            yield data

    def _advance(self) -> bool:
        """Read up to the next header of a file with a name; return False at the end."""
        while not self._ended:
            self._headers.begin()
            info = self._tar.next()
            self._tar.members.clear()  # type: ignore[attr-defined] # tarfile would keep all of them
            if info is None:
                self._ended = True
                # tarfile treats a broken header as the end; a real end is zeros, or nothing.
                if self._headers.last.strip(b"\0"):
                    raise tarfile.ReadError(f"broken header after {len(self._members)} members")
            elif info.name and not info.isdir():
                self._add(info)
                return True
        return False

    def _add(self, info: tarfile.TarInfo) -> None:
        if info.size < 0:
            raise tarfile.ReadError("a member claims a negative size")
        if max(len(info.name), len(info.linkname)) > _LONGEST_NAME:
            raise tarfile.ReadError(f"a member's name is longer than {_LONGEST_NAME} characters")
        if sum(len(key) + len(value) for key, value in self._tar.pax_headers.items()) > _LONGEST_GLOBAL:
            raise tarfile.ReadError(f"its global headers are longer than {_LONGEST_GLOBAL} characters")
        self._seen[info.name] += 1
        member = self._member(info, self._seen[info.name])
        self._by_key[member.name, member.ordinal] = len(self._members)
        self._by_path.setdefault(posixpath.normpath(member.name), len(self._members))
        self._members.append(member)

    def _member(self, info: tarfile.TarInfo, ordinal: int) -> Member:
        version = f"{info.size}-{info.mtime}"
        if info.mtime <= _NORMALISED_UNTIL:  # such a time says nothing, so the archive's version is used
            version = f"{version}-in-{self._archive_version}"
        packed = None if self._gzipped else info.size
        member = Member(info.name, ordinal, info.size, packed, version, info.offset_data)
        if info.issym():
            return replace(member, link=posixpath.join(posixpath.dirname(info.name), info.linkname))
        if info.islnk():
            return replace(member, link=info.linkname)
        if info.issparse() or not info.isreg():
            detail = "a sparse file inside a tar archive" if info.issparse() else "neither a file nor a link"
            return replace(member, reason=Reason.UNSUPPORTED_TYPE, detail=detail)
        return member

    def _resolve_link(self, member: Member) -> Member:
        """Return the member with the bytes of its link's target, which must be in this archive."""
        target: Member | None = member
        for _ in range(_MOST_HOPS):
            if target is None or target.link is None:
                break
            target = self._at_path(posixpath.normpath(target.link))
        if target is None or target.link is not None:
            detail = f"a link to {member.link}, which is not a file in this archive"
            return replace(member, reason=Reason.UNREADABLE, detail=detail)
        return replace(target, name=member.name, ordinal=member.ordinal)

    def _at_path(self, path: str) -> Member | None:
        while path not in self._by_path:
            if not self._advance():
                return None
        return self._members[self._by_path[path]]


class _Headers:
    """A file for tarfile's headers: it has its own position, moves forwards only, and refuses huge headers.

    Without it, tarfile before Python 3.11.14 follows a negative size backwards forever.
    """

    def __init__(self, stream: IO[bytes] | SeekableGzip) -> None:
        self._stream, self._at = stream, 0
        self._left = _LONGEST_HEADER
        self.last = b""  # the bytes read last

    def begin(self) -> None:
        """Begin the next member: all of its headers together have a limit."""
        self._left = _LONGEST_HEADER

    def tell(self) -> int:
        return self._at

    def seek(self, position: int) -> None:
        if position < self._at:
            raise tarfile.ReadError("a member claims a negative size")
        self._at = position

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise tarfile.ReadError(f"the headers of a member claim more than {_LONGEST_HEADER} bytes")
        self._stream.seek(self._at)
        self.last = self._stream.read(size)
        self._at += len(self.last)
        return self.last
