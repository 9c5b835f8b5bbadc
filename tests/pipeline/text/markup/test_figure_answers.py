"""Answers of a model to figures, told apart and checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.text.markup.figure_answers import AnswerKind, read_answer

TABLE = "<table><tr><td>Year</td><td>Tons</td></tr><tr><td>1990</td><td>12</td></tr></table>"
GEOMETRY = "{'Line': {'line': ['A -- B'], 'line_type': ['--'], 'line_endpoint': ['A: (0, 0)']}}"


@pytest.mark.parametrize(
    ("raw", "kind", "text", "is_valid"),
    [
        (TABLE, AnswerKind.TABLE, TABLE, True),
        (f"```html\n{TABLE}\n```", AnswerKind.TABLE, TABLE, True),
        (f" {TABLE}<\uff5cend\u2581of\u2581sentence\uff5c>", AnswerKind.TABLE, TABLE, True),
        (TABLE.removesuffix("</table>"), AnswerKind.TABLE, TABLE, True),
        ("<table><tr><td>a</td></tr><tr><td>b</td><td>c</td></tr></table>", AnswerKind.TABLE, None, False),
        (
            '<table><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr></table>',
            *(AnswerKind.TABLE, None, True),
        ),
        ("| a | b |\n| --- | --- |\n| 1 | 2 |", AnswerKind.TABLE, None, True),
        ("| a | b |\n| --- | --- |\n| 1 |", AnswerKind.TABLE, None, False),
        ("CC(=O)Oc1ccccc1C(=O)O", AnswerKind.SMILES, None, True),
        ("C1=CC=CC=C1Br", AnswerKind.SMILES, None, True),
        ("[Na+].[Cl-]", AnswerKind.SMILES, None, True),
        ("CC(=O)Oc1ccccc1C(=O", AnswerKind.SMILES, None, False),
        ("C1CCCC", AnswerKind.SMILES, None, False),
        (GEOMETRY, AnswerKind.GEOMETRY, None, True),
        (GEOMETRY[:-2], AnswerKind.GEOMETRY, None, False),
        ("{a set of points}", AnswerKind.TEXT, None, True),
        ("A boat on a river.", AnswerKind.TEXT, None, True),
        ("2019", AnswerKind.TEXT, None, True),
        ("CCO", AnswerKind.SMILES, None, True),
        ("No", AnswerKind.TEXT, None, True),
    ],
)
def test_answers_are_told_apart(raw: str, kind: AnswerKind, text: str | None, is_valid: bool) -> None:
    """Tables, SMILES, literals of geometry and words, with or without a fence, each by the checks of its kind."""
    answer = read_answer(raw)

    assert answer is not None
    assert (answer.kind, answer.text, answer.is_valid) == (kind, raw if text is None else text, is_valid)


@pytest.mark.parametrize("raw", ["", " \n", "```\n```", "<|ref|>"])
def test_an_answer_without_words_is_none(raw: str) -> None:
    """Blanks, fences and special tokens say nothing."""
    assert read_answer(raw) is None


@given(st.text(st.sampled_from("<>/tabler dh{}'[]:()=1Cc|\n-`~ "), max_size=60))
def test_any_answer_is_read(raw: str) -> None:
    """Nothing raises, and what is read again stays the same."""
    answer = read_answer(raw)
    if answer is not None and answer.kind is AnswerKind.TABLE:
        assert read_answer(answer.text) == answer
