"""Scores of a reader's text against the ground truth; 1 is the best, but for `numbers_lost`.

- `characters`: 1 less the edit distance of the words, joined by blanks, over the longer one's length.
- `recall`, `precision`: words that both have, as multisets, of those of the truth and of the reader.
- `numbers_lost`: numbers of two digits and more, with separators and sign, that the reader's words do not have.
- `order`: the longest common subsequence of the words, of the words that both have.
- `teds`: the similarity of tables (pipeline/scores/table_similarity.py).
- `headings`: F1 of headings with the same words and level; the levels of a document may all be shifted by the same
  number, as libraries begin with # or ##.
- `listings`: lines of listings that are in a code block of the reader with their indentation and all their blanks.
- `formulas`: the characters that a formula, in the order of its LaTeX, shares with the piece of the reader's text that
  is most like it, twice over both lengths.

Free are running headers and footers, and the marks and numbers of footnotes: a reader may have or omit them.
"""

import textwrap
from collections import Counter
from dataclasses import dataclass

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq, Levenshtein

from bench.quality.document import footer_parts
from bench.quality.sources.markdown_source import Truth
from ocrmill.pipeline.scores.normal_text import Content, markdown_content, plain_content, signs, words
from ocrmill.pipeline.scores.table_similarity import best_teds

_SHIFTS = range(-2, 3)


@dataclass(frozen=True, slots=True)
class Scores:
    """The scores of one document; None where the document has nothing of the kind."""

    characters: float
    recall: float
    precision: float
    order: float
    numbers: int
    numbers_lost: int
    teds: tuple[float, ...]
    headings: float | None
    listings: float | None
    formulas: float | None
    missing: tuple[str, ...]
    extra: tuple[str, ...]


def score(text: str, truth: Truth, *, pages: int, is_markdown: bool = True) -> Scores:
    """Score a reader's text; `is_markdown` is false for plain text, where `#` and `|` are no markup."""
    right = markdown_content(truth.markdown)
    found = markdown_content(text) if is_markdown else plain_content(text)
    notes = truth.markdown.count("\n[^")
    said = _without_notes(_without_furniture(found.words, truth, pages), set(right.words), notes)
    wanted, given = Counter(right.words), Counter(said)
    missing = wanted - given
    free = Counter({str(number): 2 for number in range(1, notes + 1)})
    extra = _without_signs(given - wanted - free, "".join(map(signs, truth.formulas)))
    common = (wanted & given).total()
    numbers = [word for word in right.words if is_number(word)]
    return Scores(
        characters=Levenshtein.normalized_similarity(" ".join(said), " ".join(right.words)),
        recall=common / max(1, wanted.total()),
        precision=common / max(1, common + extra.total()),
        order=LCSseq.similarity(said, right.words) / max(1, common),
        numbers=len(numbers),
        numbers_lost=sum(count for word, count in missing.items() if is_number(word)),
        teds=tuple(best_teds(table, found.tables) for table in right.tables),
        headings=heading_f1(found.headings, right.headings) if right.headings else None,
        listings=listing_share(found, truth.listings) if truth.listings else None,
        formulas=formula_share(found.signs, truth.formulas) if truth.formulas else None,
        missing=tuple(missing.elements()),
        extra=tuple(extra.elements()),
    )


def is_number(word: str) -> bool:
    """Tell if a word is a number, a range, a date or a time of two digits or more."""
    return sum(map(str.isdigit, word)) > 1 and all(sign.isdigit() or sign in "+-.,:/%" for sign in word)


def _without_furniture(said: list[str], truth: Truth, pages: int) -> list[str]:
    """Take away running headers and footers, one each a page, where their words stand together."""
    before, after = footer_parts(truth.footer)
    sequences = [(words(truth.header), pages)] if truth.header else []
    if truth.footer:
        sequences += [(words(f"{before}{page}{after}"), 1) for page in range(1, pages + 1)]
    for sequence, times in sequences:
        position, left = 0, times
        while left and position + len(sequence) <= len(said):
            if said[position : position + len(sequence)] == sequence:
                said = said[:position] + said[position + len(sequence) :]
                left -= 1
            else:
                position += 1
    return said


def _without_notes(said: list[str], right: set[str], notes: int) -> list[str]:
    """Take a footnote's number from the word that it is glued to."""
    marks = {str(number) for number in range(1, notes + 1)}

    def mended(word: str) -> str:
        if word in right:
            return word
        if word[-1:] in marks and (bare := words(word[:-1])) and bare[0] in right:
            return bare[0]
        if word[:1] in marks and word[1:] in right:
            return word[1:]
        return word

    return [mended(word) for word in said] if notes else said


def _without_signs(extra: Counter[str], formula_signs: str) -> Counter[str]:
    """Forgive words that are made of what is left of the formulas' characters."""
    left = Counter(formula_signs)
    kept: Counter[str] = Counter()
    for word in extra.elements():
        if (needed := Counter(word)) <= left:
            left -= needed
        else:
            kept[word] += 1
    return kept


def heading_f1(found: list[tuple[int, str]], right: list[tuple[int, str]]) -> float:
    """Score headings at the best shift of all levels."""
    wanted = Counter(right)
    common = max((Counter((level + shift, text) for level, text in found) & wanted).total() for shift in _SHIFTS)
    return 2 * common / max(1, len(found) + len(right))


def listing_share(found: Content, listings: list[str]) -> float:
    """Return the share of the listings' lines that code blocks have, with all blanks."""
    have: Counter[str] = Counter()
    for listing in found.listings:
        have.update(line.rstrip() for line in textwrap.dedent(listing).splitlines())
    lines = [line for listing in listings for line in listing.splitlines()]
    return (Counter(lines) & have).total() / len(lines)


def formula_share(found: str, formulas: list[str]) -> float:
    """Return how much of the formulas' characters the text has in a row, on average."""
    shares = []
    for wanted in map(signs, formulas):
        ratio = fuzz.partial_ratio if len(found) >= len(wanted) else fuzz.ratio
        shares.append(ratio(wanted, found) / 100)
    return sum(shares) / len(shares)
