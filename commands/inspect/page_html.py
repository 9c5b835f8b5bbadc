"""Pages as HTML, each beside its text: for people who judge the quality.

The file is self-contained and runs nothing: it has no scripts and no links elsewhere, and its own policy forbids them.
All text of a document is escaped. A block is framed on the page and coloured in the text; a click on one shows the
other.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from ocrmill.pipeline.printable import printable

COLUMNS = (
    *("document_id", "source", "page_number", "page_count", "status", "reason", "detail", "markdown", "blocks"),
    *("flags", "route", "route_reason", "engine", "renderer", "text_layer_agreement", "finish_reason", "attempts"),
    *("repetition_ratio", "repeated_tail_chars", "compression_ratio", "longest_run", "width_pt", "height_pt"),
    *("layer_recall", "layer_precision", "layer_order"),
)
_MEASURES = (
    *("repetition_ratio", "repeated_tail_chars", "compression_ratio", "longest_run", "text_layer_agreement"),
    *("layer_recall", "layer_precision", "layer_order"),
)

_STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem 2rem; color: #222; background: #fff }
h2 { font-size: 1rem; margin: 2rem 0 0; border-top: 1px solid #ccc; padding-top: 1rem; overflow-wrap: anywhere }
.facts { margin: .2rem 0 .6rem; color: #555 } .facts b { color: #a30 }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1rem; align-items: start }
.page { position: relative; border: 1px solid #ddd } .page img, .page svg { display: block; width: 100% }
.page svg { position: absolute; inset: 0; height: 100% }
rect { fill-opacity: .08; stroke-width: 1.5; vector-effect: non-scaling-stroke }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13px/1.45 ui-monospace, monospace }
pre a { color: inherit; text-decoration: none; border-left: 3px solid; padding-left: .2rem }
:target { outline: 3px solid #fc0; background: #ffc }
"""
BEGINS = b"<!doctype html>\n<html"  # so that a file that we wrote can be told from others
# Colours of labels, in the order in which they first occur on a page.
_PALETTE = ("#06c", "#a30", "#080", "#90c", "#b80", "#088", "#c08", "#666")


def head(title: str, notes: Sequence[str]) -> str:
    """Return the head of the file: a title, and a line for each note."""
    colours = "".join(f".c{n} {{ border-color: {c}; stroke: {c}; fill: {c} }}\n" for n, c in enumerate(_PALETTE))
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        f'{BEGINS.decode()} lang="en"><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}{colours}</style>\n<h1>{_text(title)}</h1>\n"
        + "".join(f'<p class="facts">{_text(note)}</p>\n' for note in notes)
    )


def section(row: Mapping[str, Any], number: int, jpeg: bytes | None, why_not: str | None = None) -> str:
    """Return the section of a page.

    Args:
        row: A row of the output, with the columns in `COLUMNS`.
        number: The number of the section in the file.
        jpeg: The page as displayed; null if it cannot be shown.
        why_not: The reason why it cannot.
    """
    blocks = row["blocks"] or []
    classes = _classes(blocks)
    place = f"{row['source']}, page {row['page_number']} of {row['page_count']}"
    shown = f"<p>{_text(why_not or 'no image')}</p>" if jpeg is None else _page(row, blocks, classes, number, jpeg)
    return (
        f'<section><h2>{_text(place)}</h2>\n<p class="facts">{_facts(row)}</p>\n'
        f'<div class="pair"><div>{shown}</div>\n<pre>{_marked(row["markdown"] or "", blocks, classes, number)}</pre>'
        "</div></section>\n"
    )


def _facts(row: Mapping[str, Any]) -> str:
    """Return the page's values as one line, with its defects marked."""
    wrong = [row["reason"], *(row["flags"] or [])]
    attempts = row["attempts"] or []
    facts = [
        f"<b>{_text(row['status'])}</b>" if row["status"] == "failed" else _text(row["status"]),
        *(f"<b>{_text(word)}</b>" for word in wrong if word),
        *(_text(f"{name} {row[name]:.3g}") for name in _MEASURES if row["flags"] and row[name] is not None),
        *(_text(row[name]) for name in ("route_reason", "engine", "renderer") if row[name]),
        f"{len(attempts)} attempts" if len(attempts) > 1 else "",
        _text(row["detail"] or ""),
    ]
    return " · ".join(filter(None, facts))


def _classes(blocks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    labels = dict.fromkeys(block["label"] for block in blocks)
    return {label: f"c{number % len(_PALETTE)}" for number, label in enumerate(labels)}


def _page(
    row: Mapping[str, Any],
    blocks: Sequence[Mapping[str, Any]],
    classes: Mapping[str, str],
    number: int,
    jpeg: bytes,
) -> str:
    frames = "".join(
        f'<a href="#t{number}-{at}"><rect id="b{number}-{at}" class="{classes[block["label"]]}" x="{block["x0"]:.1f}" '
        f'y="{block["y0"]:.1f}" width="{block["x1"] - block["x0"]:.1f}" height="{block["y1"] - block["y0"]:.1f}">'
        f"<title>{_text(block['label'])}</title></rect></a>"
        for at, block in enumerate(blocks)
    )
    size = f"{row['width_pt'] or 1:.1f} {row['height_pt'] or 1:.1f}"
    return (
        f'<div class="page"><img alt="" src="data:image/jpeg;base64,{b64encode(jpeg).decode()}">'
        f'<svg viewBox="0 0 {size}" preserveAspectRatio="none">{frames}</svg></div>'
    )


def _marked(markdown: str, blocks: Sequence[Mapping[str, Any]], classes: Mapping[str, str], number: int) -> str:
    """Return the Markdown unchanged, each block as a link to its frame."""
    return "".join(
        _text(part)
        if at is None
        else f'<a id="t{number}-{at}" href="#b{number}-{at}" class="{classes[blocks[at]["label"]]}" '
        f'title="{_text(blocks[at]["label"])}">{_text(part)}</a>'
        for at, part in block_parts(markdown, blocks)
    )


def block_parts(markdown: str, blocks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int | None, str]]:
    """Split the Markdown into pieces, each with its block; blocks whose spans overlap are left out."""
    end = 0
    for at, block in enumerate(blocks):
        if block["start"] < end or block["end"] < block["start"]:
            continue
        yield None, markdown[end : block["start"]]
        yield at, markdown[block["start"] : block["end"]]
        end = block["end"]
    yield None, markdown[end:]


def _text(text: object) -> str:
    return escape(printable(str(text)))
