"""The formulas of an output that KaTeX reads, counted by KaTeX itself, beside those that we call broken.

`broken_formulas` of a row is counted without node, and lets some errors pass (broken_formulas.py); this count has none.
"""

from collections.abc import Iterable

from ocrmill.commands.eval.formulas.katex import Katex
from ocrmill.commands.eval.output_pages import OutputPage
from ocrmill.commands.eval.report import Cell, ScoreTable
from ocrmill.pipeline.quality.signals.broken_formulas import is_broken
from ocrmill.pipeline.quality.signals.find_formulas import find_formulas

_COLUMNS = ("read by", "formulas", "KaTeX reads", "share", "called broken", "wrongly")


def formula_table(pages: Iterable[OutputPage], katex: Katex) -> ScoreTable:
    """Count the formulas of pages by who read them; `wrongly` are those that are called broken, but which KaTeX reads.

    Raises:
        InputError: The file is no KaTeX.
    """
    found = [(page.engine or "text layer", formula.latex) for page in pages for formula in find_formulas(page.markdown)]
    counts: dict[str, list[int]] = {}
    for (reader, latex), is_read in zip(found, katex.renders([latex for _, latex in found]), strict=True):
        broken = is_broken(latex)
        row = counts.setdefault(reader, [0, 0, 0, 0])
        for column, counted in enumerate((True, is_read, broken, broken and is_read)):
            row[column] += counted
    rows: list[tuple[Cell, ...]] = [
        (reader, formulas, read, read / formulas, broken, wrongly)
        for reader, (formulas, read, broken, wrongly) in sorted(counts.items())
    ]
    return ScoreTable("Formulas that KaTeX reads", _COLUMNS, rows)
