"""Files are kept between page ranges: as many as the disk may hold, and no longer than the rasterizer lives."""

from pathlib import Path

from narrowed import instance
from s3_proxy import FaultyS3
from s3_server import S3Server

from ocrmill.configs.settings import InputSettings
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.pipeline.sources.file_cache import MOST_FILES, FileCache


def test_a_document_is_downloaded_once_for_its_ranges(s3: S3Server, faulty_s3: FaultyS3, tmp_path: Path) -> None:
    """Ranges of several documents in turn cost one download each, as long as their copies have room."""
    bucket, settings = s3.bucket(), InputSettings(kept_mb=2)
    for name in ("a", "b", "c"):
        s3.put(bucket, f"{name}.pdf", name.encode() * 700_000)
    sources = list(Discovery([f"s3://{bucket}"], settings, faulty_s3.settings))
    files = FileCache(tmp_path, settings, faulty_s3.settings)
    before = faulty_s3.requests["GET"]
    for _ in range(3):
        for source in sources[:2]:
            assert source.path[-5:-4].encode() * 700_000 == instance(Path, files.path(source)).read_bytes()
    assert before + 2 == faulty_s3.requests["GET"]

    files.path(sources[2])
    assert 2 == len(list(tmp_path.iterdir()))
    files.path(sources[1])
    assert before + 3 == faulty_s3.requests["GET"]
    files.path(sources[0])
    assert before + 4 == faulty_s3.requests["GET"]
    files.close()
    assert not list(tmp_path.iterdir())


def test_one_file_larger_than_the_room_is_kept_alone(s3: S3Server, tmp_path: Path) -> None:
    """With room for nothing every source is still had, one copy at a time."""
    bucket, settings = s3.bucket(), InputSettings(kept_mb=0)
    for name in ("a", "b"):
        s3.put(bucket, f"{name}.pdf", name.encode())
    files = FileCache(tmp_path, settings, s3.settings)
    for source in Discovery([f"s3://{bucket}"], settings, s3.settings):
        assert instance(Path, files.path(source)).exists()
        assert 1 == len(list(tmp_path.iterdir()))
    files.close()


def test_files_of_this_machine_are_not_copied(s3: S3Server, tmp_path: Path) -> None:
    """Local files take no room, are read where they lie, and only so many are remembered."""
    for number in range(MOST_FILES + 5):
        (tmp_path / f"{number}.pdf").write_bytes(b"x")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    files = FileCache(scratch, InputSettings(kept_mb=0), s3.settings)
    paths = [instance(Path, files.path(source)) for source in Discovery([str(tmp_path)], InputSettings(), s3.settings)]

    assert sorted(tmp_path.glob("*.pdf")) == sorted(paths)
    assert MOST_FILES == len(files._entries)
    assert not list(scratch.iterdir())
    files.close()
    assert sorted(tmp_path.glob("*.pdf")) == sorted(paths)
