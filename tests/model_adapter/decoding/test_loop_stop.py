"""Loops are seen within 300 tokens, and honest repetition is left alone, on streams of token ids."""

import random
from collections.abc import Iterable, Iterator
from itertools import chain, count, cycle, islice

import pytest
from narrowed import present

from ocrmill.model_adapter.decoding.loop_stop import LoopDetector, number_values

MOST_WASTED = 300  # tokens after the first round of a loop

NUMBERS = range(1000, 2000)  # the ids of 0 to 999
VALUES = {token: token - NUMBERS.start for token in NUMBERS}
WORDS = range(20_000, 120_000)
TD, TD_END, TR, TR_END = range(128_821, 128_825)
DOT, NEWLINE, BRACKET, BRACKET_END, COMMA, REF, REF_END, DET, DET_END, FIGURE = range(10)


def words(number: int, seed: int = 0) -> list[int]:
    return random.Random(seed).choices(WORDS, k=number)


def row(cells: int, *content: int) -> list[int]:
    return [TR, *[TD, *content, TD_END] * cells, TR_END]


def stopped_at(stream: Iterable[int]) -> int | None:
    """The number of tokens read until the loop is seen; each comes alone, as it is decoded."""
    detector = LoopDetector(VALUES)
    return next((place + 1 for place, token in enumerate(stream) if detector.push([token])), None)


def stop_of(stream: Iterable[int]) -> int:
    """The number of tokens until the loop is seen in a stream that is one."""
    return present(stopped_at(stream))


@pytest.mark.parametrize("text_before", [0, 700])
@pytest.mark.parametrize("period", [1, 2, 3, 5, 8, 13, 31, 32, 64, 100, 150, 200, 250])
def test_a_loop_of_any_period_wastes_under_300_tokens(period: int, text_before: int) -> None:
    """After its first round, a loop of 1 to 250 tokens goes on for less than 300."""
    stream = chain(words(text_before, seed=1), islice(cycle(words(period)), 3000))

    assert stop_of(stream) - text_before - period < MOST_WASTED


@pytest.mark.parametrize("unit", [[-1, DOT, NEWLINE], [-1, DOT], [*words(4), -1, *words(3, seed=1), NEWLINE]])
def test_a_loop_that_counts_is_a_loop(unit: list[int]) -> None:
    """`1. 2. 3.` and `Item 1 of the list`, `Item 2 of the list` stop as if the number stood still."""
    rounds = ([NUMBERS[number] if token == -1 else token for token in unit] for number in count(1))

    assert stop_of(islice(chain.from_iterable(rounds), 2000)) - len(unit) < MOST_WASTED


def banned(ids: list[int], ngram: int, window: int) -> set[int]:
    """The no-repeat-n-gram rule."""
    prefix = ids[len(ids) - ngram + 1 :]
    starts = range(max(0, len(ids) - window), len(ids) - ngram + 1)
    return {ids[i + ngram - 1] for i in starts if ids[i : i + ngram - 1] == prefix}


def loop_under_ban(period: int, ngram: int, window: int, evasion: str) -> Iterator[int]:
    """The output of a model that wants to loop, but must take another token, or another way, where the ban says so."""
    draw = random.Random(period)
    ids: list[int] = []
    unit, place = words(period), 0
    while len(ids) < 2000:
        token = unit[place % period]
        if token in banned(ids, ngram, window):
            token = draw.choice(WORDS)
            place += {"replaces": 1, "inserts": 0, "jumps": draw.randrange(period)}[evasion]
        else:
            place += 1
        ids.append(token)
        yield token


@pytest.mark.parametrize("evasion", ["replaces", "inserts", "jumps"])
@pytest.mark.parametrize(("ngram", "window"), [(20, 50), (20, 90), (30, 90)])
@pytest.mark.parametrize("period", [1, 2, 4, 11, 23, 31])
def test_a_loop_that_the_ban_keeps_breaking_is_a_loop(period: int, ngram: int, window: int, evasion: str) -> None:
    """A foreign word now and then, and a start anywhere after it, do not hide a loop."""
    assert stop_of(loop_under_ban(period, ngram, window, evasion)) - period < MOST_WASTED


@pytest.mark.parametrize("content", [(NUMBERS[0],), ()])
@pytest.mark.parametrize("cells", [1, 2, 5, 10])
def test_80_equal_rows_of_a_table_survive(cells: int, content: tuple[int, ...]) -> None:
    """A page of zeros, or of empty cells, is honest."""
    assert stopped_at([*words(200), *row(cells, *content) * 80, *words(200, seed=1)]) is None


def test_rows_without_end_are_a_loop() -> None:
    """More rows than a page has lines, or than a page has room for, are stopped."""
    assert 500 >= stop_of(row(1, NUMBERS[0]) * 1000)
    assert 3300 > stop_of(row(10, NUMBERS[0]) * 1000)


def test_cells_without_the_end_of_a_row_are_a_loop() -> None:
    """The loop that the whitelist of the ban lets through: `<td></td>` for ever."""
    assert stop_of([*row(4, NUMBERS[0]) * 10, TR, *[TD, TD_END] * 2000]) < 180 + MOST_WASTED


def test_a_loop_of_words_after_a_table_is_stopped_as_soon() -> None:
    """The room that rows get ends with the table."""
    before = [*words(100), *row(5, NUMBERS[0]) * 30]

    assert stop_of([*before, *words(40, seed=1) * 100]) - len(before) - 40 < MOST_WASTED


@pytest.mark.parametrize("dots", [1, 8, 40, 120])
def test_dot_leaders_survive(dots: int) -> None:
    """A table of contents of 60 lines, whose dots are most of its tokens."""
    lines = (
        [NUMBERS[line // 10], DOT, NUMBERS[line % 10], *words(4, seed=line), *[COMMA] * dots, NUMBERS[line], NEWLINE]
        for line in range(60)
    )

    assert stopped_at(chain.from_iterable(lines)) is None


def test_numbered_text_and_tables_of_numbers_survive() -> None:
    """Numbers that count beside text of their own, and cells that share only their marks."""
    notes = ([NUMBERS[number], DOT, *words(8, seed=number), NEWLINE] for number in range(1, 200))
    cells = (
        [
            TR,
            *chain.from_iterable([TD, NUMBERS[n], TD_END] for n in random.Random(line).choices(range(1000), k=8)),
            TR_END,
        ]
        for line in range(150)
    )

    assert stopped_at([*chain.from_iterable(notes), *chain.from_iterable(cells)]) is None


def test_a_page_of_equal_marks_survives() -> None:
    """Sixty little figures in a column differ in their coordinates only."""
    figures = (
        [
            REF,
            FIGURE,
            REF_END,
            DET,
            BRACKET,
            NUMBERS[78],
            COMMA,
            NUMBERS[15 * line],
            COMMA,
            NUMBERS[91],
            COMMA,
            NUMBERS[15 * line + 11],
            BRACKET_END,
            DET_END,
            NEWLINE,
        ]
        for line in range(60)
    )

    assert stopped_at(chain.from_iterable(figures)) is None


def test_a_receipt_printed_twice_survives() -> None:
    """One copy of a page's text is not a loop, however long."""
    receipt = words(600)

    assert stopped_at([*receipt, *words(30, seed=1), *receipt]) is None


def test_twenty_equal_lines_survive() -> None:
    """Twenty lines of twelve tokens stay below a thousand characters, from which the quality flags count."""
    assert stopped_at([*words(300), *words(12, seed=1) * 20, *words(300, seed=2)]) is None


def test_tokens_may_come_in_any_portions() -> None:
    """A stream that is read every hundred tokens is stopped at the first reading after the loop was seen."""
    stream = words(50) * 40
    detector = LoopDetector(VALUES)
    portions = [stream[start : start + 100] for start in range(0, len(stream), 100)]
    read = next(number + 1 for number, portion in enumerate(portions) if detector.push(portion))

    assert -(-stop_of(stream) // 100) == read


def test_numbers_are_told_from_a_vocabulary() -> None:
    """Only tokens of plain digits count on; digits of other scripts and signs do not."""
    assert {5: 7, 6: 120, 7: 7} == number_values(
        {"7": 5, "120": 6, "007": 7, "a": 8, "1a": 9, "²": 10, "٣": 11, "-1": 12}
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, as vllm is imported
@pytest.mark.parametrize("rounds", [3, 10, 40, 80])
def test_the_check_in_vllm_cannot_do_both(rounds: int) -> None:
    """Any number of rounds that spares 80 equal rows lets a loop of 100 tokens run on: the reason for this module."""
    pytest.importorskip("vllm")
    from vllm.sampling_params import RepetitionDetectionParams
    from vllm.v1.core.sched.utils import check_sequence_repetition

    params = RepetitionDetectionParams(max_pattern_size=100, min_count=rounds)
    table, loop = row(10, NUMBERS[0]) * 80, words(100)
    stops_table = any(check_sequence_repetition(table[:end], params) for end in range(1, len(table) + 1, 7))
    stops_loop = check_sequence_repetition((loop * 5)[: 100 + MOST_WASTED], params)

    assert stops_table or not stops_loop
