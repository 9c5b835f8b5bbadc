r"""Words of an engine's Markdown and of a page's layer, brought to a form in which honest readings are equal.

The words are those of plain_words.py, without case, apostrophes, currency and percent signs. A word loses the hyphens
inside it, for a line may end there; a number keeps them, as its sign or between two numbers, in one form for all
dashes. A word that ends with a hyphen goes on in the next one.

Formulas leave the text: their letters are returned apart. One that is only raised or lowered (`\(^{3}\)`, a mark of a
footnote) stays with its word.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from ocrmill.pipeline.measures import LayerLine
from ocrmill.pipeline.quality.agreement.plain_words import plain_words, words_of_markdown
from ocrmill.pipeline.quality.signals.find_formulas import find_formulas

_DASHES = str.maketrans("\u2010\u2011\u2012\u2013\u2212\uff0d", "------")
_DROPPED = re.compile("['\u2018\u2019\u02bc`\u00b4%\u2030\u00ad\u200b]")
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff]")
_LAM_ALEF = re.compile("[\u0627\u0644]{2,}")
_TATWEEL = "\u0640"
_MARK = re.compile(r"\s*[\^_]\s*\{?\s*([\w,*\u2020\u2021\s]{1,12})\}?\s*")
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_FUNCTION_NAMES = (
    "sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan log ln lg exp max min lim sup inf arg det dim ker deg "
    "gcd Pr hom mod"
)
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_LETTERS = {"ell": "l", "hbar": "\u0127", "imath": "i", "jmath": "j", "Re": "r", "Im": "i"}
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi "
    "psi omega"
)
_FINAL_SIGMA = "\u03c2"
_GREEK_LETTERS = [letter for letter in map(chr, range(ord("\u03b1"), ord("\u03c9") + 1)) if letter != _FINAL_SIGMA]
_GREEK = dict(zip(_GREEK_NAMES.split(), _GREEK_LETTERS, strict=True))


def text_words(markdown: str) -> tuple[list[str], list[str]]:
    """Return the words of a Markdown in its order, and the letters of each of its formulas."""
    parts, formulas = [], []
    end = 0
    for formula in find_formulas(markdown):
        parts.append(markdown[end : formula.start])
        end = formula.end
        if mark := _MARK.fullmatch(formula.latex):
            parts.append(mark[1])
        else:
            parts.append(" ")
            formulas.append(formula_letters(formula.latex))
    parts.append(markdown[end:])
    words = [word.text for word in words_of_markdown("".join(parts))]
    return [word for _, word in _joined((0, word) for word in words)], formulas


def layer_words(lines: Sequence[LayerLine]) -> Iterator[tuple[LayerLine, str]]:
    """Yield the words of a layer in its order, each with the line in which it begins."""
    pieces = ((at, word) for at, line in enumerate(lines) for piece in line.text.split() for word in plain_words(piece))
    for at, word in _joined(pieces):
        yield lines[at], word


def is_number(word: str) -> bool:
    """Tell if a word is a number, with its sign and separators: at least as many digits as letters."""
    digits = sum(map(str.isdigit, word))
    return digits > 0 and digits >= sum(map(str.isalpha, word))


def letters_of(word: str) -> str:
    """Letters and digits alone."""
    return "".join(filter(str.isalnum, word))


def formula_letters(latex: str) -> str:
    r"""Letters and digits that a reader sees of a formula, without its commands: `\frac{\alpha}{2}` has two."""
    shown = unicodedata.normalize("NFKC", _COMMAND.sub(_shown, latex))
    return letters_of(shown.casefold())


def _shown(command: re.Match[str]) -> str:
    name = command[1]
    if name in _FUNCTIONS:
        return name
    return _GREEK.get(name.removeprefix("var").lower()) or _LETTERS.get(name, " ")


def _joined(pieces: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Fold words, and join one that ends with a hyphen to the next."""
    begun: tuple[int, str] | None = None
    for at, piece in pieces:
        word = _folded(piece)
        if not any(map(str.isalnum, word)):
            continue
        if begun is not None:
            at, word = begun[0], begun[1] + word  # noqa: PLW2901 - the word began there
            begun = None
        if word[-1] == "-":
            begun = at, word
        else:
            yield at, _without_hyphens(word)
    if begun is not None:
        yield begun[0], _without_hyphens(begun[1])


def _folded(word: str) -> str:
    if word.isascii() and word.isalnum():
        return word.lower()
    folded = _DROPPED.sub("", word.translate(_DASHES)).casefold()
    if _RIGHT_TO_LEFT.search(folded):  # fonts and engines write vowel signs and lam-alef in several ways
        letters = unicodedata.normalize("NFD", folded)
        plain = "".join(letter for letter in letters if not unicodedata.combining(letter) and letter != _TATWEEL)
        folded = _LAM_ALEF.sub(lambda run: "".join(sorted(run[0])), plain)
    return "".join(character for character in folded if unicodedata.category(character) != "Sc")


def _without_hyphens(word: str) -> str:
    return word.rstrip("-") if is_number(word) else word.replace("-", "")
