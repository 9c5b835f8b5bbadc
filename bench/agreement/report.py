"""Areas under ROC curves, recall at a rate of false alarms, and the tables of them."""

import datetime as dt
import platform
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from pathlib import Path

BEGIN, END = "<!-- figures: written by `python -m bench.agreement` -->", "<!-- end of figures -->"


def area(damaged: Sequence[float], honest: Sequence[float]) -> float:
    """Share of pairs in which the damaged text has the higher score, a tie as half."""
    order = sorted(honest)
    below = sum(bisect_left(order, score) + bisect_right(order, score) for score in damaged)
    return below / (2 * len(damaged) * len(honest))


def recall_at(damaged: Sequence[float], honest: Sequence[float], rate: float) -> float:
    """Share of the damaged above the score that no more than this share of the honest exceed."""
    order = sorted(honest, reverse=True)
    limit = order[min(len(order) - 1, int(rate * len(order)))]
    return sum(score > limit for score in damaged) / len(damaged)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_tables(path: Path, tables: Sequence[str], command: str, fingerprint: str) -> None:
    """Replace what stands between the marks of a document.

    Raises:
        ValueError: The document has no such marks.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no {BEGIN} and {END} to put the tables between")
    made = f"`{command}`, {dt.datetime.now(dt.UTC).date().isoformat()}, {platform.machine()}; texts {fingerprint}."
    path.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join([made, *tables]) + f"\n\n{END}{after}", encoding="utf-8")
