"""A row of the output as the page view shows it: safe HTML by block, frames over the picture, repeated stretches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocrmill.commands.inspect.page_html import block_parts
from ocrmill.commands.view.page.repeats import repeated_spans
from ocrmill.commands.view.page.safe_html import to_safe_html
from ocrmill.pipeline.printable import printable

COLOURS = 8  # classes c0 to c7 of page.css; labels get them in the order in which they come
_SHOWN_APART = ("markdown", "raw", "blocks", "figures", "attempts", "flags", "features", "detail")


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of the Markdown: that of a block, or what stands between two."""

    html: str
    block: int | None
    label: str | None
    colour: int
    figure: str | None  # name of the picture that was cut out of this block
    repeats: bool = False  # it has a copy of what repeats in the page


@dataclass(frozen=True, slots=True)
class Frame:
    """A block's box over the picture, in points."""

    block: int
    label: str
    colour: int
    x: float
    y: float
    width: float
    height: float


def text_parts(row: Mapping[str, Any]) -> list[TextPart]:
    """Split the Markdown of a row at its blocks; what has neither text nor a figure is left out."""
    blocks, colours = row["blocks"] or [], _colours(row["blocks"] or [])
    figures = {figure["name"] for figure in row["figures"] or []}
    copies, end, parts = repeated_spans(row["markdown"] or ""), 0, []
    for at, text in block_parts(row["markdown"] or "", blocks):
        start, end = end, end + len(text)
        repeats = bool(text.strip()) and any(first < end and last > start for first, last in copies)
        label = None if at is None else blocks[at]["label"]
        figure = None if at is None else f"block-{at + 1}.jpg"
        html = to_safe_html(text) if text.strip() else ""
        if html or figure in figures:
            colour = 0 if label is None else colours[label]
            parts.append(TextPart(html, at, label, colour, figure if figure in figures else None, repeats))
    return parts


def frames(row: Mapping[str, Any]) -> list[Frame]:
    """Return the boxes of a row's blocks; broken ones are left out."""
    blocks, colours = row["blocks"] or [], _colours(row["blocks"] or [])
    return [
        Frame(
            at,
            block["label"],
            colours[block["label"]],
            round(block["x0"], 1),
            round(block["y0"], 1),
            round(block["x1"] - block["x0"], 1),
            round(block["y1"] - block["y0"], 1),
        )
        for at, block in enumerate(blocks)
        if block["x1"] > block["x0"] and block["y1"] > block["y0"]
    ]


def values(row: Mapping[str, Any]) -> dict[str, str]:
    """Return all columns with a value, but for those that have a place of their own, and those of `features`."""
    own = {name: value for name, value in row.items() if name not in _SHOWN_APART}
    features = {f"features.{name}": value for name, value in (row["features"] or {}).items()}
    return {name: _shown(value) for name, value in {**own, **features}.items() if value is not None}


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else printable(str(value))


def _colours(blocks: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return {label: at % COLOURS for at, label in enumerate(dict.fromkeys(block["label"] for block in blocks))}
