r"""Markdown of a page as a terminal shows it: headings, lists and tables drawn, formulas as they are written.

What a model wrote is hostile. It is made printable before it is parsed, and each piece again afterwards, because
`&#27;` in Markdown is an escape character. Links are shown with their addresses and do nothing.
"""

import re
from typing import Any

from rich.box import SQUARE
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import Markdown, MarkdownElement
from rich.segment import Segments
from rich.table import Table
from rich.text import Text

from ocrmill.commands.inspect.html_parts import MOST_COLUMNS, Rows, read_parts
from ocrmill.pipeline.printable import printable

LONGEST = 200_000  # characters; longer text is shown as its source
_FORMULA = re.compile(r"\\\[.+?\\\]|\\\(.+?\\\)|\$\$.+?\$\$", re.DOTALL)
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_KEYS = re.compile(r"</?kbd>")  # rich pairs them, and fails if a model did not


def lay_out(markdown: str, console: Console) -> Segments | Text:
    """Lay out Markdown for a terminal; what is too long or cannot be laid out is shown as its source."""
    source = printable(markdown)
    if len(source) > LONGEST:
        return Text(source)
    try:
        page = _PageMarkdown(_FORMULA.sub(_as_code, _BREAK.sub(" ", _KEYS.sub("", source))))
        return Segments(console.render(page, console.options.update(height=None)))
    except Exception:  # noqa: BLE001 - whatever the text does to the parser, its source can be shown
        return Text(source)


def _as_code(formula: re.Match[str]) -> str:
    """Make a formula a code span, in which no sign means anything to Markdown."""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", formula[0])), default=0))
    return f"{ticks} {' '.join(formula[0].split())} {ticks}"


class _PageMarkdown(Markdown):
    def __init__(self, markup: str) -> None:
        super().__init__(markup, code_theme="ansi_dark", hyperlinks=False)
        for token in self._flatten_tokens(self.parsed):
            token.content = printable(token.content)
            token.attrs = {name: printable(str(value)) for name, value in token.attrs.items()}


class _HtmlBlock(MarkdownElement):
    """HTML within Markdown: tables are drawn, of everything else the text is shown."""

    def __init__(self, html: str) -> None:
        self._parts = read_parts(html)

    @classmethod
    def create(cls, markdown: Markdown, token: Any) -> "_HtmlBlock":  # noqa: ARG003 - as rich calls it
        return cls(token.content)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for part in self._parts:
            yield Text(printable(part)) if isinstance(part, str) else _drawn(part)


_PageMarkdown.elements = {**Markdown.elements, "html_block": _HtmlBlock}


def _drawn(rows: Rows) -> Table | Text:
    """Draw a table; one of too many columns is shown as a line for each row."""
    columns = max(map(len, rows))
    if columns > MOST_COLUMNS:
        return Text(printable("\n".join(" | ".join(row) for row in rows)))
    table = Table(box=SQUARE, show_header=False, show_lines=True)
    for _ in range(columns):
        table.add_column(overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
