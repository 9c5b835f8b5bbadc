r"""Find the formulas in Markdown: `\( \)`, `\[ \]`, `$$ $$` and `$ $`, outside code.

A single dollar opens a formula only before a character that is no space, and closes it only after one and before no
digit, in the same paragraph: `$5 and $6` is none. An escaped delimiter is none. Linear in the text.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from typing import NamedTuple

_TOKEN = re.compile(r"\\.|\$\$|\$|`+|\n[ \t]*\n", re.DOTALL)
_CLOSED_BY = {r"\(": r"\)", r"\[": r"\]", "$$": "$$", "$": "$"}
_PARAGRAPH = "\n"


class Formula(NamedTuple):
    """The LaTeX of a formula, and the place of it with its delimiters in the Markdown."""

    latex: str
    start: int
    end: int


def find_formulas(markdown: str) -> list[Formula]:
    """Return the formulas of a text in their order; a delimiter that nothing closes begins none."""
    if "$" not in markdown and "\\" not in markdown:
        return []
    tokens = list(_TOKEN.finditer(markdown))
    code_ends = _code_ends(tokens)
    found: list[Formula] = []
    opened: re.Match[str] | None = None
    after_code = 0
    for at, token in enumerate(tokens):
        kind = token[0]
        if token.start() < after_code:
            continue
        if opened is not None and kind == _CLOSED_BY[opened[0]] and _may_close(markdown, opened, token):
            found.append(Formula(markdown[opened.end() : token.start()], opened.start(), token.end()))
            opened = None
        elif kind[0] == _PARAGRAPH and opened is not None and opened[0] == "$":
            opened = None
        elif kind[0] == "`" and opened is None:
            after_code = code_ends.get(at, 0)
        elif kind in _CLOSED_BY and _may_open(markdown, opened, token):
            opened = token
    return found


def _may_open(markdown: str, opened: re.Match[str] | None, token: re.Match[str]) -> bool:
    """Tell if a delimiter begins a formula; within one only another bracket does, for the first was never closed."""
    if token[0][0] == "\\":
        return True
    if opened is not None and opened[0] != "$":
        return False
    return token[0] == "$$" or not markdown[token.end() : token.end() + 1].isspace()


def _may_close(markdown: str, opened: re.Match[str], token: re.Match[str]) -> bool:
    if token[0] != "$":
        return True
    before, after = markdown[token.start() - 1], markdown[token.end() : token.end() + 1]
    return token.start() > opened.end() and not before.isspace() and not after.isdigit()


def _code_ends(tokens: list[re.Match[str]]) -> dict[int, int]:
    """Find the end of the code that each run of backticks begins: after the next run of the same length."""
    places: dict[str, list[int]] = defaultdict(list)
    for at, token in enumerate(tokens):
        if token[0][0] == "`":
            places[token[0]].append(at)
    ends = {}
    for same in places.values():
        for at in same:
            after = bisect_left(same, at) + 1
            if after < len(same):
                ends[at] = tokens[same[after]].end()
    return ends
