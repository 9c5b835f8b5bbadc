"""Pictures beside exported Markdown: each kept figure once, its link where it stands."""

import io
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from made_rows import made_document, made_page, made_reading, made_source, made_stamp
from PIL import Image
from written_outputs import add_document, page, writing

from ocrmill.commands.export.chosen_documents import ExportOptions
from ocrmill.commands.export.figures import FigurePlace, figure_places, with_links
from ocrmill.commands.export.formats.markdown_tree import export_markdown
from ocrmill.configs.settings import OutputSettings
from ocrmill.pipeline.output.ledger import read_ledger
from ocrmill.pipeline.output.sink import Sink
from ocrmill.pipeline.output.stores.local import LocalStore
from ocrmill.pipeline.records import Block, Figure, PageText, Source
from ocrmill.pipeline.rows import SourceRow

TEXT = "# Title\n\nBefore.\n\nAfter."


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 3), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def blocks(at: int) -> tuple[Block, ...]:
    """Two pictures that stand side by side there, between text."""
    spans = [("title", 0, 7), ("text", 9, 16), ("picture", at, at), ("picture", at, at), ("text", 18, 24)]
    return tuple(Block(label, 0, 0, 9, 9, start, end) for label, start, end in spans)


def write(root: Path, *uris: str, names: tuple[str, ...] = ("block-3.jpg", "block-4.jpg")) -> LocalStore:
    """An output of documents of two pages, the second with figures."""
    store = LocalStore(root)
    sink = Sink(store, made_stamp(), OutputSettings(), read_ledger(store))
    for uri in uris:
        figures = tuple(Figure(name, 0, 0, 9, 9, picture("red")) for name in names)
        content = made_reading(PageText(TEXT, blocks=blocks(16)), figures=figures)
        pages = [made_page(uri, 1, 2, source=uri), made_page(uri, 2, 2, source=uri, content=content)]
        for row in pages:
            sink.add_page(row)
        held = Source(uri=uri, version="1", bytes=1, path=uri)
        document = made_document(uri, pages, source=held)
        sink.finish_document(document, [SourceRow(held, document.document_id)])
    sink.close()
    return store


def files(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_a_link_stands_where_the_picture_does(tmp_path: Path) -> None:
    """Between the paragraphs around it, in the order of the blocks; the file is the kept picture."""
    report = export_markdown(write(tmp_path / "out", "/in/a b.pdf"), tmp_path / "tree", ExportOptions(figures=True))
    written = files(tmp_path / "tree")

    first, second = ("_figures/a b.pdf/page-2-block-3.jpg", "_figures/a b.pdf/page-2-block-4.jpg")
    links = f"![](_figures/a%20b.pdf/page-2-block-3.jpg)\n\n![]({second.replace(' ', '%20')})"
    assert f"# Title\n\nBefore.\n\n{links}\n\nAfter.\n" in written["a b.pdf.md"].decode()
    assert written[first] == written[second] == picture("red")
    assert (report.figures, report.bytes) == (2, sum(map(len, (written["a b.pdf.md"], *([picture("red")] * 2)))))
    assert "2 figures" in report.to_text("tree")


def test_without_the_option_there_are_neither_files_nor_links(tmp_path: Path) -> None:
    """Also not those that an earlier export left; the text is the same beside the links."""
    store, tree = write(tmp_path / "out", "/in/a.pdf"), tmp_path / "tree"
    export_markdown(store, tree, ExportOptions(figures=True))
    with_figures = files(tree)["a.pdf.md"].decode()
    export_markdown(store, tree)

    assert sorted(files(tree)) == ["_index.jsonl", "a.pdf.md"]
    assert files(tree)["a.pdf.md"].decode() == re.sub(r"!\[\]\(.*?\)\n\n", "", with_figures)


def test_an_export_done_again_gives_the_same_files(tmp_path: Path) -> None:
    """Byte for byte, without what an earlier one left of documents or figures that are gone."""
    store, tree = write(tmp_path / "out", "/in/a.pdf", "/in/b/c.pdf"), tmp_path / "tree"
    export_markdown(store, tree, ExportOptions(figures=True))
    once = files(tree)
    export_markdown(store, tree, ExportOptions(figures=True))
    assert files(tree) == once

    export_markdown(
        write(tmp_path / "other", "/in/a.pdf", "/in/b/d.pdf", names=("block-4.jpg",)), tree, ExportOptions(figures=True)
    )
    assert sorted(files(tree)) == [
        *("_figures/a.pdf/page-2-block-4.jpg", "_index.jsonl", "a.pdf.md"),
        *("b/_figures/d.pdf/page-2-block-4.jpg", "b/d.pdf.md"),
    ]


def test_no_document_comes_to_lie_among_the_figures(tmp_path: Path) -> None:
    """Sources called like the folder of the figures, or a file in it, keep paths of their own; links hold."""
    uris = ["/in/a.pdf", "/in/_figures/a.pdf/page-2-block-3.jpg", "/in/_Figures/a.pdf", "/in/_figures"]
    tree = tmp_path / "tree"
    export_markdown(write(tmp_path / "out", *uris), tree, ExportOptions(figures=True))
    documents = [path for path in tree.rglob("*.md") if path.is_file()]

    assert len(documents) == len(uris)
    for document in documents:
        links = re.findall(r"!\[\]\((.*?)\)", document.read_text())
        assert len(links) == 2
        assert all((document.parent / unquote(link)).is_file() for link in links)


@pytest.mark.parametrize("name", ["../../escape.jpg", "block-3.jpg/x", "block-99.jpg", "", "block-0.jpg"])
def test_names_that_no_figure_has_are_left_out(tmp_path: Path, name: str) -> None:
    """The output may come from anybody: nothing is written outside the folder of the figures, or linked to."""
    export_markdown(write(tmp_path / "out", "/in/a.pdf", names=(name,)), tmp_path / "tree", ExportOptions(figures=True))

    assert [path for path in files(tmp_path / "tree") if not path.startswith("_figures/a.pdf/page-2-block-")] == [
        *("_index.jsonl", "a.pdf.md"),
    ]
    assert "![](" not in (tmp_path / "tree" / "a.pdf.md").read_text()


def test_pages_that_wait_for_others_keep_their_figures(tmp_path: Path) -> None:
    """A document whose pages lie in several shards has each link."""
    uri, root = "/in/a.pdf", tmp_path / "out"
    store = LocalStore(root)
    sink = Sink(store, made_stamp(), OutputSettings(), read_ledger(store))
    figures = (Figure("block-3.jpg", 0, 0, 9, 9, picture("blue")),)
    pages = [
        made_page(uri, number, 2, source=uri, content=made_reading(PageText(TEXT, blocks=blocks(16)), figures=figures))
        for number in (1, 2)
    ]
    for row in pages:
        sink.add_page(row)
        sink.flush()
    held = made_source("a")
    document = made_document(uri, pages, source=held)
    sink.finish_document(document, [SourceRow(held, document.document_id)])
    sink.close()
    report = export_markdown(store, tmp_path / "tree", ExportOptions(figures=True))

    assert report.figures == 2
    assert 2 == (tmp_path / "tree" / "a.pdf.md").read_text().count("![](_figures/a.pdf/page-")


def test_an_output_without_figures_is_exported_as_without_the_option(tmp_path: Path) -> None:
    """Nothing is linked, and no folder made."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page("text")])
    export_markdown(LocalStore(tmp_path / "out"), tmp_path / "plain")
    export_markdown(LocalStore(tmp_path / "out"), tmp_path / "tree", ExportOptions(figures=True))

    assert files(tmp_path / "plain") == files(tmp_path / "tree")


def test_places_follow_the_spans_of_the_blocks() -> None:
    """At the start, in the middle and at the end of a text; a picture of no block has no place."""
    document = Path("a.md")
    spans = [{"start": 0}, {"start": 3}, {"start": 99}]
    places = figure_places(spans, [{"name": f"block-{number}.jpg"} for number in (3, 1, 2, 4)])

    assert places == [
        FigurePlace(0, "block-1.jpg"),
        FigurePlace(3, "block-2.jpg"),
        FigurePlace(99, "block-3.jpg"),
    ]
    assert with_links("one\n\ntwo", places, 7, document) == "\n\n".join(
        [
            *("![](_figures/a/page-7-block-1.jpg)", "one"),
            *("![](_figures/a/page-7-block-2.jpg)", "two", "![](_figures/a/page-7-block-3.jpg)"),
        ]
    )
