"""A gzip file that is sought reads as its bytes, in bounded memory and time."""

import gzip
import io
import random
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrmill.configs.settings import InputSettings, StorageSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.sources.archives.members import members
from ocrmill.pipeline.sources.archives.seekable_gzip import SeekableGzip


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 90_000), st.integers(0, 9_000)), max_size=12),
    st.integers(1, 4),
    st.integers(200, 20_000),
)
def test_a_sought_gzip_reads_as_its_bytes(steps: list[tuple[int, int]], streams: int, spacing: int) -> None:
    """At any position, forwards or back, in one stream or several, it gives what unpacking it whole gives."""
    rng = random.Random(streams)
    parts = [bytes(rng.choices(b"abcdef", k=20_000)) for _ in range(streams)]
    whole = b"".join(parts)
    packed = b"".join(gzip.compress(part) + bytes(rng.randrange(3)) for part in parts)
    stream = SeekableGzip(io.BytesIO(packed), 200, spacing)
    for position, size in steps:
        stream.seek(position)

        assert whole[position : position + size] == stream.read(size)
        assert min(position, len(whole)) + len(whole[position : position + size]) == stream.tell()


def test_a_sought_gzip_keeps_few_states() -> None:
    """However long the file, at most 257 states are held, and a step back still gives the right bytes."""
    whole = bytes(random.Random(0).choices(range(64), k=400_000))
    stream = SeekableGzip(io.BytesIO(gzip.compress(whole, 1)), 200, 100)

    assert whole == b"".join(stream.read(300) for _ in range(1400))
    assert 128 < len(stream._points) <= 257
    stream.seek(200_000)
    assert whole[200_000:] == stream.read(400_000)


def test_a_gzip_bomb_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    """Listing a tar.gz stops with a reason when it grows beyond the ratio, long before its end."""
    path = tmp_path / "a.tar.gz"
    info = tarfile.TarInfo("zeros.tif")
    info.size = 1 << 40
    with gzip.open(path, "wb", 1) as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(128):
            file.write(bytes(1 << 20))

    with pytest.raises(PageError, match="max_member_ratio") as caught:
        list(members(str(path), InputSettings(max_member_ratio=50), StorageSettings()))
    assert Reason.ARCHIVE_LIMIT == caught.value.reason
