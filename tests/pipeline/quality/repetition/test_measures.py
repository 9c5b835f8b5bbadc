"""Each measure against its plain definition, on texts drawn at random and on the loops that models are known for."""

import random
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.quality.repetition.measures import (
    COPIES,
    MIN_LETTERS,
    NO_CONTENT,
    TAIL_WINDOW,
    WINDOW,
    code_points,
    compression_ratio,
    longest_run,
    measure_repetition,
    periodic_tail,
    prefix_matches,
    repetition_ratio,
    window_hashes,
)

any_text = st.text(st.characters())  # lone surrogates, controls and NUL included
few_letters = st.text("ab", max_size=60)
looping = st.builds(
    lambda before, unit, repeats, after: before + unit * repeats + after,
    any_text,
    st.text(st.characters(), min_size=1, max_size=80),
    st.integers(1, 40),
    any_text,
)


def words(count: int, seed: int = 0) -> str:
    """Some words that say nothing twice."""
    draw = random.Random(seed)
    return " ".join("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(count))


def plain_ratio(text: str) -> float:
    """The definition of repetition_ratio, with a dictionary of all windows."""
    content = NO_CONTENT.sub(" ", text).strip()
    seen: dict[str, int] = {}
    covered: set[int] = set()
    for start in range(len(content) - WINDOW + 1):
        window = content[start : start + WINDOW]
        if seen.get(window, 0) >= COPIES - 1 and sum(map(str.isalpha, window)) >= MIN_LETTERS:
            covered.update(range(start, start + WINDOW))
        seen[window] = seen.get(window, 0) + 1
    return len(covered) / max(len(content), 1)


def plain_tail(text: str) -> tuple[int, int]:
    """The definition of periodic_tail, by trying every period."""
    text = text.rstrip()
    best = (0, 0)
    for period in range(1, len(text) // COPIES + 1):
        chars = period
        while chars < len(text) and text[-chars - 1] == text[-chars - 1 + period]:
            chars += 1
        if chars >= COPIES * period and chars > best[1]:
            best = (period, chars)
    return best


@given(any_text | looping)
def test_any_text_can_be_measured(text: str) -> None:
    """No text raises, and every measure keeps its range."""
    measures = measure_repetition(text)

    assert 0 <= measures.repetition_ratio <= 1
    assert 0 <= measures.longest_run <= len(text)
    assert 0 <= measures.compression_ratio < 1100
    assert COPIES * measures.repetition_period <= measures.repeated_tail_chars <= len(text)
    assert (measures.repetition_period == 0) == (measures.repeated_tail_chars == 0)


@pytest.mark.parametrize("text", ["", " ", "\n\n\t \u3000"])
def test_a_blank_page_is_not_repetitive(text: str) -> None:
    """A text without a visible character has a value for every measure, and no repetition in it."""
    measures = measure_repetition(text)

    assert (0.0, 0, 0, 0) == (
        measures.repetition_ratio,
        measures.repetition_period,
        measures.repeated_tail_chars,
        measures.longest_run,
    )
    assert measures.compression_ratio < 1


@given(looping)
def test_the_ratio_is_what_it_says(text: str) -> None:
    """The hashed ratio equals the one found with a dictionary of all windows."""
    assert repetition_ratio(text) == pytest.approx(plain_ratio(text))


@given(few_letters)
def test_matches_are_what_they_say(text: str) -> None:
    """Each entry of the Z-function is as long as the agreement is, and no longer."""
    for start, length in list(enumerate(prefix_matches(text)))[1:]:
        assert text[start : start + length] == text[:length]
        assert text[start + length : start + length + 1] != text[length : length + 1] or start + length == len(text)


@given(few_letters | looping)
def test_the_tail_is_what_it_says(text: str) -> None:
    """Period and length equal those found by trying every period."""
    assert periodic_tail(text) == plain_tail(text)


@given(any_text, st.text(st.characters(), min_size=1, max_size=50), st.integers(COPIES, 400))
def test_an_appended_loop_is_in_the_tail(text: str, unit: str, repeats: int) -> None:
    """Whatever stands before it, a loop at the end counts with all its characters."""
    loop = (unit * repeats).rstrip()
    whole = len(unit) * COPIES <= len(loop)  # else stripping white space took the third copy away

    assert not whole or periodic_tail(text + loop)[1] >= len(loop)


@pytest.mark.parametrize("period", [1, 2, 7, 100, TAIL_WINDOW // COPIES])
def test_a_tail_longer_than_the_window_counts_whole(period: int) -> None:
    """Only the period is limited by the window; the length is counted back to where the loop begins."""
    unit = "".join(chr(0x4E00 + position) for position in range(period))
    repeats = 3 * TAIL_WINDOW // period

    assert periodic_tail("some words before" + unit * repeats) == (period, repeats * period)


def test_a_period_beyond_the_window_is_not_looked_for() -> None:
    """The stated limit of the period is the real one."""
    unit = "".join(chr(0x4E00 + position) for position in range(TAIL_WINDOW // COPIES + 1))

    assert periodic_tail(unit * 10) == (0, 0)


class CountedText(str):
    """A text that counts how often one of its characters is looked at."""

    __slots__ = ("reads",)
    reads: int

    def __getitem__(self, key: int) -> str:  # type: ignore[override]
        self.reads += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("text", ["a" * 3000, "ab" * 1500, "a" * 1500 + "b" * 1500, ("a" * 50 + "b") * 60, words(500)])
def test_the_tail_is_found_in_linear_steps(text: str) -> None:
    """The Z-function looks at no character more than a few times, however periodic the text is."""
    counted = CountedText(text)
    counted.reads = 0

    prefix_matches(counted)

    assert counted.reads <= 4 * len(text)


@pytest.mark.parametrize(
    "unit", ["a", "ab", "<", "<a", "<td></td>", "</", "_ ", "| 0 ", "<a" + "x" * 300, "\u0e01\u0e34"]
)
def test_no_text_explodes(unit: str) -> None:
    """A million characters of anything take about a second of CPU at most; anything quadratic would take hours."""
    text = unit * (1_000_000 // len(unit))
    started = time.thread_time()

    measure_repetition(text)

    assert time.thread_time() - started < 60


def test_windows_have_one_hash_each() -> None:
    """Equal windows have equal hashes wherever they stand, and different ones different hashes."""
    text = words(3000) * 2
    hashes = window_hashes(code_points(text)).tolist()
    windows = [text[start : start + WINDOW] for start in range(len(text) - WINDOW + 1)]

    assert len(hashes) == len(windows)
    assert len(set(hashes)) == len(set(windows)) == len(set(zip(hashes, windows, strict=True)))


PARAGRAPH = words(200)[:599] + "\n"


@pytest.mark.parametrize(
    "loop",
    [
        "D3" * 500,
        "_____ de " * 100,
        "CASHIER\n" * 100,
        "The quick brown fox jumps over the lazy dog.\n" * 20,
        PARAGRAPH * 6,
        "<tr><td>Total</td><td>0.00</td></tr>\n" * 40,
        "| Item | 1 | 0.00 |\n" * 60,
        "\\quad " * 200,
        "深度学习" * 100,
        "مرحبا بالعالم " * 50,
        "ก็" * 200,
        "x" * 1000,
    ],
)
def test_words_that_repeat_are_found_anywhere(loop: str) -> None:
    """In any script, a loop of words is most of the content, at the end of a page as in the middle of it."""
    assert repetition_ratio(words(20) + "\n" + loop) > 0.5
    assert repetition_ratio(words(20) + "\n" + loop + words(20, seed=1)) > 0.4
    assert periodic_tail(words(20) + "\n" + loop)[1] >= len(loop.rstrip())


def test_said_twice_is_not_repeated() -> None:
    """The second copy of a form does not count; the third does."""
    assert repetition_ratio(PARAGRAPH * 2) == 0
    assert repetition_ratio(PARAGRAPH * 3) == pytest.approx(1 / 3, abs=0.01)
    assert periodic_tail(PARAGRAPH * 2) == (0, 0)
    assert periodic_tail("\n" + PARAGRAPH * 3) == (600, 1800)


@pytest.mark.parametrize(
    "unit",
    ["." * 80 + "\n", ". ", "_" * 60 + "\n", "|---|", "<td></td>", "<td>0</td>", "| 0.00 ", "\\_", "☐ ", "<tr>\n"],
)
def test_what_may_repeat_is_left_to_the_other_measures(unit: str) -> None:
    """Leaders, rules, empty cells and numbers do not count for the ratio, but for the tail and for compression."""
    text = words(100) + "\n" + unit * 200
    measures = measure_repetition(text)

    assert measures.repetition_ratio == 0
    assert measures.repeated_tail_chars >= 200 * len(unit) - 1
    assert measures.compression_ratio > compression_ratio(words(100))


@pytest.mark.parametrize(("letters", "expected"), [(MIN_LETTERS, 0.8), (MIN_LETTERS - 1, 0.0)])
def test_a_row_counts_from_its_letters(letters: int, expected: float) -> None:
    """Rows count as words from `MIN_LETTERS` letters in a window on; with one letter fewer they are numbers."""
    row = "a" * letters + "0" * (WINDOW - letters)

    assert repetition_ratio(row * 10) == pytest.approx(expected)


def test_a_loop_that_counts_is_found_between_its_numbers() -> None:
    """Rows that differ in a number repeat where the text between two numbers fills a window; else only zlib sees it."""
    long_rows = "".join(f"Row {number}: {PARAGRAPH[:100]}\n" for number in range(100))
    short_rows = "".join(f"| {number} | Item | 0.00 |\n" for number in range(100))

    assert repetition_ratio(long_rows) > 0.8
    assert repetition_ratio(short_rows) == 0
    assert compression_ratio(short_rows) > 5


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_compression_is_whispers(text: str) -> None:
    """The ratio is bytes of UTF-8 over bytes of zlib, without an exception for any length."""
    assert compression_ratio(text) == len(text.encode()) / len(zlib.compress(text.encode()))


@pytest.mark.parametrize(
    ("text", "expected"), [("a", 1), ("abba", 2), ("a   b", 1), ("aa aa", 2), ("x" + "." * 90 + "y", 90), ("字字字", 3)]
)
def test_the_longest_run_is_of_one_character(text: str, expected: int) -> None:
    """Runs are counted in characters; white space neither makes one nor joins two."""
    assert longest_run(text) == expected
