"""Two halves of a table that a page break cuts: one table, if both sides say so."""

import re

from ocrmill.pipeline.text.markup.ragged_tables import html_row_length, pipe_cells

_ROW = re.compile(r"<tr\b[^<>]*>.*?</tr\s*>", re.IGNORECASE | re.DOTALL)
_CELL = re.compile(r"<t[dh]\b([^<>]*)>(.*?)</t[dh]\s*>", re.IGNORECASE | re.DOTALL)
_END = re.compile(r"\s*(?:</tbody\s*>\s*)?</table\s*>\s*\Z", re.IGNORECASE)
_TABLE = re.compile(r"<table\b", re.IGNORECASE)
_PIPES = re.compile(r"(?P<header>\|[^\n]*)\n[^\S\n]*\|(?:\s*:?-+:?\s*\|)+[^\S\n]*(?P<rows>\n.*)?", re.DOTALL)


def join_tables(one: str, other: str, *, continued: bool) -> tuple[str, str] | None:
    """Join a table of Markdown or HTML with its rest on the next page.

    Args:
        one: The table with which a page ends.
        other: The table with which the next page begins.
        continued: Whether a caption says that it is a continuation.

    Returns:
        The beginning of `one` that stays and the text to add to it, without the header that is there twice; None if
        they are different tables, differ in their columns, or are not of the same form.
    """
    both_html = bool(_TABLE.match(one)) and bool(_TABLE.match(other))
    if both_html:
        return _join_html(one, other, continued=continued)
    if one.startswith("|") and other.startswith("|"):
        return _join_pipes(one.rstrip(), other.rstrip(), continued=continued)
    return None


def _join_pipes(one: str, other: str, *, continued: bool) -> tuple[str, str] | None:
    table, rest = _PIPES.fullmatch(one), _PIPES.fullmatch(other)
    if table is None or rest is None:
        return None
    header, repeated = _cells(table["header"]), _cells(rest["header"])
    if len(header) != len(repeated):
        return None
    rows = rest["rows"] or ""
    if repeated == header or not any(repeated):
        return one, rows
    return (one, f"\n{rest['header']}{rows}") if continued else None


def _cells(row: str) -> list[str]:
    return [cell.strip(" *_") for cell in pipe_cells(row)]


def _join_html(one: str, other: str, *, continued: bool) -> tuple[str, str] | None:
    end = _END.search(one)
    rows, more = _ROW.findall(one), _ROW.findall(other)
    nested = len(_TABLE.findall(one)) + len(_TABLE.findall(other)) > 2  # noqa: PLR2004 - one each
    if end is None or not rows or not more or nested or html_row_length(rows[0]) != html_row_length(more[0]):
        return None
    if _texts(more[0]) == _texts(rows[0]) or not any(_texts(more[0])):
        more = more[1:]
    elif not continued:
        return None
    between = "\n" if "\n" in one[: end.start()] else ""
    return one[: end.start()], "".join(f"{between}{row}" for row in more) + end[0].rstrip()


def _texts(row: str) -> list[str]:
    return [" ".join(re.sub(r"<[^<>]*>", " ", text).split()) for _, text in _CELL.findall(row)]
