"""Figures and the links to them are one to one, whatever boxes the model drew."""

import io
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.figures import Figure, cut_figures
from pipeline.markdown import to_markdown
from pipeline.records import RGB, Block, PageGeometry, PageText
from pipeline.schema import FIGURE

GEOMETRY = PageGeometry(width_pt=100, height_pt=50, rotation=0, width_px=200, height_px=100, dpi=144)
LINK = re.compile(r"!\[\]\(([^)]*)\)")


def page() -> RGB:
    """A page of 200 x 100 pixels: white, its right half red."""
    image = np.full((100, 200, 3), 255, dtype=np.uint8)
    image[:, 100:, 1:] = 0
    return image


def read(raw: str) -> PageText:
    markdown, blocks = to_markdown(raw, GEOMETRY)
    return PageText(markdown, raw=raw, blocks=blocks)


def image_block(box: str, text: str = "") -> str:
    return f"<|ref|>image<|/ref|><|det|>[[{box}]]<|/det|>\n{text}\n"


def covered(text: PageText) -> list[str]:
    return [text.markdown[block.start : block.end] for block in text.blocks]


def opened(figure: Figure) -> RGB:
    return np.asarray(Image.open(io.BytesIO(figure.jpeg)))


def test_a_figure_shows_what_its_box_holds() -> None:
    """The crop is made of the pixels in the box, with the colours of the page; the box of the figure is its block's."""
    text, (figure,) = cut_figures(page(), read(image_block("500, 0, 999, 999")), GEOMETRY)
    pixels = opened(figure)

    assert pixels.shape == (100, 100, 3)
    assert np.abs(pixels.astype(int).mean(axis=(0, 1)) - (255, 0, 0)).max() < 5
    assert (figure.x0, figure.y1) == pytest.approx((500 / 999 * 100, 50))
    assert text.markdown == "![](figure-1.jpg)"


def test_links_stand_where_pictures_stand() -> None:
    """A link is a paragraph of its own in the reading order, before the text of its block; spans follow their text."""
    raw = (
        f"{image_block('0, 0, 500, 500')}<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nText.\n"
        f"{image_block('0, 0, 9, 9')}{image_block('0, 0, 99, 99', 'Written in it.')}"
        "<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nMore."
    )

    text, figures = cut_figures(page(), read(raw), GEOMETRY)

    assert covered(text) == [
        "![](figure-1.jpg)",
        "Text.",
        "![](figure-2.jpg)",
        "![](figure-3.jpg)\n\nWritten in it.",
        "More.",
    ]
    assert text.markdown == "\n\n".join(covered(text))
    assert [figure.name for figure in figures] == ["figure-1.jpg", "figure-2.jpg", "figure-3.jpg"]


@pytest.mark.parametrize("box", ["5, 5, 5, 90", "5, 5, 90, 5", "999, 0, 1500, 999", "1, 2, 3"])
def test_a_picture_without_area_has_no_link(box: str) -> None:
    """Where there is nothing to cut there is no figure, no link, and no number is used up."""
    text, figures = cut_figures(page(), read(image_block(box) + image_block("0, 0, 99, 99")), GEOMETRY)

    assert text.markdown == "![](figure-1.jpg)"
    assert [figure.name for figure in figures] == ["figure-1.jpg"]


def test_a_loop_of_pictures_is_cut_off() -> None:
    """Figures together have at most four times the pixels of the page; blocks after that stay, without links."""
    text, figures = cut_figures(page(), read(image_block("0, 0, 999, 999") * 300), GEOMETRY)

    assert (4, 300) == (len(figures), len(text.blocks))
    assert LINK.findall(text.markdown) == [figure.name for figure in figures]


def test_only_pictures_are_cut() -> None:
    """A page without pictures comes back as it was."""
    text = PageText("# A", blocks=(Block("title", 0, 0, 50, 50, 0, 3),))

    assert cut_figures(page(), text, GEOMETRY) == (text, ())


def test_figures_have_the_fields_of_their_column() -> None:
    """A figure is what the Parquet contract says that it is."""
    _, (figure,) = cut_figures(page(), read(image_block("0, 0, 99, 99")), GEOMETRY)

    assert set(figure.__slots__) == {field.name for field in FIGURE}


sides = st.integers(-20, 1100)
pieces = st.one_of(
    st.tuples(sides, sides, sides, sides, st.sampled_from(["", "In it."])).map(
        lambda drawn: image_block(", ".join(map(str, drawn[:4])), drawn[4])
    ),
    st.sampled_from(["<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\nText.\n", "<|ref|>list<|/ref|>\n- No box.\n"]),
)


@given(st.sampled_from(["", "Preface.\n"]), st.lists(pieces, max_size=8))
def test_links_and_figures_are_one_to_one(preface: str, drawn: list[str]) -> None:
    """The links name exactly the figures in their order, each within its block; without them the text is as before."""
    before = read(preface + "".join(drawn))

    text, figures = cut_figures(page(), before, GEOMETRY)

    assert LINK.findall(text.markdown) == [figure.name for figure in figures]
    assert LINK.sub("", text.markdown).split() == before.markdown.split()
    assert all(one.end <= other.start for one, other in pairwise(text.blocks))
    assert [LINK.sub("", span).strip() for span in covered(text)] == covered(before)
    assert [name for span in covered(text) for name in LINK.findall(span)] == [figure.name for figure in figures]
    assert "\n\n\n" not in text.markdown == text.markdown.strip()
    assert [replace(block, start=0, end=0) for block in text.blocks] == [
        replace(block, start=0, end=0) for block in before.blocks
    ]
    for figure in figures:
        assert min(opened(figure).shape[:2]) > 0
