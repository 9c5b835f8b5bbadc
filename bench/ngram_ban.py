"""CPU milliseconds per decoding step of the no-repeat-n-gram rule: ours against vLLM's own processor for the model.

    python bench/ngram_ban.py [--steps 100] [--rows N ...]

Both follow the same requests, whose texts of about 1,000 ids grow by one id a step; a step is `update_state` and
`apply`. They take turns at going first. For the first steps the logits are compared and reset each time, and must be
equal; the timed steps leave them alone, as where they are on a GPU and never pass through this machine's caches, and
the bans gathered by both are compared at the end. "no loop" is the usual step; "few loop" has one text in sixteen
repeat itself, so that its next id is banned, and "all loop" every text. Writing -inf is part of both; "-inf alone" is
its share.
"""

import argparse
import random
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import cast

import torch
from vllm import SamplingParams
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor

from ocrmill.model_adapter.decoding.ngram_ban import NGramBan

VOCABULARY = 129_280
HISTORY = 1000  # ids
WHITELIST = [128_821, 128_822]  # <td> and </td>, as the official scripts have it
BATCHES = (64, 256, 512)
RULES = ((20, 50), (30, 90))  # n-gram and window: the official PDF script's, and vLLM's recipe
PERIOD = 17  # ids: within both windows
CHECKED_STEPS = 20
WARM_UP = 5  # steps after them


def main() -> None:
    """Print a line for each rule, batch and kind of text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rows", type=int, nargs="+", choices=BATCHES, default=BATCHES, help="texts in a batch")
    options = parser.parse_args()
    in_tree = in_tree_processor()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}; CPU ms per step: median (5th to 95th percentile)")
    print(
        f"{'n/window':>9}{'rows':>6} {'texts':11}{'ours':>26}{'in-tree':>26}{'ratio':>24}{'bans':>7}{'-inf alone':>12}"
    )
    for rule in RULES:
        for rows in options.rows:
            for name, share in (("no loop", 0.0), ("few loop", 1 / 16), ("all loop", 1.0)):
                print_line(rule, rows, name, share, options.steps, in_tree)


def in_tree_processor() -> type[LogitsProcessor]:
    """The processor in vLLM. The module around it wants torchvision, for images only: it gets an empty one."""
    names = ("torchvision", "torchvision.transforms")
    for name in names:
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__spec__ = ModuleSpec(name, None)
    try:
        from vllm.model_executor.models.deepseek_ocr import NGramPerReqLogitsProcessor
    finally:
        for name in names:
            del sys.modules[name]
    return cast(type[LogitsProcessor], NGramPerReqLogitsProcessor)


def print_line(
    rule: tuple[int, int], rows: int, name: str, looping_share: float, steps: int, in_tree: type[LogitsProcessor]
) -> None:
    """Run both processors side by side."""
    texts = [Text(looping=row < rows * looping_share, seed=row) for row in range(rows)]
    processors = [joined(kind, texts, rule) for kind in (NGramBan, in_tree)]
    logits = [torch.zeros(rows, VOCABULARY) for _ in processors]
    seconds: list[list[float]] = [[], []]
    num_bans = []
    for step in range(CHECKED_STEPS + steps):
        for text in texts:
            text.grow()
        for which in (0, 1) if step % 2 else (1, 0):
            seconds[which].append(timed(partial(one_step, processors[which], logits[which])))
        if step < CHECKED_STEPS or step == CHECKED_STEPS + steps - 1:
            if not torch.equal(*logits):
                raise SystemExit(f"step {step}: the two processors ban different ids")
            banned = torch.isneginf(logits[0]).nonzero(as_tuple=True)
            num_bans.append(len(banned[0]))
        if step < CHECKED_STEPS:
            for each in logits:
                each.zero_()
    ours, theirs = (times[CHECKED_STEPS + WARM_UP :] for times in seconds)
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    some = tuple(places[: num_bans[0]] for places in banned)
    touching = [timed(lambda: logits[0].index_put_(some, torch.tensor(-torch.inf))) for _ in range(steps)]
    print(
        f"{rule[0]:>4}/{rule[1]:<4}{rows:>6} {name:11}{spread(ours, 1e3):>26}{spread(theirs, 1e3):>26}"
        f"{spread(ratios, 1):>24}{num_bans[0]:7}{1e3 * statistics.median(touching):12.3f}"
    )


class Text:
    """The ids of one request."""

    def __init__(self, looping: bool, seed: int) -> None:
        self._draw = random.Random(seed)
        self._unit = [self._draw.randrange(VOCABULARY) for _ in range(PERIOD)] if looping else []
        self.ids: list[int] = []
        while len(self.ids) < HISTORY + seed % 100:
            self.grow()

    def grow(self) -> None:
        """Append an id."""
        place = len(self.ids)
        self.ids.append(self._unit[place % PERIOD] if self._unit else self._draw.randrange(VOCABULARY))


def joined(kind: type[LogitsProcessor], texts: list[Text], rule: tuple[int, int]) -> LogitsProcessor:
    """A processor that follows the texts, and has read them."""
    config = SimpleNamespace(scheduler_config=SimpleNamespace(max_num_seqs=max(BATCHES)))
    processor = kind(config, torch.device("cpu"), False)
    extra = {"ngram_size": rule[0], "window_size": rule[1], "whitelist_token_ids": WHITELIST}
    params = SamplingParams(temperature=0, extra_args=extra)
    added = [(row, params, None, text.ids) for row, text in enumerate(texts)]
    processor.update_state(BatchUpdate(len(texts), removed=[], added=added, moved=[]))
    return processor


def one_step(processor: LogitsProcessor, logits: torch.Tensor) -> None:
    """The calls that vLLM makes at each step where no request joins or leaves."""
    processor.update_state(None)
    processor.apply(logits)


def timed(call: Callable[[], object]) -> float:
    """Seconds of CPU time; both processors keep to the thread that calls them."""
    started = time.thread_time()
    call()
    return time.thread_time() - started


def spread(values: list[float], unit: float) -> str:
    """Median and 5th to 95th percentile."""
    twentieths = [unit * value for value in statistics.quantiles(values, n=20)]
    return f"{unit * statistics.median(values):.3g} ({twentieths[0]:.3g} to {twentieths[-1]:.3g})"


if __name__ == "__main__":
    main()
