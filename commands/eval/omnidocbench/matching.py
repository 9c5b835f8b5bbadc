"""Blocks of the truth beside pieces of the prediction, by OmniDocBench's quick match.

1. Pieces that are like furniture, captions or footnotes of the truth are taken away: those are not scored.
2. Neighbouring pieces that are one block are joined (fragments.py).
3. Each block gets at most one of these, so that the sum of their distances is smallest; none that differs by more than
   0.7.
4. A block that is left is part of a piece if some window of that differs from it by less than 0.4.
5. Blocks and pieces that are still left are paired, however much they differ; blocks beyond that have nothing.

Distances are edit distances over the longer length, of normal forms.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist
from scipy.optimize import linear_sum_assignment

from ocrmill.commands.eval.omnidocbench.fragments import ALIKE, Distances, Span, has_part, join_fragments
from ocrmill.commands.eval.omnidocbench.normal_forms import formula_form, text_form
from ocrmill.commands.eval.omnidocbench.prediction import Kind, Piece, in_order
from ocrmill.commands.eval.omnidocbench.truth import IGNORED, ISOLATED_FORMULA, Block, array_lines

_UNLIKE = 0.7  # a block and a piece that differ by more are no match
_PART = 0.4  # of a block's letters may differ from the part of a piece that it is


@dataclass(frozen=True, slots=True)
class Pair:
    """Blocks, most often one, and the pieces that were found for them; none where nothing was."""

    blocks: tuple[Block, ...]
    pieces: tuple[Piece, ...]
    truth: str  # normal form
    found: str

    @property
    def category(self) -> str:
        """The category of most blocks, of the first among equals."""
        scored = [block.category for block in self.blocks if block.category not in IGNORED]
        return Counter(scored or [block.category for block in self.blocks]).most_common(1)[0][0]


BlockForm = tuple[Block, str]
PieceForm = tuple[Piece, str]


def match(blocks: Iterable[Block], pieces: Sequence[Piece]) -> list[Pair]:
    """Return the blocks with what was found for them. Pieces that match nothing are left out."""
    truth = [(block, _block_form(block)) for block in blocks]
    truth = [entry for entry in truth if entry[0].content and entry[1]]
    found = [(piece, _piece_form(piece)) for piece in _split_arrays(in_order(list(pieces)))]
    found = [entry for entry in found if entry[0].content and entry[1]]
    if len(truth) == len(found) == 1:
        return [_pair(truth, found)]
    if not truth or not found:
        return [_pair([entry], []) for entry in truth]
    ignored = [form for block, form in truth if block.category in IGNORED]
    truth = [entry for entry in truth if entry[0].category not in IGNORED]
    if ignored:
        unlike = distances(ignored, [form for _, form in found]).min(axis=0) >= ALIKE
        found = [found[at] for at in np.flatnonzero(unlike)]
    return _quick_match(truth, found)


def _block_form(block: Block) -> str:
    return formula_form(block.content) if block.category == ISOLATED_FORMULA else text_form(block.content)


def _piece_form(piece: Piece) -> str:
    return text_form(piece.content) if piece.kind is Kind.TEXT else formula_form(piece.content)


def _split_arrays(pieces: Iterable[Piece]) -> list[Piece]:
    """Split formulas that are arrays of one column into their lines."""
    split: list[Piece] = []
    for piece in pieces:
        lines = [] if piece.kind is Kind.TEXT else array_lines(piece.content)
        split += [replace(piece, content=line, position=piece.position + start) for line, start in lines] or [piece]
    return split


def _pair(truth: Sequence[BlockForm], found: Sequence[PieceForm]) -> Pair:
    blocks, pieces = tuple(block for block, _ in truth), tuple(piece for piece, _ in found)
    return Pair(blocks, pieces, "".join(form for _, form in truth), "".join(form for _, form in found))


def distances(rows: Sequence[str], columns: Sequence[str]) -> Distances:
    """Return the edit distance of each row from each column, over the longer length."""
    if not rows or not columns:
        return np.zeros((len(rows), len(columns)))
    table: Distances = cdist(rows, columns, scorer=Levenshtein.normalized_distance, dtype=np.float64)
    return table


def _quick_match(truth: Sequence[BlockForm], found: Sequence[PieceForm]) -> list[Pair]:
    blocks, pieces = [form for _, form in truth], [form for _, form in found]
    matches = _assigned(blocks, pieces)
    taken = {at for some in matches.values() for at in some}
    left = [at for at in range(len(blocks)) if at not in taken]
    for piece, form in enumerate(pieces):  # blocks that are part of a piece
        parts = [at for at in left if has_part(form, blocks[at], _PART)]
        if parts:
            matches.setdefault((piece,), []).extend(at for at in parts if at not in taken)
            taken.update(parts)
    pairs = [
        _pair([truth[at] for at in sorted(some)], [found[at] for at in span]) for span, some in matches.items() if some
    ]
    left = [at for at in range(len(blocks)) if at not in taken]
    used = {at for span in matches for at in span}
    free = [at for at in range(len(pieces)) if at not in used]
    rows, columns = linear_sum_assignment(distances([blocks[at] for at in left], [pieces[at] for at in free]))
    pairs += [_pair([truth[left[i]]], [found[free[j]]]) for i, j in zip(rows, columns, strict=True)]
    paired = {left[i] for i in rows}
    return [*pairs, *(_pair([truth[at]], []) for at in left if at not in paired)]


def _assigned(blocks: Sequence[str], pieces: Sequence[str]) -> dict[Span, list[int]]:
    """Return the blocks that each span of pieces is: one each, and none that is too unlike."""
    spans = join_fragments(blocks, pieces, distances(blocks, pieces))
    joined = distances(blocks, [" ".join(pieces[at] for at in span) for span in spans])
    rows, columns = linear_sum_assignment(joined)
    return {spans[j]: [int(i)] for i, j in zip(rows, columns, strict=True) if joined[i, j] <= _UNLIKE}
