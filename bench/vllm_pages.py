"""Pages per second of vLLM with our DeepSeek-OCR 2 against vLLM with its own, and what is sent between processes.

    python bench/vllm_pages.py CHECKPOINT [--pages N] [--tokens N] [--repeats R] [--dtype D] [--parity] [--json]

CHECKPOINT: of the published encoder size, such as `ocrmill model seed DIR --size encoder` writes; the small decoder of
that size makes this a measurement of the front end and the encoder. The engines read the same pages in turn, who is
first changes with every repeat; one is started, warmed up, timed and ended before the other, so that a machine has to
hold one. Each starts from rendered pages, uint8, as a rasterizer has them. Both have vLLM's caches off, and all other
settings are the same. The share of equal output tokens is printed, which in bfloat16 says little: `--parity` compares
tokens and the prompt's log probabilities in float32, and fails unless they agree.

Bytes are counted where they are sent. To the front end: pickled with buffers out of band, as Ray does. To the engine
core: what vLLM's encoder gives to its socket. For ours both ways are counted: a page that the front end cuts, and
views that the rasterizer has cut.

vLLM's model needs torchvision; where it is not installed, bench/torchvision_stand_in.py takes its place.
"""

import argparse
import json
import os
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from bench import torchvision_stand_in
from ocrmill.model_adapter.plugin import engine_arguments
from ocrmill.model_adapter.prompts import prompt_text
from ocrmill.model_adapter.views import cut_views

Page = npt.NDArray[np.uint8]

WIDTH_PX, HEIGHT_PX = 1224, 1584  # Letter at 144 dpi: six tiles
NAMES = ("ours", "in-tree")
LARGEST_DIFFERENCE = 1e-3  # of log probabilities, in float32
SETTINGS = {
    "max_model_len": 2048,
    "max_num_seqs": 8,
    "max_num_batched_tokens": 9216,  # eight pages
    "enforce_eager": True,
    "skip_mm_profiling": True,  # minutes on a CPU, which has memory enough
}


@dataclass(frozen=True, slots=True)
class Sent:
    """Bytes per page."""

    to_front_end: float
    to_engine_core: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both engines on the same pages: medians over the repeats, and how far the ratio spreads."""

    dtype: str
    pages: int
    tokens_per_page: int
    ours_pages_per_second: float
    in_tree_pages_per_second: float
    ratio: float
    ratio_lowest: float
    ratio_highest: float
    equal_tokens: float  # share
    sent: dict[str, Sent]


class Engine:
    """One of the two, with a count of what goes to its core."""

    def __init__(self, llm: Any, to_input: Callable[[Page], Any]) -> None:
        self._llm = llm
        self._to_input = to_input
        self._core = llm.llm_engine.engine_core
        self._encode = self._core.encoder.encode
        self._bytes_sent = 0
        self._core.encoder.encode = self._counted

    def read(self, pages: list[Page], tokens: int) -> tuple[float, list[list[int]]]:
        """Seconds for all pages, and the tokens of each."""
        from vllm import SamplingParams

        greedy = SamplingParams(temperature=0.0, max_tokens=tokens, ignore_eos=True, skip_special_tokens=False)
        start = time.perf_counter()
        outputs = self._llm.generate([request(self._to_input(page)) for page in pages], greedy, use_tqdm=False)
        return time.perf_counter() - start, [list(output.outputs[0].token_ids) for output in outputs]

    def sent_by_input(self, name: str, page: Page) -> dict[str, Sent]:
        """Bytes of one page, for each form in which this engine takes it."""
        from vllm import SamplingParams

        inputs = {"ours, views": cut_views(page), "ours, page cut there": page} if name == "ours" else {name: page}
        sent = {}
        for label, page_input in inputs.items():
            self._bytes_sent = 0
            image = page_input if name == "ours" else self._to_input(page)
            self._llm.generate([request(image)], SamplingParams(max_tokens=1), use_tqdm=False)
            sent[label] = Sent(pickled_bytes(page_input), self._bytes_sent)
        return sent

    def prompt_logprobs(self, page: Page) -> list[float]:
        """Log probability of each of the prompt's ids: it depends on every embedding before it."""
        from vllm import SamplingParams

        sampling = SamplingParams(temperature=0.0, max_tokens=1, prompt_logprobs=0)
        (output,) = self._llm.generate([request(self._to_input(page))], sampling, use_tqdm=False)
        first, *others = zip(output.prompt_token_ids, output.prompt_logprobs, strict=True)
        assert first[1] is None
        return [logprobs[token].logprob for token, logprobs in others]

    def close(self) -> None:
        """End its processes."""
        self._core.shutdown()

    def _counted(self, message: Any) -> Any:
        buffers = self._encode(message)
        self._bytes_sent += sum(memoryview(buffer).nbytes for buffer in buffers)
        return buffers


def main() -> None:
    """Time both engines and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--pages", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64, help="forced per page")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtype", choices=["bfloat16", "float32"], default="bfloat16")
    parser.add_argument("--parity", action="store_true", help="compare tokens in float32, and measure nothing")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")
    os.environ.setdefault("VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS", "3600")  # eight pages on a slow CPU
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")  # or both engines would sit on the same cores
    pages = [drawn_page(seed) for seed in range(arguments.pages)]
    with tempfile.TemporaryDirectory() as directory:
        torchvision_stand_in.install(Path(directory))
        if arguments.parity:
            check_parity(arguments.checkpoint, pages, arguments.tokens)
            return
        comparison = compare(pages, arguments)
    print(json.dumps(asdict(comparison)) if arguments.json else table(comparison))


def start_engine(name: str, checkpoint: Path, dtype: str) -> Engine:
    """Ours, or vLLM with its own model of the same checkpoint."""
    from vllm import LLM

    ours = {**SETTINGS, **engine_arguments(), "dtype": dtype}
    if name == "ours":
        return Engine(LLM(str(checkpoint), **ours), cut_views)
    return Engine(LLM(str(checkpoint), **{**ours, "hf_overrides": {}, "mm_processor_kwargs": None}), Image.fromarray)


def check_parity(checkpoint: Path, pages: list[Page], tokens: int) -> None:
    """Exit with an error unless both engines write the same tokens and find the prompt equally probable."""
    written, logprobs = {}, {}
    for name in NAMES:
        engine = start_engine(name, checkpoint, "float32")
        _, written[name] = engine.read(pages, tokens)
        logprobs[name] = np.array([value for page in pages for value in engine.prompt_logprobs(page)])
        engine.close()
    distinct = len({token for page in written["ours"] for token in page})
    difference = float(np.abs(logprobs["ours"] - logprobs["in-tree"]).max())
    print(f"{len(pages)} pages of {tokens} tokens, {distinct} distinct: equal tokens {equal_share(written):.1%}")
    print(f"log probabilities of {len(logprobs['ours'])} prompt ids: largest difference {difference:.1e}")
    if written["ours"] != written["in-tree"] or difference > LARGEST_DIFFERENCE:
        sys.exit("the engines differ")


def equal_share(tokens: dict[str, list[list[int]]]) -> float:
    """Share of tokens that both engines wrote at the same place."""
    pages = zip(tokens["ours"], tokens["in-tree"], strict=True)
    pairs = [pair for ours, in_tree in pages for pair in zip(ours, in_tree, strict=True)]
    return sum(one == other for one, other in pairs) / len(pairs)


def compare(pages: list[Page], arguments: argparse.Namespace) -> Comparison:
    """Let both read all pages, again and again."""
    seconds: dict[str, list[float]] = {name: [] for name in NAMES}
    tokens: dict[str, list[list[int]]] = {}
    sent: dict[str, Sent] = {}
    for repeat in range(arguments.repeats):
        for name in NAMES[repeat % 2 :] + NAMES[: repeat % 2]:
            engine = start_engine(name, arguments.checkpoint, arguments.dtype)
            engine.read([pages[0][:700, :600]], 2)
            took, tokens[name] = engine.read(pages, arguments.tokens)
            seconds[name].append(took)
            print(f"repeat {repeat + 1}: {name}: {took:.1f} s", file=sys.stderr)
            if not repeat:
                sent |= engine.sent_by_input(name, pages[0])
            engine.close()
    ratios = [theirs / ours for ours, theirs in zip(seconds["ours"], seconds["in-tree"], strict=True)]
    return Comparison(
        dtype=arguments.dtype,
        pages=len(pages),
        tokens_per_page=arguments.tokens,
        ours_pages_per_second=len(pages) / statistics.median(seconds["ours"]),
        in_tree_pages_per_second=len(pages) / statistics.median(seconds["in-tree"]),
        ratio=statistics.median(ratios),
        ratio_lowest=min(ratios),
        ratio_highest=max(ratios),
        equal_tokens=equal_share(tokens),
        sent=sent,
    )


def request(page_input: Any) -> dict[str, Any]:
    """A page with the default prompt."""
    return {"prompt": prompt_text(), "multi_modal_data": {"image": page_input}}


def pickled_bytes(value: Any) -> int:
    """Bytes that a page takes between two processes that share no memory."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return len(head) + sum(memoryview(buffer).nbytes for buffer in buffers)


def drawn_page(seed: int) -> Page:
    """A page of grey lines and one coloured figure, another for each seed."""
    image = Image.new("RGB", (WIDTH_PX, HEIGHT_PX), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    lengths = np.random.default_rng(seed).integers(200, 980, 48)
    for line, length in enumerate(lengths):
        draw.text(
            (110, 110 + 28 * line), "the quick brown fox jumps over the lazy dog " * (int(length) // 180), (0, 0, 0)
        )
    draw.ellipse((500 + 20 * seed, 700, 900, 1000), (200, 40 * seed % 256, 30))
    return np.asarray(image)


def table(result: Comparison) -> str:
    """The comparison for people."""

    def megabytes(number: float) -> str:
        return f"{number / 1e6:.1f} MB"

    lines = [
        f"{result.pages} Letter pages, {result.tokens_per_page} tokens each, {result.dtype}:",
        f"  ours     {result.ours_pages_per_second:.3f} pages/s",
        f"  in-tree  {result.in_tree_pages_per_second:.3f} pages/s",
        f"  ratio    {result.ratio:.2f} ({result.ratio_lowest:.2f} to {result.ratio_highest:.2f})",
        f"  equal tokens: {result.equal_tokens:.1%}",
        "bytes per page          to the front end   to the engine core",
    ]
    for name, sent in result.sent.items():
        lines.append(f"  {name:<22}{megabytes(sent.to_front_end):>16}{megabytes(sent.to_engine_core):>21}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
