"""The lines of a page's own text, as an engine's text is compared with them."""

from collections.abc import Iterator, Sequence

from ocrmill.pipeline.measures import LayerLine
from ocrmill.pipeline.text.reading_order import Box


def lines_of(words: Sequence[tuple[str, Box]]) -> Iterator[LayerLine]:
    """Join the words of a layer that follow each other on one line."""
    line: list[tuple[str, Box]] = []
    for word, box in words:
        if line and not _follows(line[-1][1], box):
            yield _line(line)
            line = []
        line.append((word, box))
    if line:
        yield _line(line)


def _follows(one: Box, other: Box) -> bool:
    """Tell if a word stands beside the one before it, no further than a line is high."""
    apart = max(other.x0 - one.x1, one.x0 - other.x1)
    return apart <= max(one.height, other.height) and one.y0 < other.middle < one.y1


def _line(words: Sequence[tuple[str, Box]]) -> LayerLine:
    boxes = [box for _, box in words]
    return LayerLine(
        " ".join(word for word, _ in words),
        min(box.x0 for box in boxes),
        min(box.y0 for box in boxes),
        max(box.x1 for box in boxes),
        max(box.y1 for box in boxes),
    )
