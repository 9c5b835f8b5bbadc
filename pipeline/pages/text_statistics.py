"""Statistics of a text layer: unmapped glyphs, word shapes, and how unlike any language its letters are.

The word rules speak of Latin script; the other scripts are judged by their letters' frequencies (alphabets), by rare
characters (Han, hangul), by how many scripts are mixed, and by words that cannot be. Text without letters is odd if it
is made of many kinds of signs.

Not covered: scripts without a table in letter_frequencies.py, letters in a wrong order inside a word, and garbage of a
few words.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from ocrmill.pipeline.pages.letter_frequencies import distance_from_language
from ocrmill.pipeline.pages.scripts import bare_letters, script_of

_MIN_LETTERS = 50  # of a script, before its letters can say anything: the noise of fewer is above 0.2
_MIN_SCRIPT_SHARE = 0.2  # a script of fewer letters is a quotation or a formula
_SIGNS = frozenset("!\"#&'*;<=>?@[\\]^`{}~")  # those of ASCII that are rare in numbers
_FEW_LETTERS = 0.2  # of the characters
_SIGN_KINDS, _SIGN_SHARE = (
    6,
    0.06,
)  # at least 7 and 0.07 where the letters of a font have the codes from 33 on, in 300 draws
_MIN_WORDS = 20  # of another alphabet, before impossible ones can say anything
_IMPOSSIBLE_WEIGHT = (
    5.0  # good text has under one impossible word in 1,000; one in 20 is as odd as a quarter of odd letters
)

# Written together in ordinary text of East Asia; Latin letters stand in text of every script.
_EAST_ASIAN = frozenset({"han", "kana", "hangul", "bopomofo"})

_VOWELS = "aeiouy\u00e6\u0153\u00f8\u0131"
_LATIN_WORD = re.compile(r"(?<!\w)[a-z\u00df-\u024f]+(?!\w)")
_CONSONANT_RUN = re.compile(rf"[^{_VOWELS}]{{5}}")
_VOWEL = re.compile(rf"[{_VOWELS}]")
_LETTER_WORD = re.compile(r"(?<!\w)[^\W\d_]+(?!\w)")
_ACCENT = re.compile(r"[\u0300-\u036f]")

_OTHER_WORD = re.compile(r"[^\W\d_\u0000-\u036f\u1100-\U0010ffff]{3,}")
# First: teh marbuta; final kaf, mem, nun, pe, tsadi; final sigma.
_IMPOSSIBLE = re.compile(r"^[\u0629\u05da\u05dd\u05df\u05e3\u05e5\u03c2]|(\w)\1\1")

# The ten to twenty commonest words of English, German, French, Spanish, Italian, Portuguese and Dutch.
_COMMONEST = (
    "the of and to in a is that for it as was with be by on not this are or from at which an have "
    "der die und das den von zu mit sich des auf fur ist im dem nicht ein eine als auch es "
    "le la les de des et un une du que est pour dans qui par sur au pas plus "
    "el los las y en por con para una su al lo se del como "
    "il di che per non sono della gli nel alla da "
    "o os e do dos das em uma com no na nao mais ao "
    "het een van dat te voor zijn op met aan niet er ook"
)
_STOPWORDS = frozenset(_COMMONEST.split())


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """Measures of a text. Shares are 0 to 1; PageFeatures names their wholes."""

    characters: int = 0
    words: int = 0
    unmapped_share: float = 0.0
    control_share: float = 0.0
    private_use_share: float = 0.0
    vowelless_share: float = 0.0
    consonant_run_share: float = 0.0
    stopword_share: float = 0.0
    one_letter_share: float = 0.0
    vowel_share: float = 0.0
    script: str = "none"
    script_oddness: float = 0.0


def measure_text(text: str) -> TextStatistics:
    """Measure a text layer; unmapped glyphs are U+FFFD in it. Linear in the text; about 1 ms a page."""
    counts = Counter(text)
    kinds = Counter[str]()
    for character, count in counts.items():
        kinds[_kind(character)] += count
    characters = counts.total() - kinds["space"]
    if characters == 0:
        return TextStatistics()
    # Each word once: a table that says "Cell" in every row is not odd. In the order of the text: of two scripts with as
    # many letters the first counts.
    scripts = _letters_by_script(Counter("".join(dict.fromkeys(text.split()))))
    plain = _ACCENT.sub("", unicodedata.normalize("NFKD", text)).lower()
    words = _LATIN_WORD.findall(plain)
    long_words = [word for word in words if len(word) >= 4]  # noqa: PLR2004 - as in the record's comment
    return TextStatistics(
        characters=characters,
        words=len(_LETTER_WORD.findall(text)),
        unmapped_share=kinds["unmapped"] / characters,
        control_share=kinds["control"] / characters,
        private_use_share=kinds["private"] / characters,
        vowelless_share=_share(sum(not _VOWEL.search(word) for word in long_words), len(long_words)),
        consonant_run_share=_share(sum(bool(_CONSONANT_RUN.search(word)) for word in words), len(words)),
        stopword_share=_share(sum(word in _STOPWORDS for word in words), len(words)),
        one_letter_share=_share(sum(len(word) == 1 for word in words), len(words)),
        vowel_share=_share(sum(len(_VOWEL.findall(word)) for word in words), sum(map(len, words))),
        script=max(scripts, key=lambda script: scripts[script].total(), default="none"),
        script_oddness=_oddness(text, scripts),
    )


@lru_cache(maxsize=65536)
def _kind(character: str) -> str:
    if character == "\ufffd":
        return "unmapped"
    if character.isspace():
        return "space"
    category = unicodedata.category(character)
    if category == "Co":
        return "private"
    # Cn, unassigned, and Cs, half a surrogate pair, are as little text as a control character.
    return "control" if category in {"Cc", "Cn", "Cs"} else "other"


def _letters_by_script(counts: Counter[str]) -> dict[str, Counter[str]]:
    """Letters of each script: Han and hangul as they are, others in lower case and without accents."""
    scripts: dict[str, Counter[str]] = {}
    for character, count in counts.items():
        if not character.isalpha():
            continue
        script = script_of(character)
        letters = scripts.setdefault(script, Counter())
        for letter in character if script in _EAST_ASIAN else bare_letters(character):
            letters[letter] += count
    return {script: letters for script, letters in scripts.items() if letters}


def _oddness(text: str, scripts: dict[str, Counter[str]]) -> float:
    """The worst of: each larger script's letters, scripts that do not belong together, impossible words."""
    sizes = {script: letters.total() for script, letters in scripts.items()}
    total = sum(sizes.values())
    if _is_signs(text, total):
        return 1.0
    if total < _MIN_LETTERS:
        return 0.0
    larger = [script for script in scripts if sizes[script] >= max(_MIN_LETTERS, _MIN_SCRIPT_SHARE * total)]
    odd = [_rare_share(scripts[s]) if s in _EAST_ASIAN else distance_from_language(scripts[s], s) for s in larger]
    return min(1.0, max(*odd, _foreign_share(sizes, total), _IMPOSSIBLE_WEIGHT * _impossible_share(text), 0.0))


def _is_signs(text: str, letters: int) -> bool:
    """Tell if a text is of signs that numbers do not have: the codes of a font that names none of its letters.

    Numbers without letters are many a table; sums, ditto marks and stars have few kinds of other signs.
    """
    counts = Counter("".join(text.split()))
    total = counts.total()
    kinds = [count for sign, count in counts.items() if sign in _SIGNS]
    few_letters = letters <= _FEW_LETTERS * total
    return total >= _MIN_LETTERS and few_letters and len(kinds) >= _SIGN_KINDS and sum(kinds) >= _SIGN_SHARE * total


def _foreign_share(sizes: dict[str, int], total: int) -> float:
    """Share of the letters that are neither Latin nor of the commonest other script or the group it belongs to."""
    others = {script: size for script, size in sizes.items() if script != "latin"}
    if not others:
        return 0.0
    commonest = max(others, key=lambda script: others[script])
    group = _EAST_ASIAN if commonest in _EAST_ASIAN else {commonest}
    return sum(size for script, size in others.items() if script not in group) / total


def _impossible_share(text: str) -> float:
    """Share of the words of an alphabet other than Latin that no language writes.

    They begin with a letter that can only end one, as all such words do where lines are reversed, or have a letter
    three times in a row, as where the glyphs that lengthen Arabic words are mapped to a letter.
    """
    words = _OTHER_WORD.findall(text)
    return (
        _share(sum(bool(_IMPOSSIBLE.search(word)) for word in words), len(words)) if len(words) >= _MIN_WORDS else 0.0
    )


def _rare_share(letters: Counter[str]) -> float:
    return sum(count for letter, count in letters.items() if _is_rare(letter)) / letters.total()


@lru_cache(maxsize=65536)
def _is_rare(letter: str) -> bool:
    """Tell if an East Asian letter is outside those that the national standards call common."""
    letter = unicodedata.normalize("NFKC", letter)
    script = script_of(letter)
    if script == "hangul":  # KS X 1001 has 2,350 of the 11,172 syllables, from row 0xB0 on
        return not _is_in(letter, "euc_kr", 0xB0, 0xC8)
    if script != "han":
        return False
    # Level 1 of GB 2312 (3,755 characters), of Big5 (5,401), of JIS X 0208 (2,965): the commoner halves.
    common = (("gb2312", 0xB0, 0xD7), ("big5", 0xA4, 0xC6), ("euc_jp", 0xB0, 0xCF))
    return not any(_is_in(letter, codec, first, last) for codec, first, last in common)


def _is_in(letter: str, codec: str, first: int, last: int) -> bool:
    encoded = letter.encode(codec, errors="ignore")
    return len(encoded) == 2 and first <= encoded[0] <= last  # noqa: PLR2004 - two bytes to a character


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
