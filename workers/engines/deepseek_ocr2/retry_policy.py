"""The retries of a page whose output is bad: each entry names the defects that it handles and how it reads."""

from ocrmill.pipeline.records import Reason, RetryParams

# The n-gram rule that the model's authors evaluate with, `infer(eval_mode=True)`, over what a page writes in a while:
# no loop of fewer than 990 tokens passes it. It may change a table of equal rows; only pages that are bad meet it.
_NGRAM_SIZE, _NGRAM_WINDOW = 35, 1024
# chandra's, for pages that repeat themselves; greedily a model would only write the same again.
_TEMPERATURE = 0.3

_LOOPS, _EMPTY, _CUT_OFF = Reason.REPETITION, Reason.EMPTY_OUTPUT, Reason.TRUNCATED

RETRY_POLICY = (
    RetryParams(frozenset({_LOOPS}), _NGRAM_SIZE, _NGRAM_WINDOW),
    # Without boxes it writes less, so that a long page may come to its end.
    RetryParams(
        frozenset({_LOOPS, _EMPTY, _CUT_OFF}),
        _NGRAM_SIZE,
        _NGRAM_WINDOW,
        prompt="free_ocr",
    ),
    RetryParams(frozenset({_LOOPS, _EMPTY}), _NGRAM_SIZE, _NGRAM_WINDOW, temperature=_TEMPERATURE),
)
