"""The text that a page's visual tokens carry: the vision-text compression study of the DeepSeek-OCR papers.

The ratio of a page is the text tokens of its truth over the visual tokens of its image. The table gives precision by
ratio for each number of visual tokens, and so for each mode and number of tiles.

precision, recall   words of the output that the truth has, and the other way round, as multisets in normal form
edit                the edit distance of the words, joined by blanks, over the longer length

The papers do not say how they compute their precision; it may be another one.
"""

import unicodedata
from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

from ocrmill.commands.eval.markdown_truth import score_markdown
from ocrmill.commands.eval.report import Cell, ScoreTable
from ocrmill.commands.eval.scored import ComparedText
from ocrmill.pipeline.errors import InputError, MissingPackageError

Counted = Callable[[str], int]
ESTIMATED = (
    "Text tokens are estimated: one for 4 characters, and for 1.5 of Han, kana and hangul; `--model DIR` counts them"
)
_CHARACTERS, _IDEOGRAPHS = 4.0, 1.5  # for each token: a rule of thumb
_IDEOGRAPHIC = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL")
_COLUMNS = ("visual tokens", "pages", "text tokens", "ratio", "precision", "recall", "edit")


def compression_table(compared: Iterable[ComparedText], count: Counted) -> tuple[ScoreTable, int]:
    """Return the table, and how many pages it leaves out because no model saw them, or because they have no text."""
    groups: dict[tuple[int, int], list[tuple[float, ...]]] = {}
    left_out = 0
    for page in compared:
        tokens = count(page.truth)
        if not page.visual_tokens or not tokens:
            left_out += 1
            continue
        scores = score_markdown(page.found, page.truth)
        ratio = tokens / page.visual_tokens
        values = (float(tokens), ratio, scores.precision or 0.0, scores.recall or 0.0, scores.edit)
        groups.setdefault((page.visual_tokens, int(ratio)), []).append(values)
    rows: list[tuple[Cell, ...]] = []
    for (visual, ratio), pages in sorted(groups.items()):
        means = [fmean(column) for column in zip(*pages, strict=True)]
        rows.append((f"{ratio} to {ratio + 1}", visual, len(pages), round(means[0]), *means[1:]))
    return ScoreTable("Compression: text tokens for each visual token", ("ratio range", *_COLUMNS), rows), left_out


def token_counter(model: Path) -> Counted:
    """Return a counter of the tokens that the tokenizer of a model folder makes.

    Raises:
        InputError: The folder has no tokenizer that can be read.
        MissingPackageError: The package `tokenizers` is not installed.
    """
    if find_spec("tokenizers") is None:
        raise MissingPackageError("counting tokens needs the package tokenizers: pip install tokenizers")
    from tokenizers import Tokenizer

    path = model / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{path} is not there: name the folder of a model")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises a bare Exception
        raise InputError(f"{path} is no tokenizer: {error}") from error
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text by its characters."""
    ideographs = sum(unicodedata.name(character, "").startswith(_IDEOGRAPHIC) for character in text)
    return round((len(text) - ideographs) / _CHARACTERS + ideographs / _IDEOGRAPHS)
