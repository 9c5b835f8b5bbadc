"""A few phrases that come again in any order are a loop, and honest pages of few words are none."""

import random
import re

import pytest

from ocrmill.pipeline.quality.repetition.phrase_sets import longest_phrase_set

HAN = re.compile("[\u4e00-\u9fff]")
PHRASES = [
    "The council approves the plan of the owners",
    "No further questions were put to the witness",
    "Repairs begin in the second week of October",
    "Members who cannot come may send a letter",
    "The mill is driven by the tide of the river",
]
WORDS = ["Early", "Late", "Night", "Off"]


def drawn(phrases: list[str], turns: int, between: str) -> str:
    draw = random.Random(0)
    return between.join(draw.choice(phrases) for _ in range(turns))


@pytest.mark.parametrize("between", ["\n", " ", ". ", "</td><td>"])
def test_phrases_in_any_order_are_a_loop(between: str) -> None:
    """Five phrases of 36 letters 120 times, whatever stands between, before and after; at a third of that not yet."""
    page = "It was the best of times, it was the worst of times.\n"
    text = page + drawn(PHRASES, 120, re.sub("<[^<>]*>", " ", between)) + "\n" + page
    found = longest_phrase_set(text, HAN, 3)
    fewer = longest_phrase_set(drawn(PHRASES, 40, between), HAN, 3)

    assert found is not None
    assert found.score >= 1
    assert found.turns > 10
    assert len(page) < found.start < found.end < len(text) - len(page) + 5
    assert fewer is not None
    assert fewer.score < 1


def test_characters_of_han_say_more() -> None:
    """Phrases of twelve characters are as long as those of 36 letters."""
    draw = random.Random(1)
    phrases = ["".join(chr(draw.randrange(0x4E00, 0x9000)) for _ in range(12)) for _ in range(5)]
    found = longest_phrase_set(drawn(phrases, 120, "\u3002"), HAN, 3)

    assert found is not None
    assert found.score >= 1


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(f"12:{n * 7 % 60:02}:{n * 13 % 60:02} {PHRASES[n * n % 4]}" for n in range(90)),
        "\n".join(" ".join(random.Random(n).choices(WORDS, k=31)) for n in range(20)),
        "\n".join(" ".join(random.Random(n).sample(PHRASES[0].split(), 8)) for n in range(30)),
        "\n".join(f"{n}. {PHRASES[n % 2]}: Yes No" for n in range(60)),
        "".join(f"{n * 7919 % 104729} " for n in range(900)),
        "short",
        "",
    ],
    ids=["log", "roster", "drill", "questions", "numbers", "short", "empty"],
)
def test_honest_pages_of_few_words_are_none(text: str) -> None:
    """Logs and ledgers say a new number in each row; rosters and drills have no phrases."""
    found = longest_phrase_set(text, HAN, 3)

    assert found is None or found.score < 1
