"""Neighbouring pieces of a prediction that are one block of the truth, cut apart: their rule for joining them.

For each block that no piece resembles, a piece is extended by its successors as long as that helps; the best such span
is the block's. Where the spans of blocks overlap, the set of spans with the lowest mean distance is kept.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import Levenshtein

Span = tuple[int, ...]
Distances = npt.NDArray[np.float64]
ALIKE = 0.25  # a block and a piece closer than this are the same for sure
_PART = 0.6  # of a fragment's letters may differ from the most similar part of its block


def join_fragments(blocks: Sequence[str], pieces: Sequence[str], distances: Distances) -> list[Span]:
    """Return the pieces as spans: most of one piece, joined ones of several.

    `distances` are those of the blocks (rows) from the pieces.
    """
    sure_blocks, sure_pieces = (set(axis.tolist()) for axis in np.nonzero(distances < ALIKE))
    unsure = [at for at in range(len(pieces)) if at not in sure_pieces]
    best: list[tuple[Span, float]] = []
    for at, block in enumerate(blocks):
        if at in sure_blocks or not unsure:
            continue
        spans = [_extended(block, pieces, start, sure_pieces) for start in unsure]
        costs = [Levenshtein.normalized_distance(block, " ".join(pieces[i] for i in span)) for span in spans]
        cheapest = min(range(len(spans)), key=costs.__getitem__)
        best.append((spans[cheapest], costs[cheapest]))
    chosen = {span[0]: span for span in _without_overlaps(best)}
    joined: list[Span] = []
    at = 0
    while at < len(pieces):
        joined.append(chosen.get(at, (at,)))
        at = joined[-1][-1] + 1
    return joined


def _extended(block: str, pieces: Sequence[str], start: int, sure: set[int]) -> Span:
    """Return the piece and those of its successors that belong to the same block."""
    end = start + 1
    while end < len(pieces) and end not in sure and _belongs(block, pieces[start : end + 1]):
        end += 1
        if len(" ".join(pieces[start:end])) > len(block):
            break
    return tuple(range(start, end))


def _belongs(block: str, pieces: Sequence[str]) -> bool:
    """Tell if the last piece makes the ones before it more like the block, and each is like a part of it."""
    before, after = (Levenshtein.normalized_distance(block, " ".join(some)) for some in (pieces[:-1], pieces))
    if after > before:
        return False
    firsts = all(has_part(block, piece, _PART, inclusive=True) for piece in pieces[:-1])
    return firsts and has_part(block, pieces[-1], _PART)


def has_part(text: str, part: str, share: float, *, inclusive: bool = False) -> bool:
    """Tell if a window of the text, as long as the part, differs from it in less than a share of its letters."""
    if not part or len(part) > len(text):
        return False
    nearest = int(share * len(part))
    start = 0
    while start + len(part) <= len(text):
        distance = Levenshtein.distance(text[start : start + len(part)], part)
        if distance / len(part) < share or (inclusive and distance / len(part) <= share):
            return True
        start += max(1, (distance - nearest + 1) // 2)  # a step of one changes the distance by two at most
    return False


def _without_overlaps(spans: Sequence[tuple[Span, float]]) -> list[Span]:
    """Choose spans that have no piece in common."""
    groups: list[list[tuple[Span, float]]] = []
    for span, cost in sorted(spans, key=lambda entry: entry[0][0]):
        if groups and any(set(span) & set(other) for other, _ in groups[-1]):
            groups[-1].append((span, cost))
        else:
            groups.append([(span, cost)])
    return [span for group in groups for span in _cheapest_set(group)]


def _cheapest_set(group: Sequence[tuple[Span, float]]) -> list[Span]:
    """Return the set of spans with the lowest mean cost, of the sets that grow from the group span by span."""
    sets = [[group[0]]]
    for span, cost in group[1:]:
        placed = False
        for some in sets:
            same = [at for at, (other, _) in enumerate(some) if other == span]
            if same and some[same[0]][1] > cost:
                del some[same[0]]
                some.append((span, cost))
            elif not same and not any(set(span) & set(other) for other, _ in some):
                some.append((span, cost))
                placed = True
            placed = placed or bool(same)
        if not placed:
            sets.append([(span, cost)])
    means = [sum(cost for _, cost in some) / len(some) for some in sets]
    return [span for span, _ in sets[means.index(min(means))]]
