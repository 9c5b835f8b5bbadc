"""PyMuPDF's layout model: the regions of a page, and what each is.

It is the one that looks at the text alone. Another looks at a picture of the page too, takes four times as long for a
page, and finds the same regions on most; since the words of a region come from the page itself, what a region is
called or where its edge lies to a point matters little.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ocrmill.pipeline.records import PICTURE
from ocrmill.pipeline.text.reading_order import Box

if TYPE_CHECKING:
    import pymupdf

_LABELS = {
    "page-header": "header",
    "page-footer": "footer",
    "section-header": "heading",
    "list-item": "list",
}
TABLE = "table"  # the label of a region of rows and columns
_SAME = 0.5  # of an image or a region, inside the other: both are one
_MANY_MARKS, _MARK = 150, 72.0  # that stand all over a page, from which they are many, and their size in points
_MANY_PLACES, _RASTER = 40, 2.0  # across and down, in steps of so many points
_SMALL = 2.0  # points; what is smaller holds no letter

Grid = tuple[tuple[float, ...], tuple[float, ...]]
"""Borders of a table: the ys of its rows and the xs of its columns, the outer ones included."""


@dataclass(frozen=True, slots=True)
class Region:
    """A region of a page, in points of the page that the model was shown."""

    label: str  # text, title, heading, list, table, picture, formula, caption, footnote, header, footer
    box: Box
    grid: Callable[[], Grid] | None = None  # asks a second model for that of a table, which takes 60 ms


def find_regions(page: "pymupdf.Page", *, is_scattered: bool = False) -> list[Region]:
    """Ask the model for the regions of a page without rotation.

    `is_scattered`: the page has `has_scattered_marks`, and the model is shown it without MuPDF's segments and tables.

    Raises whatever PyMuPDF or the model raises.
    """
    import pymupdf

    model = load_layout_model()
    if is_scattered:
        whole = page.get_textpage
        slow = pymupdf.TEXT_SEGMENT | pymupdf.TEXT_TABLE_HUNT
        page.get_textpage = lambda flags: whole(flags=flags & ~slow)
    pymupdf.TOOLS.unset_quad_corrections(True)  # as the model was trained
    try:
        found = model(page, return_raw=True)
    finally:
        pymupdf.TOOLS.unset_quad_corrections(False)
    regions = [_region(raw) for raw in found]
    return [region for region in regions if min(region.box.width, region.box.height) > _SMALL]


def has_scattered_marks(drawn: Sequence[tuple[str, tuple[float, float, float, float]]]) -> bool:
    """Tell if many small things stand all over a page, as the points of a plot do: kind and box of what is drawn.

    MuPDF's segmentation takes time by the square of their number, 7 s of CPU for 500 of them and 400 s for 18,560, and
    its hunt for tables 12 s for 20,000. Things in rows and columns, as dashed rules have them, cost it nothing.
    """
    if len(drawn) < _MANY_MARKS:
        return False
    places = [(x0, y0) for _, (x0, y0, x1, y1) in drawn if max(x1 - x0, y1 - y0) <= _MARK]
    across, down = ({round(place[axis] / _RASTER) for place in places} for axis in (0, 1))
    return len(places) >= _MANY_MARKS and min(len(across), len(down)) >= _MANY_PLACES


def with_images(regions: Sequence[Region], images: Sequence[Box]) -> list[Region]:
    """Add the images of a page, which the model does not see, where no picture or table is yet."""
    taken = [region.box for region in regions if region.label in (PICTURE, TABLE)]
    added = [
        image
        for image in images
        if not any(max(image.share_inside(box), box.share_inside(image)) >= _SAME for box in taken)
    ]
    return [*regions, *(Region(PICTURE, box) for box in added)]


@cache
def load_layout_model() -> Callable[..., Any]:
    """PyMuPDF's layout model, loaded by the first call: 0.5 s and 50 MB.

    Undoes the block that mupdf.py puts on it. Raises ImportError if it cannot be loaded.
    """
    import pymupdf

    if sys.modules.get("pymupdf.layout") is None:
        sys.modules.pop("pymupdf.layout", None)
    before = pymupdf._get_layout  # noqa: SLF001 - where one is set, the import does not load the larger model
    pymupdf._get_layout = before or _unused  # noqa: SLF001
    try:
        from pymupdf.layout import DocumentLayoutAnalyzer
    finally:
        pymupdf._get_layout = before  # noqa: SLF001
    model = _with_one_thread(lambda: DocumentLayoutAnalyzer.get_model(feature_set_name="rf"))
    own = model._model  # noqa: SLF001 - the library asks for the grids of all tables, which takes half its time
    own.table_grid_extractor = _GridsOnDemand(own.table_grid_extractor)
    predict: Callable[..., Any] = model.predict
    return predict


class _GridsOnDemand:
    """Stands in the place of the model of tables' grids: it is asked for those that are needed, not for all."""

    def __init__(self, extractor: Any) -> None:
        self._extractor = extractor

    def predict(self, picture: Any, boxes: Any, texts: Sequence[str]) -> tuple[Callable[[], Any], list[Any]]:
        """Return what asks for the grid, where the grid is expected, and no cells."""
        return lambda: self._extractor.predict(picture, boxes, texts=texts)[0], []


def _unused(*_: Any, **__: Any) -> None:
    """Stand for a layout model while the library is imported."""


def _region(raw: dict[str, Any]) -> Region:
    name = raw["class_name"]
    box = Box(*map(float, raw["group_bbox"]))
    ask = raw.get("table_grid")
    return Region(_LABELS.get(name, name), box, cache(lambda: _grid(ask(), box)) if ask else None)


def _grid(lines: Any, box: Box) -> Grid:
    rows = (box.y0, *(box.y0 + float(y) for y in lines.h_lines), box.y1)
    columns = (box.x0, *(box.x0 + float(x) for x in lines.v_lines), box.x1)
    return rows, columns


def _with_one_thread(load: Callable[[], Any]) -> Any:
    """Load ONNX sessions that take one thread each.

    By themselves they take one per core, spend half as much CPU again, and have no setting for it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions

    def one_thread() -> Any:
        made = options()
        made.intra_op_num_threads = made.inter_op_num_threads = 1
        return made

    onnxruntime.SessionOptions = one_thread
    try:
        return load()
    finally:
        onnxruntime.SessionOptions = options
