"""Tags of a PDF say in which order its parts are read, if that is plausible."""

from pathlib import Path

import pymupdf
import pytest
from pdf_objects import first_free, write_pages

from ocrmill.pipeline.text.text_layer import Manner, read_text_layer

BODY, BOX = "the quay is open to all", "a box of notes in the margin"


def tagged(path: Path, order: list[int], *, drawn: list[int], tags: int = 4) -> pymupdf.Document:
    """Four blocks, two above each other in each of two columns; `order` is that of their tags, which the first have.

    They are drawn in the order `drawn`.
    """
    places = [(60, 700), (60, 500), (330, 700), (330, 500)]
    content = ""
    for number, (x, y) in ((number, places[number]) for number in drawn):
        lines = "".join(f"1 0 0 1 {x} {y - 14 * n} Tm (Block {number} line {n} {BODY}) Tj " for n in range(4))
        block = f"BT /F 11 Tf {lines} ET "
        content += f"/P << /MCID {number} >> BDC {block} EMC " if number < tags else block
    root = first_free(1)
    kids = b" ".join(b"%d 0 R" % (root + 2 + number) for number in order)
    objects = [
        b"<< /Type /StructTreeRoot /K [%s] /ParentTree %d 0 R >>" % (kids, root + 1),
        b"<< /Nums [0 [%s]] >>" % b" ".join(b"%d 0 R" % (root + 2 + number) for number in range(4)),
        *(b"<< /S /P /P %d 0 R /Pg 4 0 R /K %d >>" % (root, number) for number in range(4)),
    ]
    write_pages(
        path,
        1,
        1,
        content=content.encode(),
        objects=objects,
        page=b"/StructParents 0",
        catalog=b"/MarkInfo << /Marked true >> /StructTreeRoot %d 0 R" % root,
    )
    return pymupdf.open(path)


def read(document: pymupdf.Document, manner: Manner) -> list[int]:
    markdown = read_text_layer(document, 0, right_to_left=False, manner=manner).markdown
    return sorted(range(4), key=lambda number: markdown.index(f"Block {number} line 0"))


@pytest.mark.parametrize("manner", [Manner.FULL, Manner.PLAIN])
@pytest.mark.parametrize(
    "order",
    [
        [0, 1, 2, 3],
        [2, 3, 0, 1],  # the right column first
        [0, 2, 1, 3],  # rows
    ],
)
def test_tags_are_followed_where_they_are_plausible(order: list[int], manner: Manner, tmp_path: Path) -> None:
    """The author chooses the first column, and if they are rows of a table; the page is drawn so, too."""
    with tagged(tmp_path / "page.pdf", order, drawn=order) as document:
        assert read(document, manner) == order


@pytest.mark.parametrize(
    ("order", "drawn", "tags"),
    [
        ([1, 0, 3, 2], [1, 0, 3, 2], 4),  # from the bottom to the top of each column
        ([2, 3, 0, 1], [2, 3, 0, 1], 2),  # half of the text has none
        ([2, 3, 0, 1], [0, 1, 2, 3], 4),  # the page is drawn in another order
    ],
)
def test_tags_in_doubt_are_not_followed(order: list[int], drawn: list[int], tags: int, tmp_path: Path) -> None:
    """Tags that lead upwards, that half of the text has, or that the page's own order contradicts, change nothing."""
    with (
        tagged(tmp_path / "page.pdf", order, drawn=drawn, tags=tags) as document,
        tagged(tmp_path / "bare.pdf", [], drawn=drawn, tags=0) as bare,
    ):
        assert read(document, Manner.FULL) == read(bare, Manner.FULL)
