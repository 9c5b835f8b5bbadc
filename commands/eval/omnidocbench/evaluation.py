"""An output against a ground truth in OmniDocBench's form."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath

from ocrmill.commands.eval.formulas.cdm import Cdm
from ocrmill.commands.eval.omnidocbench.page_scores import PageScores, score_page
from ocrmill.commands.eval.omnidocbench.summary import NO_CDM, summarize
from ocrmill.commands.eval.omnidocbench.truth import TruthPage, read_truth
from ocrmill.commands.eval.output_pages import OutputPages
from ocrmill.commands.eval.page_names import Key, PageNames
from ocrmill.commands.eval.scored import ComparedText, Scored

ENDING = ".md"


class OmniDocBench:
    """The pages of the truth, each with its page of the output."""

    def __init__(self, path: Path, names: PageNames, cdm: Cdm | None = None) -> None:
        """Read the truth, and find its pages by the names of their images."""
        self._cdm = cdm
        self._pages: list[tuple[TruthPage, Key | None]] = [
            (page, names.page(_stem(page.name)) or names.page(page.name)) for page in read_truth(path)
        ]

    def keys(self) -> Iterable[Key]:
        """Return the pages of the output that the truth names."""
        return (key for _, key in self._pages if key is not None)

    def score(self, output: OutputPages) -> Scored:
        """Score every page of the truth; one without a row as an empty one."""
        texts = [(page, key, output.text(key)) for page, key in self._pages]
        scores = self._with_cdm([score_page(page, text or "") for page, _, text in texts])
        missing = [page.name for page, _, text in texts if text is None]
        scored = Scored(len(texts), missing, summarize(scores), [] if self._cdm else [NO_CDM])
        for page, key, text in texts:
            scored.files[_stem(page.name) + ENDING] = text or ""
            if key is not None and text is not None:
                tokens = output.wanted[key].visual_tokens
                scored.compared.append(ComparedText(_text_of(page), text, tokens))
        return scored

    def _with_cdm(self, pages: list[PageScores]) -> list[PageScores]:
        if self._cdm is None:
            return pages
        found = iter(self._cdm.scores([pair for page in pages for pair in page.formula_pairs]))
        return [replace(page, cdm=tuple(islice(found, len(page.formula_pairs)))) for page in pages]


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _text_of(page: TruthPage) -> str:
    """Return a page's texts, formulas and tables in reading order; furniture has no order and is left out."""
    blocks = sorted(
        (block for block in (*page.blocks, *page.tables) if block.order), key=lambda block: block.order or 0
    )
    return "\n\n".join(block.content for block in blocks)
