"""A gzip file with random access, in bounded memory.

gzip can only be unpacked from its start. Here the decompressor's state (about 40 kB) is kept at up to 256 points along
the way, so a seek back costs at most 1 MiB of unpacking, or 1/128 of a file larger than 256 MiB. If a file has many
streams, such as one for each record of a WARC, their starts are kept, too, up to 131,072 of them.
"""

import zlib
from bisect import bisect_right
from typing import IO

from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason

_CHUNK = 1 << 20
_MOST_POINTS = 256
_MOST_STARTS = 1 << 17  # of streams; 100 bytes each
_TRUSTED_BELOW = 64 << 20  # unpacked bytes below which growth is not limited


class SeekableGzip:
    """The unpacked bytes of an open gzip file. Several streams in one file, as pigz and `cat` write them, count as one.

    Reading raises `zlib.error` or `EOFError` for broken data, and `PageError` (`archive_limit`) for a file that grows
    more than `max_ratio` times.
    """

    def __init__(self, file: IO[bytes], max_ratio: int, spacing: int = 1 << 20) -> None:
        self._file, self._max_ratio, self._spacing = file, max_ratio, spacing
        self._at = 0  # in the unpacked bytes
        self._inflate, self._pending = zlib.decompressobj(wbits=31), b""
        self._points = [(0, 0, self._inflate.copy())]  # unpacked position, packed position, state; ascending
        self._starts = [(0, 0)]  # of streams: unpacked position, packed position; ascending
        self._start_spacing = 1

    def tell(self) -> int:
        """Return the position in the unpacked bytes."""
        return self._at

    def seek(self, position: int) -> None:
        """Go to the position, or to the end if that comes first."""
        at, packed, state = self._points[bisect_right(self._points, position, key=lambda point: point[0]) - 1]
        start = self._starts[bisect_right(self._starts, position, key=lambda start: start[0]) - 1]
        if not max(at, start[0]) <= self._at <= position:
            self._file.seek(packed if at > start[0] else start[1])
            self._inflate = state.copy() if at > start[0] else zlib.decompressobj(wbits=31)
            self._at, self._pending = max(at, start[0]), b""
        while self._at < position and self.read1(position - self._at):
            pass

    def read(self, size: int) -> bytes:
        """Read that many bytes; fewer only at the end."""
        parts = []
        while size > 0 and (data := self.read1(size)):
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def read1(self, size: int) -> bytes:
        """Read one to `size` bytes, as many as are cheap; none at the end."""
        while not self._inflate.eof or self._next_stream():
            packed = self._pending or self._file.read(1 << 16)
            data = self._inflate.decompress(packed, min(_CHUNK, size))
            self._pending = self._inflate.unconsumed_tail
            if data:
                self._at += len(data)
                self._keep_point()
                return data
            if not packed and not self._inflate.eof:
                raise EOFError("the gzip stream ends early")
        return b""

    def _next_stream(self) -> bool:
        """Begin the next stream, if there is one; zeros may pad the last one."""
        rest = self._inflate.unused_data.lstrip(b"\0")
        while not rest and (data := self._file.read(1 << 16)):
            rest = data.lstrip(b"\0")
        if rest:
            self._inflate, self._pending = zlib.decompressobj(wbits=31), rest
            self._keep_start(self._file.tell() - len(rest))
        return bool(rest)

    def _keep_start(self, packed: int) -> None:
        if self._at - self._starts[-1][0] < self._start_spacing:
            return
        self._starts.append((self._at, packed))
        if len(self._starts) > _MOST_STARTS:
            self._starts, self._start_spacing = self._starts[::2], max(2, self._at >> 16)

    def _keep_point(self) -> None:
        if self._at - self._points[-1][0] < self._spacing or self._inflate.eof:
            return
        packed = self._file.tell() - len(self._pending)
        if self._at > max(_TRUSTED_BELOW, self._max_ratio * packed):
            raise PageError(
                Reason.ARCHIVE_LIMIT,
                f"grows more than {self._max_ratio} times on unpacking; to allow it, raise input.max_member_ratio",
            )
        self._points.append((self._at, packed, self._inflate.copy()))
        if len(self._points) > _MOST_POINTS:
            self._points, self._spacing = self._points[::2], self._spacing * 2
