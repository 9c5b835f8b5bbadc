"""The script of a character, by Unicode's blocks, and the letter without its accents."""

import unicodedata
from bisect import bisect_right
from functools import lru_cache

# (first code point, script), ascending; a range ends where the next begins. Symbols inside a range are harmless:
# only letters are asked for.
_RANGES = (
    (0x0041, "latin"),
    (0x0370, "greek"),
    (0x0400, "cyrillic"),
    (0x0530, "armenian"),
    (0x0590, "hebrew"),
    (0x0600, "arabic"),
    (0x0700, "syriac"),
    (0x0750, "arabic"),
    (0x0780, "thaana"),
    (0x07C0, "other"),
    (0x08A0, "arabic"),
    (0x0900, "devanagari"),
    (0x0980, "bengali"),
    (0x0A00, "gurmukhi"),
    (0x0A80, "gujarati"),
    (0x0B00, "oriya"),
    (0x0B80, "tamil"),
    (0x0C00, "telugu"),
    (0x0C80, "kannada"),
    (0x0D00, "malayalam"),
    (0x0D80, "sinhala"),
    (0x0E00, "thai"),
    (0x0E80, "lao"),
    (0x0F00, "tibetan"),
    (0x1000, "myanmar"),
    (0x10A0, "georgian"),
    (0x1100, "hangul"),
    (0x1200, "ethiopic"),
    (0x13A0, "other"),
    (0x1780, "khmer"),
    (0x1800, "mongolian"),
    (0x18B0, "other"),
    (0x1C80, "cyrillic"),
    (0x1C90, "georgian"),
    (0x1CC0, "other"),
    (0x1D00, "latin"),
    (0x1F00, "greek"),
    (0x2000, "latin"),
    (0x2C00, "other"),
    (0x2C60, "latin"),
    (0x2C80, "other"),
    (0x2DE0, "cyrillic"),
    (0x2E00, "han"),
    (0x3040, "kana"),
    (0x3100, "bopomofo"),
    (0x3130, "hangul"),
    (0x3190, "han"),
    (0x31F0, "kana"),
    (0x3200, "han"),
    (0xA000, "other"),
    (0xA640, "cyrillic"),
    (0xA6A0, "other"),
    (0xA720, "latin"),
    (0xA800, "other"),
    (0xA960, "hangul"),
    (0xA980, "other"),
    (0xAB30, "latin"),
    (0xAB70, "other"),
    (0xAC00, "hangul"),
    (0xD800, "other"),
    (0xF900, "han"),
    (0xFB00, "latin"),
    (0xFB13, "armenian"),
    (0xFB1D, "hebrew"),
    (0xFB50, "arabic"),
    (0xFE00, "other"),
    (0xFE70, "arabic"),
    (0xFF00, "latin"),
    (0xFF66, "kana"),
    (0xFFA0, "hangul"),
    (0xFFE0, "other"),
    (0x1D400, "latin"),
    (0x1D800, "other"),
    (0x20000, "han"),
    (0x32000, "other"),
)
_FIRSTS = tuple(first for first, _ in _RANGES)

# Letters that Persian, Urdu and Arabic keyboards write with different code points.
_SAME_LETTER = str.maketrans("\u06a9\u06cc\u0649\u06c1\u06be", "\u0643\u064a\u064a\u0647\u0647")
_TATWEEL = "\u0640"  # lengthens a word, and is no letter of it


# Vietnamese letters with a tone: Latin by their block, but not in what most Latin recognizers can write.
VIETNAMESE = ("\u1ea0", "\u1ef9")
LATIN_CJK = frozenset({"latin", "han", "kana", "bopomofo"})


def unwritable_share(text: str, scripts: frozenset[str] | None) -> float:
    """Share of a text's letters that are not of these scripts, from 0 to 1; 0 if `scripts` is None, for any.

    Vietnamese letters with a tone are a script of their own, `vietnamese`: most Latin recognizers cannot write them.
    """
    if scripts is None:
        return 0.0
    letters = [character for character in text if character.isalpha()]
    return sum(_fine_script(letter) not in scripts for letter in letters) / len(letters) if letters else 0.0


def _fine_script(letter: str) -> str:
    return "vietnamese" if VIETNAMESE[0] <= letter <= VIETNAMESE[1] else script_of(letter)


def script_of(character: str) -> str:
    """Script of a letter, lower case; `other` for the rarer ones."""
    return _RANGES[bisect_right(_FIRSTS, ord(character)) - 1][1] if character >= "A" else "other"


@lru_cache(maxsize=65536)
def bare_letters(character: str) -> str:
    """Lower-case letters of a character without accents, ligatures undone; empty if it is no letter."""
    if not character.isalpha() or character == _TATWEEL:
        return ""
    plain = unicodedata.normalize("NFKD", character).lower()
    return "".join(part for part in plain if part.isalpha()).translate(_SAME_LETTER)
