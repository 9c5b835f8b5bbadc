"""The invariant: Markdown from a text layer never loses, adds or moves a word. Samples and real PDFs are held to it.

Of long documents a seeded sample of pages is read, and those of `SHORT`: pages that fall short today, with what they
reach. Raise a bound when its page gets better, and take it out once the page reaches `LEAST`.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pdfs import annotated_pdf, cropbox_pdf, rotated_pdf, text_pdf
from real_pdfs import CORPUS, needs_corpus

from ocrmill.configs.settings import InputSettings, RasterSettings, RunSettings, StorageSettings
from ocrmill.pipeline.measures import LayerFidelity
from ocrmill.pipeline.records import Document, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.rasterizer import Rasterizer

SAMPLES = Path(__file__).parents[3] / "samples"
PAGES_OF_ONE = 12  # that are read of a long document, besides those in SHORT
PERFECT = (1.0, 1.0, 1.0)
LEAST = (0.99, 0.99, 0.96)  # recall, precision and order that every page of the real PDFs reaches
SHORT: dict[tuple[str, int], tuple[float, float, float]] = {
    ("073439", 18): (1.0, 1.0, 0.919),
    ("lots_of_sci_tables", 2): (1.0, 1.0, 0.94),  # rows of a table that are set close are taken for one
    ("DeepSeek_OCR2_paper", 6): (0.995, 0.99, 0.934),
    ("DeepSeek_OCR2_paper", 7): (0.965, 0.933, 0.97),
    ("DeepSeek_OCR2_paper", 11): (0.993, 0.986, 0.993),
    ("form_dd0293", 1): (1.0, 1.0, 0.934),
    ("linearized_bad_xref_offset", 331): (1.0, 1.0, 0.74),
    ("right_to_left_01", 1): (0.948, 0.973, 1.0),
    ("table_mislabeled_as_picture", 1): (1.0, 1.0, 0.94),  # two pages of a book; the layer has both feet at its end
    ("test_4435", 3): (0.986, 0.983, 0.93),
}
WITH_LAYER = (
    *("073439", "195981", "2305.03393v1-pg9", "DeepSeek_OCR2_paper", "Pages-tree-refs", "clockwise_table_1"),
    *("edgar-rotated90", "form_dd0293", "issue-336-example", "issue-461-example", "issue-463-example"),
    *("linearized_bad_xref_offset", "lots_of_sci_tables", "multi_column_miss", "multi_page", "normal_4pages"),
    *("right_to_left_01", "table_mislabeled_as_picture", "test_241", "test_4435", "tracemonkey"),
)


@pytest.fixture(scope="module")
def rasterizer() -> Iterator[Rasterizer]:
    made = Rasterizer(RunSettings(raster=RasterSettings(page_cpu_s=5)))  # not 10 for the page that hangs MuPDF
    yield made
    made.close()


def measured(rasterizer: Rasterizer, path: Path) -> dict[int, LayerFidelity]:
    """Read a document as a run does: the measures of the pages that are read from their layer, by page number."""
    opened = rasterizer.open(next(Discovery([str(path)], InputSettings(), StorageSettings())))
    assert isinstance(opened, Document)
    numbers = list(range(1, opened.page_count + 1))
    if len(numbers) > PAGES_OF_ONE:
        short = {number for name, number in SHORT if name == path.stem}
        numbers = sorted(short | set(random.Random(path.name).sample(numbers, PAGES_OF_ONE)))
    rows = [page for page in (rasterizer.read(opened, number) for number in numbers) if isinstance(page, PageRow)]
    return {
        row.page_number: row.text.fidelity
        for row in rows
        if row.status is Status.TEXT_LAYER and row.text is not None and row.text.fidelity is not None
    }


def shares(found: LayerFidelity) -> tuple[float, float, float]:
    return found.recall, found.precision, found.order


@pytest.mark.parametrize("name", ["text", "table", "two_columns", "cjk", "rotated", "copy_of_text", "blank"])
def test_samples_lose_no_word(rasterizer: Rasterizer, name: str) -> None:
    """Each page of the samples that is read from its layer has all of its words, in order, and no other."""
    found = measured(rasterizer, SAMPLES / f"{name}.pdf")

    assert found
    assert {number: page for number, page in found.items() if page != LayerFidelity(*PERFECT)} == {}


@pytest.mark.parametrize("make", [text_pdf, rotated_pdf, cropbox_pdf, annotated_pdf])
def test_turned_cut_and_annotated_pages_lose_no_word(
    rasterizer: Rasterizer, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    """Words are measured where a viewer shows them: turned with the page, inside its crop box, with annotations."""
    path = make(tmp_path / "made.pdf")
    found = measured(rasterizer, path)

    assert found
    assert {number: page for number, page in found.items() if page != LayerFidelity(*PERFECT)} == {}


@needs_corpus
@pytest.mark.parametrize("name", WITH_LAYER)
def test_real_pages_lose_no_word(rasterizer: Rasterizer, name: str) -> None:
    """Each page of the real PDFs reaches `LEAST`, or the bound that it has in `SHORT`."""
    found = measured(rasterizer, CORPUS / f"{name}.pdf")
    bounds = {number: SHORT.get((name, number), LEAST) for number in found}
    worse = {
        number: (shares(page), bounds[number])
        for number, page in found.items()
        if any(share < bound for share, bound in zip(shares(page), bounds[number], strict=True))
    }

    assert found
    assert worse == {}


def test_bounds_are_of_pages_that_fall_short() -> None:
    """A bound that is no weaker than `LEAST` has no place in `SHORT`."""
    assert [page for page, bound in SHORT.items() if all(map(float.__ge__, bound, LEAST))] == []
