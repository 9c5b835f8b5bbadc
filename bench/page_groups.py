"""Pages in a call of the vision encoder, counted with vLLM's own scheduler and no model.

    python bench/page_groups.py [--slots N ...] [--pages N] [--log-mean X] [--seed N]

Only the model is simulated. vLLM's schedulers are real, with our budgets and two steps in flight as on GPUs. Pages have
six tiles, and outputs whose length is log-normal, 970 tokens on average; each page that ends is replaced at once. Three
ways are compared: vLLM's own scheduler; pages sent to it in groups, which arrive page by page; and our scheduler
(model_adapter/page_groups.py). The time of a step decides only how many of them pass before the next page of a group
arrives. It is estimated for an H100, not measured: weights and KV cache at 2.7 TB/s, 1 ms a step, 25 ms a page encoded.

Counted from the time when every slot was filled twice to the last 2 x slots pages. Longest hold: steps for which pages
waited beside a free slot.
"""

import argparse
import os
import random
import statistics
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from vllm import SamplingParams
from vllm.config import VllmConfig
from vllm.engine.arg_utils import EngineArgs
from vllm.multimodal.inputs import MultiModalFeatureSpec, PlaceholderRange
from vllm.v1.core.sched.async_scheduler import AsyncScheduler
from vllm.v1.core.sched.output import SchedulerOutput
from vllm.v1.kv_cache_interface import FullAttentionSpec, KVCacheConfig, KVCacheGroupSpec
from vllm.v1.outputs import ModelRunnerOutput
from vllm.v1.request import Request
from vllm.v1.structured_output import StructuredOutputManager

from ocrmill.model_adapter.checkpoint.published_config import ModelSize
from ocrmill.model_adapter.checkpoint.seeded import seed_checkpoint
from ocrmill.model_adapter.page_groups import GroupedAsyncScheduler
from ocrmill.model_adapter.plugin import engine_arguments, register
from ocrmill.model_adapter.tiling import MAX_TILES, OCR2

SLOTS = (64, 256)
VISUAL_TOKENS = 1121  # of a page with six tiles
PROMPT_TOKENS = 1131
LOG_MEAN, LOG_DEVIATION = 6.7, 0.6  # of the length of an output, in tokens
LONGEST_OUTPUT = 7000
PREFILL_TOKENS = 8192
ANY_TOKEN = 100  # whatever: no token is looked at
BLOCK_SIZE = 16
STEPS_IN_FLIGHT = 2
PAGE_ARRIVES_MS = 11.5  # CPU time of a page on its way into the engine's process, measured
WEIGHT_BYTES, KV_BYTES_PER_TOKEN, BYTES_PER_MS, STEP_MS, ENCODE_MS = 5.54e9, 61_440, 2.7e9, 1.0, 25.0


@dataclass(slots=True)
class Counted:
    """One number for each step."""

    encoded: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)  # pages so far
    longest_hold: int = 0

    def steady(self, slots: int) -> slice:
        """The steps between filling the slots and running dry."""
        return slice(
            next(step for step, done in enumerate(self.finished) if done >= 2 * slots),
            next(step for step, done in enumerate(self.finished) if done >= self.finished[-1] - 2 * slots),
        )

    def pages_per_call(self, slots: int) -> float:
        """Mean pages of the encoder's calls in the steady state."""
        return statistics.mean(pages for pages in self.encoded[self.steady(slots)] if pages)

    def mean_running(self, slots: int) -> float:
        """Mean pages in flight in the steady state."""
        return statistics.mean(self.running[self.steady(slots)])


@dataclass(frozen=True, slots=True)
class Feed:
    """The way in which pages come to vLLM."""

    ahead: int = 0  # pages that wait inside vLLM
    group: int = 1  # pages that are sent together
    page_ms: float = 0.0  # between the arrivals of two


def main() -> None:
    """Print a line for each number of slots and each way of feeding the engine."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, nargs="+", default=list(SLOTS))
    parser.add_argument("--pages", type=int, help="of a run; by default ten for each slot")
    parser.add_argument("--log-mean", type=float, default=LOG_MEAN, help="of the tokens that a page gives")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    print(f"{'slots':>5}  {'fed by':34}{'pages a call':>13}{'mean running':>14}{'longest hold':>14}")
    with tempfile.TemporaryDirectory() as folder:
        make = scheduler_factory(Path(folder))
        for slots in options.slots:
            group = min(slots // 16, PREFILL_TOKENS // VISUAL_TOKENS)
            ways: dict[str, tuple[type[AsyncScheduler], Feed]] = {
                "vLLM's own scheduler": (AsyncScheduler, Feed(ahead=slots // 4)),
                f"groups of {group} sent, arriving at once": (AsyncScheduler, Feed(group=group)),
                f"groups of {group} sent, {PAGE_ARRIVES_MS} ms a page": (
                    AsyncScheduler,
                    Feed(group=group, page_ms=PAGE_ARRIVES_MS),
                ),
                "ours": (GroupedAsyncScheduler, Feed(ahead=slots // 4)),
            }
            for name, (kind, feed) in ways.items():
                lengths = output_lengths(options.pages or 10 * slots, options.log_mean, options.seed)
                counted = simulate(make(kind, slots), slots, feed, lengths)
                print(
                    f"{slots:>5}  {name:34}{counted.pages_per_call(slots):13.2f}{counted.mean_running(slots):14.1f}"
                    f"{counted.longest_hold:14}",
                    flush=True,
                )


def output_lengths(pages: int, log_mean: float, seed: int) -> list[int]:
    """Draw the tokens of each page's output."""
    draw = random.Random(seed)
    return [min(LONGEST_OUTPUT, max(1, round(draw.lognormvariate(log_mean, LOG_DEVIATION)))) for _ in range(pages)]


def scheduler_factory(folder: Path) -> Callable[[type[AsyncScheduler], int], AsyncScheduler]:
    """Return a function that makes a scheduler with so many slots, for a tiny model in the published layout."""
    assert OCR2.num_visual_tokens(OCR2.plan(1224, 1584)) == VISUAL_TOKENS
    register()
    seed_checkpoint(folder / "tiny", ModelSize.TINY)

    def make(kind: type[AsyncScheduler], slots: int) -> AsyncScheduler:
        config: VllmConfig = EngineArgs(
            str(folder / "tiny"),
            max_model_len=8192,
            max_num_seqs=slots,
            max_num_batched_tokens=PREFILL_TOKENS,
            **engine_arguments(MAX_TILES),
        ).create_engine_config()
        blocks = 1 + slots * 8192 // BLOCK_SIZE
        config.cache_config.num_gpu_blocks = blocks
        spec = FullAttentionSpec(block_size=BLOCK_SIZE, num_kv_heads=1, head_size=1, dtype=torch.float32)
        cache = KVCacheConfig(blocks, [], [KVCacheGroupSpec(["layer"], spec)])
        return kind(
            vllm_config=config,
            kv_cache_config=cache,
            structured_output_manager=StructuredOutputManager(config),
            block_size=BLOCK_SIZE,
            hash_block_size=BLOCK_SIZE,
        )

    return make


class Supply:
    """Pages on their way to vLLM: whatever ends is replaced, in groups, which arrive page by page."""

    def __init__(self, lengths: list[int], feed: Feed, slots: int) -> None:
        self._pages = [new_page(number, length) for number, length in enumerate(lengths)]
        self._feed = feed
        self._wanted = slots + feed.ahead
        self._sent = 0
        self._arrivals: deque[tuple[float, Request]] = deque()

    def finished(self, inside: int) -> int:
        """Pages that have ended, if so many are in vLLM."""
        return self._sent - len(self._arrivals) - inside

    def send(self, now_ms: float, inside: int) -> None:
        """Send groups for the pages that have ended; the last group may be smaller."""
        left = len(self._pages) - self._sent
        missing = min(left, self._wanted - inside - len(self._arrivals))
        group = min(left, self._feed.group)
        for _ in range(missing // group * group if group else 0):
            last_ms = self._arrivals[-1][0] if self._arrivals else now_ms
            self._arrivals.append((last_ms + self._feed.page_ms, self._pages[self._sent]))
            self._sent += 1

    def arrived(self, now_ms: float, *, idle: bool) -> Iterator[Request]:
        """Take the pages that are there by now; an idle engine waits for the next."""
        while self._arrivals and (idle or self._arrivals[0][0] <= now_ms):
            idle = False
            yield self._arrivals.popleft()[1]


def simulate(scheduler: AsyncScheduler, slots: int, feed: Feed, lengths: list[int]) -> Counted:
    """Run all pages through a scheduler."""
    supply, counted = Supply(lengths, feed, slots), Counted()
    in_flight: deque[tuple[SchedulerOutput, ModelRunnerOutput]] = deque()
    now_ms, held = 0.0, 0
    while counted.finished[-1:] != [len(lengths)]:
        supply.send(now_ms, len(scheduler.requests))
        for page in supply.arrived(now_ms, idle=not scheduler.has_requests()):
            scheduler.add_request(page)
        if scheduler.has_requests():
            in_flight.append(scheduled_step(scheduler))
            held = held + 1 if scheduler.waiting and len(scheduler.running) < slots else 0
            counted.longest_hold = max(counted.longest_hold, held)
            counted.encoded.append(len(in_flight[-1][0].scheduled_encoder_inputs))
            counted.running.append(len(scheduler.running))
            counted.finished.append(supply.finished(len(scheduler.requests)))
            if len(in_flight) < STEPS_IN_FLIGHT:
                continue
        step, output = in_flight.popleft()
        now_ms += step_ms(step, scheduler)
        scheduler.update_from_output(step, output)
        if not scheduler.requests:
            counted.finished[-1:] = [supply.finished(0)]
    return counted


def scheduled_step(scheduler: AsyncScheduler) -> tuple[SchedulerOutput, ModelRunnerOutput]:
    """Schedule a step, and answer it as the model would: a token for each page whose prompt is read to its end."""
    step = scheduler.schedule()
    names = list(step.num_scheduled_tokens)
    tokens = [[] if scheduler.requests[name].is_prefill_chunk else [ANY_TOKEN] for name in names]
    return step, ModelRunnerOutput(names, {name: place for place, name in enumerate(names)}, tokens)


def step_ms(step: SchedulerOutput, scheduler: AsyncScheduler) -> float:
    """Estimate the time of a step on an H100."""
    tokens: int = sum(request.num_computed_tokens for request in scheduler.running)
    read_ms = (WEIGHT_BYTES + KV_BYTES_PER_TOKEN * tokens) / BYTES_PER_MS
    return STEP_MS + read_ms + ENCODE_MS * len(step.scheduled_encoder_inputs)


def new_page(number: int, length: int) -> Request:
    """A page with six tiles that will give so many tokens."""
    place = PlaceholderRange(offset=1, length=VISUAL_TOKENS)
    image = MultiModalFeatureSpec(data=None, modality="image", identifier=str(number), mm_position=place)
    sampling = SamplingParams(temperature=0.0, max_tokens=length, ignore_eos=True)
    return Request(f"page-{number}", [ANY_TOKEN] * PROMPT_TOKENS, sampling, None, mm_features=[image])


if __name__ == "__main__":
    main()
