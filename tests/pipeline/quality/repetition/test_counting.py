"""Numbers that count on are taken out; those that say something stay."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.quality.repetition.counting import without_counting


@pytest.mark.parametrize(
    ("content", "left", "counted"),
    [
        ("1 Small 2 Small 3 Small 4 Small", "1 Small 2 Small 3 Small Small", 1),
        ("no 5 a no 10 a no 15 a no 20 a", "no 5 a no 10 a no 15 a no a", 1),  # by any step
        ("no 9 no 7 no 5 no 3", "no 9 no 7 no 5 no", 1),  # down as well
        ("page 7 page 7 page 7 page 7", "page 7 page 7 page 7 page 7", 0),  # a step of 0 is a copy, not counting
        ("May 12 May 99 May 3 May 44", "May 12 May 99 May 3 May 44", 0),
        ("第1条 第2条 第3条 第4条", "第1条 第2条 第3条 第条", 1),
        ("٣ صفحة ٤ صفحة ٥ صفحة ٦ صفحة", "٣ صفحة ٤ صفحة ٥ صفحة صفحة", 1),
        ("", "", 0),
    ],
)
def test_a_number_that_goes_on_by_its_step_counts(content: str, left: str, counted: int) -> None:
    """Two numbers in a place make a step, by which a third must go on. What comes first has a place of its own."""
    assert without_counting(content) == (left, counted)


def test_a_ledger_keeps_its_amounts() -> None:
    """Rows whose amounts are drawn at random lose at most the few numbers that happen to go on."""
    draw = random.Random(1)
    rows = " ".join(f"Monthly account fee {draw.randrange(10**5)} paid {draw.randrange(10**5)}" for _ in range(200))
    left, counted = without_counting(rows)

    assert counted == 0
    assert left == rows


@given(st.text(st.characters()))
def test_any_text_keeps_what_is_no_number(text: str) -> None:
    """No text raises, and nothing but numbers and white space goes."""
    left, counted = without_counting(text)

    def rest(of: str) -> list[str]:
        return [character for character in of if not character.isdecimal() and not character.isspace()]

    assert rest(left) == rest(text)
    assert (counted == 0) == (left == " ".join(text.split()))
