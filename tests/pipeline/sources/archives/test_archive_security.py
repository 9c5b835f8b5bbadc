"""Archives made to harm: they cannot reach out of themselves, nor take more disk, memory or time than they may."""

import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_archives import LONG_AGO, SETTINGS, STORAGE, content, linking, listed, patched, refusal, tar_of, zip_of
from peak_memory import forget_peak, peak_bytes

from ocrmill.configs.settings import InputSettings
from ocrmill.pipeline.errors import PageError
from ocrmill.pipeline.records import Reason, Source
from ocrmill.pipeline.sources.archives.members import members
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.pipeline.sources.fetch import fetch

NASTY = [
    "../../up.pdf",
    "/etc/abs.pdf",
    "a/../../b.pdf",
    "C:\\x.pdf",
    "\\\\host\\share\\x.pdf",
    "~/x.pdf",
    "-rf.pdf",
    "$(id).pdf",
]
SPELT = ["two\nlines.pdf", "\x1b[2J\x1b]0;owned\x07.pdf", "tab\t.pdf", "x.zip!y.pdf", "a#2", "c\r.pdf", "\x7f.pdf"]


def refused(path: Path, limits: InputSettings = SETTINGS) -> tuple[int, PageError]:
    """The number of members that come before the archive is given up, and why it is."""
    count = 0
    with pytest.raises(PageError) as caught:  # noqa: PT012 - they are counted
        for _ in members(str(path), limits, STORAGE):
            count += 1
    return count, caught.value


def header(name: str = "a.pdf", size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.mtime = size, kind, LONG_AGO
    return info.tobuf(tarfile.GNU_FORMAT)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def extension(kind: bytes, data: bytes) -> bytes:
    """A header of a kind that says more about the next member, or about all."""
    return header("x", len(data), kind) + padded(data)


def pax(key: str, value: str) -> bytes:
    length = len(key) + len(value) + 3
    length += len(str(length + len(str(length))))
    return f"{length} {key}={value}\n".encode()


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_names_are_only_names(tmp_path: Path, make: Callable[..., Path]) -> None:
    """Names that lead elsewhere, hold commands or control signs: bytes go to scratch, URIs are one harmless line."""
    inner, scratch = tmp_path / "one" / "two", tmp_path / "scratch"
    inner.mkdir(parents=True)
    scratch.mkdir()
    names = [*NASTY, *(name if name.endswith(".pdf") else f"{name}.pdf" for name in SPELT)]
    path = make(inner / ("a.zip" if make is zip_of else "a.tar"), [(name, name.encode()) for name in names])
    found = list(members(str(path), SETTINGS, STORAGE))
    before = {each for each in tmp_path.rglob("*") if each != scratch}

    assert len(names) == len({source.uri for source in found})
    for source, name in zip(found, names, strict=True):
        assert not set(source.uri) & set(map(chr, [*range(32), 127]))
        with fetch(source, scratch, SETTINGS, STORAGE) as file:
            assert name.encode() == file.read_bytes()
            assert [file] == list(scratch.iterdir())
            assert file.name.isascii()
    assert before == {each for each in tmp_path.rglob("*") if each != scratch}


@pytest.mark.parametrize("kind", [tarfile.LNKTYPE, tarfile.SYMTYPE])
def test_links_cannot_leave_an_archive(tmp_path: Path, kind: bytes) -> None:
    """Hard and soft links to files of this machine, by any path, have a reason and give no byte."""
    (tmp_path / "secret.pdf").write_bytes(b"secret")
    path = tar_of(tmp_path / "a.tar", [("in.pdf", b"in")])
    for number, target in enumerate(
        ["/etc/passwd", str(tmp_path / "secret.pdf"), "secret.pdf", "../secret.pdf", "", "/proc/self/environ"]
    ):
        linking(path, f"{number}.pdf", target, kind)
    found = listed(path)

    assert {Reason.UNREADABLE} == {
        refusal(source, tmp_path).reason for name, source in found.items() if name != "in.pdf"
    }
    assert b"in" == content(found["in.pdf"], tmp_path)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.CONTTYPE, b"Z"])
def test_devices_and_pipes_are_not_opened(tmp_path: Path, kind: bytes) -> None:
    """An entry that is no file in a tar is never made, opened or waited for."""
    path = tmp_path / "a.tar"
    path.write_bytes(header("dev.pdf", 0, kind) + header("ok.pdf", 2) + padded(b"ok") + bytes(1024))
    found = listed(path)

    assert b"ok" == content(found["ok.pdf"], tmp_path)
    if kind not in {tarfile.CONTTYPE, b"Z"}:  # those are files by the standard
        assert Reason.UNSUPPORTED_TYPE == refusal(found["dev.pdf"], tmp_path).reason


def test_nested_archives_are_not_opened(tmp_path: Path) -> None:
    """An archive in an archive, as 42.zip has them level below level, is one source with its reason."""
    inner = zip_of(tmp_path / "inner.zip", [("bomb.pdf", bytes(1 << 20))]).read_bytes()
    path = zip_of(tmp_path / "42.zip", [(f"lib {number}.zip", inner) for number in range(16)])
    found = list(Discovery([str(path)], SETTINGS, STORAGE))

    assert [Reason.UNSUPPORTED_TYPE] * 16 == [source.reason for source in found]


def overlapping(path: Path, entries: int, size: int) -> Path:
    """A zip of many directory entries for the same bytes: it grows with the entries, and unpacks to their product."""
    data = os.urandom(size)
    local = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(data), size, size, 5, 0) + b"a.pdf"
    entry = struct.pack(
        "<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 20, 20, 0, 0, 0, 0, zlib.crc32(data), size, size, 5, 0, 0, 0, 0, 0, 0
    )
    directory = (entry + b"a.pdf") * entries
    end = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, entries, entries, len(directory), len(local) + size, 0)
    path.write_bytes(local + data + directory + end)
    return path


def test_zip_members_cannot_share_their_bytes(tmp_path: Path) -> None:
    """A zip whose members overlap, which unpacks to the square of its size, is refused before one is unpacked."""
    count, error = refused(overlapping(tmp_path / "a.zip", 1000, 100_000))

    assert (0, Reason.DAMAGED) == (count, error.reason)
    assert "overlap" in error.detail
    assert 1 == len(listed(overlapping(tmp_path / "b.zip", 1, 100_000)))


@pytest.mark.parametrize("claimed", [0, 10, 99, 101, 5000, 0xFFFFFFFF])
def test_a_zip_member_cannot_lie_about_its_size(tmp_path: Path, claimed: int) -> None:
    """A member that unpacks to more or less than it says is refused, and never writes more than it says."""
    path = zip_of(tmp_path / "a.zip", [("a.pdf", b"x" * 100), ("b.pdf", b"b")])
    raw = path.read_bytes()
    patched(path, 22, struct.pack("<L", claimed))
    patched(path, raw.index(b"PK\1\2") + 24, struct.pack("<L", claimed))
    found = listed(path)

    assert refusal(found["a.pdf"], tmp_path).reason in {Reason.DAMAGED, Reason.ARCHIVE_LIMIT}
    assert b"b" == content(found["b.pdf"], tmp_path)


@pytest.mark.parametrize("size", [1 << 40, (1 << 63) - 1, (1 << 64) - 1])
@pytest.mark.parametrize("field", [0, 1, 2])
def test_zip64_fields_cannot_lie(tmp_path: Path, size: int, field: int) -> None:
    """Sizes and places of 64 bits that no file has are refused without taking memory or disk for them."""
    data = b"x" * 100
    values = [len(data), len(data), 0]
    values[field] = size
    extra = struct.pack("<HHQQQ", 1, 24, *values)
    local = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 45, 0, 0, 0, 0, zlib.crc32(data), 100, 100, 5, 0) + b"a.pdf" + data
    told = (0xFFFFFFFF, 0xFFFFFFFF, 5, len(extra), 0, 0, 0, 0, 0xFFFFFFFF)  # 64 bits follow
    entry = struct.pack("<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 45, 45, 0, 0, 0, 0, zlib.crc32(data), *told)
    directory = entry + b"a.pdf" + extra
    end = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, len(directory), len(local), 0)
    path = tmp_path / "a.zip"
    path.write_bytes(local + directory + end)
    (source,) = Discovery([str(path)], SETTINGS, STORAGE)

    assert refusal(source, tmp_path).reason in {Reason.DAMAGED, Reason.ARCHIVE_LIMIT}


def streamed(path: Path, blocks: Iterator[bytes]) -> Path:
    """A tar.gz of these blocks, which pack well: a small file that unpacks to a huge one."""
    with gzip.open(path, "wb", 6) as file:
        file.writelines(blocks)
    return path


def floods() -> Iterator[tuple[str, Iterator[bytes]]]:
    """Tars that say more and more of their members, or of one of them."""
    long, some = "n" * 900_000, range(150)
    keys = [b"".join(pax(f"k{number}-{key}", "") for key in range(40_000)) for number in range(20)]
    link = header("l.pdf", 0, tarfile.SYMTYPE)
    yield "names", (extension(tarfile.GNUTYPE_LONGNAME, long.encode()) + header() for _ in some)
    yield "names after names", (extension(tarfile.GNUTYPE_LONGNAME, long.encode()) for _ in some)
    yield "links", (extension(tarfile.GNUTYPE_LONGLINK, long.encode()) + link for _ in some)
    yield "paths", (extension(tarfile.XHDTYPE, pax("path", long)) + header() for _ in some)
    yield "keys of all", (extension(tarfile.XGLTYPE, each) + header() for each in keys)
    yield "values of all", (extension(tarfile.XGLTYPE, pax(f"k{number}", long)) + header() for number in some)
    yield "sparse maps", iter([sparse_header(), *[sparse_block()] * 200_000])


def sparse_header() -> bytes:
    """The header of an old GNU sparse file whose map goes on and on."""
    raw = bytearray(header("s.pdf", 512, tarfile.GNUTYPE_SPARSE))
    raw[482], raw[148:156] = 1, b" " * 8
    raw[148:156] = b"%06o\0 " % sum(raw)
    return bytes(raw)


def sparse_block() -> bytes:
    return b"00000000001\x0000000000001\0" * 21 + b"\1" + bytes(7)


def test_header_floods_do_not_fill_the_memory(tmp_path: Path) -> None:
    """A tar whose headers say more and more is given up early: listing it takes less than 100 MB."""
    paths = [streamed(tmp_path / f"{name}.tar.gz", blocks) for name, blocks in floods()]
    program = (
        "import resource, sys\n"
        "from ocrmill.configs.settings import InputSettings, StorageSettings\n"
        "from ocrmill.pipeline.sources.archives.members import members\n"
        "from ocrmill.pipeline.errors import PageError\n"
        "limit = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize() + (100 << 20)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        for _ in members(path, InputSettings(max_member_ratio=100_000), StorageSettings()): pass\n"
        "    except PageError as error: print(error.reason, error.detail)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, *paths], capture_output=True, text=True, check=False, timeout=200
    )

    assert 0 == said.returncode, said.stderr[-500:]
    assert [Reason.DAMAGED] * len(paths) == [line.split()[0] for line in said.stdout.splitlines()], said.stdout


def test_an_archive_has_a_limit_of_members(tmp_path: Path) -> None:
    """More members than input.max_archive_members are not listed; of a tar, what came before the limit is good."""
    files = [(f"{number}.pdf", b"x") for number in range(50)]
    limits = InputSettings(max_archive_members=20)
    for path in (zip_of(tmp_path / "a.zip", files), tar_of(tmp_path / "a.tar", files)):
        count, error = refused(path, limits)

        assert (0 if path.suffix == ".zip" else 20, Reason.ARCHIVE_LIMIT) == (count, error.reason)
        assert "max_archive_members" in error.detail
        whole = InputSettings(max_archive_members=50)
        assert [b"x"] * 50 == [content(source, tmp_path, whole) for source in members(str(path), whole, STORAGE)]


def test_a_zip_directory_is_not_read_into_memory_if_it_is_absurd(tmp_path: Path) -> None:
    """A directory of gigabytes is refused by its size, before it is read."""
    path = tmp_path / "a.zip"
    with path.open("wb") as file:
        file.truncate(8 << 30)  # a hole
        file.seek(8 << 30)
        file.write(struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 8 << 30, 0))
        file.write(struct.pack("<4sLQL", b"PK\6\7", 0, 8 << 30, 1))
        file.write(struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    before = forget_peak()
    _, error = refused(path)

    assert Reason.ARCHIVE_LIMIT == error.reason
    assert peak_bytes() - before < 200 << 20


def test_an_archive_has_a_limit_of_bytes(tmp_path: Path) -> None:
    """Links that share a member's bytes, and members below each limit, end at input.max_archive_gb in all."""
    path = tar_of(tmp_path / "a.tar", [("a.pdf", bytes(3 << 20))])
    with tarfile.open(path, "a") as archive:
        for number in range(1000):
            link = tarfile.TarInfo(f"l{number}.pdf")
            link.type, link.linkname, link.mtime = tarfile.LNKTYPE, "a.pdf", LONG_AGO
            archive.addfile(link)
    count, error = refused(path, InputSettings(max_archive_gb=1))

    assert 1 << 30 < (count + 1) * (3 << 20) < (1 << 30) + (8 << 20)
    assert Reason.ARCHIVE_LIMIT == error.reason
    assert "max_archive_gb" in error.detail
    assert 1001 == len(list(members(str(path), InputSettings(max_archive_gb=4), STORAGE)))


def test_one_member_at_a_time_is_on_the_disk(tmp_path: Path) -> None:
    """However many members are read, scratch never holds more than the one in use, and none after it."""
    path = zip_of(tmp_path / "a.zip", [(f"{number}.pdf", os.urandom(50_000)) for number in range(40)])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for source in members(str(path), SETTINGS, STORAGE):
        with fetch(source, scratch, SETTINGS, STORAGE):
            assert 1 == len(list(scratch.iterdir()))
    assert not list(scratch.iterdir())


def test_a_refused_member_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    """A member that breaks in its middle is gone from scratch when its reason is given."""
    path = zip_of(tmp_path / "a.zip", [("a.pdf", os.urandom(5 << 20))], zipfile.ZIP_STORED)
    patched(path, 4 << 20, b"broken")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (source,) = members(str(path), SETTINGS, STORAGE)

    assert Reason.DAMAGED == refusal(source, scratch).reason
    assert not list(scratch.iterdir())


def test_sparse_files_are_not_blown_up(tmp_path: Path) -> None:
    """A file of a tar that is mostly holes, in either notation, is refused with a reason; its neighbour is read."""
    said = [("major", "1"), ("minor", "0"), ("realsize", str(1 << 50)), ("name", "s.pdf")]
    new = extension(tarfile.XHDTYPE, b"".join(pax(f"GNU.sparse.{key}", value) for key, value in said))
    new += header("s.pdf", 512) + padded(b"1\n0\n1\n")
    old = sparse_header() + sparse_block()[:504] + bytes(8) + bytes(512)
    for sparse in (new, old):
        path = tmp_path / "a.tar"
        path.write_bytes(sparse + header("ok.pdf", 2) + padded(b"ok") + bytes(1024))
        found = listed(path)

        assert Reason.UNSUPPORTED_TYPE == refusal(found["s.pdf"], tmp_path).reason
        assert b"ok" == content(found["ok.pdf"], tmp_path)


def test_a_name_that_is_shown_is_not_obeyed(tmp_path: Path) -> None:
    """Details that quote a member's names are one line, cut, and without control signs."""
    path = tar_of(tmp_path / "a.tar", [("in.pdf", b"in")])
    linking(path, "l.pdf", "\x1b[2J\n" + "x" * 3000, tarfile.SYMTYPE)
    detail = refusal(listed(path)["l.pdf"], tmp_path).detail

    assert len(detail) <= 500
    assert not set(detail) & {"\x1b", "\n"}


def test_gzip_headers_and_paddings_are_passed_in_bounded_memory(tmp_path: Path) -> None:
    """Names and comments of megabytes in a gzip header, and zeros behind it, cost nothing but their reading."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as archive:
        info = tarfile.TarInfo("a.pdf")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
    raw = zlib.compressobj(wbits=-15)
    body = raw.compress(inner.getvalue()) + raw.flush()
    head = (
        b"\x1f\x8b\x08\x1c"
        + bytes(6)
        + struct.pack("<H", 60_000)
        + bytes(60_000)
        + b"n" * (5 << 20)
        + b"\0"
        + b"c" * (5 << 20)
        + b"\0"
    )
    path = tmp_path / "a.tar.gz"
    path.write_bytes(
        head + body + struct.pack("<LL", zlib.crc32(inner.getvalue()), len(inner.getvalue())) + bytes(5 << 20)
    )
    found: dict[str, Source] = listed(path)

    assert b"x" == content(found["a.pdf"], tmp_path)
