"""Processes that measure texts again: what comes back, and what does not end them."""

import pyarrow as pa
from processes import stopping

from ocrmill.commands.reflag.text_measuring import TEXTS, TextMeasuring


def test_signals_do_not_end_a_process_that_loads() -> None:
    """Ctrl-C goes to the whole group: the process that starts it ends it, and only that says something."""
    texts = pa.table({"markdown": ["a a a"], "blocks": [[]], "is_measured": [True]}, TEXTS)
    with stopping("text_measuring"):
        process = TextMeasuring()
        measured = process.measure(texts)
    process.close()

    assert measured.num_rows == 1
