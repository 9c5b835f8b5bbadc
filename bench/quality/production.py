"""Read the pages as `ocrmill run` does, with its routing and flags, and tell what it would hide from a user."""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.quality.report import WHOLE
from bench.quality.scores import score
from bench.quality.typesetters import Page

POOR = 0.95  # a document with less recall or precision should be flagged


def as_run(pages: Sequence[Page]) -> str:
    """Return a paragraph on routes and flags of a run with the CPU engine."""
    rows = _rows(pages)
    routes = Counter(row["route"] or row["status"] for found in rows.values() for row in found)
    flagged, good, good_flagged, hidden, poor = 0, 0, 0, [], 0
    for page in pages:
        found = rows[page.path.stem]
        text = "\n\n".join(row["markdown"] or "" for row in found)
        scores = score(text, page.truth, pages=page.pages)
        least = min(scores.recall, scores.precision)
        is_flagged = any(row["flags"] or row["status"] == "failed" for row in found)
        flagged += is_flagged
        good += least >= WHOLE
        good_flagged += least >= WHOLE and is_flagged
        poor += least < POOR
        if least < POOR and not is_flagged:
            hidden.append(f"{page.path.stem} {least:.3f}")
    flags = Counter(flag for found in rows.values() for row in found for flag in row["flags"])
    return (
        f"`ocrmill run` with the CPU engine on the same {len(pages)} documents: pages by route "
        f"{', '.join(f'{name} {number}' for name, number in sorted(routes.items()))}; {flagged} documents flagged "
        f"({', '.join(f'{name} {number}' for name, number in flags.most_common()) or 'none'}), {good_flagged} of them "
        f"among the {good} with recall and precision of at least {WHOLE}. {poor} documents have less than {POOR}, "
        f"{len(hidden)} of these without a flag{': ' + ', '.join(hidden) if hidden else ''}."
    )


def _rows(pages: Sequence[Page]) -> dict[str, list[dict[str, Any]]]:
    import ocrmill

    settings = ocrmill.load_settings("cpu")
    columns = ("source", "page_number", "route", "status", "flags", "markdown")
    with tempfile.TemporaryDirectory() as out:
        ocrmill.run([str(page.path) for page in pages], out, settings=settings, use_ray=False)
        found = ocrmill.open_output(out).pages.select(*columns).to_arrow().to_pylist()
    rows = defaultdict(list)
    for row in sorted(found, key=lambda row: row["page_number"]):
        rows[Path(row["source"]).stem].append(row)
    return rows
