"""An export has each document once, whole, in order, and the same bytes every time."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_rows import made_id
from narrowed import instance
from written_outputs import add_document, add_failed_document, add_pages, failed_page, page, writing

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.formats.json_lines import export_jsonl
from ocrmill.commands.export.formats.markdown_tree import export_markdown
from ocrmill.configs.settings import StorageSettings
from ocrmill.pipeline.errors import OutputError, UsageError
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.output.stores.open import open_output
from ocrmill.pipeline.records import Reason, Status

LONG = [page(f"page {number} of a long book") for number in range(1, 41)]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Documents spread over shards, from an archive, with two sources, with failed pages, and without any."""
    root = tmp_path / "out"
    with writing(root, run=1) as sink:
        pages = [page("# One"), failed_page(detail="took too long"), page("", Status.BLANK), page("four\n")]
        add_document(sink, "/in/a.pdf", pages, others=["/in/copy/a.pdf"], title="A")
        add_pages(sink, "/in/long.pdf", LONG[:15], count=40)
        sink.flush()
        add_pages(sink, "/in/long.pdf", LONG[15:20], count=40, first=16)
        add_document(sink, "/in/box.zip!letters/one.pdf", [page("dear", flags=("long_run",))])
        sink.flush()
    with writing(root, run=2) as sink:
        add_document(sink, "/in/long.pdf", LONG, added=20)
        add_document(sink, "/in/dark.pdf", [failed_page(), failed_page()])
        add_failed_document(sink, "/in/locked.pdf")
        add_failed_document(sink, "/in/gone.pdf", Reason.UNREADABLE, "permission denied")
        add_pages(sink, "/in/unfinished.pdf", [page("half")], count=2)
    return instance(LocalStore, open_output(str(root), StorageSettings()))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().decode().removesuffix("\n").split("\n")]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_jsonl_has_a_line_for_each_document_with_its_pages_marked(store: LocalStore, tmp_path: Path) -> None:
    """Each document that has text is one line, its text the pages in order, each page's span naming its text."""
    report = export_jsonl(store, tmp_path / "all.jsonl")
    found = {record["source"]: record for record in lines(tmp_path / "all.jsonl")}

    assert set(found) == {"/in/a.pdf", "/in/long.pdf", "/in/box.zip!letters/one.pdf"}
    assert found["/in/long.pdf"]["text"] == "\n\n".join(each.markdown or "" for each in LONG)
    record = found["/in/a.pdf"]
    assert list(record) == ["id", "text", "source", "added", "created", "metadata"]
    assert (record["id"], record["text"]) == (made_id("/in/a.pdf"), "# One\n\nfour\n")
    assert record["metadata"]["sources"] == ["/in/a.pdf", "/in/copy/a.pdf"]
    assert record["metadata"]["title"] == "A"
    assert [record["text"][one["start"] : one["end"]] for one in record["metadata"]["pages"]] == [
        "# One",
        "",
        "",
        "four\n",
    ]
    assert [one["status"] for one in record["metadata"]["pages"]] == ["ok", "failed", "blank", "ok"]
    assert record["metadata"]["pages"][1]["detail"] == "took too long"
    assert found["/in/box.zip!letters/one.pdf"]["metadata"]["pages"][0]["flags"] == ["long_run"]
    assert (report.documents, report.pages, report.failed_pages, report.failed) == (3, 45, 1, 3)
    assert (report.unfinished, report.superseded) == (1, 0)
    assert report.bytes == (tmp_path / "all.jsonl").stat().st_size


def test_failed_documents_are_listed_on_request(store: LocalStore, tmp_path: Path) -> None:
    """With include_failed, what could not be read is a line with its reason and no text."""
    export_jsonl(store, tmp_path / "all.jsonl", ExportOptions(include_failed=True))
    found = {record["source"]: record for record in lines(tmp_path / "all.jsonl")}

    assert len(found) == 6
    reasons = {name: found[name]["metadata"]["reason"] for name in ("/in/locked.pdf", "/in/gone.pdf")}
    assert reasons == {"/in/locked.pdf": "password_required", "/in/gone.pdf": "unreadable"}
    assert found["/in/gone.pdf"]["id"] is None
    assert "" == found["/in/dark.pdf"]["text"] == found["/in/locked.pdf"]["text"]
    assert [one["reason"] for one in found["/in/dark.pdf"]["metadata"]["pages"]] == ["render_timeout"] * 2


def test_jsonl_per_page_agrees_with_the_rows(store: LocalStore, tmp_path: Path) -> None:
    """One line for each page that was read, with the Markdown of its row; with include_failed, for every page."""
    export_jsonl(store, tmp_path / "pages.jsonl", ExportOptions(per_page=True))
    export_jsonl(store, tmp_path / "every.jsonl", ExportOptions(per_page=True, include_failed=True))
    files = f"{store.root}/pages/*.parquet"
    known = "source <> '/in/unfinished.pdf'"
    rows = duckdb.sql(
        f"select document_id || '-' || page_number, markdown from '{files}' where {known} and status <> 'failed'"
    ).fetchall()
    every = lines(tmp_path / "every.jsonl")

    assert sorted(rows) == sorted((one["id"], one["text"]) for one in lines(tmp_path / "pages.jsonl"))
    assert 4 + 40 + 1 + 2 + 2 == len(every)
    assert ["password_required"] == [one["metadata"]["reason"] for one in every if one["source"] == "/in/locked.pdf"]


def test_the_tree_has_a_file_for_each_document(store: LocalStore, tmp_path: Path) -> None:
    """Each document is one file where its source says; each page follows its marker; a failed one has no more."""
    report = export_markdown(store, tmp_path / "tree")
    files = tree(tmp_path / "tree")
    index = lines(tmp_path / "tree" / "_index.jsonl")

    assert set(files) == {"_index.jsonl", "a.pdf.md", "long.pdf.md", "box.zip/letters/one.pdf.md"}
    assert files["a.pdf.md"].decode() == (
        "<!-- page: 1 status: ok -->\n\n# One\n\n"
        "<!-- page: 2 status: failed reason: render_timeout -->\n\n"
        "<!-- page: 3 status: blank -->\n\n"
        "<!-- page: 4 status: ok -->\n\nfour\n\n"
    )
    assert {entry["path"] for entry in index} == set(files) - {"_index.jsonl"}
    assert {"a.pdf.md": ["/in/a.pdf", "/in/copy/a.pdf"]}.items() <= {
        one["path"]: one["sources"] for one in index
    }.items()
    assert report.bytes == sum(len(data) for name, data in files.items() if name != "_index.jsonl")


def test_the_tree_shows_failed_documents_on_request(store: LocalStore, tmp_path: Path) -> None:
    """With include_failed, a document without text has a file that says why, at the path it would have."""
    export_markdown(store, tmp_path / "tree", ExportOptions(include_failed=True))
    files = tree(tmp_path / "tree")

    assert files["locked.pdf.md"] == b"<!-- document status: failed reason: password_required -->\n"
    assert files["gone.pdf.md"] == b"<!-- document status: failed reason: unreadable -->\n"
    assert files["dark.pdf.md"].count(b"reason: render_timeout") == 2
    assert 7 == len(files)


@given(texts=st.lists(st.text(st.sampled_from("<!-- page:1\n\\ok>\r\u2028é"), max_size=40), min_size=1, max_size=4))
@settings(max_examples=15)
def test_pages_can_be_told_apart_whatever_they_say(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """A page that prints a marker, or parts of one, does not make another page."""
    folder = tmp_path_factory.mktemp("fake")
    with writing(folder / "out") as sink:
        add_document(sink, "/in/a.pdf", [page(text) for text in [*texts, "<!-- page: 9 status: ok -->"]])

    export_markdown(LocalStore(folder / "out"), folder / "tree")
    markers = re.findall(rb"(?m)^<!-- page: (\d+) status: ok -->", (folder / "tree" / "a.pdf.md").read_bytes())

    assert [str(number).encode() for number in range(1, len(texts) + 2)] == markers


def test_twice_is_the_same(store: LocalStore, tmp_path: Path) -> None:
    """Exporting again gives the same bytes, in place or elsewhere, and leaves no other file."""
    for name in ("one", "two", "one"):
        export_jsonl(store, tmp_path / name / "all.jsonl", ExportOptions(include_failed=True))
        export_markdown(store, tmp_path / name / "tree", ExportOptions(include_failed=True))

    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert 1 + 7 == len(tree(tmp_path / "one"))


def test_how_rows_lie_in_shards_does_not_matter(tmp_path: Path) -> None:
    """Pages in one shard, or in one shard for each page, are exported alike."""
    documents = {f"/in/{name}.pdf": [page(f"{name} {number}") for number in range(5)] for name in "abc"}
    with writing(tmp_path / "one") as sink:
        for uri, pages in documents.items():
            add_document(sink, uri, pages)
    with writing(tmp_path / "many") as sink:
        for number in (4, 2, 1, 3):
            for uri in documents:
                add_pages(sink, uri, [documents[uri][number - 1]], count=5, first=number)
                sink.flush()
        for uri, pages in documents.items():
            add_document(sink, uri, pages, added=4)

    for name in ("one", "many"):
        export_markdown(LocalStore(tmp_path / name), tmp_path / f"{name}-tree")
        export_jsonl(LocalStore(tmp_path / name), tmp_path / f"{name}.jsonl")

    assert tree(tmp_path / "one-tree") == tree(tmp_path / "many-tree")
    assert 4 == len(tree(tmp_path / "one-tree"))
    assert sorted((tmp_path / "one.jsonl").read_bytes().split(b"\n")) == sorted(
        (tmp_path / "many.jsonl").read_bytes().split(b"\n")
    )


def test_only_what_sources_hold_now_is_exported(tmp_path: Path) -> None:
    """A document that no source holds any more is left out; one that another source still holds is found there."""
    with writing(tmp_path / "out", run=1) as sink:
        add_document(sink, "/in/a.pdf", [page("old a")], content="old a")
        add_document(sink, "/in/b.pdf", [page("old b")], content="old b", others=["/in/c.pdf"])
        add_document(sink, "/in/d.pdf", [page("d")])
        for number in range(8):
            add_document(sink, f"/in/{number}.pdf", [page("old")], content=f"old {number}")
    with writing(tmp_path / "out", run=2) as sink:
        for number in range(8):  # some of these have a smaller document_id than the old one, some a greater
            add_document(sink, f"/in/{number}.pdf", [page("new")], content=f"new {number}", version="2")
        add_document(sink, "/in/a.pdf", [page("new a")], content="new a", version="2")
        add_document(sink, "/in/b.pdf", [page("new b")], content="new b", version="2")
        add_failed_document(sink, "/in/d.pdf", Reason.UNREADABLE, "permission denied", version="2")

    report = export_jsonl(LocalStore(tmp_path / "out"), tmp_path / "all.jsonl", ExportOptions(include_failed=True))

    assert {(record["source"], record["text"]) for record in lines(tmp_path / "all.jsonl")} == {
        ("/in/a.pdf", "new a"),
        ("/in/b.pdf", "new b"),
        ("/in/c.pdf", "old b"),
        ("/in/d.pdf", "d"),
        *((f"/in/{number}.pdf", "new") for number in range(8)),
    }
    assert (report.documents, report.superseded, report.unfinished) == (12, 9, 0)


def test_files_of_an_earlier_export_go(tmp_path: Path) -> None:
    """Paths that change, as with a new folder of input, leave no file of the earlier export; files of others stay."""
    with writing(tmp_path / "out", run=1) as sink:
        add_document(sink, "/in/sub/a.pdf", [page("a")])
    export_markdown(LocalStore(tmp_path / "out"), tmp_path / "tree")
    (tmp_path / "tree" / "notes.txt").write_text("mine")
    with writing(tmp_path / "out", run=2) as sink:
        add_document(sink, "/in/b.pdf", [page("b")])

    export_markdown(LocalStore(tmp_path / "out"), tmp_path / "tree")

    assert set(tree(tmp_path / "tree")) == {"_index.jsonl", "sub/a.pdf.md", "b.pdf.md", "notes.txt"}
    assert 2 == len(lines(tmp_path / "tree" / "_index.jsonl"))


@pytest.mark.parametrize("line", ['{"path": "../../x.md"}', '{"path": "/etc/x.md"}', '{"path": "x.txt"}', "[]", "\x00"])
def test_a_false_index_deletes_nothing(store: LocalStore, tmp_path: Path, line: str) -> None:
    """An index that no export wrote is refused before anything is written or deleted."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "_index.jsonl").write_text(line + "\n")

    with pytest.raises(UsageError, match=r"_index\.jsonl"):
        export_markdown(store, tmp_path / "tree")

    assert {"_index.jsonl": f"{line}\n".encode()} == tree(tmp_path / "tree")


def test_a_folder_of_others_is_not_filled(store: LocalStore, tmp_path: Path) -> None:
    """A tree is not written among files that no export wrote, nor lines over a folder."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")

    for export in (export_markdown, export_jsonl):
        with pytest.raises(UsageError, match="mine"):
            export(store, tmp_path / "mine")


def test_an_interrupted_export_can_be_repeated(store: LocalStore, tmp_path: Path) -> None:
    """After an export that died half-way, the same command gives what it would have given."""
    names = store.list("pages")
    whole = Path(store.file(names[-1])).read_bytes()
    Path(store.file(names[-1])).write_bytes(whole[:100])
    (tmp_path / "all.jsonl").write_text('{"earlier": 1}\n')

    for export in (export_markdown, export_jsonl):
        with pytest.raises(OutputError, match=names[-1]):
            export(store, tmp_path / ("tree" if export is export_markdown else "all.jsonl"))
    assert '{"earlier": 1}\n' == (tmp_path / "all.jsonl").read_text()

    Path(store.file(names[-1])).write_bytes(whole)
    export_markdown(store, tmp_path / "tree")
    export_markdown(store, tmp_path / "fresh")
    assert tree(tmp_path / "fresh") == tree(tmp_path / "tree")
    assert not list(tmp_path.rglob(".*"))


def damaged_outputs(root: Path) -> Iterator[Path]:
    """Outputs with some pages twice, with all pages twice, without some and without any."""
    for name in ("some twice", "all twice", "some missing", "all missing"):
        with writing(root / name) as sink:
            add_pages(sink, "/in/a.pdf", [page("1"), page("2")], count=3)
            sink.flush()
            add_document(sink, "/in/a.pdf", [page("1"), page("2"), page("3")], added=2)
        shards = sorted((root / name / "pages").iterdir())
        for shard in shards if name.startswith("all") else shards[:1]:
            if name.endswith("twice"):
                shard.with_name(f"copy-{shard.name}").write_bytes(shard.read_bytes())
            else:
                shard.unlink()
        yield root / name


def test_pages_that_do_not_add_up_stop_the_export(tmp_path: Path) -> None:
    """A document with a page twice or without one is not exported as if it were whole."""
    for root in damaged_outputs(tmp_path):
        with pytest.raises(OutputError, match=r"/in/a\.pdf .* exactly once: run `ocrmill verify --repair`"):
            export_jsonl(LocalStore(root), tmp_path / "all.jsonl")
        assert not (tmp_path / "all.jsonl").exists()


def test_what_is_no_file_is_not_replaced_by_one(store: LocalStore, tmp_path: Path) -> None:
    """A pipe or device, as /dev/stdout or /dev/null, is refused; a link stays one, and what it leads to is written."""
    pipe, target, link = tmp_path / "pipe", tmp_path / "texts.jsonl", tmp_path / "link"
    os.mkfifo(pipe)
    target.write_text('{"id": "of an older export"}\n')
    link.symlink_to(target)

    with pytest.raises(UsageError, match="pipe is not a regular file"):
        export_jsonl(store, pipe)
    export_jsonl(store, link)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert lines(target)


def test_a_file_of_somebody_else_is_not_replaced(store: LocalStore, tmp_path: Path) -> None:
    """A letter whose name was given by mistake stays; an empty file may be written."""
    letter, empty = tmp_path / "letter.txt", tmp_path / "empty.jsonl"
    letter.write_text("Dear Sir,")
    empty.touch()

    with pytest.raises(UsageError, match=r"letter\.txt is a file that this command has not written"):
        export_jsonl(store, letter)
    export_jsonl(store, empty)
    assert letter.read_text() == "Dear Sir,"
    assert lines(empty)


def test_a_bucket_is_no_destination(store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its URL does not become a folder called `s3:`."""
    monkeypatch.chdir(tmp_path)
    for export in (export_jsonl, export_markdown):
        with pytest.raises(UsageError, match="writes local files only"):
            export(store, Path("s3://bucket/texts"))
    assert not Path("s3:").exists()


def test_an_export_that_cannot_be_written_says_so(store: LocalStore, tmp_path: Path) -> None:
    """A destination that cannot be made is an error that names it, for people."""
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=r"file/tree cannot be written: Not a directory"):
        export_markdown(store, tmp_path / "file" / "tree")
    with pytest.raises(OutputError, match=r"cannot be written: File name too long"):
        export_jsonl(store, tmp_path / ("a" * 300))
