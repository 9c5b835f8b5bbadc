"""The ground truth in OmniDocBench's JSON form: a list of pages with their blocks and the relations between these.

    [{"layout_dets": [{"anno_id": 1, "category_type": "text_block", "order": 1, "text": "...", "attribute": {}}, ...],
      "extra": {"relation": [{"source_anno_id": 1, "target_anno_id": 2, "relation_type": "truncated"}]},
      "page_info": {"image_path": "report_3.png", "page_no": 3,
                    "page_attribute": {"data_source": "book", "language": "english", "layout": "single_column"}}}]

Text blocks have `text`, formulas `latex`, tables `html`. Blocks that go on in another one (`truncated`) are one block.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ocrmill.configs.errors import words_of
from ocrmill.pipeline.errors import InputError

SCORED = ("text_block", "title", "code_txt", "code_txt_caption", "reference")
IGNORED = (
    *("equation_caption", "figure_caption", "figure_footnote", "table_caption", "table_footnote", "code_algorithm"),
    *("code_algorithm_caption", "header", "footer", "page_footnote", "page_number"),
)
ISOLATED_FORMULA = "equation_isolated"
TABLE = "table"
_CONTENT = {ISOLATED_FORMULA: "latex", TABLE: "html"}
_ARRAY = re.compile(r"\\begin\{array\}\{(?P<columns>[^}]*)\}(?P<body>.*?)\\end\{array\}", re.DOTALL)
_NO_COLUMN = re.compile(r"[\s|]|[@!]\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page."""

    category: str
    content: str
    order: float | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TruthPage:
    """A page of the ground truth."""

    name: str  # the file name of its image
    attributes: dict[str, Any]
    blocks: tuple[Block, ...]  # texts and formulas in reading order, those without an order first
    tables: tuple[Block, ...]


def read_truth(path: Path) -> list[TruthPage]:
    """Read the pages.

    Raises:
        InputError: The file cannot be read, has another form or no page, or two pages have the same image name.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        pages = [_page(entry) for entry in entries]
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {words_of(error)}") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no ground truth in OmniDocBench's form: {error!r} is missing or wrong") from error
    names = [page.name for page in pages]
    if not pages:
        raise InputError(f"{path} has no page: a ground truth in OmniDocBench's form is a list of them")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{path} has several pages with the image name {twice[0]}")
    return pages


def _page(entry: dict[str, Any]) -> TruthPage:
    annotations = _joined(entry["layout_dets"], (entry.get("extra") or {}).get("relation") or ())
    ordered = sorted(map(_block, annotations), key=lambda block: block.order or 0)
    by_category = {name: [block for block in ordered if block.category == name] for name in (*SCORED, *IGNORED)}
    by_category[ISOLATED_FORMULA] = [
        line for block in ordered if block.category == ISOLATED_FORMULA for line in lines_of_formula(block)
    ]
    mixed = sorted((block for blocks in by_category.values() for block in blocks), key=lambda block: block.order or 0)
    return TruthPage(
        PurePosixPath(entry["page_info"]["image_path"].replace("\\", "/")).name,
        dict(entry["page_info"].get("page_attribute") or {}),
        tuple(mixed),
        tuple(block for block in ordered if block.category == TABLE),
    )


def _block(annotation: dict[str, Any]) -> Block:
    category = annotation["category_type"]
    content = annotation.get(_CONTENT.get(category, "text"))
    return Block(category, str(content or ""), annotation.get("order"), dict(annotation.get("attribute") or {}))


def _joined(annotations: Sequence[dict[str, Any]], relations: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join blocks that go on in others; the first gives category and order, and attributes go."""
    chains: list[list[Any]] = []
    for relation in relations:
        if relation["relation_type"] != "truncated":
            continue
        ends = [relation["source_anno_id"], relation["target_anno_id"]]
        known = [chain for chain in chains if set(chain) & set(ends)]
        for chain in known:
            chain.extend(ends)
        if not known:
            chains.append(ends)
    in_chains = {name for chain in chains for name in chain}
    by_id = {annotation["anno_id"]: annotation for annotation in annotations}
    whole = [annotation for annotation in annotations if annotation["anno_id"] not in in_chains]
    for chain in chains:
        parts = sorted((by_id[name] for name in dict.fromkeys(chain)), key=lambda part: part["order"])
        text = "".join(part.get("text") or "" for part in parts)
        whole.append({"category_type": parts[0]["category_type"], "order": parts[0]["order"], "text": text})
    return whole


def lines_of_formula(block: Block) -> list[Block]:
    r"""Split a formula that is an array of one column into its lines; the second of order 7 has order 7.2."""
    lines = [line for line, _ in array_lines(block.content)]
    order = float(block.order or 0)
    numbered = enumerate(lines, 1)
    return [replace(block, content=line, order=round(order + at / 10, 1)) for at, line in numbered] or [block]


def array_lines(latex: str) -> list[tuple[str, int]]:
    """Return the lines of a formula that is an array of one column, each with its place in it; else nothing."""
    found = _ARRAY.search(latex)
    if found is None or _NO_COLUMN.sub("", found["columns"]) not in {"l", "c", "r"}:
        return []
    lines, start = [], 0
    for part in re.split(r"\\\\", found["body"]):
        if line := part.strip():
            start = found["body"].find(line, start)
            lines.append((f"\\[{line}\\]", found.start("body") + start))
            start += len(line)
    return lines
