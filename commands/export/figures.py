"""The pictures of exported documents: files beside their Markdown, and the links where they stand.

    letters/report.pdf.md                                       the document
    letters/_figures/report.pdf/page-3-block-2.jpg              the picture that is block 2 of its page 3

No exported document is put into a folder `_figures` (paths.py), so it holds figures only.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa

from ocrmill.commands.export.paths import ENDING, FIGURES
from ocrmill.commands.export.places.new_file import new_file
from ocrmill.pipeline.output.journal import shards
from ocrmill.pipeline.output.shard import fitted, open_shard
from ocrmill.pipeline.output.stores.store import Store

PICTURE_ROWS_AT_ONCE = 32  # pages whose pictures are in memory together
_NAME = re.compile(r"block-([1-9][0-9]{0,8})\.jpg")  # of a figure in its row: the place of its block, from 1
_FILE = re.compile(r"page-[0-9]+-block-[0-9]+\.jpg")
_COLUMNS = ("document_id", "page_number", "figures")


class FigurePlace(NamedTuple):
    """The place of a figure in its document."""

    start: int  # in the page's Markdown
    name: str  # in the row
    parsed: str | None = None  # what an engine read in it


def figure_places(blocks: Sequence[Mapping[str, Any]], figures: Sequence[Mapping[str, Any]]) -> list[FigurePlace]:
    """Find the places of a page's figures from the spans of their blocks; figures without a block are left out."""
    numbers = {int(found[1]): figure for figure in figures if (found := _NAME.fullmatch(figure["name"] or ""))}
    return [
        FigurePlace(blocks[number - 1]["start"], figure["name"], figure.get("parsed"))
        for number, figure in sorted(numbers.items())
        if number <= len(blocks)
    ]


def with_links(text: str, figures: Sequence[FigurePlace], page_number: int, document: Path) -> str:
    """Put the links to its figures into the Markdown of a page, each a paragraph of its own, with what was read in it.

    Args:
        text: As the row has it, so that the spans hold.
        figures: Of the page, in the order of their blocks.
        page_number: From 1.
        document: The path of the exported document.
    """
    parts, done = [], 0
    for place in sorted(figures, key=attrgetter("start")):
        parts += [text[done : place.start], shown(place, page_number, document)]
        done = max(done, place.start)
    return "\n\n".join(part.strip("\n") for part in [*parts, text[done:]] if part.strip("\n"))


def shown(place: FigurePlace, page_number: int, document: Path) -> str:
    """Return the link from a document to a figure of one of its pages, and below it what was read in the figure."""
    target = figure_folder(document) / _file(page_number, place.name)
    link = f"![]({quote(target.relative_to(document.parent).as_posix())})"
    return f"{link}\n\n{place.parsed}" if place.parsed else link


def figure_folder(document: Path) -> Path:
    """The folder of the figures of an exported document."""
    return document.parent / FIGURES / document.name.removesuffix(ENDING)


def write_figures(store: Store, documents: Mapping[str, Path]) -> Iterator[int]:
    """Write the stored figures of some documents, by document_id; yield the bytes of each file.

    Raises:
        OutputError: A shard cannot be read.
        OSError: A file cannot be written.
    """
    for name in shards(store, "pages"):
        with open_shard(store.file(name), name) as parquet:
            for batch in parquet.iter_batches(PICTURE_ROWS_AT_ONCE, columns=list(_COLUMNS), use_threads=False):
                for row in fitted(pa.Table.from_batches([batch]), name, _COLUMNS).to_pylist():
                    document = documents.get(row["document_id"])
                    for figure in row["figures"] or ():
                        if document is not None and _NAME.fullmatch(figure["name"] or ""):
                            yield _write(figure_folder(document) / _file(row["page_number"], figure["name"]), figure)


def drop_figures(document: Path, keep: Collection[tuple[int, str]] = ()) -> None:
    """Delete the figures of a document that an earlier export left, except these: page number and name in the row."""
    folder = figure_folder(document)
    if not folder.is_dir():
        return
    kept = {_file(*each) for each in keep}
    for file in folder.iterdir():
        if _FILE.fullmatch(file.name) and file.name not in kept:
            file.unlink()
    for above in (folder, folder.parent):
        if not any(above.iterdir()):
            above.rmdir()


def _write(path: Path, figure: Mapping[str, Any]) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as file:
        return file.write(figure["jpeg"] or b"")


def _file(page_number: int, name: str) -> str:
    return f"page-{page_number}-{name}"
