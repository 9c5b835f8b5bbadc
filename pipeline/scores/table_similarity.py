"""The similarity of tables that were read from Markdown in normal form.

TEDS is the tree-edit-distance-based similarity of Zhong, ShafieiBavani and Jimeno Yepes, "Image-based table
recognition: data, model, and evaluation" (ECCV 2020): 1 less the tree edit distance over the larger tree's nodes.
Taking away, adding and renaming a node cost 1, a cell's new text its edit distance; a cell of other spans is another
node. Header rows are rows here, and a missing table has 0.
"""

from functools import cache

from rapidfuzz.distance import Levenshtein

from ocrmill.pipeline.scores.normal_text import Place, Row
from ocrmill.pipeline.scores.tree_distance import Node, tree_distance

_Label = Place | str


def best_teds(table: list[Row], found: list[list[Row]]) -> float:
    """Return the similarity of the most similar of the tables found."""
    return max((teds(table, other) for other in found), default=0.0)


def teds(one: list[Row], other: list[Row]) -> float:
    """Return the tree-edit-distance-based similarity of two tables."""
    nodes = max(1 + len(table) + sum(map(len, table)) for table in (one, other))
    return 1 - tree_distance(_tree(one), _tree(other), _cost) / nodes


def _tree(table: list[Row]) -> Node[_Label]:
    return Node("table", [Node("tr", [Node(place) for place in row]) for row in table])


@cache
def _cost(node: _Label, other: _Label) -> float:
    """Return the cost of renaming a node."""
    if isinstance(node, str) or isinstance(other, str):
        return float(node != other)
    if (node.columns, node.rows) != (other.columns, other.rows):
        return 1.0
    return Levenshtein.normalized_distance(node.text, other.text)
