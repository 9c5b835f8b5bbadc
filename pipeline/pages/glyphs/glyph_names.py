"""Tells by a glyph's name which letters it stands for: `t_i`, `uni00740069`, `summationdisplay`, `parenlefttp`.

Adobe's list of names is MuPDF's. Where it gives a code of Adobe's private use (old-style digits, small capitals, pieces
of tall brackets), the character is the one that Unicode has had for it since. Names of TeX's fonts for mathematics,
which are in no list of Adobe's, are those of the Type 1 fonts cmex10 and lmmathext; of a brace of four tips each is a
corner. Small capitals are capitals. Not covered: names that only their font explains (`a12`, `glyph7`).
"""

import re

from pymupdf import mupdf  # import pages/mupdf.py first: it keeps PyMuPDF from loading its layout model

_NAME = re.compile(r"(?:uni(?P<units>(?:[0-9A-F]{4})+)|u(?P<point>[0-9A-F]{4,6})|(?P<name>[A-Za-z]+))\Z")
_SIZE = re.compile("(?:big|Big|bigg|Bigg|text|display)$")  # of a sign of cmex10
_SIGNS = {  # without their size; others are Adobe's
    "union": "\u22c3", "intersection": "\u22c2", "unionmulti": "\u2a04", "unionsq": "\u2a06", "coproduct": "\u2210",
    "logicaland": "\u22c0", "logicalor": "\u22c1", "circledot": "\u2a00", "circleplus": "\u2a01",
    "circlemultiply": "\u2a02", "contintegral": "\u222e",
}  # fmt: skip
_WHOLE = {
    "vextendsingle": "|", "vextenddouble": "\u2016", "arrowvertexdbl": "\u2016", "arrowtp": "\u2191",
    "arrowbt": "\u2193", "arrowdbltp": "\u21d1", "arrowdblbt": "\u21d3", "radicaltp": "\u250c",
    "radicalvertex": "\u2502", "radicalbt": "\u23b7", "bracehtipdownleft": "\u256d", "bracehtipdownright": "\u256e",
    "bracehtipupleft": "\u2570", "bracehtipupright": "\u256f", "hatwide": "\u02c6", "hatwider": "\u02c6",
    "hatwidest": "\u02c6", "tildewide": "\u02dc", "tildewider": "\u02dc", "tildewidest": "\u02dc",
    "mapsto": "\u21a6", "arrowhookleft": "\u21aa", "arrowhookright": "\u21a9",
}  # fmt: skip
_CORPORATE = range(0xF6BE, 0xF8FF)  # Adobe's codes of private use
_PIECES = {
    0xF6BE: "\u0237", 0xF6D9: "\xa9", 0xF6DA: "\xae", 0xF6DB: "\u2122", 0xF6DC: "1", 0xF8E5: "\u203e", 0xF8E6: "|",
    0xF8E7: "\u23af", 0xF8E8: "\xae", 0xF8E9: "\xa9", 0xF8EA: "\u2122", 0xF8F5: "\u23ae",
}  # fmt: skip
_PIECES |= {  # parenthesis, bracket and brace, left and right, from top to bottom; the last of a brace is in its middle
    private + n: chr(first + n)
    for private, first, count in (
        *((0xF8EB, 0x239B, 3), (0xF8EE, 0x23A1, 3), (0xF8F1, 0x23A7, 4)),
        *((0xF8F6, 0x239E, 3), (0xF8F9, 0x23A4, 3), (0xF8FC, 0x23AB, 3)),
    )
    for n in range(count)
}
_SMALL = range(0xF720, 0xF800)  # small capitals and old-style digits; the lower byte is the letter in Latin-1


def is_private(letter: str) -> bool:
    """Tell if a letter may be one of Adobe's private codes, for which Unicode has another."""
    return ord(letter) in _CORPORATE


def text_of_name(name: str) -> str | None:
    """Return the letters of a glyph's name, by Adobe's rules and TeX's names; None if it does not tell."""
    text = ""
    for part in name.partition(".")[0].split("_"):
        match = _NAME.match(part)
        if not match:
            return None
        if match["units"]:
            text += bytes.fromhex(match["units"]).decode("utf-16-be", errors="replace")
        elif match["point"]:
            text += chr(min(int(match["point"], 16), 0x10FFFF))
        else:
            known = _text_of_word(match["name"])
            if known is None:
                return None
            text += known
    return text if text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text else None


def _text_of_word(name: str) -> str | None:
    """The letter of a name without parts and numbers."""
    if name in _WHOLE:
        return _WHOLE[name]
    point = mupdf.ll_fz_unicode_from_glyph_name_strict(name)
    if point in _PIECES:
        return _PIECES[point]
    if point in _SMALL:
        return bytes([point & 0xFF]).decode("latin-1").upper()
    if point > 0:
        return chr(point)
    sign = _SIZE.sub("", name)
    if sign == name:
        return None
    return _SIGNS.get(sign) or _text_of_word(sign)
