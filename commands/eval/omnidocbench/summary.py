"""The tables of OmniDocBench: all pages, and pages by document type, language, layout and other attributes.

As their evaluator: edit distances are the mean over pages of all edits over all lengths; TEDS is the mean over pages of
the mean of a page's tables, and beside it the mean over all tables; CDM is the mean over pages of the mean of a page's
formulas. A page that has nothing of a kind does not count for it. Overall of version 1.0 is the mean of the four edit
distances, for English and for simplified Chinese; that of version 1.5 is of all pages.
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any

from ocrmill.commands.eval.omnidocbench.page_scores import Edits, PageScores
from ocrmill.commands.eval.report import Cell, ScoreTable

_COLUMNS = ("pages", "text edit", "formula edit", "table TEDS", "table TEDS-S", "table edit", "order edit")
_CDM = "formula CDM"
LANGUAGES = {"english": "language: english", "simplified Chinese": "language: simplified_chinese"}
NO_CDM = (
    "CDM is not computed, nor the overall score of version 1.5, ((1 - text edit) * 100 + TEDS + CDM) / 3: name the "
    "evaluator's Python by --cdm. `--predictions DIR` writes what the official evaluator reads."
)
Scores = tuple[float | None, ...]


def summarize(pages: Sequence[PageScores]) -> list[ScoreTable]:
    """Return the tables."""
    has_text = any(page.text for page in pages)
    groups: dict[str, list[PageScores]] = {"all pages": list(pages)}
    for page in pages:
        for name in _groups(page.page.attributes):
            groups.setdefault(name, []).append(page)
    has_cdm = any(page.cdm is not None for page in pages)
    scores = {
        name: _scores(some, has_text=has_text, has_cdm=has_cdm) for name, some in sorted(groups.items(), key=_first_all)
    }
    rows = [(name, len(groups[name]), *values) for name, values in scores.items()]
    columns = ("group", *_COLUMNS, *([_CDM] if has_cdm else []))
    tables = [ScoreTable("OmniDocBench", columns, rows), _overall(scores)]
    if has_cdm:
        tables.append(_overall_with_cdm(scores["all pages"]))
    return [*tables, *_tables_by_attribute(pages)]


def _first_all(entry: tuple[str, Any]) -> tuple[bool, str]:
    return entry[0] != "all pages", entry[0]


def _groups(attributes: dict[str, Any]) -> Iterable[str]:
    for name, value in attributes.items():
        if isinstance(value, list):
            yield from (str(issue) for issue in value if "table" not in str(issue))
        else:
            yield f"{name}: {value}"


def _scores(pages: Sequence[PageScores], *, has_text: bool, has_cdm: bool) -> Scores:
    return (
        _mean(pages, lambda page: _share((*page.text, *(page.formulas_as_text if has_text else ())))),
        _mean(pages, lambda page: _share(page.formulas)),
        _mean(pages, lambda page: _average([table.teds for table in page.tables])),
        _mean(pages, lambda page: _average([table.structure for table in page.tables])),
        _mean(pages, lambda page: _share([table.edits for table in page.tables])),
        _mean(pages, lambda page: _share([page.order] if page.order else [])),
        *([_mean(pages, lambda page: _average(page.cdm or ()))] if has_cdm else []),
    )


def _mean(pages: Iterable[PageScores], score: Callable[[PageScores], float | None]) -> float | None:
    return _average([value for page in pages if (value := score(page)) is not None])


def _average(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _share(edits: Iterable[Edits]) -> float | None:
    """Return all edits over all lengths."""
    known = list(edits)
    length = sum(some.length for some in known)
    return sum(some.edits for some in known) / length if length else None


def _overall(scores: dict[str, Scores]) -> ScoreTable:
    rows: list[tuple[Cell, ...]] = []
    for language, group in LANGUAGES.items():
        values = scores.get(group)
        four = () if values is None else (values[0], values[1], values[4], values[5])
        known = [value for value in four if value is not None]
        rows.append((language, fmean(known) if len(known) == len(four) and known else None))
    return ScoreTable("Overall of version 1.0: the mean of the four edit distances", ("language", "overall"), rows)


def _overall_with_cdm(scores: Scores) -> ScoreTable:
    text, teds, cdm = scores[0], scores[2], scores[-1]
    whole = None if text is None or teds is None or cdm is None else 100 * ((1 - text) + teds + cdm) / 3
    title = "Overall of version 1.5: ((1 - text edit) * 100 + TEDS * 100 + CDM * 100) / 3"
    return ScoreTable(title, ("pages", "overall"), [("all pages", whole)])


def _tables_by_attribute(pages: Sequence[PageScores]) -> list[ScoreTable]:
    """Return the mean over all tables, and over those with each attribute."""
    groups: dict[str, list[tuple[float, float]]] = {}
    for table in (table for page in pages for table in page.tables):
        names = {f"{name}: {value}" for some in table.edits.attributes for name, value in some.items()}
        for group in ("all tables", *sorted(names)):
            groups.setdefault(group, []).append((table.teds, table.structure))
    if not groups:
        return []
    first = groups.pop("all tables")
    rows: list[tuple[Cell, ...]] = []
    for name, values in [("all tables", first), *sorted(groups.items())]:
        rows.append((name, len(values), fmean(teds for teds, _ in values), fmean(alike for _, alike in values)))
    return [ScoreTable("Tables, each with the same weight", ("group", "tables", "TEDS", "TEDS-S"), rows)]
