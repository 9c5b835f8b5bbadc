"""Letters of TeX's bitmap fonts, which a PDF has as Type 3 fonts whose glyphs are named by their codes alone.

MuPDF takes a code for the letter: of the ligatures, dashes and quotes of a page only control characters are left,
`1990{1995` is a range, and a German sharp s is a y with dots. The codes that the document draws tell the encoding.
Tables are those of OT1, T1 and TS1 in LaTeX's encguide, OML and OMS in The TeXbook, appendix F.
Not covered: TeX's typewriter and extension fonts, and fonts with few letters in a document.
"""

import re
from collections.abc import Iterable, Mapping

import pymupdf  # import pages/mupdf.py first: it keeps PyMuPDF from loading its layout model

from ocrmill.pipeline.pages.glyphs.code_map import add_to_map

_NAMED = re.compile(r"/[A-Za-z]{1,2}(?P<code>\d{1,3})\b")
_FEW_LETTERS, _MANY_LETTERS = 5, 8  # different small ones of a font of text, with and without commas and full stops
_LOWER, _POINTS = frozenset(range(0x61, 0x7B)), frozenset((0x2C, 0x2E))
_GREEK = "\u0393\u0394\u0398\u039b\u039e\u03a0\u03a3\u03a5\u03a6\u03a8\u03a9"
_LIGATURES = ("ff", "fi", "fl", "ffi", "ffl")

_OT1 = {
    **dict(enumerate(_GREEK)),
    **dict(enumerate(_LIGATURES, 0x0B)),
    **dict(enumerate("\u0131\u0237`\xb4\u02c7\u02d8\xaf\u02da\xb8\xdf\xe6\u0153\xf8\xc6\u0152\xd8", 0x10)),
    0x22: "\u201d",
    0x27: "\u2019",
    0x3C: "\xa1",
    0x3E: "\xbf",
    0x5C: "\u201c",
    0x5E: "\u02c6",
    0x5F: "\u02d9",
    0x60: "\u2018",
    0x7B: "\u2013",
    0x7C: "\u2014",
    0x7D: "\u02dd",
    0x7E: "\u02dc",
    0x7F: "\xa8",
}
_T1 = {
    **dict(enumerate("`\xb4\u02c6\u02dc\xa8\u02dd\u02da\u02c7\u02d8\xaf\u02d9\xb8\u02db\u201a\u2039\u203a")),
    **dict(enumerate("\u201c\u201d\u201e\xab\xbb\u2013\u2014", 0x10)),
    **dict(enumerate("\u2080\u0131\u0237", 0x18)),
    **dict(enumerate(_LIGATURES, 0x1B)),
    0x27: "\u2019",
    0x60: "\u2018",
    0x7F: "-",
    **dict(enumerate("ĂĄĆČĎĚĘĞĹĽŁŃŇŊŐŔŘŚŠŞŤŢŰŮŸŹŽŻĲİđ§ăąćčďěęğĺľłńňŋőŕřśšşťţűůÿźžżĳ¡¿£", 0x80)),
    0xD7: "\u0152",
    0xDF: "SS",
    0xF7: "\u0153",
    0xFF: "\xdf",
}
_TS1 = {
    **dict(enumerate("\u2020\u2021\u2016\u2030\u2022\u2103$\xa2\u0192", 0x84)),
    0x2A: "*",
    0x97: "\u2122",
    0x9B: "\u2116",
    0xBF: "\u20ac",
    0xD6: "\xd7",
    0xF6: "\xf7",
}
_OML = {
    **dict(enumerate(_GREEK + "αβγδϵζηθικλμνξπρστυϕχψωεϑϖϱςφ")),
    0x3A: ".",
    0x3B: ",",
    0x3D: "/",
    0x40: "\u2202",
    0x60: "\u2113",
}
_OMS = {
    **dict(enumerate("\u2212\xb7\xd7*\xf7\u22c4\xb1\u2213\u2295\u2296\u2297\u2298\u2299\u25ef\u2218\u2022")),
    **dict(enumerate("\u224d\u2261\u2286\u2287\u2264\u2265\u2aaf\u2ab0\u223c\u2248\u2282\u2283\u226a\u226b", 0x10)),
    **dict(enumerate("\u2190\u2192\u2191\u2193\u2194", 0x20)),
    0x2F: "\u221d",
    0x30: "\u2032",
    0x31: "\u221e",
    0x32: "\u2208",
    0x66: "{",
    0x67: "}",
    0x6A: "|",
    0x79: "\u2020",
    0x7A: "\u2021",
    0x7B: "\xb6",
    0x78: "\xa7",
}
# Dashes and ligatures of text tell the encoding; T1 has accents for the first two of OT1, which no text needs there.
_OT1_ALONE = frozenset((0x0B, 0x0C))
_T1_ALONE, _OT1_ELSE = frozenset((0x15, 0x16, *range(0x1B, 0x20))), frozenset((*range(0x0D, 0x10), 0x5C, 0x7B, 0x7C))
_T1_LATER = 0x80  # codes from here on are none of OT1


def map_tex_bitmaps(document: pymupdf.Document, page_index: int) -> bool:
    """Give the fonts of a page that are TeX's bitmaps a map to Unicode; tell if there are any without.

    Takes a millisecond. Pages that were loaded before do not show the letters: each is to be mapped before it is read,
    or its text would hang on which others were.
    """
    try:
        fonts = document.get_page_fonts(page_index, full=True)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - MuPDF's errors are not one family; who loads the page says what is wrong with it
        return False
    found = False
    for xref, _, kind, *_ in fonts:
        if kind == "Type3" and document.xref_get_key(xref, "ToUnicode")[0] == "null":
            codes = _codes(document, xref)
            texts = {code: text for code, text in letters_of_codes(codes).items() if code in codes}
            found = (bool(texts) and add_to_map(document, xref, texts, 1)) or found
    if found:
        pymupdf.TOOLS.store_shrink(100)  # fonts are kept there as they were
    return found


def letters_of_codes(codes: Iterable[int]) -> Mapping[int, str]:
    """Return what the codes of a font stand for that are other letters in ASCII and Latin-1; none if it is unknown."""
    own = frozenset(codes)
    letters = own & _LOWER
    if own and not letters and max(own) >= _T1_LATER and all(code >= _T1_LATER or code in _TS1 for code in own):
        return _TS1
    if not letters:
        return _OMS if 0 in own and 1 not in own else {}
    if len(letters) >= (_FEW_LETTERS if own & _POINTS else _MANY_LETTERS) and (own & _POINTS or not own & {0x3A, 0x3B}):
        may_be_ot1 = max(own) < _T1_LATER
        if own & _OT1_ALONE and may_be_ot1:
            return _OT1
        return _T1 if own & _T1_ALONE else _OT1 if own & _OT1_ELSE and may_be_ot1 else {}
    return _OML if own & {0x3A, 0x3B} and not own & {*_POINTS, 0x2D} else {}


def _codes(document: pymupdf.Document, xref: int) -> set[int]:
    """Codes of a font, if the names of its glyphs are a letter and their code: `/a28`; else none."""
    kind, value = document.xref_get_key(xref, "Encoding")
    if kind == "xref":
        value = document.xref_object(int(value.split()[0]), compressed=True)
    _, _, names = value.partition("/Differences")
    places: dict[int, str] = {}
    code = 0
    for token in re.findall(r"/[^\s/\[\]<>]+|\d+", names.partition("]")[0]):
        if token.startswith("/"):
            places[code] = token
            code += 1
        else:
            code = int(token)
    named = {code: name for code, name in places.items() if name != "/.notdef"}
    return {code for code, name in named.items() if (m := _NAMED.fullmatch(name)) and int(m["code"]) == code}
