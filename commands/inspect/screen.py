"""The rows of `ocrmill inspect` on a terminal: tables of its width, or all of a page with its Markdown laid out.

Every text that comes from a document is printable already (query.py), and no text is read as rich's own markup.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence

from rich.box import SIMPLE
from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from ocrmill.commands.inspect.query import SHOWN_ID, DocumentSummary, PageDetail, PageSummary
from ocrmill.commands.inspect.terminal_markdown import lay_out

PAGER = "less"
_COLOURS = {"failed": "red", "repaired": "yellow", "blank": "dim", "text_layer": "cyan", "ok": "green"}
_WIDE = 110  # columns of a terminal from which the beginning of the text has room beside the rest


def page_table(pages: Sequence[PageSummary], width: int) -> Table:
    """Return a row for each page; on a narrow terminal the beginning of its text is left out."""
    table = Table(box=SIMPLE, pad_edge=False, expand=False, width=width)
    table.add_column("document", no_wrap=True, min_width=SHOWN_ID, max_width=SHOWN_ID)
    table.add_column("source", overflow="fold", ratio=3, min_width=12)
    table.add_column("page", justify="right", no_wrap=True)
    table.add_column("status", overflow="fold", ratio=2, min_width=10)
    table.add_column("flags", overflow="fold", ratio=2, min_width=8)
    table.add_column("signs", justify="right", no_wrap=True)
    if width >= _WIDE:
        table.add_column("text", no_wrap=True, overflow="ellipsis", ratio=4)
    for page in pages:
        cells = [
            Text(page.document_id[:SHOWN_ID]),
            Text(page.source),
            Text(f"{page.page_number}/{page.page_count}"),
            _status(page.status, page.reason, page.detail),
            Text(", ".join(page.flags)),
            Text(f"{page.characters:,}"),
            Text(page.excerpt),
        ]
        table.add_row(*cells[: len(table.columns)])
    return table


def document_table(documents: Sequence[DocumentSummary], width: int) -> Table:
    """Return a row for each document without pages."""
    table = Table(box=SIMPLE, pad_edge=False, width=width)
    table.add_column("document", no_wrap=True, min_width=SHOWN_ID, max_width=SHOWN_ID)
    table.add_column("source", overflow="fold", ratio=3)
    table.add_column("status", overflow="fold", ratio=4)
    for document in documents:
        name = document.document_id[:SHOWN_ID] if document.document_id else "-"
        table.add_row(Text(name), Text(document.source), _status(document.status, document.reason, document.detail))
    return table


def page_view(detail: PageDetail, console: Console) -> list[RenderableType]:
    """Return the columns of a page as a table, then its message, its Markdown laid out, and the engine's output."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    parts: list[RenderableType] = [table]
    for name, value in detail.columns:
        if not detail.is_long(name):
            table.add_row(name, Text(value))
            continue
        parts += [Text(), Rule(name, align="left", style="dim")]
        parts.append(lay_out(value, console) if name == "markdown" else Text(value))
    return parts


def show_rows(
    details: Sequence[PageDetail],
    documents: Sequence[DocumentSummary],
    pages: Sequence[PageSummary],
    *,
    uses_pager: bool,
) -> None:
    """Show what was selected, as tables of the terminal's width."""
    console = Console(highlight=False, markup=False, emoji=False)
    parts = [part for detail in details for part in page_view(detail, console)]
    parts += [document_table(documents, console.width)] if documents else []
    parts += [page_table(pages, console.width)] if pages else []
    show(parts, console, uses_pager=uses_pager)


def show(parts: Sequence[RenderableType], console: Console, *, uses_pager: bool) -> None:
    """Print on the terminal; what is longer than its height goes to $PAGER, if that may be used."""
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    text = captured.get()
    command = shlex.split(os.environ.get("PAGER") or PAGER)
    if uses_pager and sys.stdin.isatty() and text.count("\n") >= console.height and _page(text, command):
        return
    sys.stdout.write(text)


def _page(text: str, command: Sequence[str]) -> bool:
    """Hand a text to a pager, and say if there is one."""
    environment = {**os.environ, "LESS": os.environ.get("LESS", "-FRX")}  # colours are passed on, nothing else
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True, errors="replace") as pager:
            try:
                pager.communicate(text)
            except KeyboardInterrupt:  # ends what the pager does, and not the pager
                pager.wait()
    except OSError:
        return False
    return True


def _status(status: str, reason: str | None, detail: str | None) -> Text:
    why = ": ".join(filter(None, [reason, detail]))
    return Text.assemble((status, _COLOURS.get(status, "")), f" ({why})" if why else "")
