"""Slow questions are asked ahead, answered in order, and never more of them than the bound."""

import threading
from collections.abc import Iterator

import pytest

from ocrmill.pipeline.sources.prefetch import AT_ONCE, in_order


def test_answers_come_in_order_while_slow_ones_are_asked_together() -> None:
    """Two questions that wait for each other are both answered, so they were asked at once; the order is the items'."""
    together = threading.Barrier(2, timeout=20)

    def ask(item: int) -> int:
        if item in {3, 4}:
            together.wait()
        return item * 2

    assert [item * 2 for item in range(100)] == list(in_order(ask, range(100), is_slow=lambda item: item % 7 != 0))


def test_items_are_taken_as_they_are_needed() -> None:
    """Before the first answer is taken no more than the bound are read, and quick ones are asked in their turn."""
    taken: list[int] = []
    asked: list[int] = []

    def items() -> Iterator[int]:
        for item in range(1000):
            taken.append(item)
            yield item

    next(in_order(asked.append, items(), is_slow=lambda item: False))

    assert AT_ONCE + 1 == len(taken)
    assert [0] == asked


def test_a_question_that_fails_fails_in_its_turn() -> None:
    """Questions that were asked before the failing one are answered first."""

    def ask(item: int) -> int:
        if item == 5:
            raise ValueError("five")
        return item

    answers = in_order(ask, range(10), is_slow=lambda item: True)
    assert [0, 1, 2, 3, 4] == [next(answers) for _ in range(5)]
    with pytest.raises(ValueError, match="five"):
        next(answers)
