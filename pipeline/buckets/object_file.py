"""An object of a bucket as a file with random access."""

import io
from typing import Any

from ocrmill.pipeline.buckets.bucket import Bucket

TAIL_BYTES = 256 << 10  # read at once from the end of a shard: the footer, or all of a small one


class ObjectFile(io.RawIOBase):
    """An object as a file with random access: one request for its end, then one for each range.

    All ranges have the same version: an object that is replaced meanwhile gives BucketErrorCode.CHANGED.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._key = bucket, key
        self._tail, self.info = bucket.tail(key, TAIL_BYTES)
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.info.bytes}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with the next bytes, as many as there are; `io.BufferedReader` calls this."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1) -> bytes:
        """Read the next bytes."""
        end = self.info.bytes if size is None or size < 0 else min(self._at + size, self.info.bytes)
        if end <= self._at:
            return b""
        tail_from = self.info.bytes - len(self._tail)
        if self._at >= tail_from:
            data = self._tail[self._at - tail_from : end - tail_from]
        else:
            data = self._bucket.read(self._key, version=self.info.version, start=self._at, end=end)
        self._at = end
        return data
