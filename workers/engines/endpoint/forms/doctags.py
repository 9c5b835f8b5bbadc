"""Answers in DocTags: `<doctag><text><loc_12><loc_40><loc_480><loc_60>Words</text><otsl>...</otsl></doctag>`.

Granite-Docling writes it. Boxes run from 0 to 500. Tables are in OTSL, a token for each cell, and become HTML: `<fcel>`
a cell, `<ecel>` an empty one, `<ched>` and `<rhed>` of a header, `<lcel>`, `<ucel>`, `<xcel>` continue the cell to the
left, above, or both, `<nl>` ends a row. Captions within a table or a picture come after it.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ocrmill.pipeline.records import PageGeometry
from ocrmill.workers.engines.endpoint.forms.parts import MalformedOutputError, Parsed, Part, assemble, scaled_box

_TAG = re.compile(r"<(/?)([a-zA-Z_][a-zA-Z0-9_]{0,40})>")
_LOC = re.compile(r"<loc_(\d{1,4})>")
_HEADING = re.compile(r"section_header_level_(\d)")
_LISTS = {"unordered_list", "ordered_list"}
_TABLES = {"otsl", "chart"}
_NESTED = {"caption", "footnote"}
_CELLS = {"fcel": "td", "ecel": "td", "ched": "th", "rhed": "th", "srow": "th"}
_CONTINUED = ("lcel", "ucel", "xcel")
_PARTS = {
    *("text", "title", "caption", "footnote", "formula", "code", "page_header", "page_footer", "list_item"),
    *("picture", "otsl", "chart", "paragraph", "checkbox_selected", "checkbox_unselected", "form", "document_index"),
}
_CELL = re.compile(rf"<({'|'.join((*_CELLS, *_CONTINUED, 'nl'))})>")
_LANGUAGE = re.compile(r"^\s*<_([^<>]{1,30})_>")
_MOST_COLUMNS = 400


def read_doctags(
    text: str, geometry: PageGeometry, grid: int, drop_labels: Sequence[str] = (), *, is_cut_off: bool = False
) -> Parsed:
    """Read an answer in DocTags.

    Raises:
        MalformedOutputError: there is no element in it, or the last one is not closed though the model ended by itself.
    """
    reader = _Reader(grid)
    for tag in _tags(text):
        reader.take(*tag)
    if reader.open and not is_cut_off:
        raise MalformedOutputError(f"<{reader.open[-1].tag}> is not closed")
    while reader.open:
        reader.close(reader.open[-1].tag)
    if not reader.parts:
        raise MalformedOutputError(f"no DocTags, but {text.strip()[:60]!r}")
    return assemble(reader.parts, geometry, drop_labels)


def _tags(text: str) -> Iterator[tuple[str, str, str]]:
    """Give each tag of a part with the text before it; at the end the text that is left."""
    at = 0
    for tag in _TAG.finditer(text):
        if tag[2] in _PARTS | _LISTS or _HEADING.fullmatch(tag[2]):
            yield text[at : tag.start()], tag[1], tag[2]
            at = tag.end()
    yield text[at:], "", ""


@dataclass(slots=True)
class _Element:
    tag: str
    text: str = ""
    after: list[Part] = field(default_factory=list)


class _Reader:
    def __init__(self, grid: int) -> None:
        self.parts: list[Part] = []
        self.open: list[_Element] = []
        self._grid = grid
        self._numbers: list[int | None] = []

    def take(self, text: str, slash: str, tag: str) -> None:
        """Take in the text before a tag, and the tag."""
        if self.open:
            self.open[-1].text += text
        if not tag:
            return
        if tag in _LISTS:
            self._numbers = self._numbers[:-1] if slash else [*self._numbers, 1 if tag == "ordered_list" else None]
        elif slash:
            if any(element.tag == tag for element in self.open):
                while self.open[-1].tag != tag:
                    self.close(self.open[-1].tag)
                self.close(tag)
        else:
            if self.open and tag not in _NESTED and self.open[-1].tag not in {"form", "picture"}:
                self.close(self.open[-1].tag)
            self.open.append(_Element(tag))

    def close(self, tag: str) -> None:
        """End the innermost element."""
        element = self.open.pop()
        numbers = [float(number) for number in _LOC.findall(element.text)[:4]]
        words = _LOC.sub("", element.text)
        box = scaled_box(numbers, self._grid, self._grid)
        part = Part(*self._written(tag, words), box)
        if tag in _NESTED and self.open:
            self.open[-1].after.append(part)
        else:
            self.parts += [part, *element.after]

    def _written(self, tag: str, words: str) -> tuple[str, str]:
        """Return the label of an element, and its text in Markdown."""
        if heading := _HEADING.fullmatch(tag):
            return "heading", "#" * min(int(heading[1]) + 1, 6) + " " + _plain(words)
        if tag in _TABLES or _CELL.search(words):
            return ("picture" if tag == "chart" else "table"), table_of(words)
        if tag == "list_item" or tag.startswith("checkbox"):
            boxes = {"checkbox_selected": "- [x]", "checkbox_unselected": "- [ ]"}
            return "list", f"{boxes.get(tag) or self._mark()} {_plain(words)}"
        if tag == "formula":
            return tag, f"$$\n{html.unescape(words).strip()}\n$$"
        if tag == "code":
            language = _LANGUAGE.match(words)
            name = language[1].lower() if language and language[1] != "unknown" else ""
            return tag, f"```{name}\n{html.unescape(_LANGUAGE.sub('', words)).strip()}\n```"
        return tag, _plain(words)

    def _mark(self) -> str:
        if not self._numbers or self._numbers[-1] is None:
            return "-"
        number = self._numbers[-1]
        self._numbers[-1] = number + 1
        return f"{number}."


def _plain(words: str) -> str:
    return " ".join(_TAG.sub(" ", words).split())


@dataclass(slots=True)
class _Cell:
    kind: str
    text: str
    columns: int = 1
    rows: int = 1


def table_of(otsl: str) -> str:
    """Write a table in OTSL as HTML; a cell that continues nothing is an empty one."""
    rows: list[list[_Cell]] = [[]]
    pieces = _CELL.split(otsl)
    for mark, text in zip(pieces[1::2], pieces[2::2], strict=True):
        if mark == "nl":
            rows.append([])
        elif len(rows[-1]) < _MOST_COLUMNS:
            rows[-1].append(_cell(mark, _plain(text), rows))
    written = [_row(row, rows[number - 1] if number else []) for number, row in enumerate(rows) if row]
    return f"<table>{''.join(written)}</table>"


def _cell(mark: str, text: str, rows: list[list[_Cell]]) -> _Cell:
    """Return a new cell, or the one that this token continues, grown by it."""
    row, above = rows[-1], rows[-2] if len(rows) > 1 else []
    column = len(row)
    if mark == "lcel" and row:
        row[-1].columns += 1
        return row[-1]
    if mark == "ucel" and column < len(above):
        if not (row and row[-1] is above[column]):
            above[column].rows += 1
        return above[column]
    if mark == "xcel" and column < len(above):
        return above[column]
    return _Cell(_CELLS.get(mark, "td"), text)


def _row(row: list[_Cell], above: list[_Cell]) -> str:
    written = []
    for number, cell in enumerate(row):
        if (number and row[number - 1] is cell) or any(cell is other for other in above):
            continue
        spans = (f' colspan="{cell.columns}"' if cell.columns > 1 else "") + (
            f' rowspan="{cell.rows}"' if cell.rows > 1 else ""
        )
        written.append(f"<{cell.kind}{spans}>{html.escape(html.unescape(cell.text), quote=False)}</{cell.kind}>")
    return f"<tr>{''.join(written)}</tr>"
