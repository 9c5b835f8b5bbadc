"""The straight horizontal and vertical lines that a page draws: rules, edges of boxes, thin areas, dashes.

Not covered: slanted and curved lines, lines inside pictures, and rounded corners.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ocrmill.pipeline.text.reading_order import Box, turned

if TYPE_CHECKING:
    import pymupdf

# In points.
_THIN = 2.5  # a filled area that is no thicker is a line; rules of books have 0.3 to 1.5
_STRAIGHT = 0.5  # ends of a line that differ by less lie on one height
_MIN_LENGTH = 3.0  # of a line or a row of dashes
_DASH_GAP = 4.0  # between dashes of one line, and between pieces that a renderer drew apart
_SAME_LINE = 1.0  # pieces so close lie on one line

# A page of drawings: 100,000 paths take a second to read, and are no rules of tables.
_MAX_DRAWN_BYTES = 400_000  # of its compressed content; 50,000 lines take about that
_MAX_PATHS = 20_000
_MAX_ITEMS = 1_000  # of a path; more are curves of a chart or a map


@dataclass(frozen=True, slots=True)
class Rules:
    """Ruled lines as boxes that are flat or narrow, each once, pieces of one line joined."""

    horizontal: tuple[Box, ...] = ()
    vertical: tuple[Box, ...] = ()

    def moved(self, place: Callable[[Box], Box]) -> "Rules":
        """Put them into another plane, which may be turned by a multiple of 90 degrees."""
        boxes = [place(box) for box in (*self.horizontal, *self.vertical)]
        return Rules(
            tuple(box for box in boxes if box.width >= box.height),
            tuple(box for box in boxes if box.width < box.height),
        )

    def within(self, region: Box, margin: float) -> "Rules":
        """Return those that run along a region, in it or as near as `margin`, cut at that distance."""
        wide = Box(region.x0 - margin, region.y0 - margin, region.x1 + margin, region.y1 + margin)
        along = [rule for rule in self.horizontal if rule.x1 > region.x0 and rule.x0 < region.x1]
        down = [rule for rule in self.vertical if rule.y1 > region.y0 and rule.y0 < region.y1]
        return Rules(tuple(_cut(along, wide)), tuple(_cut(down, wide)))


def page_rules(page: "pymupdf.Page") -> Rules:
    """Read the rules of a page, in points of the page as displayed. A page of too many paths has none."""
    if _drawn_bytes(page) > _MAX_DRAWN_BYTES:
        return Rules()
    paths: list[dict[str, Any]] = page.get_cdrawings()
    if len(paths) > _MAX_PATHS:
        return Rules()
    flat: list[Box] = []
    narrow: list[Box] = []
    for path in paths:
        for box in _segments(path):
            if box.height <= box.width:
                flat.append(box)
            else:
                narrow.append(box)
    rules = Rules(
        tuple(_joined(flat)),
        tuple(_swapped(box) for box in _joined([_swapped(box) for box in narrow])),
    )
    width, height = page.rect.width, page.rect.height
    unrotated = (height, width) if page.rotation in (90, 270) else (width, height)
    return rules.moved(lambda box: turned(box, page.rotation, *unrotated))  # MuPDF's are those before the rotation


def _drawn_bytes(page: "pymupdf.Page") -> int:
    document = page.parent
    forms = [form[0] for form in page.get_xobjects()]
    return sum(len(document.xref_stream_raw(xref) or b"") for xref in {*page.get_contents(), *forms})


def _segments(path: dict[str, Any]) -> Iterator[Box]:
    """Give the straight pieces of a path, those that are drawn white or not at all left out."""
    stroked = "s" in path["type"] and _visible(path.get("color"), path.get("stroke_opacity"))
    filled = "f" in path["type"] and _visible(path.get("fill"), path.get("fill_opacity"))
    if not stroked and not filled:
        return
    items = path["items"]
    if len(items) > _MAX_ITEMS:
        return
    if not stroked and items and all(item[0] == "l" for item in items):
        yield from _as_line(Box(*path["rect"]))
        return
    for item in items:
        if item[0] == "l" and stroked:
            (ax, ay), (bx, by) = item[1], item[2]
            if abs(ay - by) <= _STRAIGHT or abs(ax - bx) <= _STRAIGHT:
                yield Box(min(ax, bx), min(ay, by), max(ax, bx), max(ay, by))
        elif item[0] == "re":
            yield from _rectangle(Box(*item[1]), stroked=stroked)
        elif item[0] == "qu":
            corners = item[1]
            xs, ys = [x for x, _ in corners], [y for _, y in corners]
            yield from _rectangle(Box(min(xs), min(ys), max(xs), max(ys)), stroked=stroked)


def _visible(colour: Iterable[float] | None, opacity: float | None) -> bool:
    return colour is not None and min(colour, default=0.0) < 0.97 and (opacity is None or opacity > 0)  # noqa: PLR2004


def _rectangle(box: Box, *, stroked: bool) -> Iterator[Box]:
    """Give a thin one as a line, the four edges of one that is drawn with a pen, and nothing of a plain area."""
    box = Box(min(box.x0, box.x1), min(box.y0, box.y1), max(box.x0, box.x1), max(box.y0, box.y1))
    if min(box.width, box.height) <= _THIN:
        yield from _as_line(box)
    elif stroked:
        yield Box(box.x0, box.y0, box.x1, box.y0)
        yield Box(box.x0, box.y1, box.x1, box.y1)
        yield Box(box.x0, box.y0, box.x0, box.y1)
        yield Box(box.x1, box.y0, box.x1, box.y1)


def _as_line(box: Box) -> Iterator[Box]:
    if box.height <= _THIN and box.width >= box.height:
        yield Box(box.x0, box.middle, box.x1, box.middle)
    elif box.width <= _THIN:
        middle = (box.x0 + box.x1) / 2
        yield Box(middle, box.y0, middle, box.y1)


def _joined(flat: list[Box]) -> Iterator[Box]:
    """Join pieces and dashes on one height, and drop what is too short to be a rule."""
    ordered = sorted(flat, key=lambda box: box.y0)
    rows: list[list[Box]] = []
    for box in ordered:
        if rows and box.y0 - rows[-1][0].y0 <= _SAME_LINE:
            rows[-1].append(box)
        else:
            rows.append([box])
    for row in rows:
        row.sort(key=lambda box: box.x0)
        line = row[0]
        for box in row[1:]:
            if box.x0 - line.x1 <= _DASH_GAP:
                line = Box(line.x0, line.y0, max(line.x1, box.x1), line.y1)
            else:
                if line.width >= _MIN_LENGTH:
                    yield line
                line = box
        if line.width >= _MIN_LENGTH:
            yield line


def _swapped(box: Box) -> Box:
    return Box(box.y0, box.x0, box.y1, box.x1)


def _cut(boxes: Iterable[Box], to: Box) -> Iterator[Box]:
    for box in boxes:
        if box.x1 >= to.x0 and box.x0 <= to.x1 and box.y1 >= to.y0 and box.y0 <= to.y1:
            yield box.clipped(to)


def covered(spans: Iterable[tuple[float, float]], low: float, high: float) -> float:
    """Return the share of an interval that spans cover together."""
    if high <= low:
        return 0.0
    cuts = sorted((max(a, low), min(b, high)) for a, b in spans if b > low and a < high)
    total, end = 0.0, low
    for a, b in cuts:
        total += max(0.0, b - max(a, end))
        end = max(end, b)
    return total / (high - low)


def distinct(values: Iterable[float], apart: float) -> list[float]:
    """Return values in order, those closer than `apart` to the one before as one."""
    groups: list[list[float]] = []
    for value in sorted(values):
        if groups and value - groups[-1][-1] < apart:
            groups[-1].append(value)
        else:
            groups.append([value])
    return [sum(group) / len(group) for group in groups]
