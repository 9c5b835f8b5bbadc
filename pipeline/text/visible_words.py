"""The words of a page's text layer that a viewer shows, with their places: what its Markdown is measured against."""

from typing import TYPE_CHECKING

from ocrmill.pipeline.text.reading_order import Box, turned

if TYPE_CHECKING:
    import pymupdf


def visible_words(page: "pymupdf.Page") -> list[tuple[str, Box]]:
    """Words in the order of the layer, form fields and annotations included, in points of the page as displayed.

    Words outside the crop box are not among them. Not covered: text that is drawn invisibly or under something else.
    """
    shown = page.rect
    width, height = shown.width, shown.height
    if page.rotation in (90, 270):
        width, height = height, width
    words = []
    for x0, y0, x1, y1, text, *_ in page.get_text("words"):
        box = turned(Box(x0, y0, x1, y1), page.rotation, width, height)
        if box.x1 > 0 and box.y1 > 0 and box.x0 < shown.width and box.y0 < shown.height:
            words.append((text, box))
    return words
