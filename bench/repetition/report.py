"""The tables of recall and false alarms, printed and written into a document between two marks."""

import datetime as dt
import platform
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of text, and how many of its texts each rule flags."""

    kind: str
    least: int | None
    held_back: bool
    texts: int
    texts_cut_off: int
    flagged: dict[str, int]
    flagged_cut_off: dict[str, int]


def print_table(rows: list[Row], rules: list[str]) -> None:
    """Print a line for each kind."""
    print(f"{'kind':44}{'least':>6}{'texts':>7}" + "".join(f"{rule:>10}" for rule in rules))
    for row in rows:
        name = f"{row.kind}{' *' if row.held_back and row.kind != 'ordinary pages' else ''}"
        shares = "".join(f"{row.flagged[rule] / row.texts:10.2%}" for rule in rules)
        print(f"{name:44}{row.least or '':>6}{row.texts:7}{shares}")
    for title, counted in summaries(rows):
        texts = sum(row.texts for row in counted)
        shares = "".join(f"{sum(row.flagged[rule] for row in counted) / max(1, texts):10.2%}" for rule in rules)
        print(f"{title:50}{texts:7}{shares}")
    loops = [row for row in rows if row.least]
    texts = sum(row.texts_cut_off for row in loops)
    shares = "".join(f"{sum(row.flagged_cut_off[rule] for row in loops) / max(1, texts):10.2%}" for rule in rules)
    print(f"{'loops that the limit cut off':50}{texts:7}{shares}")


def summaries(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    """Give the groups of kinds that are counted together."""
    loops = [row for row in rows if row.least]
    honest = [row for row in rows if not row.least and row.kind != "ordinary pages"]
    return [
        ("all loops that end by themselves", loops),
        ("of these, kinds held back", [row for row in loops if row.held_back]),
        ("all hard negatives", honest),
        ("of these, kinds held back", [row for row in honest if row.held_back]),
    ]


def write_tables(path: Path, rows: list[Row], rules: list[str], *, command: str, fingerprint: str) -> None:
    """Replace what stands between the marks of a document.

    Raises:
        ValueError: The document has no such marks.
    """
    before, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path} has no {BEGIN} and {END} to put the tables between")
    made = (
        f"`{command}`, {dt.datetime.now(dt.UTC).date().isoformat()}, {platform.machine()}; labelled set {fingerprint}."
    )
    loops = [row for row in rows if row.least]
    honest = [row for row in rows if not row.least]
    parts = [
        made,
        "Share of loops found, of those that end by themselves; kinds with a star are held back:",
        _table(["loop", "smallest, turns", "pages"], [[_name(row), str(row.least)] for row in loops], loops, rules),
        "Share of honest pages flagged:",
        _table(["page", "pages"], [[_name(row)] for row in honest], honest, rules),
    ]
    sums = []
    for title, counted in summaries(rows):
        texts = sum(row.texts for row in counted)
        shares = [f"{sum(row.flagged[rule] for row in counted) / max(1, texts):.2%}" for rule in rules]
        sums.append([title, str(texts), *shares])
    texts = sum(row.texts_cut_off for row in loops)
    shares = [f"{sum(row.flagged_cut_off[rule] for row in loops) / max(1, texts):.2%}" for rule in rules]
    sums.append(["loops that the limit cut off", str(texts), *shares])
    parts += ["Together:", _markdown(["", "pages", *rules], sums)]
    path.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}", encoding="utf-8")


def _name(row: Row) -> str:
    return f"{row.kind} *" if row.held_back and row.kind != "ordinary pages" else row.kind


def _table(head: list[str], cells: list[list[str]], rows: list[Row], rules: list[str]) -> str:
    lines = [
        [*left, str(row.texts), *(f"{row.flagged[rule] / row.texts:.1%}" for rule in rules)]
        for left, row in zip(cells, rows, strict=True)
    ]
    return _markdown([*head, *rules], lines)


def _markdown(head: list[str], lines: list[list[str]]) -> str:
    rule = "|---|" + "---|" * (len(head) - 1)
    return "\n".join(["| " + " | ".join(head) + " |", rule, *("| " + " | ".join(line) + " |" for line in lines)])
