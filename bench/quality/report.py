"""The tables of docs/quality.md: readers side by side, and ours by kind of document and by typesetter."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from bench.measure import machine
from bench.quality.readers import Reading
from bench.quality.scores import Scores
from bench.quality.typesetters import Page

ROOT = Path(__file__).parents[2]
RESAMPLES = 1000
WHOLE = 0.995  # recall and precision that a document must have
BEGIN, END = "<!-- figures: written by `python -m bench.quality` -->\n", "<!-- end of figures -->"
_BORDERED = frozenset({"tables"})
_BORDERLESS = frozenset({"borderless"})
_OTHER = frozenset({"beside", "turned", "corpus"})
Values = list[float]


@dataclass(frozen=True, slots=True)
class Result:
    """The scores of one reader."""

    name: str
    is_markdown: bool
    reading: Reading
    scores: dict[Page, Scores]
    speed: float  # pages a CPU second, over all that was read

    def of(self, pages: Sequence[Page]) -> "Result":
        """Return the result for some of the pages, with the speed of all."""
        return replace(self, scores={page: self.scores[page] for page in pages})


@dataclass(frozen=True, slots=True)
class Column:
    """A score of the table: its values for one document; text without markup has none where it needs markup."""

    title: str
    values: Callable[[Page, Scores], Values]
    needs_markup: bool = False


def _some(value: float | None) -> Values:
    return [] if value is None else [value]


COLUMNS = (
    Column("characters", lambda _, scores: [scores.characters]),
    Column("recall", lambda _, scores: [scores.recall]),
    Column("precision", lambda _, scores: [scores.precision]),
    Column("whole", lambda _, scores: [float(min(scores.recall, scores.precision) >= WHOLE)]),
    Column("order", lambda _, scores: [scores.order]),
    Column("TEDS ruled", lambda page, scores: list(scores.teds) if page.kind in _BORDERED else [], needs_markup=True),
    Column(
        "TEDS borderless", lambda page, scores: list(scores.teds) if page.kind in _BORDERLESS else [], needs_markup=True
    ),
    Column("TEDS other", lambda page, scores: list(scores.teds) if page.kind in _OTHER else [], needs_markup=True),
    Column("headings", lambda _, scores: _some(scores.headings), needs_markup=True),
    Column("listings", lambda _, scores: _some(scores.listings), needs_markup=True),
    Column("formulas", lambda _, scores: _some(scores.formulas)),
)


def interval(documents: Sequence[Values]) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval by bootstrap over documents."""
    random = Random(1)
    known = [values for values in documents if values]
    means = sorted(_mean(random.choices(known, k=len(known))) for _ in range(RESAMPLES))
    return _mean(known), means[RESAMPLES // 40], means[-RESAMPLES // 40 - 1]


def _mean(documents: Iterable[Values]) -> float:
    values = [value for document in documents for value in document]
    return sum(values) / len(values)


def readers_table(results: Sequence[Result]) -> str:
    """Write a row for each reader."""
    every = [(page, scores) for result in results for page, scores in result.scores.items()]
    shown = [column for column in COLUMNS if any(column.values(page, scores) for page, scores in every)]
    titles = ["reader", *(column.title for column in shown), "numbers lost", "failed", "pages/s a core"]
    rows = [_row(titles), "|---" * len(titles) + "|"]
    for result in results:
        cells = [f"{result.name} {result.reading.version}"]
        for column in shown:
            documents = [column.values(page, scores) for page, scores in result.scores.items()]
            if (column.needs_markup and not result.is_markdown) or not any(documents):
                cells.append("")
            else:
                cells.append("{:.3f} ({:.3f} to {:.3f})".format(*interval(documents)))
        cells.append(_numbers_lost(result.scores.values()))
        failed = sum(page.path.stem in result.reading.errors for page in result.scores)
        cells += [str(failed), f"{result.speed:.1f}"]
        rows.append(_row(cells))
    return "\n".join(rows)


def differences_table(ours: Result, results: Sequence[Result]) -> str:
    """Write how much better ours is than each other reader, document by document; bold where it is behind for sure."""
    rows = [_row(["ours less", *(column.title for column in COLUMNS)]), "|---" * (len(COLUMNS) + 1) + "|"]
    for result in results:
        if result.name.startswith(ours.name):  # ours, and our own faster way
            continue
        cells = [result.name]
        for column in COLUMNS:
            documents = []
            for page, scores in ours.scores.items():
                if values := column.values(page, scores):
                    documents.append([_mean([values]) - _mean([column.values(page, result.scores[page])])])
            if not documents or (column.needs_markup and not result.is_markdown):
                cells.append("")
                continue
            mean, low, high = interval(documents)
            mark = "**" if high < 0 else ""
            cells.append(f"{mark}{mean:+.3f} ({low:+.3f} to {high:+.3f}){mark}")
        rows.append(_row(cells))
    return "\n".join(rows)


def kinds_table(result: Result, by: str) -> str:
    """Write a row of our scores for each kind or typesetter."""
    titles = [f"{by}, ours", "documents", *(column.title for column in COLUMNS), "lowest recall", "numbers lost"]
    rows = [_row(titles), "|---" * len(titles) + "|"]
    for name in dict.fromkeys(getattr(page, by) for page in result.scores):
        part = {page: scores for page, scores in result.scores.items() if getattr(page, by) == name}
        cells = [name, str(len(part))]
        for column in COLUMNS:
            documents = [values for page, scores in part.items() if (values := column.values(page, scores))]
            cells.append(f"{_mean(documents):.3f}" if documents else "")
        cells += [f"{min(scores.recall for scores in part.values()):.3f}", _numbers_lost(part.values())]
        rows.append(_row(cells))
    return "\n".join(rows)


def _numbers_lost(scores: Iterable[Scores]) -> str:
    counts = [(each.numbers_lost, each.numbers) for each in scores]
    lost, numbers = (sum(side) for side in zip(*counts, strict=True))
    return f"{lost} of {numbers}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def worst(result: Result, number: int) -> str:
    """List our worst documents, and the words that each lacks or has too many of."""

    def goodness(scores: Scores) -> float:
        known = [scores.headings, scores.listings, scores.formulas, *scores.teds]
        others = [value for value in known if value is not None]
        return min(scores.recall, scores.precision, scores.order) + (_mean([others]) if others else 1) / 4

    lines = []
    ranked = sorted(result.scores.items(), key=lambda item: goodness(item[1]))
    for page, scores in ranked[:number]:
        parts = [f"recall {scores.recall:.3f}, precision {scores.precision:.3f}, order {scores.order:.3f}"]
        if scores.teds:
            parts.append("TEDS " + " ".join(f"{value:.2f}" for value in scores.teds))
        named = {"headings": scores.headings, "listings": scores.listings, "formulas": scores.formulas}
        parts += [f"{name} {value:.2f}" for name, value in named.items() if value is not None]
        lines.append(f"{page.path.stem}: {', '.join(parts)}, numbers lost {scores.numbers_lost}")
        lines += [f"    lacks: {_shown(scores.missing)}", f"    has too many: {_shown(scores.extra)}"]
    return "\n".join(lines)


def _shown(words: Sequence[str]) -> str:
    return " ".join(list(Counter(words))[:25])


def circumstances() -> str:
    """Name the day, the machine and the commit, before anything is measured."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return f"{machine(os.getloadavg()[0])}, commit {commit.stdout.strip()}"


def with_tables(page: str, tables: Sequence[str], about: str) -> str:
    """Return the page with its tables written again."""
    before, _, rest = page.partition(BEGIN)
    return "\n\n".join([f"{before}{BEGIN}{about}", *tables]) + f"\n{END}{rest.partition(END)[2]}"
