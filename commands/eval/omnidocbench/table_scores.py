"""Tables: which of the prediction is which of the truth, and how similar they are.

TEDS is the tree-edit-distance-based similarity of Zhong, ShafieiBavani and Jimeno Yepes, "Image-based table
recognition: data, model, and evaluation" (ECCV 2020): 1 less the edit distance of the trees over the number of elements
below the larger `<table>`. Taking away and adding a node cost 1, a cell of other spans 1, a cell's new text its edit
distance over the longer length, where each tag inside is one character. TEDS-S leaves the text out.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from bs4 import BeautifulSoup
from lxml import html
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from ocrmill.commands.eval.omnidocbench.matching import distances
from ocrmill.commands.eval.omnidocbench.prediction import Kind, Piece
from ocrmill.pipeline.scores.tree_distance import Node, tree_distance

Label = tuple[str, int, int, tuple[str, ...]]  # a tag; a cell's columns and rows; its characters and tags
_PARSER_OPTIONS = {"remove_comments": True, "encoding": "utf-8"}


def pair_tables(truth: Sequence[str], found: Sequence[Piece]) -> tuple[list[str], list[Piece]]:
    """Return what was found for each table of the truth, and the cells of tables that are none of them, as text."""
    if not found:
        return [""] * len(truth), []
    rows, columns = linear_sum_assignment(distances(truth, [piece.content for piece in found]))
    chosen = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    paired = [found[chosen[at]].content if at in chosen else "" for at in range(len(truth))]
    others = [piece for at, piece in enumerate(found) if at not in chosen.values()]
    return paired, [cell for piece in others for cell in _cells(piece)]


def _cells(piece: Piece) -> list[Piece]:
    soup = BeautifulSoup(piece.content, "html.parser")
    texts = [cell.string.replace("$\\cdot$", "").strip() for cell in soup.find_all("td") if cell.string]
    return [Piece(Kind.TEXT, text, piece.position) for text in texts]


def teds(found: str, truth: str, *, structure_only: bool = False) -> float:
    """Return the similarity of two HTML tables in normal form; 0 if one is missing or cannot be read."""
    tables = [_table(text) for text in (found, truth)]
    if tables[0] is None or tables[1] is None:
        return 0.0
    nodes = max(len(table.xpath(".//*")) for table in tables if table is not None)
    try:
        one, other = (_tree(table, structure_only=structure_only) for table in tables)
    except ValueError:  # a span that is no number
        return 0.0
    if one == other:  # most tables have the structure of the truth
        return 1.0 if nodes else 0.0
    return 1 - tree_distance(one, other, _rename) / nodes


def _table(text: str) -> Any:
    if not text:
        return None
    tables = html.fromstring(text, parser=html.HTMLParser(**_PARSER_OPTIONS)).xpath("body/table")
    return tables[0] if tables else None


def _tree(element: Any, *, structure_only: bool) -> Node[Label]:
    if element.tag == "td":
        spans = [int(element.attrib.get(name, "1")) for name in ("colspan", "rowspan")]
        content = () if structure_only else tuple(_content(element))
        return Node(("td", spans[0], spans[1], content))
    children = [_tree(child, structure_only=structure_only) for child in element]
    return Node((str(element.tag), 0, 0, ()), children)


def _content(element: Any) -> list[str]:
    """List the characters and tags inside a cell."""
    content = list(element.text or "")
    for child in element:
        content += [f"<{child.tag}>", *_content(child), f"</{child.tag}>", *(child.tail or "")]
    return content


@lru_cache(maxsize=100_000)
def _rename(one: Label, other: Label) -> float:
    """Return the cost of one node in place of another."""
    if one[:3] != other[:3]:
        return 1.0
    return Levenshtein.normalized_distance(one[3], other[3])
