"""Pages whose letters are in doubt keep their layer if the shapes of their glyphs clear it."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pymupdf
import pytest
from real_pdfs import CASES, needs_cases

from ocrmill.configs.settings import InputSettings, RunSettings, StorageSettings
from ocrmill.pipeline.records import Document, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.rasterizer import Rasterizer

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def rasterizer() -> Iterator[Rasterizer]:
    made = Rasterizer(RunSettings())
    yield made
    made.close()


def read(rasterizer: Rasterizer, path: Path) -> object:
    document = rasterizer.open(next(Discovery([str(path)], InputSettings(), StorageSettings())))
    assert isinstance(document, Document)
    return rasterizer.read(document, 1)


def test_a_table_of_registers_is_read_from_its_layer(rasterizer: Rasterizer, tmp_path: Path) -> None:
    """Each address is as it is in the file, and the row says why the layer was taken."""
    dice = Random(5)
    addresses = [f"0x{dice.getrandbits(32):08X}" for _ in range(40)]
    document = pymupdf.open()
    page = document.new_page()
    for number, address in enumerate(addresses):
        line = f"{address}  TIM{number}_CCMR  [{dice.randint(8, 31)}:0]  RW"
        page.insert_text((60, 60 + 12 * number), line, fontname="cour", fontsize=9)
    document.save(tmp_path / "registers.pdf")
    row = read(rasterizer, tmp_path / "registers.pdf")

    assert isinstance(row, PageRow)
    assert row.status is Status.TEXT_LAYER
    assert row.text is not None
    assert all(address in row.text.markdown for address in addresses)


def test_a_garbled_layer_goes_to_ocr(rasterizer: Rasterizer) -> None:
    """The sample whose letters are others than are drawn awaits its engine."""
    assert not isinstance(read(rasterizer, ROOT / "samples" / "garbled.pdf"), PageRow)


@needs_cases
def test_unmapped_ligatures_are_written_and_flagged(rasterizer: Rasterizer) -> None:
    """No letter is lost: the words are those that the page shows, and the row says how they were found."""
    (path,) = (CASES / "pages").glob("19-*.pdf")
    row = read(rasterizer, path)

    assert isinstance(row, PageRow)
    assert row.text is not None
    assert "\ufffd" not in row.text.markdown
    assert row.text.markdown.startswith("The commiffee of the sefflement noted the condifion")
    assert row.flags == ("letters_by_shape",)
