"""Pages with a good text layer that an engine is asked to read better."""

from pathlib import Path

import pymupdf
import pytest
from rasterized import image_of

from ocrmill.configs.settings import InputSettings, RunSettings, StorageSettings
from ocrmill.pipeline.records import Document, EngineDescription, Route, RouteDecision, Status
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.sources.discovery import Discovery
from ocrmill.workers.rendering.rasterizer import Rasterizer


@pytest.mark.parametrize("writes_markup", [True, False])
def test_a_good_layer_goes_to_an_engine_that_writes_markup_for_what_text_cannot_hold(
    tmp_path: Path, writes_markup: bool
) -> None:
    """A page of formulas is rendered for such an engine, its text kept beside; for any other it is read and flagged."""
    path = tmp_path / "formulas.pdf"
    with pymupdf.open() as document:
        page = document.new_page()
        page.insert_textbox((60, 60, 500, 95), "The sums of the mill for all months of the year follow below:")
        for y in (120, 180):
            page.insert_text((100, y), "v =")
            page.insert_text((125, y - 8), "a + b")
            page.insert_text((135, y + 8), "t")
            page.draw_line((123, y - 4), (153, y - 4), width=0.5)
        document.save(path)
    made = Rasterizer(RunSettings(), EngineDescription("any", slots=1, writes_markup=writes_markup))
    try:
        (source,) = Discovery([str(path)], InputSettings(), StorageSettings())
        opened = made.open(source)
        assert isinstance(opened, Document)
        result = made.read(opened, 1)
    finally:
        made.close()
    if writes_markup:
        assert not isinstance(result, PageRow)
        rendered = result[0]
        assert (rendered.decision, image_of(result).size > 0) == (RouteDecision(Route.OCR, "formulas"), True)
        assert rendered.kept is not None
        assert rendered.kept.notes == ("formula_as_text",)
    else:
        assert isinstance(result, PageRow)
        assert (result.status, result.flags) == (Status.TEXT_LAYER, ("formula_as_text",))
