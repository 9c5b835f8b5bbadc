"""The retries of a page with bad output: each entry has the defects that it handles and its decoding settings."""

from ocrmill.model_adapter.prompts import DEFAULT_PROMPT
from ocrmill.pipeline.records import Reason, RetryParams

# The n-gram rule that the model's authors evaluate with, `infer(eval_mode=True)`, over what a page writes in a while:
# it stops any loop of fewer than 990 tokens. It may change a table of equal rows, but only bad pages get it.
_NGRAM_SIZE, _NGRAM_WINDOW = 35, 1024
# chandra's value for pages that repeat themselves; greedy decoding would write the same again.
_TEMPERATURE = 0.3

_LOOPS, _EMPTY, _CUT_OFF = Reason.REPETITION, Reason.EMPTY_OUTPUT, Reason.TRUNCATED

RETRY_POLICY = (
    RetryParams(frozenset({_LOOPS}), _NGRAM_SIZE, _NGRAM_WINDOW),
    # Without boxes the output is shorter, so that a long page may be finished.
    RetryParams(
        frozenset({_LOOPS, _EMPTY, _CUT_OFF}),
        _NGRAM_SIZE,
        _NGRAM_WINDOW,
        prompt="free_ocr",
    ),
    RetryParams(frozenset({_LOOPS, _EMPTY}), _NGRAM_SIZE, _NGRAM_WINDOW, temperature=_TEMPERATURE),
)


def retry_policy(prompt: str) -> tuple[RetryParams, ...]:
    """Return the retries; one with a prompt of its own only if the usual prompt asks for Markdown."""
    return tuple(params for params in RETRY_POLICY if params.prompt is None or prompt == DEFAULT_PROMPT)
