"""Measure how far an engine's text agrees with the words that the page itself holds: omission and invention apart.

Both sides become words by the rules of plain_words.py, without case, apostrophes and the hyphens inside words; dashes
and minus signs of numbers are one. Equal words are taken out, wherever they stand. What is left is explained if it can
be, in this order:

formulas    Markdown has them as LaTeX, which is no word of the text: a formula excuses what the layer has of it
pieces      words that one side joins and the other parts: hyphens at line ends, lost blanks, letters set apart
numbers     a number of the layer, where the text has another one: counted as changed
misread     a word of the layer, where the text has one with other letters

The rest is missing, or invented. Words of the layer that a text may leave out never count as missing: those in the
margin of the page (headers, footers, stamps) and those in a picture's box; a text that has them has not invented them.

Not covered: words invented inside a formula, and words that only change places (`agreement_order` sees them). In
scripts without blanks a character is a word, so that one invented beside one missing counts as misread.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ocrmill.pipeline.measures import AgreementMeasures, LayerLine
from ocrmill.pipeline.quality.agreement.ocr_words import is_number, layer_words, letters_of, text_words
from ocrmill.pipeline.quality.agreement.plain_words import PlainWord
from ocrmill.pipeline.quality.agreement.similar_words import paired, pieces_of
from ocrmill.pipeline.quality.agreement.word_order import LayerWord, share_in_order
from ocrmill.pipeline.records import PICTURE, Block, PageGeometry
from ocrmill.pipeline.text.reading_order import Box

# Of the page's shorter side, from each edge: 60 points of A4. Running text mostly begins at 72.
MARGIN = 0.1
_SHORT = 3  # letters of a word that may be a formula's, in another order


class _Layer(NamedTuple):
    """The words of the layer in its order, and how many of each the text should have."""

    words: list[LayerWord]
    asked: Counter[str]


def measure_agreement(
    markdown: str, blocks: Sequence[Block], lines: Sequence[LayerLine], geometry: PageGeometry
) -> AgreementMeasures:
    """Measure an engine's Markdown against the lines of the page's own text.

    Args:
        markdown: Of the page, formulas as LaTeX.
        blocks: Of the Markdown; their pictures hold words that a text may leave out.
        lines: Of the layer, in its order, without what no reader sees.
        geometry: Of the page as displayed, in the unit of the boxes.
    """
    ours, formulas = text_words(markdown)
    layer = _words_of_layer(lines, blocks, geometry)
    asked = layer.asked.total()
    have, known = Counter(ours), Counter(word.text for word in layer.words)
    missing, extra = layer.asked - have, have - known
    _excuse_formulas(missing, formulas)
    in_order = [word.text for word in layer.words]
    misread = pieces_of(in_order, missing, extra) + pieces_of(ours, extra, missing)
    changed = _pair_numbers(missing, extra)
    misread += paired(missing, extra)
    order = share_in_order([PlainWord(word, 0) for word in ours], layer.words, blocks)
    return AgreementMeasures(
        agreement_words=asked,
        agreement_missing=missing.total() / asked if asked else 0.0,
        agreement_invented=extra.total() / len(ours) if ours else 0.0,
        agreement_misread=min(1.0, misread / asked) if asked else 0.0,
        agreement_numbers=changed,
        agreement_order=order,
    )


def _words_of_layer(lines: Sequence[LayerLine], blocks: Sequence[Block], geometry: PageGeometry) -> _Layer:
    pictures = [Box(block.x0, block.y0, block.x1, block.y1) for block in blocks if block.label == PICTURE]
    words: list[LayerWord] = []
    asked: Counter[str] = Counter()
    for line, text in layer_words(lines):
        box = Box(line.x0, line.y0, line.x1, line.y1)
        words.append(LayerWord(text, box))
        if not _is_in_margin(box, geometry) and not any(picture.contains_centre_of(box) for picture in pictures):
            asked[text] += 1
    return _Layer(words, asked)


def _is_in_margin(box: Box, geometry: PageGeometry) -> bool:
    """Tell if a line lies in the margin of the page, whichever edge it is at."""
    margin = MARGIN * min(geometry.width_pt, geometry.height_pt)
    return (
        box.y1 <= margin
        or box.y0 >= geometry.height_pt - margin
        or box.x1 <= margin
        or box.x0 >= geometry.width_pt - margin
    )


def _excuse_formulas(missing: Counter[str], formulas: Sequence[str]) -> None:
    """Take out the words that stand in a formula; short ones and those with signs as far as its letters go."""
    if not formulas:
        return
    letters = Counter("".join(formulas))
    for word in sorted(missing, key=len, reverse=True):
        plain = letters_of(word)
        if len(plain) > _SHORT and plain.isalpha():
            found = sum(formula.count(plain) for formula in formulas)
            missing[word] -= min(found, missing[word])
            continue
        for _ in range(missing[word]):
            wanted = Counter(plain)
            if not wanted <= letters:
                break
            letters -= wanted
            missing[word] -= 1
    _drop_zeros(missing)


def _pair_numbers(missing: Counter[str], extra: Counter[str]) -> int:
    """Take out numbers that are left on both sides, as many as there are pairs, and count them."""
    gone, come = _numbers(missing), _numbers(extra)
    changed = min(len(gone), len(come))
    for left, words in ((missing, gone), (extra, come)):
        for word in words[:changed]:
            left[word] -= 1
        _drop_zeros(left)
    return changed


def _numbers(words: Counter[str]) -> list[str]:
    return sorted(word for word in words.elements() if is_number(word))


def _drop_zeros(words: Counter[str]) -> None:
    for word in [word for word, count in words.items() if count <= 0]:
        del words[word]
