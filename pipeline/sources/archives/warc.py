"""The documents in a WARC file, the format of web crawlers: their records, and their bytes.

    WARC/1.0
    WARC-Type: response
    WARC-Target-URI: https://example.org/report
    WARC-Payload-Digest: sha1:B2LTWWPUOYAH7UIPQ7ZUPQ4VMBSVC36A
    Content-Type: application/http; msgtype=response
    Content-Length: 51234

    HTTP/1.1 200 OK
    Content-Type: application/pdf
    Transfer-Encoding: chunked

    ...

A document is a `response` with an HTTP status from 200 to 299, or a `resource`, that declares a PDF or an image that we
read, or begins like one. A member's name is its target URI; `#` in it is written `%23`, and credentials are hidden. A
document that the crawler cut short (`WARC-Truncated`, segments, partial content) is a member with a reason. A `revisit`
has no bytes, only a reference to another record, and is no document. Digests are not checked. Not covered: ARC, files
compressed by other than gzip, .wacz.
"""

import io
import os
import re
import weakref
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import IO, Protocol, cast

from fastwarc.stream_io import BrotliReader, ChunkedReader, ZstdReader
from fastwarc.warc import ArchiveIterator, HeaderMap, WarcRecord, WarcRecordType

from ocrmill.pipeline.document_types import HEAD_BYTES, MEDIA_TYPES, begins_like_document
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.redaction import redacted
from ocrmill.pipeline.sources.archives.seekable_gzip import SeekableGzip
from ocrmill.pipeline.sources.archives.zip_tar import Member

_CHUNK = 1 << 20
_LONGEST_HEADER = 1 << 15  # of a record, and of HTTP in it; servers send 8 to 16 kB at most
_LONGEST_NAME = 4096  # in characters; browsers take addresses of 2,000
_MOST_ENCODINGS = 2  # beside `chunked`; real answers have one
_NO_ENCODING = {"", "identity", "none", "utf-8"}
_HEADER_END = re.compile(rb"\r?\n\r?\n")
_WORD = re.compile(r"[\w:+/=.<>-]{1,200}", re.ASCII)  # a digest or a record's id that can stand in a version
_COUNTED = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.revisit


_Stream = io.BufferedReader | SeekableGzip


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...

    def tell(self) -> int: ...


class WarcIndex:
    """A WARC file, with or without gzip, with any ending. It is read on demand."""

    def __init__(self, path: str, archive_version: str, max_ratio: int) -> None:
        file = Path(path).open("rb")  # noqa: SIM115 - open as long as this index lives
        weakref.finalize(self, file.close)
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self._stream: _Stream = SeekableGzip(file, max_ratio) if gzipped else file
        self._archive_version = archive_version
        self._unread: Iterator[Member] | None = None
        self._found: dict[tuple[str, int], Member] = {}

    def __iter__(self) -> Iterator[Member]:
        """Yield every record that could be a document; `Member.is_document` tells if it is."""
        seen: Counter[str] = Counter()
        for record, beginning in _records(self._stream):
            if record.record_type & _COUNTED:
                member = self._member(record, beginning)
                if member.is_document:
                    seen[member.name] += 1
                    member = replace(member, ordinal=seen[member.name])
                yield member

    def find(self, name: str, ordinal: int) -> Member | None:
        """Find the document of that name and ordinal."""
        while (name, ordinal) not in self._found:
            self._unread = self._unread or iter(self)
            try:
                member = next(self._unread, None)
            except Exception:
                self._unread = None  # it has ended; the next call must raise again
                raise
            if member is None:
                return None
            if member.is_document:
                self._found[member.name, member.ordinal] = member
        return self._found[name, ordinal]

    def chunks(self, member: Member) -> Iterator[bytes]:
        """Yield the document's bytes, without the server's content encodings."""
        record, block = self._record_at(member.place)
        content = _content(record, block.read(_LONGEST_HEADER))
        _, block = self._record_at(member.place)
        block.read(content.header_bytes)
        reader = _decoder(block, content.encodings)
        while data := reader.read(_CHUNK):
            yield data

    def _record_at(self, place: int) -> tuple[WarcRecord, "_Block"]:
        record = next(iter(_open_at(self._stream, place)), None)
        if record is None:
            raise EOFError("the archive ends before this record")
        _check_length(record)
        return record, _Block(record)

    def _member(self, record: WarcRecord, beginning: bytes) -> Member:
        content = _content(record, beginning)
        size = record.content_length - content.header_bytes
        member = Member(_name(record), 1, size, size, self._version(record, size), record.stream_pos)
        is_answer = (
            record.record_type != WarcRecordType.revisit
            and HTTPStatus.OK <= content.status < HTTPStatus.MULTIPLE_CHOICES
        )
        if not is_answer or not (content.type in MEDIA_TYPES or content.begins_like_one):
            return replace(member, is_document=False)
        missing = _missing_part(record, content)
        return replace(member, is_document=True, reason=Reason.DAMAGED if missing else None, detail=missing)

    def _version(self, record: WarcRecord, size: int) -> str:
        for name in ("WARC-Payload-Digest", "WARC-Record-ID"):
            value = (record.headers.get(name) or "").strip()
            if _WORD.fullmatch(value):
                return f"{size}-{value}"
        return f"{size}-in-{self._archive_version}"


@dataclass(frozen=True, slots=True)
class _Content:
    """Return the type of content that a record declares, and the one that its bytes look like."""

    type: str  # without parameters, lower case
    begins_like_one: bool
    status: int = 200
    header_bytes: int = 0  # of HTTP, before the content
    encodings: tuple[str, ...] = ()  # to undo, in this order


def _content(record: WarcRecord, beginning: bytes) -> _Content:
    if record.record_type == WarcRecordType.resource or not beginning.startswith(b"HTTP/"):  # as of FTP, or DNS
        return _Content(_media_type(record.headers), begins_like_document(beginning))
    end = _HEADER_END.search(beginning)
    if end is None:
        return _Content("", begins_like_one=False)
    headers = HeaderMap("latin1")
    headers.parse(io.BytesIO(beginning[: end.end()].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")))
    start = beginning[end.end() :]
    # Many crawlers undo the encodings, but keep their headers.
    encodings = () if begins_like_document(start) else _encodings(headers)
    return _Content(
        _media_type(headers), _begins_like_document(start, encodings), headers.status_code or 0, end.end(), encodings
    )


def _media_type(headers: HeaderMap) -> str:
    return (headers.get("Content-Type") or "").partition(";")[0].strip().lower()


def _encodings(headers: HeaderMap) -> tuple[str, ...]:
    named = [name.strip() for name in (headers.get("Content-Encoding") or "").lower().split(",")]
    packed = [name for name in reversed(named) if name not in _NO_ENCODING]
    return (*(["chunked"] if "chunked" in (headers.get("Transfer-Encoding") or "").lower() else []), *packed)


def _begins_like_document(start: bytes, encodings: tuple[str, ...]) -> bool:
    try:
        return begins_like_document(_decoder(io.BytesIO(start), encodings).read(HEAD_BYTES))
    except (PageError, OSError, zlib.error, EOFError):
        return False


def _missing_part(record: WarcRecord, content: _Content) -> str | None:
    """Return why a document is incomplete, if the crawler says so."""
    if why := record.headers.get("WARC-Truncated"):
        return f"the crawler cut it off (WARC-Truncated: {why}) after {record.content_length} bytes"
    if record.headers.get("WARC-Segment-Number"):
        return "the crawler spread it over several records, which are not joined"
    if content.status == HTTPStatus.PARTIAL_CONTENT:
        return "the server sent only a part of it (HTTP status 206)"
    return None


def _name(record: WarcRecord) -> str:
    for header in (b"WARC-Target-URI", b"WARC-Record-ID"):
        value = os.fsdecode((record.headers.get_bytes(header) or b"").strip(b" \t<>"))
        if value:
            return redacted(value).replace("#", "%23")[:_LONGEST_NAME]
    return "record"


class _Inflated:
    """Unpack gzip or deflate."""

    def __init__(self, packed: _Reader) -> None:
        self._packed, self._inflate = packed, zlib.decompressobj(wbits=47)  # either, by its first bytes
        self._at = 0

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail or self._packed.read(_CHUNK)
            if data := self._inflate.decompress(packed, size):
                self._at += len(data)
                return data
            if not packed:
                raise EOFError("the compressed content ends early")
        return b""


def _decoder(reader: _Reader, encodings: tuple[str, ...]) -> _Reader:
    """Return a reader that undoes the encodings of HTTP, one after the other."""
    if len(encodings) > _MOST_ENCODINGS + 1:
        raise PageError(Reason.UNSUPPORTED_TYPE, f"packed {len(encodings)} times by the server")
    for encoding in encodings:
        match encoding:
            case "chunked":
                reader = ChunkedReader(cast("IO[bytes]", reader))
            case "gzip" | "x-gzip" | "deflate":
                reader = _Inflated(reader)
            case "br":
                reader = BrotliReader(cast("IO[bytes]", reader))
            case "zstd":
                reader = ZstdReader(cast("IO[bytes]", reader))
            case _:
                raise PageError(Reason.UNSUPPORTED_TYPE, f"the server's encoding is not supported: {encoding}")
    return reader


def _records(stream: _Stream) -> Iterator[tuple[WarcRecord, bytes]]:
    """Yield every record of a WARC file, and the beginning of its block."""
    record = None
    for record in _open_at(stream, 0):
        _check_length(record)
        block = _Block(record)
        yield record, block.read(_LONGEST_HEADER)
        while block.read(_CHUNK):
            pass
    if record is None:
        raise ValueError("it holds no WARC record")


def _check_length(record: WarcRecord) -> None:
    """Check the length, because the library reads a missing or broken one as 0."""
    length = record.headers.get("Content-Length") or ""
    if not length.isdecimal() or int(length) != record.content_length:
        raise ValueError(f"broken record header at byte {record.stream_pos}")


def _open_at(stream: _Stream, place: int) -> ArchiveIterator:
    window = cast("IO[bytes]", _Window(stream, place))
    return ArchiveIterator(window, parse_http=False, stream_detect=False, max_header_len=_LONGEST_HEADER)


class _Block:
    """The bytes of a record: as many as its header declares, or an error."""

    def __init__(self, record: WarcRecord) -> None:
        self._reader, self._left = record.reader, record.content_length
        self._at = 0

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        """Read that many bytes; fewer only at the end."""
        parts = []
        while size := min(size, self._left):
            data = self._reader.read(size)
            if not data:
                raise EOFError("the archive ends inside a record")
            parts.append(data)
            size, self._left, self._at = size - len(data), self._left - len(data), self._at + len(data)
        return b"".join(parts)


class _Window:
    """A reader of the archive with a position of its own, since several share its stream."""

    def __init__(self, stream: _Stream, at: int) -> None:
        self._stream, self._at = stream, at

    def tell(self) -> int:
        return self._at

    def read(self, size: int) -> bytes:
        self._stream.seek(self._at)
        data = self._stream.read1(size)  # bytes before a break are returned before it raises
        self._at += len(data)
        return data
