"""Finds ruled grids on a page: rules that cross each other around words, whatever a layout model says."""

from collections.abc import Sequence

from ocrmill.pipeline.text.reading_order import Box, enclosing
from ocrmill.pipeline.text.tables.rules import Rules, distinct
from ocrmill.pipeline.text.words import Word

_TOUCH = 3.0  # points: rules that end so close to others meet them
_APART = 4.0  # points: rules closer than this are one border
_FEWEST = 3  # borders in each direction: two rows and two columns
_FILLED = 0.4  # of the places hold words; those of charts and drawings do not
_MOST_RULES = 3_000  # that are compared with each other


def find_ruled_tables(words: Sequence[Word], rules: Rules) -> list[Box]:
    """Return the boxes of ruled grids with at least two rows and two columns, from top to bottom."""
    if len(rules.horizontal) + len(rules.vertical) > _MOST_RULES:
        return []
    found = []
    for flat, upright in _crossing_groups(rules):
        ys = distinct((rule.y0 for rule in flat), _APART)
        xs = distinct((rule.x0 for rule in upright), _APART)
        if len(ys) < _FEWEST or len(xs) < _FEWEST - 1:
            continue
        box = enclosing([*flat, *upright])  # rules across go on where a table has no frame
        xs = distinct([box.x0, *xs, box.x1], _APART)
        if len(xs) >= _FEWEST and _is_filled(words, xs, ys):
            found.append(box)
    return sorted(found, key=lambda box: (box.y0, box.x0))


def _crossing_groups(rules: Rules) -> list[tuple[list[Box], list[Box]]]:
    """Return groups of rules that hang together, those across and those down."""
    everything = [*rules.horizontal, *rules.vertical]
    split = len(rules.horizontal)
    leader = list(range(len(everything)))

    def find(n: int) -> int:
        while leader[n] != n:
            leader[n] = leader[leader[n]]
            n = leader[n]
        return n

    for n, flat in enumerate(rules.horizontal):
        for m, upright in enumerate(rules.vertical, split):
            if (
                flat.x0 - _TOUCH <= upright.x0 <= flat.x1 + _TOUCH
                and upright.y0 - _TOUCH <= flat.y0 <= upright.y1 + _TOUCH
            ):
                leader[find(n)] = find(m)
    groups: dict[int, tuple[list[Box], list[Box]]] = {}
    for n, rule in enumerate(everything):
        groups.setdefault(find(n), ([], []))[n >= split].append(rule)
    return list(groups.values())


def _is_filled(words: Sequence[Word], xs: Sequence[float], ys: Sequence[float]) -> bool:
    """Tell if many places hold words, in at least two rows and two columns."""
    places = {
        (sum(y < word.box.middle for y in ys), sum(x < (word.box.x0 + word.box.x1) / 2 for x in xs)) for word in words
    }
    inside = {(r, c) for r, c in places if 0 < r < len(ys) and 0 < c < len(xs)}
    return (
        len({r for r, _ in inside}) > 1
        and len({c for _, c in inside}) > 1
        and len(inside) >= _FILLED * (len(ys) - 1) * (len(xs) - 1)
    )
