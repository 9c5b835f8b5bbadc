"""The parameters of the no-repeat-n-gram rule, as a request sends them in `extra_args`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # vLLM is not there where transformers reads
    from vllm import SamplingParams

DEFAULT_WINDOW = 100  # ids, as in vLLM's own processor for this model


@dataclass(frozen=True, slots=True)
class NGramRule:
    """The parameters of a request."""

    ngram_size: int  # at least 2
    window_size: int  # ids; at least ngram_size
    whitelist: frozenset[int] = frozenset()  # ids that are never banned

    @property
    def num_lags(self) -> int:
        """Return how far back a repeated n-gram may end: it must also start inside the window."""
        return self.window_size - self.ngram_size + 1


def read_rule(params: "SamplingParams") -> NGramRule | None:
    """The rule in `extra_args`: `ngram_size`, `window_size` (default 100) and `whitelist_token_ids` (default none).

    None without `ngram_size`. All keys are those of vLLM's own processor for this model.

    Raises:
        ValueError: a value is not one that the rule can follow, naming the key.
    """
    extra = params.extra_args or {}
    if extra.get("ngram_size") is None:
        return None
    ngram_size = _integer("ngram_size", extra["ngram_size"], least=2)
    window_size = _integer("window_size", extra.get("window_size", DEFAULT_WINDOW), least=ngram_size)
    ids = extra.get("whitelist_token_ids") or ()
    if isinstance(ids, str | bytes) or not isinstance(ids, Iterable):
        raise ValueError(f"whitelist_token_ids must be a list of token ids, not {ids!r}")  # noqa: TRY004 - vLLM's rule
    return NGramRule(
        ngram_size, window_size, frozenset(_integer("whitelist_token_ids", token, least=0) for token in ids)
    )


def _integer(key: str, value: object, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{key} must be made of integers of at least {least}, not {value!r}")
    return value
