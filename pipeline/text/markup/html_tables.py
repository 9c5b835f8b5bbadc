"""HTML tables of engines, made valid: each row in a table, each cell in a row, and every tag closed.

A model forgets tags, and what is cut off at its limit ends in the middle of a table. A browser then guesses, and a
parser of XML fails. Only tags of tables are added or taken away; attributes, spans, and all text stay as they are.
CommonMark ends an HTML block at the first blank line, so that a table keeps none.
"""

import re
from collections.abc import Iterator

_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>table|thead|tbody|tfoot|tr|td|th|caption|colgroup|col)(?P<attributes>\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_HAS_ROWS = re.compile(r"\s*(?:</?(?:table|t[rdh]|thead|tbody|tfoot|col|colgroup|caption)\b|\Z)", re.IGNORECASE)
_FENCE = re.compile(r"^ {0,3}(?:`{3}|~{3})", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?=\n)")
_SECTIONS = frozenset({"thead", "tbody", "tfoot"})
_CELLS = frozenset({"td", "th"})
_WITHOUT_TABLE = frozenset({"tr", *_SECTIONS, *_CELLS})  # begin a table whose own tag is missing
# What each tag may stand in.
_PARENTS = {
    **dict.fromkeys([*_SECTIONS, "caption", "colgroup"], frozenset({"table"})),
    "col": frozenset({"colgroup", "table"}),
    "tr": frozenset({"table", *_SECTIONS}),
    **dict.fromkeys(_CELLS, frozenset({"tr"})),
}


def valid_tables(text: str) -> str:
    """Return Markdown whose HTML tables are valid; a text without any, and a valid table, come back unchanged.

    A tag that is missing is added where the next one shows that it is; one that closes nothing goes. A table in a cell
    stays there. A table that the text does not end is closed at the end of the text. Rows with which the text begins,
    or that follow a table at once, are a table without its own tag. Other tags outside of tables are text. Text with
    fenced code is not touched.
    """
    if "<" not in text or _FENCE.search(text) or not _TAG.search(text):
        return text
    return "".join(_Tables(text).pieces())


class _Tables:
    """One pass over a text with a stack of the tags that are open."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[str] = []
        self._border = 0  # where the text begins, or the last table ended

    def pieces(self) -> Iterator[str]:
        """Yield the parts of the valid text."""
        between, done = "", 0
        for tag in _TAG.finditer(self._text):
            between += self._text[done : tag.start()]
            done = tag.end()
            in_table = bool(self._open)
            take = self._close if tag["end"] else self._begin
            tags = "".join(take(tag, at_border=not self._text[self._border : tag.start()].strip()))
            if tags:  # else this one goes, and the text around it is one
                yield _BLANK_LINES.sub("", between) if in_table else between
                yield tags
                between = ""
            if not self._open and (in_table or not tags):
                self._border = done
        between += self._text[done:]
        yield _BLANK_LINES.sub("", between).rstrip() if self._open else between
        yield "".join(self._close_down_to(0))

    def _begin(self, tag: re.Match[str], *, at_border: bool) -> Iterator[str]:
        name = tag["name"].lower()
        begins_rows = at_border and name in _WITHOUT_TABLE
        if not self._open and not begins_rows and not (name == "table" and _HAS_ROWS.match(self._text, tag.end())):
            yield tag[0]  # a sentence names it
            return
        if name == "table" and self._open and self._open[-1] not in _CELLS:  # beside the cells of a table: another one
            yield from self._close_down_to(0)
        if name != "table":
            if not self._open:
                yield "<table>"
                self._open.append("table")
            yield from self._make_room(name)
        yield tag[0]
        if name != "col":
            self._open.append(name)

    def _make_room(self, name: str) -> Iterator[str]:
        """Close what a tag cannot stand in, up to the innermost table; open a row for a cell."""
        depth = len(self._open)
        while depth > self._innermost_table() + 1 and self._open[depth - 1] not in _PARENTS[name]:
            depth -= 1
        yield from self._close_down_to(depth)
        if name in _CELLS and self._open[-1] != "tr":
            yield "<tr>"
            self._open.append("tr")

    def _close(self, tag: re.Match[str], *, at_border: bool) -> Iterator[str]:
        """Close a tag, and what is open in it; in a table or right after one, leave it out if it is not open."""
        name = tag["name"].lower()
        if not self._open:
            yield "" if self._border and at_border else tag[0]
        elif name in self._open[self._innermost_table() :]:
            at = len(self._open) - 1 - self._open[::-1].index(name)
            yield from self._close_down_to(at + 1)
            self._open.pop()
            yield tag[0]

    def _close_down_to(self, depth: int) -> Iterator[str]:
        while len(self._open) > depth:
            yield f"</{self._open.pop()}>"

    def _innermost_table(self) -> int:
        return len(self._open) - 1 - self._open[::-1].index("table")
