"""Answers in HTML, whose elements may have boxes: `<div data-bbox="x0 y0 x1 y1" data-label="Text">...</div>`.

Chandra writes divisions so, Qwen's models `<h1 data-bbox="...">`, `<p data-bbox="...">`. Each element that stands at
the top, or in a body or a division without a box, is a part. Tables stay HTML; of the rest Markdown is made: headings,
lists, emphasis, line breaks, formulas in `<math>`. Nothing is evaluated; what is not closed is closed at the end.
"""

import html
import re
from collections.abc import Sequence
from html.parser import HTMLParser

from ocrmill.pipeline.records import PICTURE, PageGeometry
from ocrmill.workers.engines.endpoint.forms.parts import MalformedOutputError, Parsed, Part, assemble, scaled_box

_VOID = {"br", "img", "hr", "input", "col", "wbr", "meta", "link"}
_WRAPPERS = {"html", "body", "div", "section", "article", "main"}
_BY_TAG = {
    "h1": "title",
    **{f"h{level}": "heading" for level in range(2, 7)},
    "p": "text",
    "ul": "list",
    "ol": "list",
    "li": "list",
    "table": "table",
    "img": PICTURE,
    "figure": PICTURE,
    "figcaption": "caption",
    "pre": "code",
    "math": "formula",
    "header": "header",
    "footer": "footer",
}
_EMPHASIS = {"b": "**", "strong": "**", "i": "*", "em": "*", "del": "~~", "s": "~~", "code": "`"}
_KEPT = {"sub", "sup", "u"}  # Markdown has no sign for them
_HIDDEN = {"script", "style", "head", "title"}
_LIST_ITEM = re.compile(r"\n{2,}(?=\s*(?:- |\d+\. ))")
_DECLARATION = re.compile(r"<![^<>]{0,200}>")
_CUT_OFF = re.compile(r"</?[A-Za-z][^<>]{0,600}\Z|<\Z")
_NO_TAG = re.compile(r"<(?!/?[A-Za-z][^<>]{0,600}>)")  # the library's parser is slow where tags are not closed
_NUMBERS = re.compile(r"-?\d{1,6}(?:\.\d{1,4})?")


def read_html(text: str, geometry: PageGeometry, grid: int, drop_labels: Sequence[str] = ()) -> Parsed:
    """Read an answer in HTML; boxes run to `grid`, or are pixels of the page as sent.

    Raises:
        MalformedOutputError: there is no element in it.
    """
    width, height = (grid, grid) if grid else (geometry.width_px, geometry.height_px)
    reader = _Reader(width, height)
    reader.feed(_NO_TAG.sub("&lt;", _CUT_OFF.sub("", _DECLARATION.sub("", text))))
    reader.close()
    reader.end()
    if not reader.has_elements:
        raise MalformedOutputError(f"no HTML, but {text.strip()[:60]!r}")
    return assemble(reader.parts, geometry, drop_labels)


class _Reader(HTMLParser):
    """Collects parts: the element that is open at the top, and the Markdown in it."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[Part] = []
        self.has_elements = False
        self._width, self._height = width, height
        self._label, self._level = "text", 0
        self._box: tuple[float, float, float, float] | None = None
        self._open: list[str] = []  # the elements within the part
        self._pieces: list[str] = []
        self._lists: list[int | None] = []  # numbers of the items of open lists; None: bullets
        self._in_table = 0
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a part, or an element within one."""
        self.has_elements = True
        if tag in _HIDDEN or self._hidden:
            self._hidden += tag not in _VOID
            return
        values = {name: value or "" for name, value in attrs}
        if not self._open and not self._is_wrapper(tag, values):
            self._begin(tag, values)
        elif not self._open:
            return
        if tag not in _VOID:
            self._open.append(tag)
        self._write_start(tag, values)
        if tag in _VOID and not self._open:
            self.end()

    def handle_endtag(self, tag: str) -> None:
        """End an element, and with it those that were left open in it."""
        if self._hidden:
            self._hidden -= tag not in _VOID
            return
        if tag not in self._open:
            return
        while self._open:
            closed = self._open.pop()
            self._write_end(closed)
            if closed == tag:
                break
        if not self._open:
            self.end()

    def handle_data(self, data: str) -> None:
        """Take in text."""
        if self._hidden:
            return
        if self._in_table:
            data = html.escape(data, quote=False)
        elif "pre" not in self._open:
            data = re.sub(r"\s+", " ", data)
        self._pieces.append(data)

    def end(self) -> None:
        """End the part that is open."""
        while self._open:
            self._write_end(self._open.pop())
        text = "".join(self._pieces).strip()
        text = _LIST_ITEM.sub("\n", re.sub(r" *\n *", "\n", text)) if self._label != "code" else text
        if text or self._box is not None:
            mark = "#" * self._level + " " if self._level and text else ""
            self.parts.append(Part(self._label, mark + text, self._box))
        self._pieces, self._label, self._level, self._box = [], "text", 0, None

    def _is_wrapper(self, tag: str, values: dict[str, str]) -> bool:
        return tag in _WRAPPERS and not values.keys() & {"data-bbox", "data-label"}

    def _begin(self, tag: str, values: dict[str, str]) -> None:
        self.end()
        self._label = values.get("data-label") or _BY_TAG.get(tag, "text")
        numbers = [float(number) for number in _NUMBERS.findall(values.get("data-bbox", ""))]
        self._box = scaled_box(numbers, self._width, self._height)

    def _write_start(self, tag: str, values: dict[str, str]) -> None:
        if tag == "table" or self._in_table:
            self._in_table += tag == "table"
            kept = "".join(f' {name}="{value}"' for name, value in values.items() if name in {"colspan", "rowspan"})
            self._pieces.append(f"<{tag}{kept}>")
        elif tag[0] == "h" and tag[1:].isdecimal():
            self._level = int(tag[1:])
        elif tag in {"ul", "ol"}:
            self._lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self._pieces.append(f"\n{'  ' * max(len(self._lists) - 1, 0)}{self._item()} ")
        elif tag == "br":
            self._pieces.append("\n")
        elif tag in {"p", "div"}:
            self._pieces.append("\n\n")
        elif tag == "math":
            self._pieces.append("$$" if values.get("display") == "block" else "$")
            self._open[-1:] = ["math-block" if values.get("display") == "block" else "math"]
        elif tag in _EMPHASIS and "pre" not in self._open:
            self._pieces.append(_EMPHASIS[tag])
        elif tag in _KEPT:
            self._pieces.append(f"<{tag}>")

    def _write_end(self, tag: str) -> None:
        if self._in_table:
            self._in_table -= tag == "table"
            self._pieces.append(f"</{tag}>")
        elif tag in {"ul", "ol"}:
            self._lists[-1:] = []
        elif tag in {"p", "div"}:
            self._pieces.append("\n\n")
        elif tag.startswith("math"):
            self._pieces.append("$$" if tag == "math-block" else "$")
        elif tag in _EMPHASIS and "pre" not in self._open:
            self._pieces.append(_EMPHASIS[tag])
        elif tag in _KEPT:
            self._pieces.append(f"</{tag}>")

    def _item(self) -> str:
        number = self._lists[-1] if self._lists else None
        if number is None:
            return "-"
        self._lists[-1] = number + 1
        return f"{number}."
