"""Discovery: every document behind the inputs is found once, in a stable order, and nothing vanishes without a word."""

import io
import os
import subprocess
import tarfile
import tempfile
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from found_sources import SETTINGS, STORAGE, below, drain, found, harmless, write, zipped
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrmill.configs.settings import InputSettings
from ocrmill.pipeline.errors import InputError, UsageError
from ocrmill.pipeline.records import Reason
from ocrmill.pipeline.sources.discovery import Discovery, Skipped
from ocrmill.pipeline.sources.fetch import fetch


def test_a_folder_is_searched_to_its_bottom_in_order(tmp_path: Path) -> None:
    """Documents in all folders below are found by ending, in any case, by name in each folder; others are counted."""
    write(
        tmp_path,
        "b.pdf",
        "a.PDF",
        "c/d/e.tiff",
        "c/a.jpeg",
        "z.png",
        "notes.txt",
        "c/x.docx",
        ".hidden.pdf",
        ".h/a.pdf",
    )
    discovery = Discovery([str(tmp_path)], SETTINGS, STORAGE)

    assert ["a.PDF", "b.pdf", "c/a.jpeg", "c/d/e.tiff", "z.png"] == below(tmp_path, list(discovery))
    assert Skipped(other_endings=2, hidden=2) == discovery.skipped


def test_a_source_says_where_and_which_version(tmp_path: Path) -> None:
    """A file's URI is its absolute path; its version is new when its size or time is."""
    write(tmp_path, "a.pdf")
    (before,) = found([tmp_path])
    assert (f"{tmp_path}/a.pdf", 5, None, None) == (before.uri, before.bytes, before.member, before.reason)
    assert [before] == found([tmp_path])

    os.utime(tmp_path / "a.pdf", ns=(0, 1))
    (touched,) = found([tmp_path])
    write(tmp_path, "a.pdf", data=b"longer")
    os.utime(tmp_path / "a.pdf", ns=(0, 1))
    (grown,) = found([tmp_path])
    assert 3 == len({before.version, touched.version, grown.version})


def test_named_files_are_taken_whatever_they_are_called(tmp_path: Path) -> None:
    """A file that is named is taken without the ending of a PDF, and hidden; so is one with the signs of a glob."""
    write(tmp_path, "scan", ".hidden.pdf", "report[1].pdf", "report1.pdf", "what?.pdf")
    names = [tmp_path / name for name in ("scan", ".hidden.pdf", "report[1].pdf", "what?.pdf")]

    assert [str(name) for name in names] == [source.uri for source in found(names)]


def test_relative_inputs_have_absolute_uris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The URI does not depend on how the input was written."""
    write(tmp_path, "d/a.pdf")
    monkeypatch.chdir(tmp_path)
    for name in ("d", "./d/", "d/../d/a.pdf", f"/{tmp_path}/d", "d/*.pdf", "**/a.pdf"):
        assert [f"{tmp_path}/d/a.pdf"] == [source.uri for source in found([name])]


def test_dots_after_a_link_lead_where_the_system_goes(tmp_path: Path) -> None:
    """`link/..` is the parent of what the link leads to, not the folder that the link lies in."""
    write(tmp_path, "real/a.pdf", "real/sub/b.pdf", "a.pdf")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "sub")

    assert ["real/a.pdf"] == below(tmp_path, found([f"{tmp_path}/link/../a.pdf"]))


def test_overlapping_inputs_give_each_uri_once(tmp_path: Path) -> None:
    """A file that is reached by several inputs comes once, and the repeats are counted."""
    write(tmp_path, "d/a.pdf", "d/b.pdf")
    discovery = Discovery(
        [f"{tmp_path}/d/b.pdf", str(tmp_path), f"{tmp_path}/d", f"{tmp_path}/**/*.pdf"], SETTINGS, STORAGE
    )

    assert ["d/b.pdf", "d/a.pdf"] == below(tmp_path, list(discovery))
    assert 5 == discovery.skipped.repeated


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.pdf", ["a.pdf"]),
        ("*", ["a.pdf", "x/b.pdf", "x/y/c.pdf", "x/y/d.png", "x2/e.pdf"]),
        ("**/*.pdf", ["a.pdf", "x/b.pdf", "x/y/c.pdf", "x2/e.pdf"]),
        ("**", ["a.pdf", "x/b.pdf", "x/y/c.pdf", "x/y/d.png", "x2/e.pdf"]),
        ("x*/*.pdf", ["x/b.pdf", "x2/e.pdf"]),
        ("x?", ["x2/e.pdf"]),
        ("x/**/[cd].*", ["x/y/c.pdf", "x/y/d.png"]),
        ("**/y", ["x/y/c.pdf", "x/y/d.png"]),
        ("x/**/y/../../*.pdf", ["x/b.pdf"]),
    ],
)
def test_globs(tmp_path: Path, glob: str, expected: list[str]) -> None:
    """A glob takes the documents that it matches, and all in the folders that it matches; `**` is any depth."""
    write(tmp_path, "a.pdf", "x/b.pdf", "x/y/c.pdf", "x/y/d.png", "x2/e.pdf", "x/y/.z.pdf", "x/note.txt")

    assert expected == below(tmp_path, found([f"{tmp_path}/{glob}"]))


def test_inputs_that_lead_nowhere_stop_the_run_at_once(tmp_path: Path) -> None:
    """A missing file, an empty glob, an unreadable manifest and a strange URL are errors before a source is taken."""
    write(tmp_path, "a.pdf", "notes.md", "zeros.txt", data=b"\0\0")
    write(tmp_path, "bad.parquet", data=b"PAR1nonsensePAR1")
    (tmp_path / "broken.pdf").symlink_to("nowhere")
    zipped(tmp_path / "a.zip", "a.pdf")
    for name in (
        "none.pdf",
        "none*/x.pdf",
        "*.md",
        "**/b.pdf",
        "zeros.txt",
        "bad.parquet",
        "broken.pdf",
        "a.zip!no.pdf",
    ):
        with pytest.raises(InputError) as caught:
            Discovery([str(tmp_path), f"{tmp_path}/{name}"], SETTINGS, STORAGE)
        assert name in str(caught.value)
    for name in ("ftp://host/a.pdf", "file:///data", "gcs://bucket", "s3://", "s3://ann:secret@bucket/a.pdf"):
        with pytest.raises(UsageError) as refused:
            Discovery([name], SETTINGS, STORAGE)
        assert "secret" not in str(refused.value)


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    """Linked files and folders are found under the link's name; a link to a folder above it ends there."""
    write(tmp_path, "elsewhere/a.pdf", "top/b.pdf")
    (tmp_path / "top" / "file.pdf").symlink_to(tmp_path / "elsewhere" / "a.pdf")
    (tmp_path / "top" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "top" / "up").symlink_to(tmp_path / "top")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "top")
    (tmp_path / "top" / "self").symlink_to("self")

    assert ["b.pdf", "file.pdf", "folder/a.pdf"] == below(tmp_path / "top", found([tmp_path / "top"]))


def test_what_cannot_be_read_in_a_folder_is_a_source_with_a_reason(tmp_path: Path) -> None:
    """Links to nothing, pipes, broken archives and archives of other kinds are rows, and the rest is found."""
    write(tmp_path, "a.pdf")
    write(tmp_path, "b.zip", "c.tar.gz", "d.7z", "e.tar.xz", "empty.tar", data=b"")
    (tmp_path / "link.pdf").symlink_to("nowhere")
    (tmp_path / "loop.pdf").symlink_to("loop.pdf")
    os.mkfifo(tmp_path / "pipe.pdf")
    os.mkfifo(tmp_path / "pipe.zip")
    reasons = {source.uri.removeprefix(f"{tmp_path}/"): source.reason for source in found([tmp_path])}

    assert {
        "a.pdf": None,
        "b.zip": Reason.DAMAGED,
        "c.tar.gz": Reason.DAMAGED,
        "d.7z": Reason.UNSUPPORTED_TYPE,
        "e.tar.xz": Reason.UNSUPPORTED_TYPE,
        "empty.tar": Reason.DAMAGED,
        "link.pdf": Reason.UNREADABLE,
        "loop.pdf": Reason.UNREADABLE,
        "pipe.pdf": Reason.UNSUPPORTED_TYPE,
        "pipe.zip": Reason.UNSUPPORTED_TYPE,
    } == reasons


@pytest.fixture
def bottomless() -> Iterator[Path]:
    """A folder in which more folders can lie in each other than Python can remove."""
    folder = tempfile.mkdtemp()
    yield Path(folder)
    subprocess.run(["rm", "-rf", folder], check=True)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Permissions count for root as for everybody."""
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(me)


def test_what_may_not_be_read_is_a_source_with_a_reason(bottomless: Path) -> None:
    """Folders and archives without permission are rows and the rest is found; a folder that is named is an error."""
    bottomless.chmod(0o755)
    write(bottomless, "locked/b.pdf", "a.pdf")
    zipped(bottomless / "z.zip", "x.pdf").chmod(0)
    (bottomless / "locked").chmod(0)
    with without_privileges():
        sources = found([bottomless])
        with pytest.raises(InputError, match="locked: this folder cannot be listed: Permission denied"):
            Discovery([f"{bottomless}/locked"], SETTINGS, STORAGE)

    assert ["a.pdf", "locked", "z.zip"] == below(bottomless, sources)
    assert [None, Reason.UNREADABLE, Reason.UNREADABLE] == [source.reason for source in sources]
    assert all("Permission denied" in (source.detail or "") for source in sources[1:])


def nest(folder: Path, names: Sequence[str]) -> None:
    here = os.open(folder, os.O_RDONLY)
    for name in names:
        os.mkdir(name, dir_fd=here)
        there = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = there
    os.close(here)


def test_a_folder_that_cannot_be_listed_is_a_source_with_a_reason(bottomless: Path) -> None:
    """A folder too deep for the system to open is a row, whatever the globs ask for, and the rest is found."""
    write(bottomless, "z.pdf")
    nest(bottomless, ["n" * 250] * 17)  # 17 * 251 characters are more than a path may have
    for inputs in ([bottomless], [f"{bottomless}/**/*.pdf"]):
        deep, document = found(inputs, InputSettings(include=("*.pdf",)))

        assert (Reason.UNREADABLE, f"{bottomless}/z.pdf") == (deep.reason, document.uri)
        assert "cannot be listed" in (deep.detail or "")


def test_folders_deeper_than_python_can_recurse(bottomless: Path) -> None:
    """A thousand folders in each other are gone through."""
    nest(bottomless, ["d"] * 1200)
    path = f"{bottomless}{'/d' * 1200}/a.pdf"
    Path(path).write_bytes(b"x")

    assert [path] == [source.uri for source in found([bottomless])]


def test_archives_are_searched_and_named_apart(tmp_path: Path) -> None:
    """Members have their archive in their URI, so equal names never collide; what is not read is counted or told."""
    zipped(tmp_path / "a.zip", "x.pdf", "d/y.PNG", "readme.txt", "__MACOSX/._x.pdf", "in.zip", "in.tar.gz")
    zipped(tmp_path / "b" / "a.zip", "x.pdf")
    write(tmp_path, "x.pdf", "a.zip!x.pdf")
    discovery = Discovery([str(tmp_path)], SETTINGS, STORAGE)
    sources = {source.uri.removeprefix(f"{tmp_path}/"): source for source in discovery}

    assert [
        "a.zip!x.pdf",
        "a.zip!d/y.PNG",
        "a.zip!in.zip",
        "a.zip!in.tar.gz",
        "a.zip\\x21x.pdf",
        "b/a.zip!x.pdf",
        "x.pdf",
    ] == list(sources)
    assert {Reason.UNSUPPORTED_TYPE} == {sources["a.zip!in.zip"].reason, sources["a.zip!in.tar.gz"].reason}
    assert Skipped(other_endings=1, hidden=1) == discovery.skipped


def test_an_archive_that_breaks_keeps_what_came_before(tmp_path: Path) -> None:
    """The members before the damage are sources, and the archive itself is one more, with its reason."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name in ("a.pdf", "b.pdf"):
            info = tarfile.TarInfo(name)
            info.size = 2000
            archive.addfile(info, io.BytesIO(bytes(2000)))
    os.truncate(tmp_path / "a.tar", 3500)
    sources = found([tmp_path])

    assert ["a.tar!a.pdf", "a.tar!b.pdf", "a.tar"] == below(tmp_path, sources)
    assert [None, None, Reason.DAMAGED] == [source.reason for source in sources]


def test_include_and_exclude(tmp_path: Path) -> None:
    """A glob matches a path below the input or a folder above it, from any part on; after a slash, an absolute path."""
    write(tmp_path, "a.pdf", "d/b.pdf", "d/e/c.pdf", "d/e/c.png")
    zipped(tmp_path / "d" / "z.zip", "e/f.pdf", "g.pdf")
    everything = ["a.pdf", "d/b.pdf", "d/e/c.pdf", "d/e/c.png", "d/z.zip!e/f.pdf", "d/z.zip!g.pdf"]

    def left(**globs: tuple[str, ...]) -> list[str]:
        return below(tmp_path, found([tmp_path], InputSettings(**globs)))

    assert everything == left()
    assert everything[:1] == left(exclude=("d",))
    assert ["d/e/c.png"] == left(include=("*.png",))
    assert ["d/e/c.pdf", "d/e/c.png", "d/z.zip!e/f.pdf"] == left(include=("e",))
    assert ["d/e/c.pdf"] == left(include=("d/e/*.pdf",))
    assert everything[:4] == left(exclude=("*.zip",))
    assert ["a.pdf", "d/b.pdf"] == left(exclude=("d/**/c.*", f"{tmp_path}/d/z.zip"))
    assert ["a.pdf", "d/b.pdf"] == left(include=("a.pdf", "b.pdf"), exclude=("c.pdf",))
    assert everything == left(exclude=(tmp_path.name, "tmp/**"))
    assert [] == left(exclude=(f"{tmp_path}/*",))
    assert ["d/e/c.pdf", "d/e/c.png"] == below(tmp_path, found([tmp_path / "d/e"], InputSettings(exclude=("d", "e"))))
    named = [f"{tmp_path}/d/{name}" for name in ("b.pdf", "z.zip!g.pdf", "z.zip", "e")]
    assert ["d/b.pdf", "d/e/c.pdf"] == below(
        tmp_path, found(named, InputSettings(include=("*.pdf",), exclude=("*.zip",)))
    )
    discovery = Discovery([str(tmp_path)], InputSettings(exclude=("d",)), STORAGE)
    list(discovery)
    assert 1 == discovery.skipped.excluded


name_bytes = st.binary(min_size=1, max_size=40).map(
    lambda raw: b"n" + raw.replace(b"\0", b"").replace(b"/", b"!") + b".pdf"
)


@settings(max_examples=40)
@given(st.sets(name_bytes, min_size=1, max_size=5))
def test_files_of_any_names_are_found_named_again_and_opened(names: set[bytes]) -> None:
    """Whatever bytes a name holds, its URI is one line of text, its own, and can be given back as an input."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            Path(folder, os.fsdecode(name)).write_bytes(name)
        sources = found([folder])

        assert len(names) == len({source.uri for source in sources})
        for source in sources:
            assert "\n" not in source.uri
            with fetch(source, Path(folder), SETTINGS, STORAGE) as path:
                assert path.read_bytes() == os.fsencode(path.name)
            assert [source] == found([source.uri])
        manifest = Path(folder, "m.parquet")
        pq.write_table(pa.table({"source": [source.uri for source in sources]}), manifest)
        assert sources == found([manifest])


def test_the_longest_names_are_found(tmp_path: Path) -> None:
    """Names of 255 bytes are sources like others."""
    write(tmp_path, "x" * 251 + ".pdf", "\u8ad6" * 83 + "ab.pdf")

    assert [255, 255] == [len(os.fsencode(Path(source.path).name)) for source in found([tmp_path])]


def test_sources_are_found_as_they_are_taken(tmp_path: Path) -> None:
    """The listing of one folder is held at a time: the first source comes before the later folders are looked at."""
    for number in range(40):
        write(tmp_path, *[f"{number:02}/{page:03}.pdf" for page in range(100)])
    tracemalloc.start()
    discovery = Discovery([str(tmp_path)], SETTINGS, STORAGE)
    next(discovery)
    write(tmp_path, "39/new.pdf")
    count = sum(1 for _ in discovery)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert 4000 == count
    assert peak < 400_000  # all 4,000 sources at once would take 2 MB


@settings(max_examples=150)
@given(st.sampled_from([".txt", ".parquet", ".zip", ".tar", ".tgz"]), st.binary(max_size=400).filter(harmless))
def test_no_bytes_make_discovery_raise_anything_else(ending: str, data: bytes) -> None:
    """Random bytes given as a manifest or archive give sources or one of our errors."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x{ending}")
        path.write_bytes(data)
        drain(path)
