"""Exported files stay in their folder and never meet, whatever the sources are called."""

import random
import unicodedata
from pathlib import PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ocrmill.commands.export.paths import ENDING, INDEX, export_paths

HASHED = r"~[0-9a-f]{16}"

hostile_names = st.one_of(
    st.sampled_from(
        [
            "..",
            ".",
            "",
            "a",
            "A",
            "a.md",
            "a.MD",
            "a.pdf",
            "box.zip",
            "box.zip!",
            "!",
            INDEX,
            "\x00",
            "\x1b[2J",
            "\u202e",
        ]
    ),
    st.sampled_from(["é", "e\u0301", "É", "ß", "SS", "ﬁ", "~" + "0" * 16, "a~" + "0" * 16, "x" * 300, "漢" * 90]),
    st.text(max_size=12),
)
hostile_sources = st.one_of(
    st.lists(hostile_names, max_size=6).map("/".join),
    st.tuples(st.lists(hostile_names, max_size=3), st.lists(hostile_names, max_size=9)).map(
        lambda parts: f"/in/{'/'.join(parts[0])}/box.zip!{'/'.join(parts[1])}"
    ),
    st.text(max_size=40),
)


def folded(path: str) -> str:
    """Fold a path as a file system without case and with one Unicode form does."""
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).casefold())


@given(st.lists(hostile_sources, unique=True, max_size=8))
@example(["/a", "/a.md/b"])
@example(["/in/box.zip!a/b", "/in/box.zip/a/b", "/in/box.zip//a/b"])
@example(["/x/" + "/".join(["n" * 200] * 30), "/y/" + "/".join(["n" * 200] * 30)])
@example(["box.zip!../../etc/passwd", "/etc/passwd", "/../etc/passwd"])
def test_no_source_leads_out_of_the_folder_or_onto_another(sources: list[str]) -> None:
    """Any set of sources gets safe relative paths, distinct without regard to case, no file where a folder is."""
    paths = [path + ENDING for path in export_paths(sources)]
    folders = {folded(str(folder)) for path in paths for folder in PurePosixPath(path).parents}

    assert len({folded(path) for path in paths}) == len(sources)
    assert not {folded(path) for path in paths} & folders
    for path in paths:
        names = path.split("/")
        assert all(name not in {"", ".", ".."} for name in names)
        assert all(len(f".ocrmill-{name}.tmp".encode()) <= 255 for name in names)
        assert len(path.encode()) < 1100
        assert path.isprintable() or not any(unicodedata.category(one) in {"Cc", "Cs"} for one in path)
        assert names[0] != INDEX


@given(st.lists(hostile_sources, unique=True, max_size=8), st.randoms(use_true_random=False))
def test_a_path_does_not_depend_on_the_order_of_sources(sources: list[str], order: random.Random) -> None:
    """Sources in another order get the paths that they had."""
    shuffled = order.sample(sources, len(sources))

    assert dict(zip(sources, export_paths(sources), strict=True)) == dict(
        zip(shuffled, export_paths(shuffled), strict=True)
    )


@pytest.mark.parametrize(
    ("sources", "paths"),
    [
        (["/in/a.pdf"], ["a.pdf"]),
        (["/in/x/a.pdf", "/in/y/a.pdf"], ["x/a.pdf", "y/a.pdf"]),
        (["/in/a.pdf", "/in/sub/a.pdf"], ["a.pdf", "sub/a.pdf"]),
        (["/in/archive.zip!a/b.pdf"], ["archive.zip/a/b.pdf"]),
        (["/in/one.zip!a.pdf", "/in/two.tar.gz!a.pdf"], ["one.zip/a.pdf", "two.tar.gz/a.pdf"]),
        (["/in/box.zip!a.pdf#2", "/in/box.zip!a.pdf"], ["box.zip/a.pdf#2", "box.zip/a.pdf"]),
        (["/in/wow!.pdf", "/in/été 漢字.pdf"], ["wow!.pdf", "été 漢字.pdf"]),
        (["s3://bucket/x/a.pdf", "s3://bucket/b.pdf"], ["x/a.pdf", "b.pdf"]),
        ([], []),
    ],
)
def test_ordinary_sources_keep_their_names(sources: list[str], paths: list[str]) -> None:
    """Harmless names stay as they were below the folder that all have in common; an archive becomes a folder."""
    assert paths == export_paths(sources)


def test_names_that_differ_in_case_or_form_only_are_told_apart_by_hash() -> None:
    """Both get the hash of their source, so neither depends on which came first."""
    upper, lower, other = export_paths(["/in/A.pdf", "/in/a.pdf", "/in/b.pdf"])

    assert other == "b.pdf"
    assert upper.startswith("A.pdf~")
    assert lower.startswith("a.pdf~")


def test_a_name_that_looks_like_a_hashed_one_is_told_from_it() -> None:
    """A source that is called what another one gets as its path does not take that path."""
    sources = ["/in/A.pdf", "/in/a.pdf"]
    imitation = f"/in/{export_paths(sources)[0]}"

    assert 3 == len(set(export_paths([*sources, imitation])))


def test_a_long_name_is_cut_between_characters() -> None:
    """A name is cut to 200 bytes of whole characters and gets the hash of all of it."""
    (path,) = export_paths(["/in/" + "漢" * 100 + ".pdf"])

    assert path.startswith("漢" * 66 + "~")
    assert len(path.encode()) == 198 + 17
