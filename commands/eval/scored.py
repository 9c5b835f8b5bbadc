"""The results of each form of ground truth: tables, pages for compression, files for other evaluators."""

from dataclasses import dataclass, field

from ocrmill.commands.eval.report import ScoreTable


@dataclass(frozen=True, slots=True)
class ComparedText:
    """A page's text beside its truth, with the tokens that its image took."""

    truth: str
    found: str
    visual_tokens: int | None


@dataclass(slots=True)
class Scored:
    """The scores against one truth."""

    entries: int  # pages or documents of the truth
    missing: list[str]  # of these, without a row
    tables: list[ScoreTable]
    notes: list[str] = field(default_factory=list)
    compared: list[ComparedText] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # what the official evaluator reads, by relative path
