"""Rows on a terminal: they fit it, their texts cannot harm it, and a pager shows what is longer."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from written_outputs import add_document, add_failed_document, failed_page, page, writing

from ocrmill.commands.inspect.html_parts import read_parts
from ocrmill.commands.inspect.query import PageQuery, select_documents, select_pages
from ocrmill.commands.inspect.screen import document_table, page_table
from ocrmill.commands.inspect.terminal_markdown import LONGEST, lay_out
from ocrmill.pipeline.output.stores.local import LocalStore

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = (
    "# Title \x1b[2J &#27;[31m\n\nText &#x202e; [link](http://x.example/\x1b]8;;) </kbd> [red]x[/red] :smile:\n\n"
    "<table><tr><td colspan='2'>wide &#27;[2J &#x9b;2J</td></tr><tr><td rowspan='2'>a</td><td>b<br>c</td></tr>"
    "<tr><td>d</td></tr></table>\n\n```python\nx = '\x1b[2J'\n```\n"
)


def terminal(width: int = 80) -> Console:
    return Console(width=width, force_terminal=True, highlight=False, markup=False, emoji=False)


def printed(markdown: str, width: int = 80) -> str:
    """Lay out Markdown as a terminal gets it, colours left out."""
    console = terminal(width)
    with console.capture() as captured:
        console.print(lay_out(markdown, console))
    return COLOURS.sub("", captured.get())


def test_nothing_in_a_text_reaches_the_terminal_as_a_command() -> None:
    """No escape sequence of a text is left, not even one that Markdown has as an entity; no text is markup of ours."""
    sentence = r"The sum \(a_1 + b_2 * c_3\) is $$\frac{1}{2}$$."
    shown = printed(f"- one\n\n{sentence}\n\n|a|b|\n|-|-|\n|日本語|2|\n")

    assert " • one" in shown
    assert r"\(a_1 + b_2 * c_3\)" in shown
    assert r"$$\frac{1}{2}$$" in shown
    assert re.search(r"日本語 +2", shown)
    assert re.search(r"│ a │ b c", printed(HOSTILE))
    assert read_parts("<p>x</p><table><tr><td rowspan='2'>a<td colspan='2'>b<tr><td>c<td>d</table>") == [
        "x",
        [["a", "", "b"], ["", "c", "d"]],
    ]


ODD = ("</kbd>" * 3, "<table>" * 2000, "[" * 5000, "> " * 3000, "x" * (LONGEST + 1), "```\n")


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_no_text_breaks_it(text: str) -> None:
    """Text that is too long or odd for the layout is shown all the same."""
    assert "the end" in printed(f"{text}\n\nthe end\n")


@pytest.mark.parametrize("width", [60, 80, 160])
def test_tables_fit_the_terminal(width: int, tmp_path: Path) -> None:
    """No line is wider than the terminal, wide characters counted twice; all pages are there, reasons and flags."""
    with writing(tmp_path) as sink:
        add_document(
            sink, f"/in/{'資料' * 30}.pdf", [page("本文" * 60, flags=("repetition", "truncated")), failed_page()]
        )
        add_failed_document(sink, "/in/locked.pdf")
    store, console = LocalStore(tmp_path), terminal(width)
    with console.capture() as captured:
        console.print(document_table(list(select_documents(store, PageQuery())), width))
        console.print(page_table(list(select_pages(store, PageQuery())), width))
    lines = COLOURS.sub("", captured.get()).splitlines()

    assert max(map(cell_len, lines)) <= width
    shown = re.sub(r"\s", "", "".join(lines))
    assert {"1/2", "2/2", "/in/locked.pdf"} <= set(re.findall(r"[12]/2|/in/locked.pdf", shown))
    if width == 160:  # narrower columns fold words
        assert {"render_timeout", "password_required", "repetition"} <= set(re.findall(r"\w+", "".join(lines)))
    assert ("本文本文" in shown) == (width >= 110)


@pytest.mark.parametrize("option", ["--pager", "--no-pager"])
def test_what_is_longer_than_the_terminal_goes_to_the_pager(option: str, tmp_path: Path) -> None:
    """On a terminal $PAGER gets a long table, unless --no-pager is given; the terminal shows it in both cases."""
    with writing(tmp_path / "out") as sink:
        add_document(sink, "/in/a.pdf", [page(f"{number} \x1b[2J") for number in range(1, 40)])
    main, side = pty.openpty()
    environment = {**os.environ, "PAGER": f"tee {tmp_path / 'paged'}", "COLUMNS": "120", "LINES": "24", "TERM": "xterm"}
    command = [sys.executable, "-m", "ocrmill.cli", "inspect", str(tmp_path / "out"), option]
    with subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=environment) as process:
        os.close(side)
        shown = b""
        while chunk := _read(main):
            shown += chunk
    os.close(main)

    text = COLOURS.sub("", shown.decode())
    assert process.returncode == 0, text
    assert "39/39" in text
    assert r"39 \x1b[2J" in text
    assert "\x1b" not in text
    assert (tmp_path / "paged").exists() == (option == "--pager")


def _read(terminal_end: int) -> bytes:
    try:
        return os.read(terminal_end, 65536)
    except OSError:  # Linux: the other end is closed
        return b""
