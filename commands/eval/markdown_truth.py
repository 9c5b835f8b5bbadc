"""An output against a folder of Markdown files, one for each document (`report.md`) or page (`report_pg3.md`).

Both sides are read as CommonMark with HTML tables, in one normal form: NFKC without regard to case, words without
punctuation around them (pipeline/scores/normal_text.py).

edit       the edit distance of the words, joined by blanks, over the longer length
recall     words of the truth that the output has, as often; precision: words of the output that the truth has
TEDS       the similarity of each table of the truth to the most similar one of the output; a missing one has 0
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from rapidfuzz.distance import Levenshtein

from ocrmill.commands.eval.output_pages import OutputPages
from ocrmill.commands.eval.page_names import Key, PageNames
from ocrmill.commands.eval.report import Cell, ScoreTable
from ocrmill.commands.eval.scored import ComparedText, Scored
from ocrmill.configs.errors import words_of
from ocrmill.pipeline.errors import InputError
from ocrmill.pipeline.scores.normal_text import markdown_content
from ocrmill.pipeline.scores.table_similarity import best_teds

ENDING = ".md"
_BETWEEN_PAGES = "\n\n"
_PAGE_MARK = re.compile(r"^<!-- page:.*-->$\n?", re.MULTILINE)  # `ocrmill export` writes it before each page
_COLUMNS = ("edit", "recall", "precision", "TEDS")


@dataclass(frozen=True, slots=True)
class MarkdownScores:
    """The scores of one text."""

    edit: float
    recall: float | None  # None: the truth has no words
    precision: float | None  # None: nothing was found
    teds: tuple[float, ...]


class MarkdownTruth:
    """The files of the truth, each with its pages of the output."""

    def __init__(self, folder: Path, names: PageNames) -> None:
        """Read the files, and find their documents or pages.

        Raises:
            InputError: A file cannot be read, or there is none.
        """
        self._files: list[tuple[str, str, tuple[Key, ...]]] = []
        for path in sorted(folder.rglob(f"*{ENDING}")):
            name = path.relative_to(folder).as_posix().removesuffix(ENDING)
            try:
                text = _PAGE_MARK.sub("", path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise InputError(f"{path} cannot be read: {words_of(error)}") from error
            self._files.append((name, text, _keys(name, names)))
        if not self._files:
            raise InputError(f"{folder} has no Markdown file")

    def keys(self) -> Iterable[Key]:
        """Return the pages of the output that the truth names."""
        return (key for _, _, keys in self._files for key in keys)

    def score(self, output: OutputPages) -> Scored:
        """Score every file of the truth; one without a row as an empty one."""
        scored = Scored(len(self._files), [], [])
        scores: list[tuple[str, MarkdownScores]] = []
        for name, truth, keys in self._files:
            texts = [text for key in keys if (text := output.text(key)) is not None]
            if not texts:
                scored.missing.append(name)
            found = _BETWEEN_PAGES.join(text for text in texts if text)
            scores.append((name, score_markdown(found, truth)))
            scored.files[name + ENDING] = found
            if texts:
                tokens = [output.wanted[key].visual_tokens for key in keys if key in output.wanted]
                known = [count for count in tokens if count is not None]
                scored.compared.append(ComparedText(truth, found, sum(known) if len(known) == len(tokens) else None))
        scored.tables = [_table(scores)]
        return scored


def _keys(name: str, names: PageNames) -> tuple[Key, ...]:
    document = names.document(name)
    if document is not None:
        return tuple((document.document_id, page) for page in range(1, document.page_count + 1))
    key = names.page(name)
    return () if key is None else (key,)


def score_markdown(found: str, truth: str) -> MarkdownScores:
    """Score a text against its truth."""
    given, right = markdown_content(found), markdown_content(truth)
    common = (Counter(given.words) & Counter(right.words)).total()
    return MarkdownScores(
        Levenshtein.normalized_distance(" ".join(given.words), " ".join(right.words)),
        common / len(right.words) if right.words else None,
        common / len(given.words) if given.words else None,
        tuple(best_teds(table, given.tables) for table in right.tables),
    )


def _table(scores: list[tuple[str, MarkdownScores]]) -> ScoreTable:
    rows: list[tuple[Cell, ...]] = []
    columns = [
        [score.edit for _, score in scores],
        [score.recall for _, score in scores if score.recall is not None],
        [score.precision for _, score in scores if score.precision is not None],
        [teds for _, score in scores for teds in score.teds],
    ]
    rows.append(("all", *(fmean(values) if values else None for values in columns)))
    for name, score in scores:
        rows.append((name, score.edit, score.recall, score.precision, fmean(score.teds) if score.teds else None))
    return ScoreTable("Markdown", ("file", *_COLUMNS), rows)
