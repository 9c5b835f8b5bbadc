"""The unit tests of olmOCR-bench on one page, one function for each kind.

    {"pdf": "old_scans/1.pdf", "page": 1, "id": "1_present", "type": "present", "text": "Dear Sir", "max_diffs": 2}
    {"pdf": "a.pdf", "page": 1, "id": "2", "type": "order", "before": "First", "after": "Second"}
    {"pdf": "a.pdf", "page": 1, "id": "3", "type": "table", "cell": "4.2", "up": "3.1", "top_heading": "Rate"}
    {"pdf": "a.pdf", "page": 1, "id": "4", "type": "math", "math": "x^{2}"}
    {"pdf": "a.pdf", "page": 1, "id": "5", "type": "baseline", "max_repeats": 30}

A test returns nothing if the page passes, and else what is wrong. A `math` test that only a renderer could decide
raises `UndecidedError`: their evaluator draws both formulas in a browser and compares where the signs stand.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from rapidfuzz import fuzz

from ocrmill.commands.eval.olmocr_bench.grids import Grid, html_grids, pipe_grids
from ocrmill.commands.eval.olmocr_bench.near_matches import near_starts
from ocrmill.commands.eval.olmocr_bench.normal_text import normal

Test = Mapping[str, Any]
_MIN_LIKENESS = 0.5  # of cells, however many edits are allowed
_REPEATED_SIGNS = range(1, 6)
_FOREIGN = re.compile(
    "[\u4e00-\u9fff\u3040-\u309f\u30a0-\u30ff"  # Han, hiragana, katakana
    "\U0001f600-\U0001f64f\U0001f300-\U0001f5ff\U0001f680-\U0001f6ff\U0001f1e0-\U0001f1ff]"  # pictures, flags
)
_IMAGE = re.compile(r"!\[.*?\]\(.*?\)")
_MATH = (r"\\\((.+?)\\\)", r"\\\[(.+?)\\\]", r"\$\$(.+?)\$\$", r"\$(.+?)\$")
_LATEX_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\S", re.DOTALL)
_LATEX_TEXT = re.compile(r"\\(?:text|mbox|hbox|fbox|verb|tag)")


class UndecidedError(Exception):
    """Only a renderer can decide the test: if one of these formulas looks like the wanted one."""

    def __init__(self, wanted: str, formulas: list[str]) -> None:
        super().__init__(f"no formula is written like {wanted!r}; if one looks like it, a renderer knows")
        self.formulas = formulas


def check_present(test: Test, markdown: str) -> str | None:
    """Check that a phrase is on the page, or at its beginning or end, with at most `max_diffs` edits."""
    ratio, threshold = _likeness_of_phrase(test, markdown)
    return None if ratio >= threshold else f"not on the page: {test['text'][:40]!r}, at best {ratio:.3f}"


def check_absent(test: Test, markdown: str) -> str | None:
    """Check that a phrase is not on the page."""
    ratio, threshold = _likeness_of_phrase(test, markdown)
    return None if ratio < threshold else f"on the page: {test['text'][:40]!r}, {ratio:.3f}"


def _likeness_of_phrase(test: Test, markdown: str) -> tuple[float, float]:
    """Return how well the page has the phrase, and how well it has to."""
    phrase, text = normal(test["text"]), normal(markdown)
    if not test.get("case_sensitive", True):
        phrase, text = phrase.lower(), text.lower()
    first, last = test.get("first_n"), test.get("last_n")
    if first and last:
        text = text[:first] + text[-last:]
    elif first:
        text = text[:first]
    elif last:
        text = text[-last:]
    return fuzz.partial_ratio(phrase, text) / 100, 1 - test.get("max_diffs", 0) / max(1, len(phrase))


def check_order(test: Test, markdown: str) -> str | None:
    """Check that one phrase begins before another somewhere."""
    text, edits = normal(markdown), test.get("max_diffs", 0)
    starts = [near_starts(normal(test[side]), text, edits) for side in ("before", "after")]
    for side, found in zip(("before", "after"), starts, strict=True):
        if not found:
            return f"not on the page: {test[side][:40]!r}"
    return None if min(starts[0]) < max(starts[1]) else f"{test['before'][:40]!r} only after {test['after'][:40]!r}"


def check_table(test: Test, markdown: str) -> str | None:
    """Check that a table has a cell, with the neighbours and the headings that the test names."""
    grids = [] if test.get("ignore_markdown_tables") else pipe_grids(markdown)
    grids += html_grids(markdown)
    if not grids:
        return "no table"
    found = False
    for grid in grids:
        for row, cells in enumerate(grid.rows):
            for column, cell in enumerate(cells):
                if _likeness(test, "cell", cell) < _wanted(test, "cell"):
                    continue
                found = True
                if not _wrong_neighbours(test, grid, row, column):
                    return None
    return f"cell {test['cell']!r} has other neighbours or headings" if found else f"no cell {test['cell']!r}"


def _wanted(test: Test, name: str) -> float:
    edits: int = test.get("max_diffs", 0)
    return max(_MIN_LIKENESS, 1 - edits / max(1, len(normal(test[name]))))


def _likeness(test: Test, name: str, cell: str) -> float:
    return fuzz.ratio(normal(test[name]), normal(cell)) / 100


def _wrong_neighbours(test: Test, grid: Grid, row: int, column: int) -> bool:
    """Tell if a neighbour or heading is another one; beyond the table's edge every neighbour is right."""
    neighbours = {"up": (row - 1, column), "down": (row + 1, column)}
    neighbours |= {"left": (row, column - 1), "right": (row, column + 1)}
    for name, (y, x) in neighbours.items():
        inside = 0 <= y < len(grid.rows) and 0 <= x < len(grid.rows[0])
        if test.get(name) and inside and _likeness(test, name, grid.rows[y][x]) < _wanted(test, name):
            return True
    above = [grid.rows[y][column] for y in range(row)]
    before = grid.rows[row][:column]
    headings = grid.column_headings.get(column, []) + [above[y] for y in sorted(grid.header_rows) if y < row]
    if test.get("top_heading") and _wrong_heading(test, "top_heading", headings, above):
        return True
    headings = grid.row_headings.get(row, []) + [before[x] for x in sorted(grid.header_columns) if x < column]
    return bool(test.get("left_heading")) and _wrong_heading(test, "left_heading", headings, before)


def _wrong_heading(test: Test, name: str, headings: list[str], others: list[str]) -> bool:
    """Tell if no heading is like the wanted one; only where none is like it at all, ordinary cells count."""
    best = max((_likeness(test, name, text) for text in headings), default=0.0)
    if not best:
        best = max((_likeness(test, name, text) for text in others if text.strip()), default=0.0)
    return best < _wanted(test, name)


def check_math(test: Test, markdown: str) -> str | None:
    """Check that the page has a formula: with the same LaTeX but for blanks.

    Raises:
        UndecidedError: It has formulas that may look the same.
    """
    wanted, formulas, text = test["math"], [], markdown
    for pattern in _MATH[: 2 if test.get("ignore_dollar_delimited") else 4]:
        formulas += [formula.strip() for formula in re.findall(pattern, text, re.DOTALL)]
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    if any(formula == wanted or _signs(formula) == _signs(wanted) for formula in formulas):
        return None
    if formulas:
        raise UndecidedError(wanted, formulas)
    return "no formula"


def _signs(latex: str) -> list[str] | str:
    """Return the commands and signs of LaTeX without blanks between them; as it is where blanks are printed."""
    return latex if _LATEX_TEXT.search(latex) else _LATEX_TOKEN.findall(latex)


def check_baseline(test: Test, markdown: str) -> str | None:
    """Check that the page has letters, does not end in a loop, and has no Han, kana or pictures.

    With `max_length` the page has to be empty but for so many letters, and nothing else is checked.
    """
    longest = test.get("max_length")
    if longest is not None:
        text = _IMAGE.sub("", markdown) if test.get("max_length_skips_image_alt_tags") else markdown
        letters = sum(map(str.isalnum, text))
        return None if letters <= longest else f"{letters} letters on a page that has none"
    if not any(map(str.isalnum, markdown)):
        return "no letters"
    for size in _REPEATED_SIGNS:
        if (turns := _turns_at_end(markdown, size)) > test.get("max_repeats", 30):
            return f"ends with {turns} times the same {size} signs"
    foreign = _FOREIGN.findall(markdown) if test.get("check_disallowed_characters", True) else []
    return f"has {''.join(foreign[:10])}" if foreign else None


def _turns_at_end(text: str, size: int) -> int:
    """Count how often the last signs of a text stand there in a row."""
    text = re.sub(r"\s+", " ", text)
    end, turns = len(text), 0
    while end >= size and text[end - size : end] == text[-size:]:
        turns, end = turns + 1, end - size
    return turns


CHECKS: dict[str, Callable[[Test, str], str | None]] = {
    "present": check_present,
    "absent": check_absent,
    "order": check_order,
    "table": check_table,
    "math": check_math,
    "baseline": check_baseline,
}
