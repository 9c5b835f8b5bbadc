"""Glyphs of fonts of signs become the characters that they show."""

import pytest

from ocrmill.pipeline.text.layer.symbol_fonts import plain_symbol

_TYPOGRAPHIC = "\u2022\u00a7\u2019\u201d\u201c\u2013\u2014\u25cb"


@pytest.mark.parametrize(
    ("character", "font", "shown"),
    [
        *(("\uf0fe", "ABCDEF+Wingdings", "\u2611"), ("\x9f", "Wingdings", "\u2022"), ("4", "ZapfDingbats", "\u2714")),
        *(("\x84", "AllumiStd-DingbatsTwo", ""), ("\x88", "Helvetica", "\ufffd"), ("\u00e9", "Helvetica", "\u00e9")),
        *((code, "AdvMacMthSyN", sign) for code, sign in zip("\u00bc\u00fe\x02\u00f0", "=+\u00d7(", strict=True)),
        *((code, "ABCDEF+WPTypographicSymbols", sign) for code, sign in zip("!'=@ABCF", _TYPOGRAPHIC, strict=True)),
    ],
)
def test_signs_and_control_characters(character: str, font: str, shown: str) -> None:
    """A code of a known font of signs is its sign; a control character is nothing there, elsewhere a lost letter."""
    assert plain_symbol(character, font) == shown
