"""Rules of a batch of pages in transformers' `generate`: each row has its own, up to its own end.

The rows of a batch are pages of different lengths, but what is generated begins in all of them at once: the n-th column
of `input_ids` is the n-th token of each page.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from transformers import LogitsProcessor, StoppingCriteria

from ocrmill.model_adapter.decoding.loop_stop import LoopDetector
from ocrmill.model_adapter.decoding.ngram_rule import NGramRule
from ocrmill.model_adapter.decoding.repeat_table import RepeatTable

_SEED = 0  # so that a page that is sampled reads alike the next time


@dataclass(slots=True)
class Row:
    """A page while it is decoded."""

    most_tokens: int
    rule: NGramRule | None = None
    temperature: float = 0.0
    detector: LoopDetector | None = None
    tokens: list[int] = field(default_factory=list)  # without the one that ends it
    finish_reason: str | None = None

    def push(self, token: int, end: int) -> None:
        """Append a token, and see if the page ends with it."""
        if token == end:
            self.finish_reason = "stop"
            return
        self.tokens.append(token)
        if self.detector is not None and self.detector.push((token,)):
            self.finish_reason = "repetition"
        elif len(self.tokens) >= self.most_tokens:
            self.finish_reason = "length"


class RowRules(LogitsProcessor):  # type: ignore[misc] # mypy skips transformers
    """Bans what would repeat an n-gram, and adds the noise that makes the likeliest token a sampled one."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._table = RepeatTable(len(rows))
        self._has_rule = any(row.rule is not None for row in rows)
        for index, row in enumerate(rows):
            if row.rule is not None:
                self._table.begin(index, row.rule)
        self._noise = {
            index: torch.Generator().manual_seed(_SEED) for index, row in enumerate(rows) if row.temperature > 0
        }

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return the scores of the next token of each row. `scores` is (rows, vocabulary), float32."""
        if input_ids.shape[1] and self._has_rule:
            newest = input_ids[:, -1].to("cpu", torch.int32).numpy()
            lengths = np.full(len(self._rows), input_ids.shape[1])
            self._table.follow(np.arange(len(self._rows)), lengths, newest)
        bans = torch.from_numpy(self._table.bans(scores.shape[1])).to(scores.device)
        scores.view(-1).index_fill_(0, bans, -torch.inf)
        for index, generator in self._noise.items():
            uniform = torch.rand(scores.shape[1], generator=generator).clamp_min_(torch.finfo(torch.float32).tiny)
            gumbel = -torch.log(-torch.log(uniform)).to(scores.device)  # the largest sum is a sample of the softmax
            scores[index] = scores[index] / self._rows[index].temperature + gumbel
        return scores


class RowEnds(StoppingCriteria):  # type: ignore[misc] # mypy skips transformers
    """Collects the tokens of each row, and ends those that are complete, too long or in a loop."""

    def __init__(self, rows: Sequence[Row], end: int, on_step: Callable[[], bool]) -> None:
        """`on_step` is called once for each step, and returns true to end them all."""
        self._rows, self._end, self._on_step = rows, end, on_step

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: object) -> torch.Tensor:  # noqa: ARG002
        """Return which rows have ended."""
        ends_all = self._on_step()
        for row, token in zip(self._rows, input_ids[:, -1].tolist(), strict=True):
            if row.finish_reason is None:
                row.push(token, self._end)
            if row.finish_reason is None and ends_all:
                row.finish_reason = "abort"
        ended = [row.finish_reason is not None for row in self._rows]
        return torch.tensor(ended, dtype=torch.bool, device=input_ids.device)


def make_rows(
    rules: Sequence[tuple[NGramRule | None, float]], most_tokens: Sequence[int], numbers: Mapping[int, int] | None
) -> list[Row]:
    """Return the rows of a batch.

    Args:
        rules: of each page, and its temperature.
        most_tokens: that each may have.
        numbers: values of the tokens that are numbers, to stop pages that loop; without them none is stopped.
    """
    return [
        Row(most, rule, temperature, None if numbers is None else LoopDetector(numbers))
        for (rule, temperature), most in zip(rules, most_tokens, strict=True)
    ]
