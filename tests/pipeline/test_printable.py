"""Text from hostile documents cannot drive a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrmill.pipeline.printable import printable, printable_line


@given(st.text(st.characters(), max_size=200))
def test_nothing_printable_gives_is_a_control(text: str) -> None:
    """Whatever the text, what comes out holds no control, direction mark or surrogate but line feeds and tabs."""
    allowed = "\n\t\N{SOFT HYPHEN}\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"

    shown = printable(text)

    assert all(
        character in allowed or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        for character in shown
    )
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
        ("\x9b2J", r"\x9b2J"),
        ("a\rb\x08", r"a\rb\x08"),
        ("gpj.\u202etxt", r"gpj.\u202etxt"),
        ("one\u2028two", r"one\u2028two"),
        ("\U000e0041", r"\U000e0041"),
        ("ligne\u00a0: é 漢字 कर्\u200dम", "ligne\u00a0: é 漢字 कर्\u200dम"),
    ],
)
def test_what_a_terminal_would_obey_is_spelt_out(text: str, shown: str) -> None:
    """Escape sequences, 8-bit ones too, carriage returns and direction marks are spelt; words of all scripts stay."""
    assert shown == printable(text)


@given(st.text(st.characters(), max_size=400), st.integers(3, 200))
def test_a_line_is_one_line_and_no_longer_than_asked(text: str, width: int) -> None:
    """An excerpt has no line feed and at most the given characters."""
    line = printable_line(text, width)

    assert len(line) <= width
    assert not set(line) & set("\n\t\r")


def test_white_space_becomes_single_spaces() -> None:
    """Line feeds, tabs and indentation do not use up the width."""
    assert "# Title and more" == printable_line("\n\n" + " " * 5000 + "# Title\n\n\tand   more\n", 40)
    assert "abcdefg..." == printable_line("abcdefghijklmnop", 10)
