"""The scores of one page: edit distances of texts, formulas, tables and the reading order, and TEDS of tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz.distance import Levenshtein

from ocrmill.commands.eval.formulas.cdm import FormulaPair
from ocrmill.commands.eval.omnidocbench.matching import Pair, match
from ocrmill.commands.eval.omnidocbench.normal_forms import only_words, plain_latex, table_form
from ocrmill.commands.eval.omnidocbench.prediction import Kind, read_prediction
from ocrmill.commands.eval.omnidocbench.table_scores import pair_tables, teds
from ocrmill.commands.eval.omnidocbench.truth import ISOLATED_FORMULA, SCORED, TruthPage


@dataclass(frozen=True, slots=True)
class Edits:
    """The edit distance of something found from the truth, and the longer length."""

    edits: int
    length: int
    attributes: tuple[dict[str, Any], ...] = ()  # of the blocks

    @property
    def share(self) -> float:
        """The edit distance over the length."""
        return self.edits / self.length


@dataclass(frozen=True, slots=True)
class TableScore:
    """The scores of one table of the truth."""

    teds: float
    structure: float  # TEDS-S
    edits: Edits


@dataclass(frozen=True, slots=True)
class PageScores:
    """The scores of a page: one for each match of what it has, and none where the truth has nothing of a kind."""

    page: TruthPage
    text: tuple[Edits, ...]
    formulas: tuple[Edits, ...]
    formula_pairs: tuple[FormulaPair, ...]  # the LaTeX of these, as it is drawn for CDM
    formulas_as_text: tuple[Edits, ...]  # displayed formulas that the prediction has as ordinary text
    tables: tuple[TableScore, ...]
    order: Edits | None
    cdm: tuple[float, ...] | None = None  # of the formulas, 0 to 1, if it is computed


def score_page(page: TruthPage, markdown: str) -> PageScores:
    """Score the Markdown of a page; an empty one has lost everything."""
    prediction = read_prediction(markdown)
    truths = [block for block in page.tables if block.content]
    in_latex = prediction.latex_tables > len(prediction.tables)  # their evaluator gives nothing for these
    found, cells = pair_tables([block.content for block in truths], () if in_latex else prediction.tables)
    tables = tuple(
        _table_score(block.content, text, block.attributes) for block, text in zip(truths, found, strict=True)
    )
    pairs = match(page.blocks, (*prediction.pieces, *(cells if truths else ())))
    texts = [pair for pair in pairs if pair.category in SCORED]
    formulas = [pair for pair in pairs if pair.category == ISOLATED_FORMULA]
    as_text = [pair for pair in formulas if pair.pieces and pair.pieces[0].kind is Kind.TEXT]
    displayed = [pair for pair in formulas if pair not in as_text]
    return PageScores(
        page,
        tuple(_edits(pair.truth, pair.found, pair) for pair in texts),
        tuple(_edits(pair.truth, pair.found, pair) for pair in displayed),
        tuple((_latex(pair), "".join(piece.content for piece in pair.pieces)) for pair in displayed),
        tuple(_edits(only_words(plain_latex(_latex(pair))), pair.found, pair) for pair in as_text),
        tables,
        _order(texts),
    )


def _edits(truth: str | list[float], found: str | list[float], pair: Pair | None = None) -> Edits:
    attributes = tuple(block.attributes for block in pair.blocks) if pair else ()
    return Edits(Levenshtein.distance(truth, found), max(len(truth), len(found)), attributes)


def _table_score(truth: str, found: str, attributes: dict[str, Any]) -> TableScore:
    right, given = table_form(truth), table_form(found)
    edits = Edits(Levenshtein.distance(given, right), max(len(given), len(right)), (attributes,))
    return TableScore(teds(given, right), teds(given, right, structure_only=True), edits)


def _latex(pair: Pair) -> str:
    """Return the formula of several blocks as one."""
    if len(pair.blocks) == 1:
        return pair.blocks[0].content
    lines = (f"{{{block.content.strip('$').strip(chr(10))}}}" for block in pair.blocks)
    return "\\begin{array}{l} " + " \\\\ ".join(lines) + " \\end{array}"


def _order(pairs: Sequence[Pair]) -> Edits | None:
    """Compare the numbers of the text blocks in the order of the pieces found for them with these in order."""
    right = sorted(block.order for pair in pairs for block in pair.blocks if block.order)
    matched = sorted((pair for pair in pairs if pair.pieces), key=lambda pair: pair.pieces[0].position)
    found = [block.order for pair in matched for block in pair.blocks if block.order]
    return _edits(right, found) if right or found else None
