"""Archives: members, links and versions, and damage that does not pass for the end."""

import os
import random
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_archives import SETTINGS, STORAGE, content, linking, listed, patched, refusal, tar_of, zip_of

from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.sources.archives.members import members
from ocrmill.pipeline.sources.fetch import fetch


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_equal_names_are_numbered(tmp_path: Path, make: Callable[[Path, list[tuple[str, bytes]]], Path]) -> None:
    """The second member of a name is `name#2`, and each is fetched with its own bytes."""
    path = make(tmp_path / ("a.zip" if make is zip_of else "a.tar"), [("x.pdf", b"one"), ("x.pdf", b"two")])
    found = listed(path)

    assert ["x.pdf", "x.pdf#2"] == list(found)
    assert [b"one", b"two"] == [content(source, tmp_path) for source in found.values()]


def test_links_in_a_tar_lead_to_members_only(tmp_path: Path) -> None:
    """Hard and symbolic links share the bytes of a member, also of a later one; all others are rows with a reason."""
    secret = tmp_path / "secret.pdf"
    secret.write_bytes(b"secret")
    path = tar_of(tmp_path / "a.tar", [("d/real.pdf", b"real")])
    linking(path, "d/hard.pdf", "d/real.pdf", tarfile.LNKTYPE)
    linking(path, "d/soft.pdf", "../d/./real.pdf", tarfile.SYMTYPE)
    linking(path, "d/ahead.pdf", "late.pdf", tarfile.SYMTYPE)
    linking(path, "d/out.pdf", "../../../secret.pdf", tarfile.SYMTYPE)
    linking(path, "d/abs.pdf", str(secret), tarfile.SYMTYPE)
    linking(path, "d/loop.pdf", "loop.pdf", tarfile.SYMTYPE)
    linking(path, "d/fifo.pdf", "", tarfile.FIFOTYPE)
    tar_of(path, [("d/late.pdf", b"late")], mode="a")
    found = listed(path)

    assert [b"real", b"real", b"real", b"late"] == [
        content(found[f"d/{name}.pdf"], tmp_path) for name in ("real", "hard", "soft", "ahead")
    ]
    for name in ("out", "abs", "loop"):
        assert Reason.UNREADABLE == refusal(found[f"d/{name}.pdf"], tmp_path).reason
    assert Reason.UNSUPPORTED_TYPE == found["d/fifo.pdf"].reason
    assert 9 == len(found)


def test_a_rewritten_archive_with_the_same_members_has_the_same_versions(tmp_path: Path) -> None:
    """Members keep their version when the archive around them changes, and lose it with their bytes."""
    for make, name in ((zip_of, "a.zip"), (tar_of, "a.tar"), (tar_of, "a.tgz")):
        before = listed(make(tmp_path / name, [("x.pdf", b"same"), ("y.pdf", b"old")]))
        (tmp_path / name).unlink()
        after = listed(make(tmp_path / name, [("new.pdf", b"new"), ("y.pdf", b"newer"), ("x.pdf", b"same")]))

        assert before["x.pdf"].version == after["x.pdf"].version
        assert before["y.pdf"].version != after["y.pdf"].version


@pytest.mark.parametrize("mtime", [0, 1, 315_532_800])
def test_normalised_times_in_a_tar_are_not_trusted(tmp_path: Path, mtime: int) -> None:
    """If a tar says nothing of a member's time, another member of the same size has another version."""
    path = tar_of(tmp_path / "a.tar", [("x.pdf", b"one")], mtime)
    before = listed(path)["x.pdf"]
    tar_of(path, [("x.pdf", b"two")], mtime)
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

    assert before.version != listed(path)["x.pdf"].version
    assert Reason.CHANGED == refusal(before, tmp_path).reason


def test_zip_members_that_cannot_be_unpacked_say_why(tmp_path: Path) -> None:
    """Encryption, a packing method that is not read, and a link are reasons of the member; the others come out."""
    path = zip_of(tmp_path / "a.zip", [(f"{name}.pdf", name.encode()) for name in "abcd"], zipfile.ZIP_STORED)
    raw = path.read_bytes()
    entries = [at for at in range(len(raw)) if raw[at : at + 4] == b"PK\1\2"]
    patched(path, entries[0] + 8, b"\1")
    patched(path, entries[1] + 10, struct.pack("<H", 93))
    patched(path, entries[2] + 38, struct.pack("<L", 0o120777 << 16))
    found = listed(path)

    assert [Reason.ENCRYPTION_UNSUPPORTED, Reason.UNSUPPORTED_TYPE, Reason.UNREADABLE, None] == [
        source.reason for source in found.values()
    ]
    assert b"d" == content(found["d.pdf"], tmp_path)


def test_members_without_a_name_are_passed_over(tmp_path: Path) -> None:
    """An entry of an empty name is no document, and no reason to give up the others."""
    path = zip_of(tmp_path / "a.zip", [("x", b"one"), ("y.pdf", b"two")], zipfile.ZIP_STORED)
    raw = path.read_bytes()
    at = raw.index(b"PK\1\2")
    path.write_bytes(
        raw[: at + 28]
        + b"\0\0"
        + raw[at + 30 : at + 46]
        + raw[at + 47 : -10]
        + struct.pack("<L", len(raw) - 22 - at - 1)
        + raw[-6:]
    )
    assert ["y.pdf"] == list(listed(path))

    path = tar_of(tmp_path / "a.tar", [("", b"one"), ("y.pdf", b"two")])
    assert ["y.pdf"] == list(listed(path))


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_a_truncated_archive_gives_what_it_has_and_then_says_so(tmp_path: Path, name: str) -> None:
    """The members before the break are listed and read; then the archive as a whole is reported damaged."""
    files = [(f"{number}.pdf", random.Random(number).randbytes(20_000)) for number in range(5)]
    path = tar_of(tmp_path / name, files)
    os.truncate(path, 70_000)
    found: list[Source] = []
    with pytest.raises(PageError) as caught:  # noqa: PT012 - what came before the error is looked at
        for source in members(str(path), SETTINGS, STORAGE):
            found.append(source)  # noqa: PERF402 - extend() would keep nothing

    assert Reason.DAMAGED == caught.value.reason
    assert [f"{number}.pdf" for number in range(4)] == [source.member for source in found]
    assert files[1][1] == content(found[1], tmp_path)
    assert Reason.DAMAGED == refusal(found[-1], tmp_path).reason


def test_a_broken_header_is_not_the_end(tmp_path: Path) -> None:
    """A header that is damaged in the middle of a tar is reported; tarfile alone would call it the end."""
    path = tar_of(tmp_path / "a.tar", [("a.pdf", b"A"), ("b.pdf", b"B"), ("c.pdf", b"C")])
    patched(path, 1024, b"\xff" * 512)

    with pytest.raises(PageError, match="broken header after 1 members") as caught:
        list(members(str(path), SETTINGS, STORAGE))
    assert Reason.DAMAGED == caught.value.reason


def test_a_tar_without_its_end_marks_is_whole(tmp_path: Path) -> None:
    """Some writers leave the final zeros out; all members are there, so nothing is wrong."""
    path = tar_of(tmp_path / "a.tar", [("a.pdf", b"A"), ("b.pdf", b"B")])
    os.truncate(path, 2048)

    assert ["a.pdf", "b.pdf"] == list(listed(path))


@pytest.mark.parametrize("size", [b"\xff" * 12, b"\x80" + b"\0" * 3 + b"\x7f" * 8, b"777777777777"])
def test_absurd_sizes_in_a_tar_end_it(tmp_path: Path, size: bytes) -> None:
    """A negative or impossible size neither loops nor fills the memory: the archive is damaged."""
    for kind in (tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
        info = tarfile.TarInfo("a.pdf")
        header = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
        header[124:136], header[156:157], header[148:156] = size, kind, b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        path = tmp_path / "a.tar"
        path.write_bytes(bytes(header) + b"\0" * 4096)

        with pytest.raises(PageError) as caught:
            list(members(str(path), SETTINGS, STORAGE))
        assert Reason.DAMAGED == caught.value.reason


def seed_archives() -> list[tuple[str, bytes]]:
    files = [("a.pdf", b"A" * 700), ("d/" + "long" * 40 + ".pdf", b"B" * 300), ("\u8ad6.pdf", b"C")]
    with tempfile.TemporaryDirectory() as folder:
        made = [
            zip_of(Path(folder, "a.zip"), files),
            zip_of(Path(folder, "b.zip"), files, zipfile.ZIP_BZIP2),
            zip_of(Path(folder, "l.zip"), files, zipfile.ZIP_LZMA),
            tar_of(Path(folder, "a.tar"), files),
            tar_of(Path(folder, "a.tar.gz"), files),
        ]
        linking(made[3], "l.pdf", "a.pdf", tarfile.SYMTYPE)
        return [(path.name, path.read_bytes()) for path in made]


edits = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=6)


@settings(max_examples=400)
@given(st.sampled_from(seed_archives()), edits, st.floats(0.3, 1), st.binary(max_size=600), st.booleans())
def test_no_bytes_make_an_archive_raise_anything_else(
    seed: tuple[str, bytes], changes: list[tuple[float, bytes]], kept: float, noise: bytes, only_noise: bool
) -> None:
    """Random bytes, and archives with some bytes changed or cut off, give sources or a `PageError`, nothing else."""
    name, data = seed
    raw = bytearray(noise if only_noise else data)
    for share, change in changes:
        at = int(share * len(raw))
        raw[at : at + len(change)] = change
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(raw[: int(kept * len(raw)) + 1] if kept < 0.9 else raw)
        try:
            for source in members(str(path), SETTINGS, STORAGE):
                source.uri.encode()
                (source.detail or "").encode()
                fetched = replace(source, reason=None)
                with fetch(fetched, Path(folder), SETTINGS, STORAGE) as file:
                    assert source.bytes == file.stat().st_size
        except PageError as error:
            error.detail.encode()
