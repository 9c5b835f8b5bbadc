"""Lines of words become running text: blanks between ideographs, and soft hyphens at line ends."""

import pytest

from ocrmill.pipeline.text.inline.hyphens import KnownWords
from ocrmill.pipeline.text.inline.running_text import join_lines, running_text
from ocrmill.pipeline.text.reading_order import Box
from ocrmill.pipeline.text.words import Piece, Word


def row(*texts: str, gap: float) -> list[Word]:
    """Set words in type of 10 points beside each other, `gap` points apart."""
    words, x = [], 0.0
    for text in texts:
        box = Box(x, 0, x + 10 * len(text), 10)
        words.append(Word((Piece(text, box, 10.0),), box, 8.0, 0))
        x = box.x1 + gap
    return words


@pytest.mark.parametrize(
    ("texts", "gap", "written"),
    [
        (("罗兴武", "孙", "萌"), 10.0, "罗兴武 孙 萌"),  # names of authors
        (("数字技术", "商业模式"), 10.0, "数字技术 商业模式"),  # keywords
        (("数字技术", "商业模式"), 3.0, "数字技术商业模式"),  # a line that is stretched
        (("数字技术，", "商业模式"), 6.0, "数字技术，商业模式"),  # ... at its comma
        (("一メ", "ートル"), 6.0, "一メートル"),  # a long vowel, whose bar is short where text runs down
        (("目", "录"), 20.0, "目录"),  # a title whose ideographs are set apart
    ],
)
def test_ideographs_half_their_width_apart_are_of_two_words(texts: tuple[str, ...], gap: float, written: str) -> None:
    """Names and keywords keep the blank between them; what is stretched, or set apart one by one, has none."""
    assert running_text([row(*texts, gap=gap)], KnownWords()) == written


@pytest.mark.parametrize(
    ("lines", "written"),
    [
        (("the pseudo\u00ad", "Avicenna wrote"), "the pseudo-Avicenna wrote"),
        (("the har\u00ad", "bour office"), "the harbour office"),
        (("in 1990\u00ad", "1995 it"), "in 1990-1995 it"),
    ],
)
def test_a_soft_hyphen_before_a_capital_is_a_hyphen(lines: tuple[str, str], written: str) -> None:
    """Fonts that name their only hyphen so have it in compounds, too; no syllable begins with a capital or a digit."""
    assert join_lines(lines) == written


def test_a_page_that_writes_a_word_whole_joins_it_at_a_soft_hyphen() -> None:
    """A name with a capital inside breaks there, too."""
    assert join_lines(["in Java\u00ad", "Script"], KnownWords(["JavaScript"])) == "in JavaScript"
