"""Turns in a row: each kind of unit at the number of turns that is a loop and below it, and what is honest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.quality.repetition.loops import MOST_CHARS, strongest_loop

PAGE = "It was the best of times, it was the worst of times, it was the age of wisdom.\n"
LINE = "The quick brown fox jumps over the lazy dog.\n"
SENTENCE = "We therefore ask that all of the owners read the plan before the next meeting of the board. "
STREET = "High Street, Northbay NB1 2CD, vacant"


@pytest.mark.parametrize(
    ("unit", "turns"),
    [
        (SENTENCE, 5),
        (LINE, 8),
        ("same ", 60),
        ("<td></td>", 120),
        ("<td>0</td>", 120),
        ("0.00 ", 120),
        (r"\quad ", 60),
        ("<br>", 60),
        ("&nbsp;", 60),
        (r"\mathbf{a}_{m} ", 60),
        ("x^{n} ", 60),
        (".", 250),
        ("x", 250),
        ("我们需要更多的时间。", 10),
        ("- the same item of a list\n", 12),
        ("| Total | not reported |\n", 40),
        ("<tr><td>Total</td><td>not reported</td></tr>", 40),
        ("Date: ________ Signature: ________\n", 40),
        ("<figure></figure>\n", 95),
        ("<table><tr><td>", 120),
        ("<tr><td></td><td></td></tr>\n", 120),
        ("- [ ] \n", 120),
        ("aGVsbG8=", 25),
        ("🎉", 120),
        ("🎉 ", 120),
        ("👩 👨 ", 60),
    ],
)
@pytest.mark.parametrize("after", ["", PAGE])
def test_turns_that_are_a_loop(unit: str, turns: int, after: str) -> None:
    """So many turns score 1 or more, at the end of a page and before other text; two thirds of them score less."""
    assert strongest_loop(PAGE + unit * turns + after).score >= 1
    assert strongest_loop(PAGE + unit * (turns * 2 // 3) + after).score < 1


def test_a_loop_is_described_by_its_turns() -> None:
    """Turns and characters of a turn are those that stand there."""
    loop = strongest_loop(PAGE + LINE * 20 + PAGE)

    assert (loop.turns, loop.unit_chars) == (20, len(LINE))


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"In {year} the company opened another office in the city. " for year in range(1950, 1990)),
        " ".join(map(str, range(1, 401))),
        "\n".join(map(str, range(1, 401))),
        "".join("First line says this.\nSecond line says that.\n" for _ in range(12)),
        "".join(f"The {word} was seen by all who came down to the mill that day, and "
            "nobody spoke aloud. " for word in PAGE.split() * 3),
        "".join(f'<td colspan="{n}"></td>' for n in range(120)),
        "".join(f"![](images/{n}.jpg)\n" for n in range(95)),
        "".join(f"x_{{{n}}} & y_{{{n}}} \\\\\n" for n in range(66)),
        "![A chart of all results by year](chart.png)\n" * 12,
    ],
    ids=["year", "counting", "counting in lines", "two lines", "a word that changes", "attribute", "picture", "indices",
         "caption"],
)  # fmt: skip
def test_drifting_loops_are_found(text: str) -> None:
    """Text that counts on, alternates, or changes a word each turn is a loop."""
    assert strongest_loop(PAGE + text + PAGE).score >= 1


@pytest.mark.parametrize(
    "text",
    [
        "".join("| " + " | ".join(map(str, range(n, n + 10))) + " |\n" for n in range(1, 1001, 10)),
        "".join(f"{n} {STREET}\n" for n in range(1, 81)),
        "Reserved\n" * 32,
        "".join(f"2024-01-01 12:{n // 60:02}:{n % 60:02} INFO worker-3 heartbeat ok\n" for n in range(90)),
        "".join(f"<tr><td>{n}</td>{'<td>n/a</td>' * 8}</tr>" for n in range(50)),
        "Hallelujah, hallelujah, sing with all\n" * 7,
        "Date: ________ Signature: ________\n" * 30,
        "".join(f"| Voucher no. {n} |  |\n" for n in range(80600, 80700)),
        "........\n" * 300,
        "cag" * 40,
        "".join("♟ " * 8 + "\n" for _ in range(8)),
        "",
    ],
    ids=[
        "chart",
        "street",
        "register",
        "log",
        "not available",
        "song",
        "sheet",
        "vouchers",
        "blanks",
        "gene",
        "chess",
        "empty",
    ],
)
def test_honest_pages_have_no_loop(text: str) -> None:
    """Charts, lists with numbers, logs, sheets and songs say the same often, and score less than 1."""
    assert strongest_loop(PAGE + text).score < 1


@given(st.text(st.characters()) | st.text("ab |\n<td></td>0", max_size=300))
def test_any_text_can_be_looked_at(text: str) -> None:
    """No text raises; a score is never negative, and a loop has turns if it has a score."""
    loop = strongest_loop(text)

    assert loop.score >= 0
    assert (loop.turns > 0) == (loop.score > 0)


def test_a_loop_is_looked_for_near_the_end() -> None:
    """Of a very long text the last `MOST_CHARS` characters are looked at."""
    prose = "".join(f"{number * 7919 % 104729:06} " for number in range(MOST_CHARS // 7))

    assert strongest_loop(prose + SENTENCE * 9).turns == 9
    assert strongest_loop(SENTENCE * 9 + prose).turns != 9
