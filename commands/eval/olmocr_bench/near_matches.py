"""Places of a text where a phrase stands with a bounded number of edits, as the library `fuzzysearch` finds them.

Of the pieces that a phrase is cut into, one more than edits are allowed, at least one stands unchanged. From each place
of a piece the match grows to both sides, to the longest of the nearest. Of matches that overlap the nearest counts,
and of these the longest. Not covered: the library searches phrases shorter than three letters for each edit in
another way, and may break ties differently.
"""

from collections.abc import Iterator

from rapidfuzz.distance import Levenshtein

Match = tuple[int, int, int]  # where it begins and ends, and its distance


def near_starts(phrase: str, text: str, edits: int) -> list[int]:
    """Return where the phrase begins in the text, with at most so many edits."""
    if not edits:
        return [at for at in range(len(text)) if text.startswith(phrase, at)]
    groups: list[tuple[int, int, list[Match]]] = []
    for match in sorted(set(_matches(phrase, text, edits))):
        if groups and match[0] < groups[-1][1]:
            start, end, some = groups.pop()
            groups.append((start, max(end, match[1]), [*some, match]))
        else:
            groups.append((match[0], match[1], [match]))
    return [min(some, key=lambda match: (match[2], match[0] - match[1]))[0] for _, _, some in groups]


def _matches(phrase: str, text: str, edits: int) -> Iterator[Match]:
    size = len(phrase) // (edits + 1)
    for offset in range(0, len(phrase) - size + 1, size):
        piece, after = phrase[offset : offset + size], phrase[offset + size :]
        at = text.find(piece)
        while at >= 0:
            end = at + size
            right = _grown(after, text[end : end + len(after) + edits], edits)
            if right is not None:
                left_edits = edits - right[0]
                before = text[max(0, at - offset - left_edits) : at]
                left = _grown(phrase[:offset][::-1], before[::-1], left_edits)
                if left is not None:
                    yield at - left[1], end + right[1], left[0] + right[0]
            at = text.find(piece, at + 1)


def _grown(part: str, text: str, edits: int) -> tuple[int, int] | None:
    """Return the distance of a part of the phrase from the nearest beginning of the text, and the length of that."""
    best: tuple[int, int] | None = None
    for size in range(max(0, len(part) - edits), min(len(text), len(part) + edits) + 1):
        distance = Levenshtein.distance(part, text[:size], score_cutoff=edits)
        if distance <= edits and (best is None or distance <= best[0]):
            best = (distance, size)
    return best
