"""Lines and sentences drawn from the words of samples/prose.py."""

import random

from bench.quality.vocabulary import english


def line_of(draw: random.Random, least: int, most: int) -> str:
    """Draw words that make a line of `least` to `most` characters, without a stop."""
    wanted = draw.randint(least, most)
    words: list[str] = []
    while len(" ".join(words)) < wanted:
        words.append(draw.choice(english()))
    return " ".join(words)[:most].strip().ljust(least, "e")


def sentence_of(draw: random.Random, least: int, most: int) -> str:
    """Draw a sentence, or several, of `least` to `most` characters."""
    words = line_of(draw, least, most - 1).split()
    for place in range(0, len(words), 12):
        words[place] = words[place].capitalize()
        words[place - 1] += "." if place else ""
    return " ".join(words)[: most - 1] + "."
