"""Make the row of a page that was read from another image of it: turned, in halves, or from its own text."""

from collections.abc import Sequence
from dataclasses import astuple, replace
from statistics import fmean
from typing import TypeVar

from ocrmill.configs.settings import QualitySettings
from ocrmill.pipeline.measures import LineDoubts
from ocrmill.pipeline.quality.attempts import find_defect
from ocrmill.pipeline.quality.page_row import failed_row, recognized_row
from ocrmill.pipeline.quality.seam import Seam, find_seam
from ocrmill.pipeline.quality.signals.doubts import LEAST_INK
from ocrmill.pipeline.records import (
    Attempt,
    Block,
    Document,
    FailedPage,
    Figure,
    PageGeometry,
    PageText,
    Reason,
    RenderedPage,
    Status,
)
from ocrmill.pipeline.rows import PageRow
from ocrmill.pipeline.text.reading_order import Box

Place = TypeVar("Place", Block, Figure)
TEXT_LAYER = "text_layer"  # the reader that such an attempt names
_MEETING_PT = 0.5  # halves that overlap by less have nothing in common


def of_layer(row: PageRow) -> PageRow | None:
    """Return the row of a page's own text as one of an attempt; None if it was not taken."""
    if row.status is not Status.TEXT_LAYER or isinstance(row.page, FailedPage):
        return None
    return replace(row, attempts=(Attempt(TEXT_LAYER, row.page.render_ms / 1000, tried="text layer"),))


def from_turned(document: Document, page: RenderedPage, row: PageRow, turn: int, quality: QualitySettings) -> PageRow:
    """Make the row of a page from that of its image turned clockwise: boxes are where they are on the page."""
    if row.text is None:
        return replace(row, page=page)
    blocks = tuple(_moved(block, _turned_back(block, page.geometry, turn)) for block in row.text.blocks)
    figures = row.figures and tuple(_moved(each, _turned_back(each, page.geometry, turn)) for each in row.figures)
    return _row(document, page, replace(row.text, blocks=blocks), row.attempts, figures, quality)


def from_halves(
    document: Document, page: RenderedPage, top: PageRow, bottom: PageRow, quality: QualitySettings
) -> PageRow:
    """Make the row of a page from those of its halves; it failed if one of them is bad, or if they do not meet."""
    halves = (top, bottom)
    attempts = tuple(
        replace(each, reason=each.reason or find_defect(half)) for half in halves for each in half.attempts
    )
    for half in halves:
        defect = find_defect(half)
        if defect is not None and not _is_without_ink(half):
            return failed_row(document, page, defect, f"a half of the page: {half.detail or defect}", *attempts)
    upper, lower = (half.text or PageText("") for half in (top, bottom))
    heights = _height(top), _height(bottom)
    overlap_pt = sum(heights) - page.geometry.height_pt
    seam: Seam | None = Seam(len(upper.markdown), 0)
    has_both = bool(upper.markdown.strip() and lower.markdown.strip())
    if has_both and overlap_pt > _MEETING_PT:
        seam = find_seam(upper.markdown, lower.markdown, (overlap_pt / heights[0], overlap_pt / heights[1]))
    if seam is None:
        detail = "the texts of the halves of the page do not agree where they overlap"
        return failed_row(document, page, Reason.MALFORMED_OUTPUT, detail, *attempts)
    down = page.geometry.height_pt - heights[1]
    between = "\n\n" if has_both and overlap_pt <= _MEETING_PT else ""
    text = _joined(upper, lower, seam, between, down, down + overlap_pt / 2)
    return _row(document, page, text, attempts, _figures(top, bottom, text.blocks, down), quality)


def _row(
    document: Document,
    page: RenderedPage,
    text: PageText,
    attempts: tuple[Attempt, ...],
    figures: tuple[Figure, ...] | None,
    quality: QualitySettings,
) -> PageRow:
    row = recognized_row(document, page, text, attempts[-1], quality)
    content = row.content if row.reading is None else replace(row.reading, figures=figures)
    return replace(row, attempts=attempts, content=content)


def _is_without_ink(half: PageRow) -> bool:
    features = None if isinstance(half.page, FailedPage) else half.page.features
    empty = half.reason is Reason.EMPTY_OUTPUT and half.status is Status.FAILED
    return empty and features is not None and features.ink_share < LEAST_INK


def _height(half: PageRow) -> float:
    assert not isinstance(half.page, FailedPage)
    return half.page.geometry.height_pt


def _joined(upper: PageText, lower: PageText, seam: Seam, between: str, down: float, middle: float) -> PageText:
    """Join two texts at their seam; boxes of the lower one move down, and a picture is taken where its centre is."""
    end, start = seam
    move = end + len(between) - start
    blocks = [replace(each, start=min(each.start, end), end=min(each.end, end)) for each in upper.blocks]
    kept = [
        each
        for each, was in zip(blocks, upper.blocks, strict=True)
        if _is_kept(was, each, was.y0 + was.y1 < 2 * middle)
    ]
    for was in lower.blocks:
        cut = replace(was, start=max(was.start, start) + move, end=max(was.end, start) + move)
        if _is_kept(was, cut, was.y0 + was.y1 + 2 * down >= 2 * middle):
            kept.append(replace(cut, y0=was.y0 + down, y1=was.y1 + down))
    both = [each for each in (upper, lower) if each.markdown.strip()] or [upper]
    known = [each.confidence for each in both if each.confidence is not None]
    doubts = [each.line_doubts for each in both if each.line_doubts is not None]
    return replace(
        both[0],
        markdown=upper.markdown[:end] + between + lower.markdown[start:],
        raw=None if all(each.raw is None for each in both) else "\n".join(each.raw or "" for each in both),
        blocks=tuple(kept),
        confidence=sum(known) / len(known) if known else None,
        line_doubts=LineDoubts(*(fmean(values) for values in zip(*map(astuple, doubts), strict=True)))
        if doubts
        else None,
        output_tokens=_sum([each.output_tokens for each in both]),
        prompt_tokens=_sum([each.prompt_tokens for each in both]),
        visual_tokens=_sum([each.visual_tokens for each in both]),
        notes=tuple(dict.fromkeys(note for each in both for note in each.notes)),
    )


def _is_kept(was: Block, cut: Block, is_on_its_side: bool) -> bool:
    """Tell if a block is of a half's own share of the page: by its text, or by its place if it has none."""
    return is_on_its_side if was.start == was.end else cut.start < cut.end


def _figures(top: PageRow, bottom: PageRow, blocks: Sequence[Block], down: float) -> tuple[Figure, ...] | None:
    """Return the pictures of both halves under the numbers of their blocks."""
    if top.figures is None and bottom.figures is None:
        return None
    numbers = {(each.x0, each.y0, each.x1, each.y1): number for number, each in enumerate(blocks, 1)}
    moved = [replace(each, y0=each.y0 + down, y1=each.y1 + down) for each in bottom.figures or ()]
    found = ((numbers.get((each.x0, each.y0, each.x1, each.y1)), each) for each in (*(top.figures or ()), *moved))
    return tuple(replace(each, name=f"block-{number}.jpg") for number, each in found if number is not None)


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _turned_back(place: Block | Figure, geometry: PageGeometry, turn: int) -> Box:
    """Return the box on the page of one on its image, turned clockwise."""
    width, height = geometry.width_pt, geometry.height_pt
    match turn:
        case 90:
            return Box(place.y0, height - place.x1, place.y1, height - place.x0)
        case 180:
            return Box(width - place.x1, height - place.y1, width - place.x0, height - place.y0)
        case _:
            return Box(width - place.y1, place.x0, width - place.y0, place.x1)


def _moved(place: Place, box: Box) -> Place:
    return replace(place, x0=box.x0, y0=box.y0, x1=box.x1, y1=box.y1)
