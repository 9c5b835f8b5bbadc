"""Sources become files that can be opened, with names, and with reasons if they cannot be read."""

import hashlib
import os
import random
import resource
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_archives import SETTINGS, STORAGE, content, listed, patched, refusal, tar_of, zip_of
from narrowed import instance

from ocrmill.configs.settings import InputSettings
from ocrmill.pipeline.errors import OutputError
from ocrmill.pipeline.records import Failure, Reason, Source
from ocrmill.pipeline.sources.archives.members import file_version, member_at, members
from ocrmill.pipeline.sources.fetch import check_unchanged, fetch, sha256_of
from ocrmill.pipeline.sources.uri import MemberName, joined_uri, one_line, original, split_uri

names = st.binary(min_size=1, max_size=60).map(lambda raw: raw.replace(b"\0", b"").replace(b"/", b"!") + b".pdf")
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: os.fsdecode(b"/".join(parts)))


@given(st.binary(max_size=80))
def test_any_name_becomes_one_line_and_back(raw: bytes) -> None:
    """A name of any bytes has a one-line, encodable spelling that leads back to it, so no two names share one."""
    name = os.fsdecode(raw)
    line = one_line(name)

    assert name == original(line)
    assert 1 == len((line.encode() + b"x").decode().split("\n"))


def test_ordinary_names_stay_as_they_are() -> None:
    """Percent signs, spaces, accents, backslashes and exclamation marks in names are spelled as they are."""
    for name in ("/d/100%.pdf", "/d/My%20Paper.pdf", "/d/caf\u00e9 \u8ad6\u6587.pdf", "/d/a\\b.pdf", "/d/Hello!.pdf"):
        assert name == one_line(name)


@given(paths, paths, st.integers(1, 12))
def test_a_member_uri_has_one_reading(archive: str, member: str, ordinal: int) -> None:
    """The URI of a member gives back archive, name and ordinal, whatever signs the names hold."""
    name = MemberName(f"/{archive}.zip", member, ordinal)

    assert name == split_uri(joined_uri(name))


def test_a_file_named_like_a_member_is_not_taken_for_it() -> None:
    """A plain file whose name looks like a member's URI has another URI than the member."""
    assert "/d/a.zip!b.pdf" == joined_uri(MemberName("/d/a.zip", "b.pdf", 1))
    assert "/d/a.zip\\x21b.pdf" == one_line("/d/a.zip!b.pdf")


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_members_come_out_as_they_went_in(tmp_path: Path, ending: str) -> None:
    """Every member is listed in order with its size, and fetched with exactly its bytes; the file is gone after."""
    files = [("a.pdf", b"first"), ("deep/b.PDF", os.urandom(3_000_000)), ("empty.png", b""), ("\u8ad6.tif", b"x" * 9)]
    path = (zip_of if ending == ".zip" else tar_of)(tmp_path / f"some{ending}", files)
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    found = list(members(str(path), SETTINGS, STORAGE))

    assert [name for name, _ in files] == [source.member for source in found]
    assert [len(data) for _, data in files] == [source.bytes for source in found]
    assert [data for _, data in files] == [content(source, scratch) for source in found]
    assert list(reversed([data for _, data in files])) == [content(source, scratch) for source in reversed(found)]
    assert not list(scratch.iterdir())


@settings(max_examples=40)
@given(st.lists(st.tuples(paths, st.binary(max_size=20)), min_size=1, max_size=6), st.sampled_from([".zip", ".tar"]))
def test_members_of_any_names_are_told_apart(files: list[tuple[str, bytes]], ending: str) -> None:
    """Whatever its members are called, equal names included, each is a source of its own, with its own bytes."""
    if ending == ".zip":  # zip holds text only
        files = [(one_line(name), data) for name, data in files]
    with tempfile.TemporaryDirectory() as folder:
        path = (zip_of if ending == ".zip" else tar_of)(Path(folder, f"a{ending}"), files)
        found = list(members(str(path), SETTINGS, STORAGE))

        assert len(files) == len({source.uri for source in found})
        assert [data for _, data in files] == [content(source, Path(folder)) for source in found]
        assert [path] == list(Path(folder).iterdir())
        for source in found:
            source.uri.encode()
            name = split_uri(source.uri)
            assert name is not None
            assert source == member_at(name.archive, name.member, name.ordinal, SETTINGS, STORAGE)


@pytest.mark.parametrize("name", ["../../evil.pdf", "/evil.pdf", "a/../../../evil.pdf"])
def test_members_cannot_leave_the_scratch_folder(tmp_path: Path, name: str) -> None:
    """A name that points elsewhere is only a name: the bytes land in scratch, and nowhere else."""
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    for path in (zip_of(inner / "a.zip", [(name, b"evil")]), tar_of(inner / "a.tar", [(name, b"evil")])):
        (source,) = members(str(path), SETTINGS, STORAGE)
        with fetch(source, inner, SETTINGS, STORAGE) as file:
            assert inner == file.parent
            assert b"evil" == file.read_bytes()
    assert {"a.zip", "a.tar"} == {path.name for path in tmp_path.rglob("*") if path.is_file()}


def test_a_source_that_changed_or_vanished_is_not_read(tmp_path: Path) -> None:
    """A source that is no longer in the version that was found is refused, with a reason that says which."""
    plain = tmp_path / "a.pdf"
    plain.write_bytes(b"one")
    file = Source(str(plain), file_version(plain.stat()), 3, str(plain))
    archive = zip_of(tmp_path / "a.zip", [("x.pdf", b"one")])
    (member,) = members(str(archive), SETTINGS, STORAGE)
    assert check_unchanged(file, SETTINGS, STORAGE) is None
    assert check_unchanged(member, SETTINGS, STORAGE) is None
    assert b"one" == content(file, tmp_path)

    plain.write_bytes(b"three")
    zip_of(archive, [("x.pdf", b"two")])
    assert Reason.CHANGED == refusal(file, tmp_path).reason
    assert Reason.CHANGED == refusal(member, tmp_path).reason
    zip_of(archive, [("y.pdf", b"two")])
    assert Reason.CHANGED == refusal(member, tmp_path).reason

    plain.unlink()
    archive.unlink()
    assert Reason.UNREADABLE == refusal(file, tmp_path).reason
    assert Reason.UNREADABLE == refusal(member, tmp_path).reason


def test_a_source_with_a_reason_is_refused_with_it(tmp_path: Path) -> None:
    """A source that discovery found unreadable stays so, with its words."""
    refused = refusal(Source("/x", "absent", 0, "/x", reason=Reason.UNREADABLE, detail="because"), tmp_path)

    assert (Reason.UNREADABLE, "because") == (refused.reason, refused.detail)


def test_a_damaged_member_costs_only_itself(tmp_path: Path) -> None:
    """A member whose bytes do not match its checksum is damaged; its neighbour is read."""
    path = zip_of(tmp_path / "a.zip", [("a.pdf", b"A" * 99), ("b.pdf", b"B" * 99)], zipfile.ZIP_STORED)
    patched(path, path.read_bytes().index(b"AAAA"), b"X")
    found = listed(path)

    assert Reason.DAMAGED == refusal(found["a.pdf"], tmp_path).reason
    assert b"B" * 99 == content(found["b.pdf"], tmp_path)


def test_members_have_limits(tmp_path: Path) -> None:
    """A member that is too large, or packed too tight, is refused before a byte of it is written."""
    path = zip_of(tmp_path / "a.zip", [("zeros.tif", bytes(3 << 20)), ("noise.pdf", os.urandom(3 << 20))])
    zeros, noise = members(str(path), SETTINGS, STORAGE)

    assert Reason.ARCHIVE_LIMIT == refusal(zeros, tmp_path).reason
    assert "max_member_ratio" in refusal(zeros, tmp_path).detail
    assert bytes(3 << 20) == content(zeros, tmp_path, InputSettings(max_member_ratio=2000))
    assert "max_member_mb" in refusal(noise, tmp_path, InputSettings(max_member_mb=2)).detail
    assert 3 << 20 == len(content(noise, tmp_path))


def test_a_full_scratch_folder_is_nobodys_document(tmp_path: Path) -> None:
    """A member that cannot be written is an error of the run, not a reason of the document."""
    (source,) = members(str(zip_of(tmp_path / "a.zip", [("x.pdf", os.urandom(100_000))])), SETTINGS, STORAGE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(OutputError, match="cannot unpack"):
            content(source, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(OutputError, match="No such file"):
        content(source, tmp_path / "missing")


@pytest.mark.parametrize("name", ["many.zip", "many.tar", "many.tar.gz"])
def test_reading_all_members_does_not_list_the_archive_each_time(tmp_path: Path, name: str) -> None:
    """1,000 members, fetched in no order, cost a second or two of CPU; listing again for each would cost a minute."""
    noise = random.Random(0).randbytes(1 << 16)
    files = [(f"{number}.pdf", noise[number : number + 4000]) for number in range(1000)]
    found = list(members(str((zip_of if name.endswith("zip") else tar_of)(tmp_path / name, files)), SETTINGS, STORAGE))
    random.Random(1).shuffle(found)
    began = time.thread_time()
    fetched = {source.member: content(source, tmp_path) for source in found}

    assert time.thread_time() - began < 40
    assert dict(files) == fetched


def test_the_sha256_of_a_file(tmp_path: Path) -> None:
    """The hash is that of the bytes; a file that cannot be read has a reason."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"x" * 1_000_000)

    assert hashlib.sha256(b"x" * 1_000_000).hexdigest() == sha256_of(path)
    assert Reason.UNREADABLE == instance(Failure, sha256_of(tmp_path / "none.pdf")).reason
