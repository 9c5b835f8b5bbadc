"""Pictures are cut from the page as their blocks say, whatever boxes the model drew."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ocrmill.pipeline.output.schema import FIGURE
from ocrmill.pipeline.records import RGB, Block, Figure, PageGeometry
from ocrmill.pipeline.text.figures import cut_figures, has_pictures
from ocrmill.workers.engines.deepseek_ocr2.markdown import to_markdown

GEOMETRY = PageGeometry(width_pt=100, height_pt=50, rotation=0, width_px=200, height_px=100, dpi=144)


def page(width: int = 200, height: int = 100) -> RGB:
    """A page: white, its right half red."""
    image = np.full((height, width, 3), 255, dtype=np.uint8)
    image[:, width // 2 :, 1:] = 0
    return image


def blocks_of(raw: str) -> tuple[Block, ...]:
    return to_markdown(raw, GEOMETRY)[1]


def image_block(box: str) -> str:
    return f"<|ref|>image<|/ref|><|det|>[[{box}]]<|/det|>\n"


def opened(figure: Figure) -> RGB:
    return np.asarray(Image.open(io.BytesIO(figure.jpeg)))


@pytest.mark.parametrize("image", [page(), page(1536, 1536), page(100, 400)])
def test_a_figure_shows_what_its_box_holds(image: RGB) -> None:
    """Its pixels have the page's colours and resolution, also where the image is stretched; its box is its block's."""
    (figure,) = cut_figures(image, blocks_of(image_block("500, 0, 999, 999")), GEOMETRY)
    pixels = opened(figure)

    assert pixels.shape == (100, 100, 3)
    assert np.abs(pixels[:, 3:].astype(int).mean(axis=(0, 1)) - (255, 0, 0)).max() < 5
    assert (figure.x0, figure.y1) == pytest.approx((500 / 999 * 100, 50))


def test_a_figure_is_called_after_its_block() -> None:
    """Only pictures are cut, and those without area leave out their number."""
    text = "<|ref|>text<|/ref|><|det|>[[1, 2, 300, 400]]<|/det|>\nText.\n"
    raw = text + image_block("0, 0, 500, 500") + image_block("5, 5, 5, 90") + text + image_block("0, 0, 99, 99")

    figures = cut_figures(page(), blocks_of(raw), GEOMETRY)

    assert [figure.name for figure in figures] == ["block-2.jpg", "block-5.jpg"]
    assert has_pictures(blocks_of(raw))
    assert not has_pictures(blocks_of(text))


def test_a_picture_of_several_boxes_is_cut_once_for_each() -> None:
    """No figure holds what lies between the boxes; each is called after its own block."""
    blocks = blocks_of(image_block("0, 0, 99, 999], [900, 0, 999, 999"))
    left, right = cut_figures(page(), blocks, GEOMETRY)

    assert (left.name, right.name) == ("block-1.jpg", "block-2.jpg")
    assert (opened(left).shape[:2], opened(right).shape[:2]) == ((100, 20), (100, 20))
    assert opened(left).mean() > 250
    assert opened(right)[..., 1:].mean() < 5


def test_a_loop_of_pictures_is_cut_off() -> None:
    """Figures together have at most four times the pixels of the page."""
    assert len(cut_figures(page(), blocks_of(image_block("0, 0, 999, 999") * 300), GEOMETRY)) == 4


def test_figures_have_the_fields_of_their_column() -> None:
    """A figure is what the Parquet contract says that it is."""
    (figure,) = cut_figures(page(), blocks_of(image_block("0, 0, 99, 99")), GEOMETRY)

    assert set(figure.__slots__) == {field.name for field in FIGURE}


@given(st.lists(st.tuples(*[st.integers(-20, 1100)] * 4), max_size=8))
def test_any_box_gives_a_picture_or_none(boxes: list[tuple[int, ...]]) -> None:
    """Each figure opens, is as large as its box at the page's dpi, and comes in the order of the blocks."""
    blocks = blocks_of("".join(image_block(", ".join(map(str, box))) for box in boxes))

    figures = cut_figures(page(), blocks, GEOMETRY)

    numbers = [int(figure.name.removeprefix("block-").removesuffix(".jpg")) for figure in figures]
    assert numbers == sorted(set(numbers))
    for number, figure in zip(numbers, figures, strict=True):
        block = blocks[number - 1]
        assert (figure.x0, figure.y0, figure.x1, figure.y1) == (block.x0, block.y0, block.x1, block.y1)
        height, width = opened(figure).shape[:2]
        assert (width, height) == pytest.approx(((figure.x1 - figure.x0) * 2, (figure.y1 - figure.y0) * 2), abs=1)
