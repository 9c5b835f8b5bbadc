r"""Tell formulas that no renderer of LaTeX parses: what KaTeX refuses is broken.

Looked at: braces, `\left` with `\right` and their delimiters, environments and what is outside of them, scripts
without anything raised or twice at one base, commands without their arguments, and commands that KaTeX does not know
(latex_commands.py). Linear in the formula.

Not covered: arguments of a wrong kind (sizes, colours, columns of an array), scripts within `\text`, and what `\def` of
the formula itself would define.
"""

import re
from collections.abc import Sequence

from ocrmill.pipeline.quality.signals.latex_commands import (
    COMMANDS,
    DELIMITERS,
    ENVIRONMENTS,
    ONE_ARGUMENT,
    TWO_ARGUMENTS,
)

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[{}^_&\[\]$%]|\s+|.", re.DOTALL)
_SCRIPTS = frozenset("^_")
_ENDS = frozenset({"}", "&", r"\\", r"\right", r"\end", r"\middle"})
_GROUP, _RAISED, _FENCE = "{", "^{", r"\left"  # what is open, besides environments, by their names


def is_broken(latex: str) -> bool:
    """Tell if a formula does not parse."""
    tokens = _without_comments([token[0] for token in _TOKEN.finditer(latex)])
    closed = _closed_braces(tokens)
    return closed is None or _Walk(tokens, closed).fails()


def _without_comments(tokens: Sequence[str]) -> list[str]:
    kept, in_comment = [], False
    for piece in tokens:
        if piece == "%":
            in_comment = True
        elif piece.isspace():
            in_comment = in_comment and "\n" not in piece
        elif not in_comment:
            kept.append(piece)
    return kept


def _closed_braces(tokens: Sequence[str]) -> dict[int, int] | None:
    """Find the place after the brace that closes each one; None if one is left over."""
    closed, opened = {}, []
    for at, piece in enumerate(tokens):
        if piece == "{":
            opened.append(at)
        elif piece == "}":
            if not opened:
                return None
            closed[opened.pop()] = at + 1
    return None if opened else closed


class _Walk:
    """Walks over the tokens of a formula once."""

    def __init__(self, tokens: list[str], closed: dict[int, int]) -> None:
        self._tokens = tokens
        self._closed = closed
        self._open: list[str] = []
        self._scripts: list[set[str]] = [set()]  # of the last base, in each group that is open

    def fails(self) -> bool:
        """Tell if a token cannot stand where it is, or something is left open."""
        at = 0
        while at < len(self._tokens):
            step = self._step(at)
            if step == 0:
                return True
            at += step
        return bool(self._open)

    def _step(self, at: int) -> int:
        """Take a token; return how many were taken, 0 if it is an error."""
        match self._tokens[at]:
            case "{":
                taken = self._begin(_GROUP)
            case "}":
                taken = self._end(_RAISED if self._open[-1:] == [_RAISED] else _GROUP)
            case "^" | "_":
                taken = self._script(at)
            case "&":
                taken = int(any(name not in {_GROUP, _RAISED, _FENCE} for name in self._open))
            case "$":  # text within the formula may hold another one
                taken = int(_GROUP in self._open)
            case "\\left" | "\\right" | "\\middle":
                taken = self._fence(at)
            case "\\begin" | "\\end":
                taken = self._environment(at)
            case _:
                self._scripts[-1] = set()
                taken = self._command(at)
        return taken

    def _begin(self, name: str) -> int:
        self._open.append(name)
        self._scripts.append(set())
        return 1

    def _end(self, name: str) -> int:
        if not self._open or self._open.pop() != name:
            return 0
        self._scripts.pop()
        if name != _RAISED:
            self._scripts[-1] = set()
        return 1

    def _script(self, at: int) -> int:
        """Take `^` or `_`: something follows, and the base has none of its kind yet."""
        piece = self._tokens[at]
        if piece in self._scripts[-1] or not self._has_argument(at + 1):
            return 0
        self._scripts[-1].add(piece)
        if self._tokens[at + 1] == "{":
            return self._begin(_RAISED) + 1
        return self._command(at + 1) and 2

    def _has_argument(self, at: int) -> bool:
        return at < len(self._tokens) and self._tokens[at] not in _ENDS | _SCRIPTS

    def _fence(self, at: int) -> int:
        r"""Take `\left`, `\right` or `\middle` with its delimiter."""
        piece = self._tokens[at]
        if at + 1 >= len(self._tokens) or self._tokens[at + 1] not in DELIMITERS:
            return 0
        if piece == r"\left":
            return self._begin(_FENCE) + 1
        if piece == r"\right":
            return self._end(_FENCE) and 2
        return 2 if self._open[-1:] == [_FENCE] else 0

    def _environment(self, at: int) -> int:
        closed = self._closed.get(at + 1, 0)
        name = "".join(self._tokens[at + 2 : closed - 1]) if closed else ""
        if name not in ENVIRONMENTS:
            return 0
        taken = self._begin(name) if self._tokens[at] == r"\begin" else self._end(name)
        return taken and closed - at

    def _command(self, at: int) -> int:
        """Take a command or a character. Its arguments must be there; they are walked over as what follows."""
        name = self._tokens[at][1:]
        if self._tokens[at][0] != "\\" or not name.isalpha():
            return 1
        place = at + 1
        if name == "sqrt" and self._tokens[place : place + 1] == ["["]:
            place = next((n + 1 for n in range(place, len(self._tokens)) if self._tokens[n] == "]"), place)
        for _ in range(2 if name in TWO_ARGUMENTS else int(name in ONE_ARGUMENT)):
            if not self._has_argument(place):
                return 0
            place = self._closed.get(place, place + 1)
        return int(name in COMMANDS)
