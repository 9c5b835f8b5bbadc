"""Bullets, ticks and boxes of symbol fonts as the Unicode characters that they show.

Wingdings and Symbol give their glyphs codes of the private use area (U+F000 to U+F0FF), or those of plain letters; so
does ZapfDingbats in the check boxes of forms, and WordPerfect's font for quotes, dashes and bullets, which courts and
offices print: `A` is a left quote in it. In fonts of mathematical signs that publishers of journals use, the equals
sign has the code of one quarter, and the plus that of a thorn.
The values are those of Unicode's mapping tables for Wingdings, Wingdings 2, Symbol and ITC Zapf Dingbats, the order of
WordPerfect's character set 4, and that of TeX's symbols.
"""

import re
from functools import lru_cache

_WINGDINGS = {
    0x6C: "\u25cf", 0x6D: "\u274d", 0x6E: "\u25a0", 0x6F: "\u25a1", 0x71: "\u2751", 0x72: "\u2752", 0x73: "\u2b27",
    0x75: "\u25c6", 0x76: "\u2756", 0x77: "\u2b25", 0x9E: "\u00b7", 0x9F: "\u2022", 0xA7: "\u25aa", 0xA8: "\u25fb",
    0xD8: "\u27a2", 0xE0: "\u2192", 0xE8: "\u2794", 0xF0: "\u21e8", 0xFB: "\u2717", 0xFC: "\u2713", 0xFD: "\u2612",
    0xFE: "\u2611",
}  # fmt: skip
_WINGDINGS_2 = {0x50: "\u2713", 0x51: "\u2717", 0x52: "\u2611", 0x53: "\u2612", 0xA3: "\u2610", 0x97: "\u25cf"}
_SYMBOL = {0xB7: "\u2022", 0xAE: "\u2192", 0xB4: "\u00d7", 0xB1: "\u00b1", 0xA3: "\u2264", 0xB3: "\u2265"}
_DINGBATS = {code: chr(0x26E0 + code) for code in range(0x21, 0x7F)} | {
    0x25: "\u260e", 0x2A: "\u261b", 0x2B: "\u261e", 0x48: "\u2605", 0x6C: "\u25cf", 0x6E: "\u25a0", 0x73: "\u25b2",
    0x74: "\u25bc", 0x75: "\u25c6", 0x77: "\u25d7",
}  # fmt: skip
_TYPOGRAPHIC = dict(
    enumerate(
        "\u2022\u25e6\u25a0\u2022*\u00b6\u00a7\u00a1\u00bf\u00ab\u00bb\u00a3\u00a5\u20a7\u0192\u00aa"
        "\u00ba\u00bd\u00bc\u00a2\u00b2\u207f\u00ae\u00a9\u00a4\u00be\u00b3\u201b\u2019\u2018\u201f\u201d"
        "\u201c\u2013\u2014\u2039\u203a\u25cb\u25a1\u2020\u2021\u2122\u2120\u211e",
        start=0x21,
    )
)
_TEX_SIGNS = (
    "\u2212\u00b7\u00d7\u2217\u00f7\u22c4\u00b1\u2213\u2295\u2296\u2297\u2298\u2299\u25ef\u2218\u2022"
    "\u224d\u2261\u2286\u2287\u2264\u2265\u2aaf\u2ab0\u223c\u2248\u2282\u2283\u226a\u226b\u227a\u227b"
)
# Its codes are those of TeX's symbols, or 0xC0 more, but for signs that TeX has in other fonts.
_PUBLISHERS = (
    dict(enumerate(_TEX_SIGNS))
    | dict(enumerate(_TEX_SIGNS, start=0xC0))
    | {0xBC: "=", 0xFE: "+", 0xF0: "(", 0xDE: ")", 0xBD: "[", 0x160: "]"}
)
_SIGN_FONT = re.compile("wingdings|zapf ?dingbats|wp ?typographicsymbols", re.IGNORECASE)
_PUBLISHERS_FONT = re.compile("advmacmthsy|advp4c4e", re.IGNORECASE)
_DINGBATS_FONT = re.compile("dingbats|wingdings|symbol", re.IGNORECASE)
_PRIVATE, _CONTROLS = range(0xF000, 0xF100), range(0x80, 0xA0)
_NAMES = (
    (re.compile(r"wingdings.?2", re.IGNORECASE), _WINGDINGS_2),
    (re.compile("wingdings", re.IGNORECASE), _WINGDINGS),
    (re.compile("wp ?typographicsymbols", re.IGNORECASE), _TYPOGRAPHIC),
    (re.compile("symbol", re.IGNORECASE), _SYMBOL),
    (re.compile("zapf ?dingbats", re.IGNORECASE), _DINGBATS),
)
_ANY = {0xB7: "\u2022", 0xA7: "\u25aa", 0xD8: "\u27a2", 0xFC: "\u2713", 0xA8: "\u25fb", 0xFE: "\u2611"}


def plain_symbol(character: str, font: str) -> str:
    """Return the character that a glyph of a symbol font shows; other characters as they are.

    A control character is nothing in a font of signs, where it may stand for a blank, and a lost letter in others.
    """
    code = ord(character[0])
    if _is_publishers(font):
        return _PUBLISHERS.get(code, character)
    private, is_control = code in _PRIVATE, code in _CONTROLS
    if not private and not is_control and (code > 0xFF or not is_sign_font(font)):  # noqa: PLR2004 - one byte
        return character
    table = next((table for name, table in _NAMES if name.search(font)), _ANY if private else {})
    if is_control and code not in table:
        return "" if _DINGBATS_FONT.search(font) else "\ufffd"
    return table.get(code & 0xFF, character)


@lru_cache(maxsize=4096)
def is_sign_font(font: str) -> bool:
    """Tell if a font shows signs under the codes of letters: it has no letters or digits."""
    return bool(_SIGN_FONT.search(font)) or _is_publishers(font)


@lru_cache(maxsize=4096)
def _is_publishers(font: str) -> bool:
    return bool(_PUBLISHERS_FONT.search(font))
