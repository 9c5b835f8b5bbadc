r"""Text from documents that is safe to show on a terminal: `ESC [ 2 J` comes out as `\x1b[2J`.

It escapes what a terminal could obey or hide: control characters (8-bit ones too), marks that reverse the direction of
text, line separators, surrogates, private and unassigned code points. Not covered: letters that look like others.
"""

import unicodedata

_JOINERS = "\N{SOFT HYPHEN}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"  # invisible, harmless, and part of words
_LINES = "\n\t"


def is_printable(character: str) -> bool:
    """Tell if a character can be shown as it is, within a line."""
    return character.isprintable() or character in _JOINERS or unicodedata.category(character) == "Zs"


def printable(text: str) -> str:
    r"""The text with what could harm as `\xNN`, `\uNNNN` or `\UNNNNNNNN`; line feeds and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        character if character in _LINES or is_printable(character) else _escaped(character) for character in text
    )


def printable_line(text: str, width: int) -> str:
    """The beginning of the text as one line of at most `width` characters, all white space as single spaces."""
    # Escapes only lengthen it; white space in front of the excerpt could be longer than any window, so it goes first.
    line = printable(" ".join(text.lstrip()[: 4 * width].split()))
    return line if len(line) <= width else line[: width - 3] + "..."


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
