"""Write the ground truth of three samples in the three forms that `ocrmill eval` reads, from the words on their pages.

python samples/truth.py [FOLDER]      by default samples/truth
"""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from samples import prose

Block = dict[str, Any]
_CATEGORIES = {"title": "title", "heading": "title", "caption": "table_caption"}
_MARKS = {"title": "# ", "heading": "## "}
_TESTS: tuple[dict[str, Any], ...] = (
    {"pdf": "text.pdf", "page": 1, "type": "present", "text": "A lamp hung above the stones", "max_diffs": 1},
    {"pdf": "text.pdf", "page": 1, "type": "absent", "text": "Admission is free", "max_diffs": 2},
    {"pdf": "text.pdf", "page": 2, "type": "order", "before": "Steam ended the trade", "after": "Dogs are welcome"},
    {"pdf": "table.pdf", "page": 1, "type": "table", "cell": "139", "up": "131", "left": "127"},
    {
        "pdf": "table.pdf",
        "page": 1,
        "type": "table",
        "cell": "1,062",
        "top_heading": "Year",
        "left_heading": "Beacon Hill",
    },
    {"pdf": "scan.pdf", "page": 1, "type": "present", "text": "gone through them with the carpenter", "max_diffs": 3},
    {"pdf": "scan.pdf", "page": 1, "type": "baseline"},
)


def blocks(parts: Sequence[tuple[str, str]], first: int = 1) -> list[Block]:
    """Return the parts of a page as blocks, numbered from `first`."""
    return [
        {
            "anno_id": order,
            "category_type": _CATEGORIES.get(kind, "text_block"),
            "order": order,
            "text": text,
            "attribute": {"text_language": "text_english"},
        }
        for order, (kind, text) in enumerate(parts, first)
    ]


def table_block(order: int) -> Block:
    """Return the table of rainfall as a block."""
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in prose.RAINFALL)
    attributes = {"language": "table_en", "line": "full_line", "with_span": False, "include_equation": False}
    return {
        "anno_id": order,
        "category_type": "table",
        "order": order,
        "html": f"<table>{rows}</table>",
        "attribute": attributes,
    }


def page(name: str, number: int, source: str, page_blocks: list[Block]) -> dict[str, Any]:
    """Return a page in OmniDocBench's form."""
    attributes = {"data_source": source, "language": "english", "layout": "single_column"}
    return {
        "layout_dets": page_blocks,
        "extra": {"relation": []},
        "page_info": {"image_path": f"images/{name}", "page_no": number, "page_attribute": attributes},
    }


def omnidocbench() -> list[dict[str, Any]]:
    """Return the pages of text.pdf, table.pdf and scan.pdf."""
    above = blocks(prose.RAINFALL_HEAD)
    table = table_block(len(above) + 1)
    rainfall = [*above, table, *blocks(prose.RAINFALL_NOTE, len(above) + 2)]
    return [
        page("text_1.png", 1, "book", blocks(prose.TIDE_MILL[0])),
        page("text_2.png", 2, "book", blocks(prose.TIDE_MILL[1])),
        page("table.png", 1, "research_report", rainfall),
        page("scan.png", 1, "letter", blocks(prose.LETTER)),
    ]


def markdown(*pages: Sequence[tuple[str, str]]) -> str:
    """Return the parts of pages as Markdown."""
    return "\n\n".join(f"{_MARKS.get(kind, '')}{text}" for parts in pages for kind, text in parts) + "\n"


def pipe_table() -> str:
    """Return the table of rainfall as a pipe table."""
    head, *rows = (f"| {' | '.join(row)} |" for row in prose.RAINFALL)
    return "\n".join([head, "|---" * len(prose.RAINFALL[0]) + "|", *rows]) + "\n"


def files() -> Iterator[tuple[str, str]]:
    """Yield the files with their text."""
    yield "omnidocbench.json", json.dumps(omnidocbench(), ensure_ascii=False, indent=1) + "\n"
    tests = ({"id": f"{test['pdf']}_{test['type']}_{number}", **test} for number, test in enumerate(_TESTS, 1))
    yield "olmocr_bench.jsonl", "".join(f"{json.dumps(test)}\n" for test in tests)
    yield "markdown/text.md", markdown(*prose.TIDE_MILL)
    yield "markdown/scan.md", markdown(prose.LETTER)
    yield (
        "markdown/table.md",
        f"{markdown(prose.RAINFALL_HEAD)}\n{pipe_table()}\n{markdown(prose.RAINFALL_NOTE)}",
    )


def write_truth(folder: Path) -> None:
    """Write all files."""
    for name, text in files():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_truth(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "truth")
