"""Measure how much of a text is garbage by its characters alone: what no language and no table has.

These words count, with all their characters: those with a character that is lost, private or of control; those that
mix letters of scripts that are never mixed in a word; and those of signs, with many kinds of them in a row. Code,
formulas and markup are left out.

Not covered: letters of one script in words that no language has. Of text layers routing asks that
(pipeline/pages/text_statistics.py).
"""

import re
import unicodedata
from functools import lru_cache

from ocrmill.pipeline.pages.scripts import script_of
from ocrmill.pipeline.quality.signals.find_formulas import find_formulas

_CODE = re.compile(r"^(`{3,}|~{3,})[^\n]*\n.*?(?:^\1|\Z)|`[^`\n]{1,500}`", re.MULTILINE | re.DOTALL)
_MARKUP = re.compile(r"</?[A-Za-z!][^<>]{0,300}>|\]\([^()\s]{0,500}\)|https?://\S+|[|*_#>~\\-]")
_MIXED = frozenset({"latin", "greek", "cyrillic", "armenian", "georgian", "hebrew", "arabic", "devanagari", "thai"})
_SIGNS = 6  # in a row, without a letter or digit
_KINDS = 4  # of them; rules, leaders and emphasis are of one or two
_FEW_GREEK = 2  # letters in a word of Latin ones: a formula, as in `kΩ` or `µm`


def garbage_share(markdown: str) -> float:
    """Return the share of a text's characters, white space left out, that stand in words of garbage, from 0 to 1."""
    text = _MARKUP.sub(" ", _CODE.sub(" ", _without_formulas(markdown)))
    total = bad = 0
    for word in text.split():
        total += len(word)
        if not (word.isascii() and word.isalnum()) and _is_garbage(word):
            bad += len(word)
    return bad / total if total else 0.0


def _without_formulas(markdown: str) -> str:
    kept, end = [], 0
    for formula in find_formulas(markdown):
        kept.append(markdown[end : formula.start])
        end = formula.end
    return " ".join([*kept, markdown[end:]])


@lru_cache(maxsize=1 << 14)
def _is_garbage(word: str) -> bool:
    if any(_is_no_text(character) for character in word):
        return True
    if not any(map(str.isalnum, word)):
        return len(word) >= _SIGNS and len(set(word)) >= _KINDS
    return not word.isascii() and _is_mixed(word)


def _is_no_text(character: str) -> bool:
    if character == "\N{REPLACEMENT CHARACTER}":
        return True
    return not character.isascii() and unicodedata.category(character) in {"Co", "Cn", "Cs", "Cc"}


def _is_mixed(word: str) -> bool:
    """Tell if one stretch of letters has scripts that no word mixes."""
    for run in re.findall(r"[^\W\d_]+", word):
        scripts = [script_of(unicodedata.normalize("NFKC", letter)[0]) for letter in run]
        kinds = set(scripts) & _MIXED
        if len(kinds) < 2:  # noqa: PLR2004 - one script is no mixture
            continue
        if kinds == {"latin", "greek"} and min(scripts.count("latin"), scripts.count("greek")) <= _FEW_GREEK:
            continue
        return True
    return False
