"""Damages that a reading of a page can have, done by rule: each takes Markdown and a draw, and returns it damaged.

`other` is a page of another document, from which invented text comes. A damage that a page cannot have (no number, too
short a text) is None. The smallest damage of a kind is what it does here.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

_WORD = re.compile(r"\S+")
_NUMBER = re.compile(r"(?<![\w.,])\d[\d.,]*\d(?![\w.,])")
_LINE_WORDS = 10
_LIKE = {
    **dict(zip("oaeunrlitfcsgbdhmvwy", "ceocvirlirtesqhcbnwvg", strict=False)),
    **dict(zip("0123456789", "8739561520", strict=True)),
}


@dataclass(frozen=True, slots=True)
class Damage:
    """A kind of damage, and the measure that should see it."""

    name: str
    measure: str
    do: Callable[[str, random.Random, str], str | None]
    held_back: bool = False


def _words_dropped(least: int, share: float) -> Callable[[str, random.Random, str], str | None]:
    def drop(text: str, draw: random.Random, _: str) -> str | None:
        words = list(_WORD.finditer(text))
        count = max(least, round(share * len(words)))
        if len(words) < 3 * count:
            return None
        at = draw.randrange(len(words) - count)
        return text[: words[at].start()] + text[words[at + count - 1].end() :]

    return drop


def _end_cut_off(text: str, _: random.Random, __: str) -> str | None:
    words = list(_WORD.finditer(text))
    return text[: words[len(words) * 4 // 5].start()] if len(words) >= _LINE_WORDS else None


def _row_dropped(text: str, draw: random.Random, _: str) -> str | None:
    rows = [row for row in re.finditer(r"^\|.*\|\n", text, re.MULTILINE) if len(re.findall(r"\w+", row[0])) >= 4]
    if len(rows) < 3:
        return None
    row = draw.choice(rows)
    return text[: row.start()] + text[row.end() :]


def _invented(count: int) -> Callable[[str, random.Random, str], str | None]:
    def invent(text: str, draw: random.Random, other: str) -> str | None:
        words, foreign = list(_WORD.finditer(text)), _plain(other)
        if len(foreign) < count or not words:
            return None
        at, start = draw.choice(words).end(), draw.randrange(len(foreign) - count + 1)
        return f"{text[:at]} {' '.join(foreign[start : start + count])} {text[at:]}"

    return invent


def _replaced(text: str, draw: random.Random, other: str) -> str | None:
    """A line of other words in the place of one: what a model makes up where it cannot read."""
    words, foreign = list(_WORD.finditer(text)), _plain(other)
    if min(len(words), len(foreign)) < 4 * _LINE_WORDS:
        return None
    at, start = draw.randrange(len(words) - _LINE_WORDS), draw.randrange(len(foreign) - _LINE_WORDS)
    put = " ".join(foreign[start : start + _LINE_WORDS])
    return text[: words[at].start()] + put + text[words[at + _LINE_WORDS - 1].end() :]


def _plain(text: str) -> list[str]:
    return [word for word in _WORD.findall(text) if word.isalpha()]


def _numbers_changed(count: int) -> Callable[[str, random.Random, str], str | None]:
    def change(text: str, draw: random.Random, _: str) -> str | None:
        numbers = list(_NUMBER.finditer(text))
        if len(numbers) < 2 * count:
            return None
        for number in sorted(draw.sample(numbers, count), key=re.Match.start, reverse=True):
            at = draw.choice([n for n in range(*number.span()) if text[n].isdigit()])
            digit = draw.choice("0123456789".replace(text[at], ""))
            text = text[:at] + digit + text[at + 1 :]
        return text

    return change


def _separator_changed(text: str, draw: random.Random, _: str) -> str | None:
    numbers = [number for number in _NUMBER.finditer(text) if re.search("[.,]", number[0])]
    if not numbers:
        return None
    number = draw.choice(numbers)
    return text[: number.start()] + re.sub("[.,]", "", number[0], count=1) + text[number.end() :]


def _columns_swapped(text: str, _: random.Random, __: str) -> str | None:
    words = list(_WORD.finditer(text))
    at = words[len(words) // 2].start() if words else 0
    return f"{text[at:]}\n\n{text[:at]}" if "|" not in text else None


def _read_across(text: str, _: random.Random, __: str) -> str | None:
    words = _WORD.findall(text)
    half = len(words) // 2
    starts = range(0, half, 6)
    both = [words[at : min(at + 6, half)] + words[half + at : half + at + 6] for at in starts]
    return "\n".join(" ".join(line) for line in both) if "|" not in text and "\\" not in text else None


def _misread(share: float) -> Callable[[str, random.Random, str], str | None]:
    def misread(text: str, draw: random.Random, _: str) -> str | None:
        places = [at for at, letter in enumerate(text) if letter.lower() in _LIKE]
        if len(places) * share < 3:
            return None
        letters = list(text)
        for at in draw.sample(places, round(share * len(places))):
            letters[at] = _LIKE[letters[at].lower()]
        return "".join(letters)

    return misread


MISSING, INVENTED, MISREAD = "agreement_missing", "agreement_invented", "agreement_misread"
NUMBERS, ORDER = "agreement_numbers", "agreement_order"
DAMAGES = (
    Damage("a line of 10 words dropped", MISSING, _words_dropped(_LINE_WORDS, 0)),
    Damage("a tenth of the page dropped", MISSING, _words_dropped(_LINE_WORDS, 0.1)),
    Damage("last fifth cut off", MISSING, _end_cut_off, held_back=True),
    Damage("a row of a table dropped", MISSING, _row_dropped, held_back=True),
    Damage("10 words invented", INVENTED, _invented(10)),
    Damage("40 words invented", INVENTED, _invented(40)),
    Damage("a line replaced by other words", INVENTED, _replaced, held_back=True),
    Damage("one number changed", NUMBERS, _numbers_changed(1)),
    Damage("three numbers changed", NUMBERS, _numbers_changed(3)),
    Damage("a separator dropped", NUMBERS, _separator_changed, held_back=True),
    Damage("columns swapped", ORDER, _columns_swapped),
    Damage("columns read across", ORDER, _read_across, held_back=True),
    Damage("2 % of letters misread", MISREAD, _misread(0.02)),
    Damage("5 % of letters misread", MISREAD, _misread(0.05)),
    Damage("10 % of letters misread", MISREAD, _misread(0.1), held_back=True),
)
