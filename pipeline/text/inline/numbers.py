"""Numbers that a program breaks in a cell that is too narrow for them: `4,157,65` and `4` below it.

Only a number whose last group lacks digits is known to go on. Not covered: `69437.9` and `5`, which may be two numbers.
"""

import re

_UNFINISHED = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:,\d{3})+,|(?:\.\d{3})+\.)(\d{1,2})$")
_DIGITS = re.compile(r"(\d{1,2})(?![\w,])")
_GROUP = 3


def is_unfinished_number(text: str) -> bool:
    """Tell if a text ends with a number that has full groups of digits, and a last one that is not full."""
    return _UNFINISHED.search(text) is not None


def is_broken_number(before: str, after: str) -> bool:
    """Tell if `before` ends with an unfinished number, whose last group the digits of `after` make full."""
    start = _UNFINISHED.search(before)
    rest = _DIGITS.match(after) if start else None
    return start is not None and rest is not None and len(start[1]) + len(rest[1]) == _GROUP
