"""Pipe tables as HTML, just as OmniDocBench's evaluator rewrites them.

Its rewriting loses things, and a score that agrees with it has to lose the same: cells with a colon or three hyphens,
rows that lose all their cells so, and a line of text right before a table without a blank line between them.

    | a | b |          <table border="1" >
    |---|---|    ->        <tr>
    | 1 | 2 |                <td colspan="1" rowspan="1">a</td>
"""

import re

PIPES = re.compile(r"\|\s*.*?\s*\|\n", re.DOTALL)
_RULE = re.compile(r":|---")
_FRAME = re.compile(r"</?t(?:able|head|body)>")
_BLOCK = re.compile(r"<table>[\s\S]*?</table>")
_COMMENT = re.compile(r"<!--[\s\S]*?-->")


def tables_as_html(markdown: str) -> str:
    """Return a Markdown with its pipe tables as HTML; positions in it change."""
    markdown = markdown.replace("\r", "") + "\n"
    for rows in PIPES.findall(markdown):
        markdown = markdown.replace(rows, _html_of(rows), 1)
    merged = _merge_neighbours(markdown).replace("<table>", '<table border="1" >')
    return merged.replace("<td>", '<td colspan="1" rowspan="1">')


def _html_of(piece: str) -> str:
    """Return what the pattern found, most often one row, as an HTML table of its own."""
    rows = [row.strip() for row in piece.strip().split("\n")]
    head, *body = [[cell.strip() for cell in row.split("|")[1:-1]] for row in (rows[0], *rows[2:])]
    lines = ["<table>", "<thead>", "    <tr>", *(f"      <th>{cell}</th>" for cell in head), "    </tr>", "</thead>"]
    lines.append("<tbody>")
    for row in body:
        lines += ["    <tr>", *(f"      <td>{cell}</td>" for cell in row), "    </tr>"]
    return "\n".join([*lines, "</tbody>", "</table>", ""])


def _merge_neighbours(text: str) -> str:
    """Join tables that follow each other line by line, and drop the line right before them."""
    written: list[str] = []
    block, inside, last = "", False, ""
    for line in text.split("\n"):
        if "<table>" in line:
            inside = True
            block += last
        elif inside:
            if not _RULE.search(last) and "</thead>" not in last:
                block += f"\n{last}"
            if "</table>" in last:
                inside = False
                written.append(_joined(block))
                block = ""
        else:
            written.append(last)
        last = line
    if last:
        written.append(_joined(f"{block}\n{last}") if inside or "</table>" in last else last)
    return "\n".join(written)


def _joined(block: str) -> str:
    rows: list[str] = []
    for table in _BLOCK.findall(_COMMENT.sub("", block)):
        lines = [line.replace("<th>", "<td>").replace("</th>", "</td>") for line in table.split("\n")]
        lines = [line for line in lines if not _FRAME.search(line)]
        if len(lines) > len(("<tr>", "</tr>")):
            rows += lines
    inner = "\n".join(rows)
    return f"\n\n<table>\n{inner}\n</table>\n\n"
