"""Type of invisible layers, below the picture of a scan: what OCR found varies in size from letter to letter.

Taken as it is, small letters would be scripts, lines of one paragraph headings and texts in turn, and pages whose layer
is set in Courier listings.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from ocrmill.pipeline.text.layer.blanks import MONO

_SAME = (0.75, 1.3)  # times the type of the page: what is so near is that, measured badly; titles are larger


def with_even_type(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return MuPDF's lines, those that are invisible in one size each, that of the page where it is near.

    Their fonts have no names and no fixed width: nobody sees them.
    """
    sizes = [size for line in lines if _is_invisible(line) for size in _sizes(line)]
    if not sizes:
        return list(lines)
    body = median(sizes)
    return [_in_one_size(line, body) if _is_invisible(line) else line for line in lines]


def _is_invisible(line: Mapping[str, Any]) -> bool:
    """Tell if a line is drawn without ink."""
    return all(span.get("alpha", 255) == 0 for span in line["spans"])


def _in_one_size(line: dict[str, Any], body: float) -> dict[str, Any]:
    own = median(_sizes(line))
    size = body if _SAME[0] * body <= own <= _SAME[1] * body else own
    spans = [{**span, "size": size, "font": "", "flags": span["flags"] & ~MONO} for span in line["spans"]]
    return {**line, "spans": spans}


def _sizes(line: Mapping[str, Any]) -> Iterator[float]:
    """Give the type of each character that a line has, in points."""
    for span in line["spans"]:
        yield from [span["size"]] * len(span["chars"])
