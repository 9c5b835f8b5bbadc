"""Answers that are a list of parts in JSON: `[{"bbox": [x1, y1, x2, y2], "category": "Text", "text": "..."}, ...]`.

dots.ocr and dots.mocr write it so, Qwen's models with `bbox_2d` and `label`. A code fence around it is taken off. An
answer that was cut off or loops is read up to its last whole part, and parts that come again are left out; one that is
no list at all is malformed.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ocrmill.pipeline.records import PageGeometry
from ocrmill.workers.engines.endpoint.forms.parts import (
    MalformedOutputError,
    Parsed,
    Part,
    assemble,
    label_of,
    scaled_box,
)

_BOXES, _LABELS, _TEXTS = ("bbox", "bbox_2d", "box"), ("category", "label", "type"), ("text", "text_content", "content")
_START = re.compile(r"\s*(?:```[a-zA-Z]*\s*)?")
_MOST_PARTS = 20_000


def read_json_layout(
    text: str, geometry: PageGeometry, grid: int, drop_labels: Sequence[str] = (), *, is_cut_off: bool = False
) -> Parsed:
    """Read an answer; `is_cut_off` if it has no end, so that its last part may be half there.

    Raises:
        MalformedOutputError: it is no list of parts.
    """
    width, height = (grid, grid) if grid else (geometry.width_px, geometry.height_px)
    seen: set[str] = set()
    parts = []
    for value in _values(text, is_cut_off=is_cut_off):
        key = json.dumps(value, sort_keys=True)
        if key not in seen:
            seen.add(key)
            parts.append(_part(value, width, height))
    return assemble(parts, geometry, drop_labels)


def _part(value: Mapping[str, Any], width: float, height: float) -> Part:
    label = _first(value, _LABELS)
    label = label if isinstance(label, str) else "text"
    words = _first(value, _TEXTS)
    words = words if isinstance(words, str) else ""
    box = _first(value, _BOXES)
    numbers = [float(number) for number in box if _is_number(number)] if isinstance(box, list) else []
    if label_of(label) == "formula" and words.strip() and "$" not in words and "\\[" not in words:
        words = f"$$\n{words.strip()}\n$$"
    return Part(label, words, scaled_box(numbers, width, height))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9  # noqa: PLR2004 - finite


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((value[name] for name in names if name in value), None)


def _values(text: str, *, is_cut_off: bool) -> Iterator[dict[str, Any]]:
    """Give the objects of the list, one after the other."""
    start = _START.match(text)
    at = start.end() if start else 0
    if text[at : at + 1] == "{" and (inner := _inner_list(text, at)) is not None:
        at = inner
    if text[at : at + 1] != "[":
        raise MalformedOutputError(f"no list of parts, but {text[at : at + 60]!r}")
    decoder = json.JSONDecoder(strict=False)
    at += 1
    for _ in range(_MOST_PARTS):
        at = _skip(text, at)
        if at >= len(text) or text[at] == "]":
            if at >= len(text) and not is_cut_off:
                raise MalformedOutputError("the list of parts has no end")
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            if is_cut_off:
                return
            raise MalformedOutputError(f"at character {at} of {len(text)}: {str(error)[:120]}") from error
        if not isinstance(value, dict):
            raise MalformedOutputError(f"a part at character {at} is no object")
        yield value


def _inner_list(text: str, at: int) -> int | None:
    """Return the place of the list in an object that wraps it; None for an object that is a part itself."""
    wrapped = re.compile(r'\{\s*"[a-z_]{1,40}"\s*:\s*(?=\[\s*(?:\{|\]))').match(text, at)
    return wrapped.end() if wrapped else None


def _skip(text: str, at: int) -> int:
    while at < len(text) and (text[at].isspace() or text[at] == ","):
        at += 1
    return at
